"""Beyond the suite: evidence of a period from both sides: the other party's halves come over the wire page by page, each verified, and
nobody is told of exchanges with others. Judged by the program and by the verifier in Python.
"""

import datetime
import json

import pytest

from support.agreements import Organisation, allowed, ask, conclude, document, joined
from support.between_two import folder, source  # noqa: F401
from support.caller import Caller
from support.checks import eventually
from support.node import NodeFault
from support.world import CAST
from verification import verifiers

SETTINGS = {"journal": {"checkpoint_seconds": 1}}
EXCHANGES = 130  # more than a page has


@pytest.fixture(scope="module")
def provider(world, authority, folder, source):
    made = Organisation(world, authority, "provider", folder, settings=SETTINGS, directory_role=True)
    made.offers(source)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider):
    return joined(world, authority, folder, provider, settings=SETTINGS)


def moment(seconds=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def completions(organisation):
    lines = organisation.node.cli("record", "journal", "--kind", "completion", "--limit", "1000")["items"]
    return {line["payload"]["transaction_id"] for line in lines}


@pytest.fixture(scope="module")
def transactions(consumer, provider, folder):
    """Exchanges of which both sides have written the completion."""
    token = allowed(consumer, provider)
    conclude(consumer, provider, consumer.drafts(document(provider.node, consumer.node), folder))
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
    made = {ask(consumer, token).headers["Fsc-Transaction-Id"] for _ in range(EXCHANGES)}
    for each in (consumer, provider):
        eventually(lambda: made <= completions(each), "the completions", 60)  # noqa: B023
    return made


def handed_over(asking, other, file, *period):
    period = period or ("--from", moment(-3600), "--to", moment(3600))
    said = asking.officer().afar(
        "account", "evidence", *period, "--with-counterpart", f"oin:{other.node.id}", "--out", str(file)
    )  # fmt: skip
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    begun = [number for number, line in enumerate(lines) if line["type"] == "evidence"]
    return said, [lines[first:last] for first, last in zip(begun, [*begun[1:], len(lines)], strict=True)]


def acts(organisation, action):
    lines = organisation.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [line["payload"] for line in lines if line["payload"]["action"] == action]


@pytest.mark.parametrize("role", ["consumer", "provider"])
def test_a_period_from_both_sides_is_one_file(role, consumer, provider, transactions, authority, tmp_path):
    asking, other = (consumer, provider) if role == "consumer" else (provider, consumer)
    before = len(acts(other, "account.hand_over"))
    said, sections = handed_over(asking, other, tmp_path / "period.jsonl")
    assert said["halves"] == [f"oin:{other.node.id}"] and said["not_given"] == []
    *pages, own = sections
    assert len(pages) >= 2 and own[0]["scope"] == "journal" and own[0]["participant"] == f"oin:{asking.node.id}"
    for page in pages:
        assert page[0]["participant"] == f"oin:{other.node.id}" and page[0]["for"] == f"oin:{asking.node.id}"
        assert page[0]["period"] and "transaction_id" not in page[0]
        kinds = {line["kind"] for line in page if line["type"] == "entry"}
        assert kinds <= {"permit", "completion", "act", "witness"}
        actions = {json.loads(line["payload"])["action"] for line in page if line.get("kind") == "act"}
        assert actions <= {"journal.key", "journal.continue"}
    report = verifiers.agreed([str(tmp_path / "period.jsonl")], str(authority.anchors))
    assert report["outcome"] == "clean", report["alarms"][:5]
    assert report["exchanges"]["both_sides"] >= EXCHANGES and report["exchanges"]["agree"] >= EXCHANGES
    told = acts(other, "account.hand_over")[: len(acts(other, "account.hand_over")) - before]
    assert len(told) == len(pages) and sum(each["detail"]["exchanges"] for each in told) >= EXCHANGES
    assert all(each["subject"] == "period" and each["detail"]["to"] == f"oin:{asking.node.id}" for each in told)


def test_of_another_period_there_is_nothing(consumer, provider, transactions, authority, tmp_path):
    period = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z")
    _, sections = handed_over(consumer, provider, tmp_path / "period.jsonl", *period)
    page, _ = sections
    assert {line["kind"] for line in page if line["type"] == "entry"} == {"act"}
    report = verifiers.agreed([str(tmp_path / "period.jsonl")], str(authority.anchors))
    assert report["outcome"] == "clean" and report["exchanges"]["both_sides"] == 0


def test_others_are_told_of_none_of_these_exchanges(consumer, provider, transactions, authority):
    third = Caller(authority.issue(*CAST["publisher"], kind="p256"), authority.anchors, "https://nobody.test:443")
    answer = third.client(provider.node.manager_address).get("/verbond/v1/evidence?fromMillis=0&untilMillis=4000000000000")
    assert answer.status == 200 and answer.json().get("next") is None
    lines = [json.loads(line) for line in answer.json()["section"].splitlines()]
    assert {line["kind"] for line in lines if line["type"] == "entry"} == {"act"}
    text = answer.json()["section"]
    assert not any(transaction in text for transaction in transactions) and consumer.node.id not in text
    assert not [line for line in lines if line["type"] == "agreement"]


def test_a_counterpart_that_does_not_answer_leaves_the_own_section_that_says_so(consumer, provider, transactions, authority, tmp_path):
    provider.node.stop()
    try:
        said, sections = handed_over(consumer, provider, tmp_path / "alone.jsonl")
    finally:
        provider.node.start()
    assert said["halves"] == [] and said["not_given"] == [{"participant": f"oin:{provider.node.id}", "code": "COUNTERPART_UNREACHABLE"}]
    [own] = sections
    assert own[0]["scope"] == "journal" and len([line for line in own if line["type"] == "not_given"]) == 1
    report = verifiers.agreed([str(tmp_path / "alone.jsonl")], str(authority.anchors))
    assert report["outcome"] == "clean" and "NOT_GIVEN" in {note["code"] for note in report["notes"]}


def test_with_whom_and_of_when_is_named(consumer, tmp_path):
    for asked in (("--with-counterpart",), ("--with-counterpart", "oin:00000099000000010000"), ("--from", "2026-01-01T00:00:00Z", "--with-counterpart")):
        with pytest.raises(NodeFault, match="--transaction"):
            consumer.officer().afar("account", "evidence", *asked, "--out", str(tmp_path / "x"))
