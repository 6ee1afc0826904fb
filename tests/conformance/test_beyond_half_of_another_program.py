"""Beyond the suite: a half is taken from whoever hands one over as docs/formats says, whatever program it runs, and put in only when it
verifies.

The counterpart is one in Python: its journal and its half are made from the pages alone.
"""

import json
import random
import time
from types import SimpleNamespace

import pytest

from support.checks import eventually
from support.person import Person, invite
from support.servers import Reply
from support.steps import authorised, called
from support.wire import free_port
from support.world import CAST
from verification import evidence, verifiers
from verification.authority import Identity
from verification.cases.making import again, flipped, line_of, without
from verification.journal import Journal

SERVICE = "inkomens"
OTHER = "019cad8f-ac00-73ba-8ec6-8477587fd280"


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def node(world, echo, port):
    identity = world.authority.issue(*CAST["provider"], kind="p256", hosts=("localhost",))
    settings = {"administration": {"listen": f"127.0.0.1:{port}"}, "journal": {"checkpoint_seconds": 1}}
    made = world.node("provider", identity=identity, settings=settings)
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def auditor(node, world, port, tmp_path_factory):
    person = Person(world.binary, tmp_path_factory.mktemp("people") / "auditor", port, world.authority.anchors)
    person.enrol(invite(node, "controle", "auditor"))
    return person


@pytest.fixture(scope="module")
def consumer(world, node):
    peer = world.peer("consumer", kind="p256")
    before = peer.answer
    peer.half = None

    def answer(request):
        is_half = request.path.startswith("/verbond/v1/exchanges/") and request.path.endswith("/evidence")
        return peer.half(request) if is_half and peer.half else before(request)

    peer.answer = answer
    return peer


@pytest.fixture(scope="module")
def exchange(node, consumer):
    """An exchange with the node; gives its transaction."""
    token = authorised(node, consumer, SERVICE)[2]
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200
    time.sleep(3)
    return transaction


def journal_of(node, consumer, transaction, signer=None):
    """What the counterpart wrote down of the exchange, under its certificate or another one of its own."""
    now = int(time.time() * 1000)
    signer = signer or consumer.identity
    identity = Identity(signer.key, list(signer.chain))
    journal = Journal(f"oin:{consumer.id}", identity, random.Random(7), now)
    exchange = {"transaction_id": transaction, "direction": "outgoing"}
    parties = {"consumer": f"oin:{consumer.id}", "provider": f"oin:{node.id}", "service": SERVICE, "wire": {}}
    permit = journal.append("permit", {"kind": "permit", **exchange, **parties, "application": "balie"}, now)
    empty = {"bytes": 0, "digest": "A" * 43}
    said = {"counterpart": f"oin:{node.id}", "permit": journal.entries[permit].id, "delivery": "whole", "status": 200}
    journal.append("completion", {"kind": "completion", **exchange, **said, "request": empty, "response": empty, "salt": "A" * 43}, now)
    journal.checkpoint(now)
    return SimpleNamespace(journal=journal, identity=identity, participant=f"oin:{consumer.id}")


def half_of(node, consumer, transaction, receiver=None, of=None, signer=None):
    organisation = journal_of(node, consumer, of or transaction, signer)
    return evidence.of_half(organisation, receiver or f"oin:{node.id}", of or transaction)


def asked(auditor, transaction, file):
    said = auditor.afar("account", "evidence", "--transaction", transaction, "--with-counterpart", "--out", str(file))
    return said, [json.loads(line) for line in file.read_text().splitlines()]


def text(lines):
    return "".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) + "\n" for each in lines).encode()


def test_a_half_of_another_program_is_put_in(node, consumer, exchange, auditor, authority, tmp_path):
    lines = half_of(node, consumer, exchange)
    consumer.half = lambda request: Reply(200, text(lines))
    said, found = asked(auditor, exchange, tmp_path / "both.jsonl")
    assert said["halves"] == [f"oin:{consumer.id}"] and said["not_given"] == []
    assert found[-len(lines) :] == lines  # byte for byte as it came
    report = verifiers.agreed([str(tmp_path / "both.jsonl")], str(authority.anchors))
    # Both files hold; that the two tell another digest is what the file is for.
    assert {each["code"] for each in report["alarms"]} == {"COMPLETIONS_DIFFER"} and report["exchanges"]["both_sides"] == 1


SPOILT = {
    "told by another signature": lambda node, consumer, tx, lines: spoilt_told(lines),
    "not told": lambda node, consumer, tx, lines: without(lines, line_of(lines, "told")),
    "for somebody else": lambda node, consumer, tx, lines: half_of(node, consumer, tx, receiver="oin:00000099000000030000"),
    "of another exchange": lambda node, consumer, tx, lines: half_of(node, consumer, tx, of=OTHER),
    "cut off": lambda node, consumer, tx, lines: lines[:-1],
    "twice": lambda node, consumer, tx, lines: [*lines, *lines],
    "a proof changed": lambda node, consumer, tx, lines: spoilt_proof(lines),
    "nothing of it": lambda node, consumer, tx, lines: [],
}


def spoilt_told(lines):
    told = line_of(lines, "told")
    return again([{**each, "statement": flipped(each["statement"])} if each is told else each for each in lines])


def spoilt_proof(lines):
    proof = line_of(lines, "inclusion", 1)
    return again([{**each, "hashes": [flipped(proof["hashes"][0]), *proof["hashes"][1:]]} if each is proof else each for each in lines])


@pytest.mark.parametrize("case", SPOILT)
def test_a_half_that_is_not_what_it_says_is_not_put_in(case, node, consumer, exchange, auditor, tmp_path):
    lines = SPOILT[case](node, consumer, exchange, half_of(node, consumer, exchange))
    consumer.half = lambda request: Reply(200, text(lines))
    said, found = asked(auditor, exchange, tmp_path / "one.jsonl")
    assert said["halves"] == [] and [each["code"] for each in said["not_given"]] == ["COUNTERPART_HALF_UNSOUND"]
    assert sum(line["type"] == "evidence" for line in found) == 1


def test_a_half_under_a_certificate_that_was_revoked_is_not_put_in(node, consumer, exchange, auditor, authority, tmp_path):
    """The connection has another certificate, which is good."""
    lost = authority.issue(*CAST["consumer"], kind="p256")
    lines = half_of(node, consumer, exchange, signer=lost)
    consumer.half = lambda request: Reply(200, text(lines))

    def codes():
        (tmp_path / "half.jsonl").unlink(missing_ok=True)
        return [each["code"] for each in asked(auditor, exchange, tmp_path / "half.jsonl")[0]["not_given"]]

    def lists_are(written):
        authority.write_lists(node.folder)
        node.cli("reload")
        eventually(lambda: codes() == written, f"the half to be judged by the new lists: {written}", 30)

    assert codes() == []
    authority.revoke(lost)
    try:
        lists_are(["COUNTERPART_HALF_UNSOUND"])
    finally:
        authority.forgive(lost)
    lists_are([])


def test_a_half_without_end_is_not_read(node, consumer, exchange, auditor, tmp_path):
    consumer.half = lambda request: Reply(200, b"x" * (9 * 1024 * 1024))
    said, _ = asked(auditor, exchange, tmp_path / "long.jsonl")
    assert [each["code"] for each in said["not_given"]] == ["COUNTERPART_UNREACHABLE"]


def test_a_participant_that_runs_another_program_gives_none(node, consumer, exchange, auditor, authority, tmp_path):
    consumer.half = None
    said, found = asked(auditor, exchange, tmp_path / "foreign.jsonl")
    assert [each["code"] for each in said["not_given"]] == ["COUNTERPART_KEEPS_NO_ACCOUNT"]
    assert [line["participant"] for line in found if line["type"] == "not_given"] == [f"oin:{consumer.id}"]
    report = verifiers.agreed([str(tmp_path / "foreign.jsonl")], str(authority.anchors))
    assert report["outcome"] == "clean" and "NOT_GIVEN" in {note["code"] for note in report["notes"]}


def test_a_participant_that_says_it_knows_nothing_is_told_of_by_name(node, consumer, exchange, auditor, tmp_path):
    consumer.half = lambda request: Reply.of({"code": "EXCHANGE_UNKNOWN"}, 404)
    said, _ = asked(auditor, exchange, tmp_path / "nothing.jsonl")
    assert [each["code"] for each in said["not_given"]] == ["COUNTERPART_KNOWS_NOT"]
