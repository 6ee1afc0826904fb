"""Beyond the suite: how many exchanges an agreement permits in all, and how many questions about one person.

Counted over restarts and over processes that share a database; what is written down is searched for whoever was asked
about.
"""

import calendar
import copy
import json
import shutil
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.agreements import SERVICE, SOURCE, allowed, conclude, document, joined
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.node import merge, toml
from support.postgres import IS_MISSING, REASON, empty_database
from support.servers import Reply
from support.wire import LOOPBACK, free_port

ANNA, BERT = "999990019", "999990020"
YEAR = f"{time.gmtime().tm_year + 1}-01-01T00:00:00Z"


class Agreement:
    """An agreement in force between two, under which is asked by its name."""

    count = 0

    def __init__(self, provider, consumer, folder, **conditions):
        Agreement.count += 1
        self.consumer, self.provider = consumer, provider
        self.id = f"01932f5e-7c00-7000-8000-{Agreement.count:012}"
        content = document(provider.node, consumer.node, id=self.id)
        content["clauses"][0]["conditions"] |= conditions
        conclude(consumer, provider, consumer.drafts(content, folder))
        # What the registers show is in the gateways' picture a second later.
        time.sleep(1.5)

    def ask(self, token, person=ANNA, node=None):
        node = node or self.consumer.node
        return node.outway(f"/{SERVICE}/incomes/{person}", token, headers={"Verbond-Agreement": self.id})


def outcome(answer):
    return answer.status, None if answer.status == 200 else answer.json()["code"]


@pytest.fixture(scope="module")
def connected(provider, consumer, token, folder):
    """Both nodes, once a wire contract has followed from an agreement without limits."""
    unlimited = Agreement(provider, consumer, folder)
    eventually(lambda: unlimited.ask(token).status == 200, "an answer under an agreement without limits", 20)
    return unlimited


def again(organisation, connected, token, kill=False):
    """Ends a node, by force or not, starts it, and waits until it has compared its contracts."""
    if kill:
        organisation.node.kill()
    else:
        assert organisation.node.stop() == 0
    organisation.node.start()
    eventually(lambda: connected.ask(token).status == 200, "an answer after a restart", 20)


def count(most, per="year"):
    return {"most": most, "per": per}


def asked_again(refused, moment):
    """The seconds of `Retry-After` (RFC 9110 section 10.2.3) lead to this moment."""
    at = calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))
    # Told some time ago, by this machine's clock; rounded to whole seconds.
    assert 0 <= time.time() + int(refused.headers["Retry-After"]) - at < 60, refused.headers["Retry-After"]


def test_outside_its_hours_an_agreement_says_when_to_ask_again(provider, consumer, token, connected, folder, source):
    # The day after tomorrow from eight o'clock on: never now, whenever this runs.
    there = time.gmtime(time.time() + 2 * 86400)
    day = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")[there.tm_wday]
    window = {"days": [day], "from_minute": 480, "until_minute": 1080}
    agreement = Agreement(provider, consumer, folder, time=window)
    source.forget()
    refused = agreement.ask(token)
    assert outcome(refused) == (403, "OUTSIDE_TIME_WINDOW") and source.received() == []
    asked_again(refused, time.strftime("%Y-%m-%dT08:00:00Z", there))


def permits(organisation, agreement):
    lines = organisation.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
    decisions = [line["payload"]["decision"] for line in lines if line["payload"].get("decision")]
    named = [each["attributes"]["adl.core.policies"]["agreement"]["id"] for each in decisions]
    return named.count(agreement.id)


def test_so_many_exchanges_and_no_more(provider, consumer, token, connected, folder, source):
    agreement = Agreement(provider, consumer, folder, volume=count(3))
    source.forget()
    assert [outcome(agreement.ask(token)) for _ in range(5)] == [(200, None)] * 3 + [(429, "VOLUME_EXHAUSTED")] * 2
    assert len(source.received()) == 3
    refused = agreement.ask(token)
    assert YEAR in refused.json()["detail"] and YEAR in refused.json()["next"], refused.body
    asked_again(refused, YEAR)
    # Not forgotten by a restart, and not by a kill.
    again(consumer, connected, token)
    assert outcome(agreement.ask(token)) == (429, "VOLUME_EXHAUSTED")
    again(consumer, connected, token, kill=True)
    assert outcome(agreement.ask(token)) == (429, "VOLUME_EXHAUSTED")
    # Other agreements go on.
    assert connected.ask(token).status == 200


def test_what_a_process_held_is_lost_to_the_limit_and_never_counted_twice(
    provider, consumer, token, connected, folder, source
):
    most, block = 256, 4
    agreement = Agreement(provider, consumer, folder, volume=count(most))
    permitted, received = 0, 0

    def some(number):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: outcome(agreement.ask(token)), range(number)))
        assert set(answers) <= {(200, None), (429, "VOLUME_EXHAUSTED")}, set(answers)
        return answers.count((200, None))

    victims = (consumer, provider, consumer)
    for victim in (*victims, None):
        source.forget()
        permitted += some(40 if victim else most)
        received += len(source.received())
        if victim:
            again(victim, connected, token, kill=True)
    assert permitted == received and permitted <= most
    # A killed process held what was left of its block and the one fetched ahead.
    assert permitted >= most - len(victims) * 3 * block
    assert some(5) == 0


def test_without_a_database_there_is_no_place(provider, consumer, token, connected, folder, source):
    agreement = Agreement(provider, consumer, folder, volume=count(5))
    assert agreement.ask(token).status == 200
    source.forget()
    other = sqlite3.connect(consumer.node.database, isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    try:
        answer = agreement.ask(token)
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert outcome(answer) == (503, "VOLUME_EXHAUSTED") and answer.headers["Retry-After"] == "1"
    # It does not say that the number has been reached, which nobody knows.
    assert "reached" not in answer.json()["detail"].split("Clause")[0] and YEAR not in answer.body.decode()
    assert source.received() == []
    eventually(lambda: agreement.ask(token).status == 200, "an answer again", 10)


def test_so_many_questions_about_one_person(provider, consumer, token, connected, folder, source):
    agreement = Agreement(provider, consumer, folder, per_person=count(2))
    source.forget()
    assert [outcome(agreement.ask(token)) for _ in range(4)] == [(200, None)] * 2 + [(429, "PERSON_LIMIT_REACHED")] * 2
    assert outcome(agreement.ask(token, BERT)) == (200, None)
    # The same number with a zero before it is the same person.
    refused = agreement.ask(token, "0" + ANNA)
    assert outcome(refused) == (429, "PERSON_LIMIT_REACHED")
    asked_again(refused, YEAR)
    assert len(source.received()) == 3
    for each in (consumer, provider):
        again(each, connected, token, kill=True)
    assert outcome(agreement.ask(token)) == (429, "PERSON_LIMIT_REACHED")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: outcome(agreement.ask(token, "999990032")), range(12)))
    assert answers.count((200, None)) == 2 and answers.count((429, "PERSON_LIMIT_REACHED")) == 10, answers


def test_nobody_can_be_found_in_what_is_kept_and_told(provider, consumer, token, connected, folder):
    agreement = Agreement(provider, consumer, folder, per_person=count(1))
    assert agreement.ask(token).status == 200
    refused = agreement.ask(token)
    assert outcome(refused) == (429, "PERSON_LIMIT_REACHED")
    for each in (consumer, provider):
        database = sqlite3.connect(each.node.database)
        pseudonyms = [row[0].hex() for row in database.execute("SELECT DISTINCT pseudonym FROM person_place")]
        database.close()
        assert pseudonyms and all(len(pseudonym) == 72 for pseudonym in pseudonyms)
        kept = b"".join(path.read_bytes() for path in each.node.folder.glob("verbond.sqlite*"))
        assert ANNA.encode() not in kept
        told = "\n".join(each.node.stderr) + json.dumps(each.node.cli("record", "journal", "--limit", "1000"))
        for secret in (ANNA, *pseudonyms):
            assert secret not in told + refused.body.decode()


def test_what_comes_to_no_answer_does_not_count_three_times(provider, consumer, token, connected, folder, source):
    failing = Agreement(provider, consumer, folder, per_person=count(1))
    unknown = Agreement(provider, consumer, folder, per_person=count(1))
    try:
        source.respond = lambda request: Reply.of({}, status=500)
        assert [outcome(failing.ask(token))[0] for _ in range(4)] == [500] * 4
        assert outcome(failing.ask(token)) == (429, "PERSON_LIMIT_REACHED")
        assert outcome(failing.ask(token, BERT))[0] == 500
        # That a source does not know somebody is an answer.
        source.respond = lambda request: Reply.of({}, status=404)
        assert outcome(unknown.ask(token))[0] == 404
        assert outcome(unknown.ask(token)) == (429, "PERSON_LIMIT_REACHED")
    finally:
        source.respond = lambda request: Reply.of(SOURCE)
    assert outcome(failing.ask(token, BERT)) == (200, None)
    assert outcome(failing.ask(token, BERT)) == (429, "PERSON_LIMIT_REACHED")


def test_without_its_keys_a_node_asks_about_nobody(provider, consumer, token, connected, folder, source):
    agreement = Agreement(provider, consumer, folder, per_person=count(5))
    file = consumer.node.folder / "pseudonym-keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert agreement.ask(token).status == 200
    aside = file.rename(folder / "aside.json")
    consumer.node.stop()
    consumer.node.start()
    # Nothing about people: it could not be recorded about whom it is.
    missing = (503, "PSEUDONYM_KEYS_MISSING")
    eventually(lambda: outcome(connected.ask(token)) == missing, "a refusal for want of keys", 20)
    source.forget()
    assert outcome(agreement.ask(token)) == (503, "PERSON_LIMIT_REACHED")
    assert not file.exists() and source.received() == []
    shutil.copy2(aside, file)
    eventually(lambda: agreement.ask(token).status == 200, "an answer once the keys are back", 15)


@pytest.fixture
def shared(world, authority, folder, provider):
    """An organisation whose processes share a database."""
    with empty_database() as address:
        made = joined(world, authority, folder, provider, role="delegator", settings={"database": address})
        yield made
        made.node.stop()


@pytest.mark.skipif(IS_MISSING, reason=REASON)
def test_two_processes_on_one_database_share_the_limits(shared, folder, provider, source):
    token = allowed(shared, provider)
    beside = another_outway(shared.node, folder / "beside")
    try:
        unlimited = Agreement(provider, shared, folder)
        eventually(lambda: unlimited.ask(token).status == 200, "an answer under an agreement", 20)
        eventually(lambda: unlimited.ask(token, node=beside).status == 200, "an answer by the other process", 20)
        volume = Agreement(provider, shared, folder, volume=count(20))
        person = Agreement(provider, shared, folder, per_person=count(3))

        def both(agreement, number):
            nodes = [shared.node, beside] * number
            with ThreadPoolExecutor(8) as pool:
                return list(pool.map(lambda node: outcome(agreement.ask(token, node=node)), nodes))

        answers = both(volume, 20)
        assert answers.count((200, None)) == 20 and answers.count((429, "VOLUME_EXHAUSTED")) == 20, answers
        assert permits(shared, volume) == 20
        answers = both(person, 8)
        assert answers.count((200, None)) == 3 and answers.count((429, "PERSON_LIMIT_REACHED")) == 13, answers
        assert permits(shared, person) == 3
    finally:
        beside.kill()


def another_outway(node, folder):
    """A further process of the node with an outway on a port of its own, in a copy of its data directory."""
    shutil.copytree(node.folder, folder, ignore=lambda _, names: [name for name in names if name.endswith(".sock")])
    other = copy.copy(node)
    other.folder, other.roles, other.process, other.stderr = folder, "outway", None, []
    other.bind = node.bind | {"outway": (LOOPBACK, free_port())}
    settings = merge(node.settings, {"outway": {"listen": ":".join(str(each) for each in other.bind["outway"])}})
    settings.pop("administration", None)
    (folder / "verbond.toml").write_text(toml(settings))
    return other.start()


