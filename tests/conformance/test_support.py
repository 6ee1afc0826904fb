"""The support code against itself: hashes against fixed vectors, signatures, two fake peers that talk."""

import email.message
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support import requirement_table, schemas, signing
from support.checks import cut_off, eventually, transaction_id
from support.contract import connection, contract
from support.hashing import content_hash, grant_hash
from support.node import merge, toml, writes_fail
from support.report import Outcomes, as_json, as_markdown, first_line
from support.requirements import REQUIREMENTS
from support.scenarios import SCENARIOS
from support.wire import Response

TESTS = Path(__file__).resolve().parents[1]
WORKSPACE = TESTS.parent

EXAMPLE = {
    "fsc_version": "2.0.0",
    "iv": "06338364-8305-7b74-8000-de4963503139",
    "group_id": "fsc-example-group",
    "validity": {"not_before": 1672527600, "not_after": 1704063600},
    "grants": [
        {
            "data": {
                "type": "GRANT_TYPE_SERVICE_CONNECTION",
                "service": {
                    "type": "SERVICE_TYPE_SERVICE",
                    "peer_id": "00000000000000000001",
                    "name": "example-service",
                },
                "outway": {
                    "peer_id": "00000000000000000002",
                    "identification": {
                        "type": "OUTWAY_IDENTIFICATION_TYPE_PUBLIC_KEY_THUMBPRINT",
                        "public_key_thumbprint": "3a56f2e9269ac63f0d4394c46b96539da1625b6a985d38029ff89f34e490960c",
                    },
                },
            }
        }
    ],
    "hash_algorithm": "HASH_ALGORITHM_SHA3_512",
    "created_at": 1672527600,
}


def test_hashes_of_the_example_contract_are_the_known_ones():
    """The example of Core 4.2 (version and service type completed), worked out by hand in both readings."""
    assert content_hash(EXAMPLE) == (
        "$1$1$ia278mmEEX5QvMZfatwQW1F3gm0jOFrh1sQN4Pc3lBtunVH9Vl-JMMJOc_9Xonzw1EuHhWD2tGspmMVGxMnGjQ"
    )
    assert grant_hash(EXAMPLE) == (
        "$1$3$53nGkZldmXI7-3R-W1yeSFywZ3Y162RR0wArpDtUk-yyClOIDxbVw_8-eCaPLROc18atdUtXJbuROylbP-etXg"
    )
    assert grant_hash(EXAMPLE, reading="digest") == (
        "$1$3$nds_4OddusU1eews1unvi5zCX6dahWVqfMWVvKAWrFj8xda9wle4ojts9DHvsE-2JLZl3VRgIgYEJfIq2OUtBA"
    )


def test_there_are_84_scenarios():
    assert len(SCENARIOS) == 84
    count = {}
    for each in SCENARIOS:
        count[each.split("-")[0]] = count.get(each.split("-")[0], 0) + 1
    assert count == {"Manager": 57, "Inway": 13, "Outway": 8, "Integration": 6}


@pytest.mark.parametrize("algorithm", signing.ALGORITHMS)
def test_a_signature_verifies_and_a_changed_one_does_not(cast, algorithm):
    identity = cast("consumer", signing.KEY_KINDS[algorithm])
    token = signing.sign(identity, {"a": 1}, algorithm=algorithm)
    keys = {"keys": [signing.json_web_key(identity)]}
    assert signing.verify(token, keys)[1] == {"a": 1}
    head, _, signature = token.split(".")
    with pytest.raises(AssertionError, match="does not verify"):
        signing.verify(f"{head}.{signing.encode_part({'a': 2})}.{signature}", keys)


def test_two_fake_peers_make_a_contract_and_a_call(world):
    provider = world.peer("provider", accepts=True)
    consumer = world.peer("consumer", kind="p256")
    content = contract(connection(consumer.identity, provider.id, "dienst"))
    assert consumer.submit(provider.manager_address, content).status == 201
    held = consumer.contracts[content_hash(content)]["signatures"]["accept"]
    eventually(lambda: provider.id in held, "accept of the provider")
    keys = consumer.get(provider.manager_address, "/.well-known/jwks.json").json()
    assert signing.verify(held[provider.id], keys)[1]["contract_content_hash"] == content_hash(content)
    for reading in ("string", "digest"):
        answer = consumer.token(provider.manager_address, grant_hash(content, reading=reading))
        token = answer.json()["access_token"]
        assert signing.verify(token, keys)[1]["gth"] == grant_hash(content, reading=reading)
    reply = consumer.call(provider.inway_address, token, transaction=transaction_id(), path="/a%2Fb?c=$")
    assert reply.json()["target"] == "/a%2Fb?c=$"
    assert provider.inway.received()[0].peer_id == consumer.id


def test_a_fake_peer_refuses_a_foreign_certificate(world, foreign_authority):
    provider = world.peer("provider")
    stranger = foreign_authority.issue("00000099000000000002", "Gemeente Voorbeeld", "gemeente.test", kind="p256")
    cut_off(lambda: provider.client(provider.manager_address, stranger).get("/v1/peer"))
    assert provider.manager.received() == []


def test_configuration_is_written_as_toml():
    settings = merge({"a": 1, "t": {"b": [1, "x"], "c": {"d.e": True}}}, {"a": None, "t": {"c": {"f": [{"g": 2}]}}})
    assert tomllib.loads(toml(settings)) == settings


def test_the_table_lists_every_scenario_and_is_the_same_each_time():
    outcomes = Outcomes()
    outcomes.collected("Manager-GetToken-1", "t.py::one")
    outcomes.report("t.py::one", "call", "failed", "AssertionError: got $1$3$" + "a" * 86 + " at 127.0.0.1:54321")
    rows = outcomes.rows()
    assert len(rows) == 84 and sum(row["result"] == "not run" for row in rows) == 83
    assert next(row for row in rows if row["result"] == "fail")["failure"] == "got $1$3$… at 127.0.0.1:<port>"
    assert as_json(rows) == as_json(outcomes.rows()) and as_markdown(rows).count("\n| ") == 86 - 1
    assert first_line("\n\n x \ny") == "x"


def test_the_switch_makes_writes_fail_and_only_as_long_as_it_is_set(tmp_path):
    """The full disk, on a process that is not the node: writes fail without a signal, and succeed again afterwards."""
    script = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('pragma journal_mode=wal'); c.execute('create table t (x)'); print('up', flush=True)\n"
        "for line in sys.stdin:\n"
        "    try:\n"
        "        c.execute('insert into t values (1)'); print('written', flush=True)\n"
        "    except sqlite3.Error as fault: print('fault', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "t.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        restore_signals=False,
    ) as process:
        assert process.stdout.readline() == "up\n"

        def write():
            process.stdin.write("now\n")
            return process.stdout.readline().strip()

        assert write() == "written"
        with writes_fail(process.pid):
            assert write() == "fault"
        assert write() == "written"
        process.stdin.close()


def answer(status, body, **headers):
    message = email.message.Message()
    for name, value in {"Content-Type": "application/json", **headers}.items():
        message[name.replace("_", "-")] = value
    return Response(status, message, json.dumps(body).encode())


PEER = {"peer_id": "00000099000000000001", "peer_name": "Naam", "fsc_version": "2.0.0", "enabled_extensions": {}}
REFUSAL = {"message": "nee", "domain": "ERROR_DOMAIN_MANAGER", "code": "EIGEN"}
FAULTS = {
    "a member is missing": ("GET", "/v1/peer", answer(200, {**PEER, "peer_id": None})),
    "another type": ("GET", "/v1/peers", answer(200, {"peers": {}, "pagination": {}})),
    "no code in the header": ("POST", "/v1/contracts", answer(422, REFUSAL)),
    "another domain": ("GET", "/v1/elders", answer(404, {**REFUSAL, "domain": "ELDERS"})),
    "no OAuth error": ("POST", "/v1/token", answer(400, REFUSAL)),
    "a grant of two kinds": (
        "GET",
        "/v1/contracts",
        answer(
            200,
            {
                "contracts": [
                    {
                        "content": {
                            **EXAMPLE,
                            "grants": [{"data": {**EXAMPLE["grants"][0]["data"], "type": "GRANT_TYPE_SERVICE_PUBLICATION"}}],
                        },
                        "signatures": {"accept": {}, "reject": {}, "revoke": {}},
                    }
                ],
                "pagination": {},
            },
        ),
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_answers_that_are_not_by_the_schema_are_found(case):
    with pytest.raises(schemas.AnswerFault):
        schemas.check(*FAULTS[case])


def test_answers_by_the_schema_pass():
    schemas.check("GET", "/v1/peer", answer(200, PEER))
    schemas.check("POST", "/v1/contracts", answer(422, REFUSAL, Fsc_Error_Code="EIGEN"))
    schemas.check("DELETE", "/v1/peer", answer(405, REFUSAL))
    held = {"content": EXAMPLE, "signatures": {"accept": {"1": "a.b.c"}, "reject": {}, "revoke": {}}}
    schemas.check("GET", "/v1/contracts?limit=1", answer(200, {"contracts": [held], "pagination": {"next_cursor": ""}}))


@pytest.mark.parametrize("row", range(len(REQUIREMENTS)))
def test_every_test_that_a_requirement_names_is_there(row):
    for test in REQUIREMENTS[row]["tests"]:
        file, name = test.split("::")
        folder = WORKSPACE if file.startswith("crates/") else TESTS if "/" in file else TESTS / "conformance"
        text = (folder / file).read_text(encoding="utf-8")
        assert re.search(rf"(def|fn|class) {name}\b", text), f"{test} is not there"


def test_a_requirement_holds_as_long_as_its_tests_pass():
    [first] = REQUIREMENTS[3]["tests"][:1]
    passing = {f"conformance/{first}[x]": "pass", f"conformance/{first}[y]": "pass"}
    assert requirement_table.rows(passing)[3]["verdict"] == "holds"
    row = requirement_table.rows({**passing, f"conformance/{first}[z]": "fail"})[3]
    assert row["verdict"] == "fails" and row["tests"][first] == "fail"
    assert requirement_table.rows({})[3]["tests"][first] == "not run"
    text = requirement_table.as_markdown(requirement_table.rows({}))
    assert text.count("\n| Core ") + text.count("\n| Logging ") == len(REQUIREMENTS)
