"""Beyond the suite: a ground is withdrawn. First it is listed what rests on it; then all of that stops within a minute, streams
in flight too, also at a participant that was away; and what remains to be done has a day.
"""

import sqlite3
import threading
import time

import pytest
from support.agreements import SERVICE, Organisation, ask, conclude, document, ground, write
from support.between_two import consumer, folder, provider, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.streams import Stream, lines, source, with_years  # noqa: F401

BOUND = 60
"""Seconds within which everything must have stopped."""


def draft(consumer, provider, folder, number, version=1, **more):
    """A draft whose receiving side rests on this version of an entry of the consumer's register of grounds."""
    content = with_years(document(provider.node, consumer.node, id=f"01932f5e-7c00-7000-8000-{number:012}"))
    receiver = content["clauses"][0]["receivers"][0]["side"]
    receiver["ground"] = {"entry": {"name": "outreach", "version": version}, "ground": ground("Reach people") | more}
    return consumer.drafts(content, folder)


@pytest.fixture
def agreed(consumer, provider, token, folder):
    """Makes an agreement under which the consumer gets answers; its hash."""

    def make(number, **more):
        digest = draft(consumer, provider, folder, number, **more)
        conclude(consumer, provider, digest)
        eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
        return digest

    return make


def acts(organisation, action):
    lines = organisation.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [line["payload"] for line in lines if line["payload"]["action"] == action]


def test_a_ground_is_withdrawn_and_all_that_rests_on_it_stops(consumer, provider, token, folder, agreed):
    agreed = agreed(1)
    drafted = draft(consumer, provider, folder, 2)
    signatory = consumer.people["signatory"]
    listed = signatory.afar("ground", "withdraw", "outreach", "--dry-run")
    assert listed["basis"] == {"of": "ground", "name": "outreach", "first": 1, "last": 1}
    by_hash = {each["agreement"]: each for each in listed["resting"]}
    assert by_hash[agreed]["then"] == "revoked" and by_hash[drafted]["then"] == "not_offered"
    assert by_hash[agreed]["clauses"] == [
        {"clause": "incomes", "service": {"provider": f"oin:{provider.node.id}", "name": SERVICE}}
    ]
    assert len(by_hash[agreed]["contracts"]) == 1
    # Nothing of the other party's grounds is this party's to withdraw.
    with pytest.raises(NodeFault, match="REGISTER_ENTRY_UNKNOWN"):
        signatory.afar("ground", "withdraw", "provide-incomes", "--dry-run")
    with pytest.raises(NodeFault, match="NOT_CONFIRMED"):
        signatory.afar("ground", "withdraw", "outreach", "--reason", "Judged anew.")
    assert ask(consumer, token).status == 200
    for who in (consumer.people["drafter"].afar, consumer.node.cli):
        with pytest.raises(NodeFault, match="NOT_PERMITTED"):
            who("ground", "withdraw", "outreach", "--reason", "Judged anew.", "--yes")

    stream = Stream(consumer, token)
    assert stream.answer.status == 200
    eventually(lambda: len(stream.text) > 50, "the stream has begun", 10)
    begun = time.monotonic()
    done = signatory.afar("ground", "withdraw", "outreach", "--reason", "Judged anew.", "--yes")
    assert {each["agreement"] for each in done["resting"]} == {agreed, drafted}
    stream.reader.join(BOUND)
    assert stream.whole is False, "a stream outlived the ground"
    assert ask(consumer, token).status == 403
    provider.sees(agreed, "revoked")
    eventually(lambda: not contracts(provider, agreed), "the wire contract has ended", BOUND)
    assert time.monotonic() - begun < BOUND
    shown = provider.agreement(agreed)
    assert [one["reason"] for one in shown["statements"] if one["step"] == "revoked"] == ["Judged anew."]

    # Every act has its author.
    (act,) = acts(consumer, "basis.withdraw")
    assert act["author"]["name"] == "directeur" and agreed in act["detail"]["agreements"]
    assert any(one["author"]["kind"] == "person" for one in acts(consumer, "agreement.revoked"))

    # Nothing new rests on it.
    with pytest.raises(NodeFault, match="BASIS_WITHDRAWN"):
        consumer.people["drafter"].afar("agreement", "offer", drafted)
    (withdrawn,) = [each for each in asked(consumer, "/v1/withdrawals") if each["basis"].get("name") == "outreach"]
    assert withdrawn["reason"] == "Judged anew." and withdrawn["author"]["name"] == "directeur"


def asked(organisation, path):
    status, answer = organisation.people["signatory"].ask("GET", path)
    assert status == 200, answer
    return answer["items"]


def contracts(organisation, digest):
    held = organisation.node.cli("contract", "list")["items"]
    return [one for one in held if one["state"] == "valid" and digest in str(one)]


def test_what_remains_to_be_done_has_a_day_at_both_parties(consumer, provider, folder, world, authority, agreed):
    agreed = agreed(3, version=2)
    provider.people["signatory"].afar("agreement", "revoke", agreed, "--reason", "The tasks, please.")
    consumer.sees(agreed, "revoked")
    today = time.time()
    for organisation, days in ((consumer, 30), (provider, 0)):
        tasks = [each for each in organisation.node.cli("task", "list")["items"] if each["agreement"] == agreed]
        (task,) = tasks
        assert (task["clause"], task["category"], task["at_the_earliest"]) == ("incomes", "income", False)
        due = {time.strftime("%Y-%m-%d", time.gmtime(moment + days * 86400)) for moment in (today, today - 120)}
        assert task["due"] in due and task["what"]["nl"] and task["what"]["en"]
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        organisation.people["signatory"].afar("task", "done", task["id"], "--note", "Nothing was kept.")
    steward = provider.enrols("bronhouder", "steward")
    steward.afar("task", "done", task["id"], "--note", "Nothing was kept.")
    left = [each["id"] for each in provider.node.cli("task", "list")["items"]]
    assert task["id"] not in left
    (all_done,) = [each for each in provider.node.cli("task", "list", "--all")["items"] if each["id"] == task["id"]]
    assert all_done["note"] == "Nothing was kept." and all_done["done_by"]["name"] == "bronhouder"
    with pytest.raises(NodeFault, match="TASK_UNKNOWN"):
        steward.afar("task", "done", task["id"], "--note", "Twice.")


OTHER = {"law": "BWBR0040940", "name": "Uitvoeringswet AVG", "article": "46", "version": "2026-01-01"}


def test_a_participant_that_was_away_stops_before_it_serves(consumer, provider, token, source, agreed):
    digest = agreed(4, version=3, provisions=[OTHER])
    provider.node.stop()
    done = consumer.people["signatory"].afar(
        "ground", "withdraw", "--law", OTHER["law"], "--article", "46", "--law-version", "2026-01-01",
        "--reason", "The article was repealed.", "--yes",
    )  # fmt: skip
    assert [each["agreement"] for each in done["resting"]] == [digest]
    source.forget()
    over, answers = threading.Event(), []

    def keep_asking():
        while not over.is_set() and len(answers) < 5000:
            answers.append(ask(consumer, token).status)
            time.sleep(0.05)

    caller = threading.Thread(target=keep_asking)
    caller.start()
    try:
        provider.node.start()
        provider.sees(digest, "revoked")
        time.sleep(1)
    finally:
        over.set()
        caller.join(30)
    assert 200 not in answers and source.received() == []


def test_a_version_that_rests_on_a_later_entry_is_not_touched(consumer, token, agreed):
    digest = agreed(5, version=4)
    listed = consumer.people["signatory"].afar("ground", "withdraw", "outreach", "--entry-version", "1", "--dry-run")
    assert digest not in {each["agreement"] for each in listed["resting"]}
    consumer.people["signatory"].afar("ground", "withdraw", "outreach", "--reason", "This one too.", "--yes")
    assert ask(consumer, token).status == 403


def test_a_party_without_a_contract_is_asked_too(world, authority, folder, consumer, provider):
    """A third party ends an agreement while the others are away, and its message is lost: it is asked."""
    third = Organisation(world, authority, "publisher", folder, directories=[provider.node])
    third.node.cli("peer", "announce")
    content = with_years(document(provider.node, consumer.node, id="01932f5e-7c00-7000-8000-000000000006"))
    receiver = content["clauses"][0]["receivers"][0]["side"]
    receiver["ground"]["entry"]["version"] = 9
    for members, example in (("parties", content["parties"][0]), ("signatories", content["signatories"][0])):
        content[members].append(example | {"participant": f"oin:{third.node.id}"})
    digest = consumer.people["drafter"].afar("agreement", "new", write(folder, content))["hash"]
    everybody = (consumer, provider, third)
    consumer.people["drafter"].afar("agreement", "offer", digest)
    for each in everybody:
        each.sees(digest, "offered")
        each.people["signatory"].afar("agreement", "sign", digest)
    for each in everybody:
        each.sees(digest, "signed")
    provider.node.stop()
    consumer.node.stop()
    third.people["signatory"].afar("agreement", "revoke", digest, "--reason", "The message is lost.")
    third.node.stop()
    with sqlite3.connect(third.node.database) as database:
        assert database.execute("DELETE FROM outbox").rowcount > 0
    # The provider, at which all announce themselves, stays away: whoever comes back has to ask by itself.
    third.node.start()
    consumer.node.start()
    consumer.sees(digest, "revoked")
    provider.node.start()
    provider.sees(digest, "revoked")
