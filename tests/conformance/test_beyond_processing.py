"""Beyond the suite: Logboek Dataverwerkingen 1.0.0. One record per action and data subject, before anything about them leaves.

Pseudonyms and counts are made here with Python's own means; the records are read back through the program and the database.
"""

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import time

import pytest

from support.agreements import BSN, SERVICE, SOURCE, ask, conclude, document, element
from support.between_two import consumer, folder, provider, token  # noqa: F401
from support.caller import Caller
from support.checks import eventually
from support.node import NodeFault
from support.servers import Reply
from support.streams import Stream

PEOPLE = 300
SPAN, TRACE = r"[0-9a-f]{16}", r"[0-9a-f]{32}"


def person(number):
    return {"year": 2026, "bsn": str(941_735_000 + 1237 * number), "file": f"F-{number}", "name": f"Persoon {number}"}


# One document, with people at several depths.
HOUSEHOLD = {
    "year": 2026,
    "head": {"bsn": person(1)["bsn"], "name": "Persoon 1"},
    "file": {"members": [
        {"bsn": person(2)["bsn"], "children": [{"bsn": person(3)["bsn"]}, {"bsn": person(4)["bsn"]}]},
        {"bsn": person(5)["bsn"], "children": []},
        {"bsn": person(2)["bsn"]},
    ]},
}  # fmt: skip


class Slowly:
    """A source that gives one person at a time, until it is told to end."""

    def __init__(self):
        self.ended = False

    def __iter__(self):
        yield b"["
        for number in range(1000):
            if self.ended:
                break
            yield (b"," if number else b"") + json.dumps(person(number)).encode()
            time.sleep(0.1)
        yield b"]"


@pytest.fixture(scope="module")
def slow():
    return []


@pytest.fixture(scope="module")
def source(world, slow):
    """One person; a list of people; a list with somebody twice; one without a number; a list that comes slowly."""
    echo = world.echo()

    def respond(request):
        answers = {
            "/people": [person(number) for number in range(PEOPLE)],
            "/files": [person(number) for number in (1, 2, 1, 1)],
            "/nobody": [person(1), {"year": 2026}],
            "/household": HOUSEHOLD,
        }
        path = request.path.partition("?")[0]
        if path == "/years":
            slow.append(Slowly())
            return Reply(200, slow[-1], {"Content-Type": "application/json"})
        return Reply.of(answers.get(path, SOURCE))

    echo.respond = respond
    yield echo
    for each in slow:
        each.ended = True


def listing(name, *delivered):
    """An operation about people whom only the answer names."""
    by = "organisation_number" if name == "files" else "national_number"
    return {
        "name": name,
        "method": "GET",
        "path": f"/{name}",
        "content_type": "application/json",
        "record": "$[*]",
        "delivered": [element("$[*].year", "integer", "not_personal"), *delivered],
        "people": [
            {"at": {"place": "response", "path": "$[*].file" if name == "files" else "$[*].bsn"}, "identifies": by}
        ],
    }


def household():
    """One document of which a part is delivered whole: whom it names stands within that part and beside it."""
    places = ("$.head.bsn", "$.file.members[*].bsn", "$.file.members[*].children[*].bsn")
    made = listing("household", {**element("$.file", "subtree", "personal"), "why_all": "Each member is needed."})
    made["delivered"] = [element("$.year", "integer", "not_personal"), *made["delivered"][1:]]
    people = [{"at": {"place": "response", "path": path}, "identifies": "national_number"} for path in places]
    return {**made, "record": "$", "people": people}


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token):
    content = document(provider.node, consumer.node)
    file = {**element("$[*].file", "string", "personal"), "identifies": "organisation_number"}
    operations = [listing("people"), listing("files", file), listing("nobody"), listing("years"), household()]
    content["clauses"][0]["operations"] += operations
    digest = consumer.drafts(content, folder)
    conclude(consumer, provider, digest)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
    return content


@pytest.fixture(scope="module")
def officers(consumer, provider):
    """At each party somebody who may see for whom data was processed."""
    return {organisation.node.id: organisation.officer() for organisation in (consumer, provider)}


def records(officers, organisation, answer, expected):
    """The processing records of one exchange, when there are as many as expected."""
    transaction = answer if isinstance(answer, str) else answer.headers["Fsc-Transaction-Id"]

    def probe():
        found = officers[organisation.node.id].afar(
            "account", "records", "--transaction", transaction, "--limit", "2000")["items"]  # fmt: skip
        return found if len(found) == expected else None

    found = eventually(probe, f"{expected} records")
    assert {each["transaction_id"] for each in found} == {transaction}
    return [each["record"] for each in found]


def pseudonym(organisation, number, kind="national_number"):
    """HMAC-SHA-256 over kind and number, under the node's newest key; a national number is a number."""
    keys = json.loads((organisation.node.folder / "pseudonym-keys.json").read_text())["keys"]
    key = base64.urlsafe_b64decode(keys[-1]["key"] + "=")
    number = number.lstrip("0") if kind == "national_number" else number
    mac = hmac.new(key, f"{kind}\0{number}".encode(), hashlib.sha256).digest()
    return f"v{keys[-1]['version']}." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def about(record):
    return record["attributes"].get("dpl.core.data_subject_id")


def side_of(content, organisation):
    clause = content["clauses"][0]
    sides = [clause["provider"], *(each["side"] for each in clause["receivers"])]
    return next(each for each in sides if each["activity"]["url"].startswith(organisation.node.public_address))


def test_a_person_in_the_request_has_one_record_at_each_party(consumer, provider, token, working, officers):
    answer = ask(consumer, token, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
    assert answer.status == 200
    [asked], [answered] = (records(officers, each, answer, 1) for each in (consumer, provider))
    for record, organisation in ((asked, consumer), (answered, provider)):
        attributes = record["attributes"]
        assert attributes["dpl.core.processing_activity_id"] == side_of(working, organisation)["activity"]["url"]
        assert attributes["dpl.core.data_subject_id"] == pseudonym(organisation, BSN)
        assert attributes["dpl.core.data_subject_id_type"] == "national_number"
        assert record["status"] == "Unset" and record["name"].startswith(SERVICE)
        assert record["start_time"] <= record["end_time"] <= time.time() * 1000
        assert re.fullmatch(SPAN, record["span_id"])
    # One trace, unchanged; who answers is called by who asks.
    assert asked["trace_id"] == answered["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert asked["parent_span_id"] == "00f067aa0ba902b7"
    assert answered["parent_span_id"] == asked["span_id"] != answered["span_id"]
    assert "dpl.core.foreign_operation.processor" not in asked["attributes"]
    called = answered["attributes"]["dpl.core.foreign_operation.processor"]
    assert called == side_of(working, consumer)["activity"]["url"]
    # The two parties know somebody by different names.
    assert about(asked) != about(answered)
    # It stands in the same entry as the permit.
    permits = provider.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
    permit = next(line["payload"] for line in permits
                  if line["payload"]["transaction_id"] == answer.headers["Fsc-Transaction-Id"])  # fmt: skip
    assert permit["processing"] == [answered]


def test_a_batch_about_many_has_one_record_more_than_people(consumer, provider, token, working, officers):
    answer = ask(consumer, token, f"/{SERVICE}/people")
    assert answer.json() == [{"year": 2026}] * PEOPLE
    action, *people = records(officers, provider, answer, PEOPLE + 1)
    assert about(action) is None
    assert {about(each) for each in people} == {pseudonym(provider, person(n)["bsn"]) for n in range(PEOPLE)}
    assert len({each["span_id"] for each in people}) == PEOPLE
    assert {each["parent_span_id"] for each in people} == {action["span_id"]}
    assert {each["trace_id"] for each in people} == {action["trace_id"]}
    # No number arrives at the consumer, so that it can tell nobody apart: it has the action.
    [asked] = records(officers, consumer, answer, 1)
    assert about(asked) is None


def test_somebody_who_comes_twice_has_one_record_also_where_the_number_arrives(
    consumer, provider, token, working, officers
):
    answer = ask(consumer, token, f"/{SERVICE}/files")
    assert [each["file"] for each in answer.json()] == ["F-1", "F-2", "F-1", "F-1"]
    for organisation in (consumer, provider):
        _, *people = records(officers, organisation, answer, 3)
        expected = [pseudonym(organisation, f"F-{n}", "organisation_number") for n in (1, 2)]
        assert [about(each) for each in people] == expected


def test_people_are_found_wherever_they_stand_in_one_document(consumer, provider, token, working, officers):
    answer = ask(consumer, token, f"/{SERVICE}/household")
    assert answer.json() == {"year": 2026, "file": HOUSEHOLD["file"]}
    # At the consumer those whose number arrives.
    for organisation, numbers in ((provider, range(1, 6)), (consumer, range(2, 6))):
        action, *people = records(officers, organisation, answer, len(numbers) + 1)
        assert about(action) is None
        assert {about(each) for each in people} == {pseudonym(organisation, person(n)["bsn"]) for n in numbers}
        assert completion(organisation, answer)["people"] == len(numbers)


def completion(organisation, answer):
    transaction = answer.headers["Fsc-Transaction-Id"]

    def probe():
        lines = organisation.node.cli("record", "journal", "--kind", "completion", "--limit", "1000")["items"]
        return [each["payload"] for each in lines if each["payload"]["transaction_id"] == transaction]

    return eventually(probe, "the completion")[0]


def test_a_completion_says_about_how_many_people_it_was(consumer, provider, token, working, officers):
    # Whom the request names, both sides know; whom only the answer names, those to whom a number arrives.
    for path, here, there in (("incomes/" + BSN, 1, 1), ("files", 2, 2), ("people", PEOPLE, None)):
        answer = ask(consumer, token, f"/{SERVICE}/{path}")
        assert answer.status == 200
        assert completion(provider, answer).get("people") == here, path
        assert completion(consumer, answer).get("people") == there, path
        people = [each for each in records(officers, provider, answer, here if path.startswith("incomes") else here + 1)
                  if about(each)]  # fmt: skip
        assert len({about(each) for each in people}) == here


def test_a_provider_does_not_tell_whom_it_recognised_in_its_answers(consumer, provider, token, working, authority):
    answer = ask(consumer, token, f"/{SERVICE}/files")
    transaction = answer.headers["Fsc-Transaction-Id"]
    query = "/verbond/v1/exchanges?fromMillis=0&untilMillis=4000000000000"
    for asking, asked, told in ((consumer, provider, None), (provider, consumer, 2)):
        completion(asked, answer)
        caller = Caller(asking.node.identity, authority.anchors, asking.node.manager_address)

        def probe(caller=caller, asked=asked):
            items = caller.client(asked.node.manager_address).get(query).json()["items"]
            return [each for each in items if each["transaction_id"] == transaction and "completion" in each]

        [line] = eventually(probe, "the account")
        assert line["completion"].get("people") == told


def test_what_names_nobody_does_not_leave(consumer, provider, token, working, officers, source):
    answer = ask(consumer, token, f"/{SERVICE}/nobody")
    assert (answer.status, answer.json()["code"]) == (502, "PERSON_NOT_RECOGNISED") or answer.status == 502
    assert b"2026" not in answer.body
    transaction = answer.headers["Fsc-Transaction-Id"]
    line = eventually(lambda: [each["payload"] for each in provider.node.cli(
        "record", "journal", "--kind", "completion", "--limit", "1000")["items"]
        if each["payload"]["transaction_id"] == transaction], "the completion")[0]  # fmt: skip
    assert (line["delivery"], line["code"]) == ("nothing", "PERSON_NOT_RECOGNISED")


def test_nothing_about_a_person_leaves_before_their_record(consumer, provider, token, working, officers, slow):
    stream = Stream(consumer, token)
    eventually(lambda: stream.text.count(b"year") > 3, "some people")
    transaction = stream.answer.headers["Fsc-Transaction-Id"]
    with provider.node.locked_database():
        # Nothing can be written: what comes from the source now stays.
        time.sleep(0.5)
        held = stream.text.count(b"year")
        time.sleep(1.5)
        assert stream.text.count(b"year") == held
    slow[-1].ended = True
    stream.reader.join(30)
    arrived = stream.text.count(b"year")

    def recorded():
        lines = provider.node.cli("record", "journal", "--kind", "processing", "--limit", "1000")["items"]
        return sum(line["payload"]["transaction_id"] == transaction for line in lines)

    assert eventually(lambda: recorded() >= arrived, "a record for each") and arrived > 3


def test_a_person_is_found_and_looking_is_on_record(consumer, provider, token, working, officers, folder):
    number = folder / "number"
    number.touch(mode=0o600)
    number.write_text(BSN + "\n")
    before = ask(consumer, token)
    records(officers, provider, before, 1)
    officer = officers[provider.node.id]
    found = officer.afar("account", "person", "--identifies", "national-number", "--number-file", str(number))["items"]
    assert {about(each["record"]) for each in found} == {pseudonym(provider, BSN)}
    assert before.headers["Fsc-Transaction-Id"] in {each["transaction_id"] for each in found}
    acts = provider.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    looked = [line["payload"] for line in acts if line["payload"]["action"] == "account.person"]
    assert looked[-1]["subject"] == pseudonym(provider, BSN) and looked[-1]["author"]["kind"] == "person"
    # Whoever runs the node, or drafts, does not look for people.
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        provider.node.cli("account", "person", "--number-file", str(number))
    with pytest.raises(NodeFault):
        provider.people["drafter"].afar("account", "records")


def test_no_number_stands_in_a_database(consumer, provider, token, working):
    ask(consumer, token), ask(consumer, token, f"/{SERVICE}/people")
    numbers = [BSN, *(person(n)["bsn"] for n in range(PEOPLE))]
    for organisation in (consumer, provider):
        folder = organisation.node.database.parent
        for file in folder.glob("**/*"):
            if file.is_file():
                held = file.read_bytes()
                assert not [each for each in numbers if each.encode() in held], file


def test_the_view_is_of_the_journal(consumer, provider, token, working, officers):
    answer = ask(consumer, token, f"/{SERVICE}/people")
    records(officers, provider, answer, PEOPLE + 1)
    with sqlite3.connect(provider.node.database, timeout=10) as database:
        rows = database.execute(
            "SELECT COUNT(*) FROM processing_record JOIN journal_entry USING (position) "
            "WHERE kind IN ('permit', 'processing')").fetchone()  # fmt: skip
        everything = database.execute("SELECT COUNT(*) FROM processing_record").fetchone()
    database.close()
    assert rows == everything and rows[0] > PEOPLE
