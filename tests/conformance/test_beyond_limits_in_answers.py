"""Beyond the suite: how often one person may be asked about where only the answer says whom.

Each person of an answer takes a row in the append of their processing record; nothing of an answer leaves about somebody who is over.
Who was counted is read from the database, by pseudonyms that are made here.
"""

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import sqlite3
import time

import pytest

from support.agreements import SERVICE, allowed, ask, conclude, document, element, joined
from support.between_two import folder, provider, token  # noqa: F401
from support.checks import eventually
from support.servers import Reply
from test_beyond_processing import listing, person

COUNT = {"most": 2, "per": "year"}


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider):
    return joined(world, authority, folder, provider)


class Source:
    """Answers with whoever is asked for; may fail."""

    def __init__(self):
        self.status, self.people, self.requests = 200, [], 0

    def __call__(self, request):
        self.requests += 1
        if self.status != 200:
            return Reply.of({}, status=self.status)
        if request.path.startswith("/incomes"):
            return Reply.of({"year": 2026, "income": {"below_minimum": True}})
        return Reply.of([person(number) for number in self.people])


@pytest.fixture(scope="module")
def answers():
    return Source()


@pytest.fixture(scope="module")
def source(world, answers):
    echo = world.echo()
    echo.respond = answers
    return echo


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token):
    content = document(provider.node, consumer.node)
    content["clauses"][0]["conditions"] |= {"per_person": COUNT}
    file = {**element("$[*].file", "string", "personal"), "identifies": "organisation_number"}
    content["clauses"][0]["operations"] += [listing("people"), listing("files", file)]
    conclude(consumer, provider, consumer.drafts(content, folder))
    eventually(lambda: ask(consumer, token, f"/{SERVICE}/people").status == 200, "an answer under the agreement", 20)
    return content


def outcome(answer):
    return answer.status, None if answer.status == 200 else answer.json()["code"]


def files(consumer, token, answers, *people):
    answers.people = people
    return outcome(ask(consumer, token, f"/{SERVICE}/files"))


def counted(organisation, number, kind="organisation_number"):
    """How many places somebody takes: HMAC-SHA-256 over kind and number, behind the version of the key."""
    keys = json.loads((organisation.node.folder / "pseudonym-keys.json").read_text())["keys"]
    key = base64.urlsafe_b64decode(keys[0]["key"] + "=")
    whom = keys[0]["version"].to_bytes(4, "big") + hmac.new(key, f"{kind}\0{number}".encode(), hashlib.sha256).digest()
    database = sqlite3.connect(organisation.node.database, timeout=10)
    try:
        return database.execute("SELECT COUNT(*) FROM person_place WHERE pseudonym = ? AND taken = 1", (whom,)).fetchone()[0]
    finally:
        database.close()


def test_whom_only_the_answer_names_is_counted_at_both(consumer, provider, token, working, answers):
    assert files(consumer, token, answers, 1, 2) == (200, None)
    assert files(consumer, token, answers, 1, 3) == (200, None)
    for organisation in (consumer, provider):
        assert [counted(organisation, f"F-{n}") for n in (1, 2, 3)] == [2, 1, 1]
    # Whoever comes twice in one answer is one person.
    assert files(consumer, token, answers, 2, 2, 2) == (200, None)
    assert counted(provider, "F-2") == 2


def test_an_answer_about_somebody_who_is_over_does_not_leave(consumer, provider, token, working, answers):
    assert [files(consumer, token, answers, 11) for _ in range(2)] == [(200, None)] * 2
    answers.people = [12, 11]
    refused = ask(consumer, token, f"/{SERVICE}/files")
    assert outcome(refused) == (429, "PERSON_LIMIT_REACHED")
    assert b"F-1" not in refused.body and f"{time.gmtime().tm_year + 1}-01-01T00:00:00Z" in refused.json()["detail"]
    # What did not come to an answer does not count against who was in it too.
    eventually(lambda: counted(provider, "F-12") == 0, "the place given back")
    assert counted(consumer, "F-12") == 0
    assert files(consumer, token, answers, 12) == (200, None)
    # After a restart it is the same.
    for organisation in (consumer, provider):
        organisation.node.kill()
        organisation.node.start()
    eventually(lambda: files(consumer, token, answers, 999) == (200, None), "answers again", 30)
    assert files(consumer, token, answers, 11) == (429, "PERSON_LIMIT_REACHED")
    transaction = refused.headers["Fsc-Transaction-Id"]
    lines = provider.node.cli("record", "journal", "--kind", "completion", "--limit", "1000")["items"]
    [line] = [each["payload"] for each in lines if each["payload"]["transaction_id"] == transaction]
    assert (line["delivery"], line["code"]) == ("nothing", "PERSON_LIMIT_REACHED")


def test_whose_number_does_not_arrive_is_counted_by_the_provider(consumer, provider, token, working, answers):
    answers.people = [21]
    assert [outcome(ask(consumer, token, f"/{SERVICE}/people")) for _ in range(3)] == [
        (200, None), (200, None), (429, "PERSON_LIMIT_REACHED")]  # fmt: skip
    number = person(21)["bsn"]
    assert (counted(provider, number, "national_number"), counted(consumer, number, "national_number")) == (2, 0)


def test_what_the_source_failed_at_counts_nobody(consumer, provider, token, working, answers):
    answers.status = 500
    try:
        assert files(consumer, token, answers, 31)[0] == 500
    finally:
        answers.status = 200
    assert [files(consumer, token, answers, 31) for _ in range(3)] == [(200, None)] * 2 + [(429, "PERSON_LIMIT_REACHED")]


def test_a_late_one_who_is_over_breaks_the_answer_off(consumer, provider, token, working, answers):
    assert [files(consumer, token, answers, 41) for _ in range(2)] == [(200, None)] * 2
    # More than one piece: the first ones leave, then it ends without an end.
    answers.people = [*range(1000, 9000), 41]
    with pytest.raises(http.client.IncompleteRead) as broken:
        ask(consumer, token, f"/{SERVICE}/files")
    assert b"F-1000" in broken.value.partial and b'"F-41"' not in broken.value.partial
    assert (counted(provider, "F-41"), counted(provider, "F-1000")) == (2, 1)


def test_where_the_application_writes_the_records_the_answer_is_counted_too(consumer, provider, working, answers):
    own = consumer.node.add_application("zaaksysteem")
    consumer.node.cli("application", "allow", "zaaksysteem", f"{provider.node.id}/{SERVICE}", "--alias", SERVICE,
                      "--records", "application")  # fmt: skip
    answers.people = [51, 52]

    def asked():
        parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
        return outcome(ask(consumer, own, f"/{SERVICE}/files", traceparent=parent))

    eventually(lambda: asked() == (200, None), "an answer for the new application")
    assert asked() == (200, None)
    assert [counted(each, "F-51") for each in (consumer, provider)] == [2, 2]
    assert asked() == (429, "PERSON_LIMIT_REACHED")


def test_a_request_that_names_somebody_is_counted_as_before(consumer, token, working):
    path = f"/{SERVICE}/incomes/999990020"
    assert [outcome(ask(consumer, token, path)) for _ in range(3)] == [(200, None)] * 2 + [(429, "PERSON_LIMIT_REACHED")]
