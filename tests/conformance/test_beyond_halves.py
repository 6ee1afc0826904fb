"""Beyond the suite: the halves of an exchange come together over the wire, are compared by themselves, and a counterpart that tells
two histories becomes somebody's task.

What a node hands over is read here from docs/formats, with the verifier in Python that shares no code with the program.
"""

import json
import sqlite3
import time
import uuid

import pytest

from support.agreements import ask
from support.between_two import consumer, folder, provider, source, token, working  # noqa: F401
from support.caller import Caller
from support.checks import eventually
from support.node import NodeFault
from support.wire import UnixClient
from support.world import CAST
from verification import verifiers

SETTINGS = {"journal": {"checkpoint_seconds": 1}, "account": {"reconcile_seconds": 10}}


@pytest.fixture(scope="module")
def settings():
    return SETTINGS


def complete(organisation, transaction):
    lines = organisation.node.cli("record", "journal", "--kind", "completion", "--limit", "50")["items"]
    return any(line["payload"]["transaction_id"] == transaction for line in lines)


@pytest.fixture(scope="module")
def transaction(working, consumer, provider, token):
    """An exchange of which both sides have written the completion."""
    made = ask(consumer, token).headers["Fsc-Transaction-Id"]
    for each in (consumer, provider):
        eventually(lambda: complete(each, made), "the completion")  # noqa: B023
    return made


def with_counterpart(organisation, file, transaction):
    said = organisation.officer().afar("account", "evidence", "--transaction", transaction, "--with-counterpart", "--out", str(file))
    return said, [json.loads(line) for line in file.read_text().splitlines()]


def sections(lines):
    begun = [number for number, line in enumerate(lines) if line["type"] == "evidence"]
    return [lines[first:last] for first, last in zip(begun, [*begun[1:], len(lines)], strict=True)]


def acts(organisation, action):
    lines = organisation.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [line["payload"] for line in lines if line["payload"]["action"] == action]


def agreed(file, authority):
    return verifiers.agreed([str(file)], str(authority.anchors))


@pytest.mark.parametrize("role", ["consumer", "provider"])
def test_one_file_holds_both_halves(role, consumer, provider, transaction, authority, tmp_path):
    asking, other = (consumer, provider) if role == "consumer" else (provider, consumer)
    said, lines = with_counterpart(asking, tmp_path / "exchange.jsonl", transaction)
    assert said["halves"] == [f"oin:{other.node.id}"] and said["not_given"] == []
    own, theirs = sections(lines)
    assert "for" not in own[0] and own[0]["participant"] == f"oin:{asking.node.id}"
    assert theirs[0]["for"] == f"oin:{asking.node.id}" and theirs[0]["participant"] == f"oin:{other.node.id}"
    report = agreed(tmp_path / "exchange.jsonl", authority)
    assert report["outcome"] == "clean", report["alarms"]
    assert report["exchanges"] == {"both_sides": 1, "agree": 1}
    assert len(report["participants"]) == 2


def test_what_is_the_other_partys_own_is_not_handed_over(consumer, provider, transaction, tmp_path):
    for asking, other in ((consumer, provider), (provider, consumer)):
        _, lines = with_counterpart(asking, tmp_path / f"{asking.node.id}.jsonl", transaction)
        _, theirs = sections(lines)
        entries = [line for line in theirs if line["type"] == "entry"]
        assert {line["kind"] for line in entries} <= {"permit", "completion", "act", "witness"}
        permit = next(line for line in entries if line["kind"] == "permit")
        assert permit["withheld"] and "payload" not in permit and "salt" not in permit
        text = json.dumps([line for line in theirs if line["type"] != "agreement"])
        told = "".join(verifiers_text(line) for line in theirs if line["type"] == "told")
        assert '"permit"' in told and '"decision":true' in told
        for name in ("data_subject", "processing_activity", "desk", "\\\"application\\\"", "\"application\"", "adl.core.information"):
            assert name not in text and name not in told, name
        if other is provider:
            # How many people its answer was about a provider does not tell.
            assert "people" not in text and '"people"' not in told
        actions = {json.loads(line["payload"])["action"] for line in entries if line["kind"] == "act"}
        assert actions <= {"journal.key", "journal.continue"}


def verifiers_text(line):
    """What a statement tells, as text."""
    import base64

    body = line["statement"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["told"]


def test_that_it_was_handed_over_stands_in_the_journal(consumer, provider, transaction, tmp_path):
    before = len(acts(provider, "account.hand_over"))
    with_counterpart(consumer, tmp_path / "exchange.jsonl", transaction)
    told = acts(provider, "account.hand_over")
    assert len(told) == before + 1
    assert told[0]["subject"] == transaction and told[0]["detail"] == {"to": f"oin:{consumer.node.id}"}
    assert told[0]["author"] == {"kind": "participant", "id": f"oin:{consumer.node.id}"}


@pytest.fixture(scope="module")
def third(authority):
    """A participant that had no part in any of it."""
    identity = authority.issue(*CAST["publisher"], kind="p256")
    return Caller(identity, authority.anchors, "https://nobody.test:443")


def path_of(transaction):
    return f"/verbond/v1/exchanges/{transaction}/evidence"


def test_others_are_told_nothing_not_even_that_there_was_an_exchange(consumer, provider, transaction, third, authority):
    address = provider.node.manager_address
    own = Caller(consumer.node.identity, authority.anchors, consumer.node.manager_address)
    # Known to listings within a second.
    eventually(lambda: own.client(address).get(path_of(transaction)).status == 200, "the exchange, to whom it is of")
    known = third.client(address).get(path_of(transaction))
    unknown = third.client(address).get(path_of("019cad8f-ac00-73ba-8ec6-8477587fd280"))
    assert (known.status, known.json()["code"]) == (404, "EXCHANGE_UNKNOWN")
    assert {name: value for name, value in known.json().items() if name != "instance"} == {
        name: value for name, value in unknown.json().items() if name != "instance"
    }
    assert third.client(address).get(path_of("nothing")).status == 400
    assert not [each for each in acts(provider, "account.hand_over") if each["author"] != {"kind": "participant", "id": f"oin:{consumer.node.id}"}]


def test_whoever_asks_without_end_is_told_to_wait(consumer, provider, transaction, third):
    client = third.client(provider.node.manager_address)
    statuses = [client.get(path_of(transaction)).status for _ in range(70)]
    assert 429 in statuses and set(statuses) == {404, 429}


def test_a_half_is_of_one_exchange(consumer):
    with pytest.raises(NodeFault, match="--transaction"):
        consumer.officer().afar("account", "evidence", "--with-counterpart", "--out", "/nowhere/x")


def edited(organisation, statement, *values):
    """Somebody writes in the database beside the program."""
    time.sleep(1)  # views follow the journal
    with sqlite3.connect(organisation.node.database, timeout=10) as database:
        assert database.execute(statement, values).rowcount == 1


def test_a_half_that_does_not_verify_is_not_put_in(consumer, provider, token, working, authority, tmp_path):
    transaction = ask(consumer, token).headers["Fsc-Transaction-Id"]
    for each in (consumer, provider):
        eventually(lambda: complete(each, transaction), "the completion")  # noqa: B023
    with sqlite3.connect(provider.node.database) as database:
        identifier, at = database.execute(
            "SELECT id, at_millis FROM journal_entry WHERE kind = 'permit' ORDER BY position DESC LIMIT 1"
        ).fetchone()
    edited(provider, "UPDATE journal_entry SET at_millis = at_millis - 1000 WHERE id = ?", identifier)
    try:
        said, lines = with_counterpart(consumer, tmp_path / "edited.jsonl", transaction)
    finally:
        edited(provider, "UPDATE journal_entry SET at_millis = ? WHERE id = ?", at, identifier)
    assert said["halves"] == [] and said["not_given"] == [{"participant": f"oin:{provider.node.id}", "code": "COUNTERPART_HALF_UNSOUND"}]
    assert len(sections(lines)) == 1
    line = next(line for line in lines if line["type"] == "not_given")
    assert line["participant"] == f"oin:{provider.node.id}" and line["code"] == "COUNTERPART_HALF_UNSOUND"
    report = agreed(tmp_path / "edited.jsonl", authority)
    assert report["outcome"] == "clean" and {note["code"] for note in report["notes"]} == {"NOT_GIVEN", "ONE_SIDE"}


def test_a_counterpart_that_does_not_answer_leaves_the_own_half(consumer, provider, transaction, authority, tmp_path):
    provider.node.stop()
    try:
        said, lines = with_counterpart(consumer, tmp_path / "alone.jsonl", transaction)
    finally:
        provider.node.start()
    assert said["not_given"] == [{"participant": f"oin:{provider.node.id}", "code": "COUNTERPART_UNREACHABLE"}]
    assert len(sections(lines)) == 1
    report = agreed(tmp_path / "alone.jsonl", authority)
    assert report["outcome"] == "clean" and "NOT_GIVEN" in {note["code"] for note in report["notes"]}


# By itself -----------------------------------------------------------------------------------------------------------


def compared(organisation, *more):
    return organisation.node.cli("account", "reconciliations", *more)["items"]


def disagreements(organisation):
    return [each for each in organisation.node.cli("task", "list")["items"] if each.get("cause") == "disagreement"]


def test_accounts_are_compared_by_themselves(consumer, provider, token, working):
    ask(consumer, token)
    for each, other in ((consumer, provider), (provider, consumer)):
        row = eventually(
            lambda: [row for row in compared(each) if row["by_itself"] and row["compared"] > 0 and not row["failure"]],  # noqa: B023
            "a comparison", 40,
        )[0]  # fmt: skip
        assert row["participant"] == f"oin:{other.node.id}" and row["same"] == row["compared"] and not row["disagrees"]
        assert disagreements(each) == []
    by_itself = lambda: [row for row in compared(consumer) if row["by_itself"] and not row["failure"]]  # noqa: E731
    newest, before = eventually(lambda: len(by_itself()) > 1 and by_itself(), "the next comparison", 40)[:2]
    assert newest["from"] == before["until"]


def test_what_is_not_known_yet_is_no_task(consumer, provider, token, working):
    """An exchange whose end one side has not written down is not known there, which is no disagreement."""
    transaction = ask(consumer, token).headers["Fsc-Transaction-Id"]
    for each in (consumer, provider):
        eventually(lambda: complete(each, transaction), "the completion")  # noqa: B023
    edited(provider, "DELETE FROM completion_record WHERE transaction_id = ?", uuid.UUID(transaction).bytes)
    eventually(lambda: [row for row in compared(consumer) if row["counts"].get("unknown_there")], "the comparison", 40)
    assert disagreements(consumer) == []


def test_a_counterpart_that_is_away_is_compared_with_afterwards(consumer, provider, token, working):
    transaction = ask(consumer, token).headers["Fsc-Transaction-Id"]
    before = {row["at"] for row in compared(consumer)}
    provider.node.stop()
    try:
        failed = eventually(
            lambda: [row for row in compared(consumer) if row["failure"] and row["at"] not in before], "a failure", 40
        )[-1]  # fmt: skip
        assert failed["failure"] == "COUNTERPART_UNREACHABLE" and not failed["disagrees"]
    finally:
        provider.node.start()
    later = eventually(
        lambda: [row for row in compared(consumer) if row["by_itself"] and not row["failure"] and row["at"] > failed["at"]],
        "the comparison", 60,
    )[-1]  # fmt: skip
    assert later["from"] <= failed["from"], (transaction, later, failed)


def test_what_the_other_party_hides_becomes_a_task(consumer, provider, token, working):
    transaction = ask(consumer, token).headers["Fsc-Transaction-Id"]
    for each in (consumer, provider):
        eventually(lambda: complete(each, transaction), "the completion")  # noqa: B023
    edited(provider, "DELETE FROM transaction_record WHERE transaction_id = ?", uuid.UUID(transaction).bytes)
    task = eventually(lambda: disagreements(consumer), "the task", 60)[0]
    assert task["counterpart"] == f"oin:{provider.node.id}" and task["due"] and task["what"]["nl"]
    row = next(row for row in compared(consumer) if row["disagrees"])
    assert row["counts"]["missing_there"] == 1 and row["by_itself"]
    # The period that the task names can be asked for as it stands there.
    _, after, _, before = task["subject"].split()
    asked = {"after": after, "before": before}
    came = consumer.node.administration("POST", f"/reconciliations/oin:{provider.node.id}", asked).json()
    assert [each["transaction_id"] for each in came["findings"] if each["kind"] == "missing_there"] == [transaction]
    figures = UnixClient(consumer.node.folder / "administration.sock").request("GET", "/metrics").body.decode()
    assert "verbond_disagreements_open 1" in figures


# One page -------------------------------------------------------------------------------------------------------------


def page(organisation, transaction, *more):
    return organisation.officer().afar("account", "exchange", transaction, *more)["items"]


def test_one_exchange_stands_on_one_page(consumer, provider, token, working):
    transaction = ask(consumer, token).headers["Fsc-Transaction-Id"]
    for each in (consumer, provider):
        eventually(lambda: complete(each, transaction), "the completion")  # noqa: B023
    time.sleep(1)
    [alone] = page(consumer, transaction)
    assert alone["other"] is None and alone["permitted"] and alone["decision"] and alone["completion"]["delivery"] == "whole"
    assert alone["agreement"]["hash"] == working and alone["decision_record"]["trace_id"] and alone["records"]
    [both] = page(consumer, transaction, "--with-counterpart")
    told = both["other"]["told"]
    assert both["other"]["participant"] == f"oin:{provider.node.id}" and both["other"]["not_given"] is None
    assert told["direction"] == "incoming" and told["agreement"]["hash"] == working and told["decision"] is True
    assert told["completion"]["response"] == both["completion"]["response"] and both["other"]["findings"] == []
    assert told["application"] is None and told["activity"] is None and "people" not in told["completion"]
    assert acts(consumer, "account.ask")[0]["detail"] == {"asked": [f"oin:{provider.node.id}"]}
    with pytest.raises(NodeFault, match="EXCHANGE_UNKNOWN"):
        page(consumer, "019cad8f-ac00-73ba-8ec6-8477587fd280")
