"""Beyond the suite: an application that writes the consumer's processing records itself (Logboek Dataverwerkingen 1.0.0, §3.3).

Never both, never none: the outway writes none, each that is owed is taken once, and what is missing is named and stops what follows.
"""

import json
import secrets
import time

import pytest

from support.agreements import BSN, SERVICE, SOURCE, allowed, ask, conclude, document, element
from support.between_two import consumer, folder, provider  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.servers import Reply
from test_beyond_processing import about, person, pseudonym, side_of

WITHIN, MOST = 6, 3
SETTINGS = {"records": {"within_seconds": WITHIN, "most_outstanding": MOST}}


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    answers = {"/files": [person(number) for number in (1, 2, 1)]}
    echo.respond = lambda request: Reply.of(answers.get(request.path.partition("?")[0], SOURCE))
    return echo


@pytest.fixture(scope="module")
def settings():
    return SETTINGS


@pytest.fixture(scope="module")
def by_outway(consumer, provider):
    """The token of an application whose records the outway writes."""
    return allowed(consumer, provider)


@pytest.fixture(scope="module")
def token(consumer, provider, by_outway):
    """The token of an application that writes its records itself."""
    made = consumer.node.add_application("zaaksysteem")
    consumer.node.cli("application", "allow", "zaaksysteem", f"{provider.node.id}/{SERVICE}", "--alias", SERVICE,
                      "--records", "application")  # fmt: skip
    return made


@pytest.fixture(scope="module")
def content(consumer, provider, folder, by_outway, token):
    made = document(provider.node, consumer.node)
    files = {
        "name": "files", "method": "GET", "path": "/files", "content_type": "application/json", "record": "$[*]",
        "delivered": [
            element("$[*].year", "integer", "not_personal"),
            {**element("$[*].file", "string", "personal"), "identifies": "organisation_number"},
        ],
        "people": [{"at": {"place": "response", "path": "$[*].file"}, "identifies": "organisation_number"}],
    }  # fmt: skip
    made["clauses"][0]["operations"].append(files)
    conclude(consumer, provider, consumer.drafts(made, folder))
    eventually(lambda: ask(consumer, by_outway).status == 200, "an answer under the agreement", 20)
    return made


@pytest.fixture(scope="module")
def officer(consumer):
    return consumer.officer()


class Exchange:
    """One exchange of the application that writes for itself, in a trace of its own."""

    def __init__(self, consumer, token, content, path=f"/{SERVICE}/incomes/{BSN}"):
        self.consumer, self.token = consumer, token
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.activity = side_of(content, consumer)["activity"]["url"]
        self.begun = int(time.time() * 1000)
        self.answer = ask(consumer, token, path, traceparent=f"00-{self.trace}-{self.span}-00")
        self.transaction = self.answer.headers.get("Fsc-Transaction-Id")

    def record(self, number=BSN, kind="national_number", span=None, **more):
        """A record as the standard has it, the data subject by its number."""
        attributes = {"dpl.core.processing_activity_id": self.activity}
        if number is not None:
            attributes |= {"dpl.core.data_subject_id": number, "dpl.core.data_subject_id_type": kind}
        made = {"trace_id": self.trace, "span_id": span or self.span, "status": "Ok", "name": "Aanvraag beoordelen",
                "start_time": self.begun, "end_time": int(time.time() * 1000), "attributes": attributes}  # fmt: skip
        if span:
            made["parent_span_id"] = self.span
        return made | more

    def hand_in(self, record=None, token=None, transaction=None):
        body = json.dumps(record or self.record()).encode()
        return self.consumer.node.outway(f"/~records/{transaction or self.transaction}", token or self.token,
                                         method="POST", body=body, headers={"Content-Type": "application/json"})  # fmt: skip


def lines(organisation, kind, transaction):
    listed = organisation.node.cli("record", "journal", "--kind", kind, "--limit", "1000")["items"]
    return [each["payload"] for each in listed if each["payload"] and each["payload"].get("transaction_id") == transaction]


def standing(officer, exchange):
    def probe():
        return officer.afar("account", "exchanges", "--transaction", exchange.transaction)["items"]

    [found] = eventually(probe, "the exchange in the account")
    return found["records"]


def code(answer):
    return answer.json()["code"]


def test_the_application_writes_the_record_and_the_outway_none(consumer, provider, token, content, officer):
    exchange = Exchange(consumer, token, content)
    assert exchange.answer.status == 200
    assert standing(officer, exchange) == "owed"
    [permit] = lines(consumer, "permit", exchange.transaction)
    assert "processing" not in permit
    assert permit["owed"]["data_subjects"] == [pseudonym(consumer, BSN)] and permit["owed"]["span_id"] == exchange.span
    taken = exchange.hand_in()
    assert taken.status == 201, taken.body
    [entry] = lines(consumer, "processing", exchange.transaction)
    assert entry["written_by"] == "zaaksysteem"
    record = entry["record"]
    expected = exchange.record()
    assert {name: record[name] for name in ("trace_id", "span_id", "status", "name", "start_time")} == {
        name: expected[name] for name in ("trace_id", "span_id", "status", "name", "start_time")}  # fmt: skip
    assert about(record) == pseudonym(consumer, BSN)
    assert record["attributes"]["dpl.core.data_subject_id_type"] == "national_number"
    # The provider's record is of the same trace, and its parent is the application's own.
    [theirs] = lines(provider, "permit", exchange.transaction)
    [theirs] = theirs["processing"]
    assert (theirs["trace_id"], theirs["parent_span_id"]) == (exchange.trace, exchange.span)
    assert standing(officer, exchange) == "written"
    found = officer.afar("account", "records", "--transaction", exchange.transaction)["items"]
    assert [each["record"] for each in found] == [record]


def test_a_second_record_of_the_same_action_and_person_is_refused(consumer, token, content):
    exchange = Exchange(consumer, token, content)
    assert exchange.hand_in().status == 201
    again = exchange.hand_in(exchange.record(name="Iets anders"))
    assert (again.status, code(again)) == (409, "RECORD_STANDS")
    # Not under another span either, nor with zeros before the number.
    for record in (exchange.record(span=secrets.token_hex(8)), exchange.record(number=f"00{BSN}")):
        again = exchange.hand_in(record)
        assert again.status in (409, 422), again.body
    assert len(lines(consumer, "processing", exchange.transaction)) == 1


def test_of_an_exchange_of_the_outway_or_of_another_nothing_is_taken(consumer, token, by_outway, content):
    own = Exchange(consumer, token, content)
    other = Exchange(consumer, by_outway, content)
    assert len(lines(consumer, "permit", other.transaction)[0]["processing"]) == 1
    refused = other.hand_in()
    assert (refused.status, code(refused)) == (409, "RECORD_NOT_OWED")
    for refused in (own.hand_in(token=by_outway), own.hand_in(transaction="01890a5d-ac96-774b-bcce-b302099a8057")):
        assert (refused.status, code(refused)) == (404, "RECORD_EXCHANGE_UNKNOWN")
    assert own.hand_in(token="wrong").status == 401
    assert lines(consumer, "processing", other.transaction) == []
    assert own.hand_in().status == 201


def test_what_does_not_fit_the_exchange_is_not_taken(consumer, token, content):
    exchange = Exchange(consumer, token, content)
    good = exchange.record()
    attributes = good["attributes"]
    wrong = {
        "trace_id": good | {"trace_id": secrets.token_hex(16)},
        "span_id": good | {"span_id": "0" * 16},
        "parent_span_id": exchange.record(number="123", span=secrets.token_hex(8)) | {"parent_span_id": secrets.token_hex(8)},
        "end_time": good | {"end_time": good["start_time"] - 1},
        "name": good | {"name": f"Dossier van {BSN}"},
        "dpl.core.processing_activity_id": good | {"attributes": attributes | {"dpl.core.processing_activity_id": "https://x.test/1"}},
        "dpl.core.data_subject_id": exchange.record(number=None),
    }
    for member, record in wrong.items():
        refused = exchange.hand_in(record)
        assert (refused.status, code(refused)) == (422, "RECORD_UNUSABLE"), member
        assert f"`{member}`" in refused.json()["detail"], member
    about_another = exchange.hand_in(exchange.record(number="941735000"))
    assert (about_another.status, code(about_another)) == (422, "RECORD_UNUSABLE")
    for unreadable in (good | {"remark": BSN}, good | {"start_time": BSN}, {}, {"trace_id": BSN}):
        refused = exchange.hand_in(unreadable or {"x": 1})
        assert (refused.status, code(refused)) == (400, "RECORD_UNREADABLE")
        assert BSN.encode() not in refused.body
    large = exchange.hand_in(good | {"name": "x" * 20_000})
    assert (large.status, code(large)) == (400, "RECORD_NOT_RECEIVED")
    assert lines(consumer, "processing", exchange.transaction) == []
    assert exchange.hand_in().status == 201


def test_of_a_batch_one_for_the_action_and_one_for_each_person(consumer, token, content, officer):
    exchange = Exchange(consumer, token, content, f"/{SERVICE}/files")
    assert [each["file"] for each in exchange.answer.json()] == ["F-1", "F-2", "F-1"]
    assert exchange.hand_in(exchange.record(number=None)).status == 201
    assert standing(officer, exchange) == "owed"
    for number in ("F-1", "F-2"):
        span = secrets.token_hex(8)
        assert standing(officer, exchange) == "owed"
        assert exchange.hand_in(exchange.record(number, "organisation_number", span)).status == 201
    assert standing(officer, exchange) == "written"
    records = [each["record"] for each in lines(consumer, "processing", exchange.transaction)]
    assert {about(each) for each in records} == {
        None, *(pseudonym(consumer, f"F-{n}", "organisation_number") for n in (1, 2))}  # fmt: skip
    [completion] = eventually(lambda: lines(consumer, "completion", exchange.transaction), "the completion")
    assert completion["people"] == 2


def killed(consumer, by_outway):
    """The consumer's node ends at once, and is there again."""
    consumer.node.kill()
    consumer.node.start()
    eventually(lambda: ask(consumer, by_outway).status == 200, "answers again", 30)


def test_a_record_is_durable_before_it_is_taken(consumer, token, by_outway, content, officer):
    exchange = Exchange(consumer, token, content)
    assert exchange.answer.status == 200
    with consumer.node.locked_database():
        answer = exchange.hand_in()
        assert answer.status == 503, answer.body
    assert standing(officer, exchange) == "owed"
    assert exchange.hand_in().status == 201
    # What was taken is there after the node has been killed at that very moment.
    other = Exchange(consumer, token, content)
    assert other.hand_in().status == 201
    killed(consumer, by_outway)
    assert len(lines(consumer, "processing", other.transaction)) == 1


def test_what_is_owed_outlives_the_process(consumer, token, by_outway, content, officer):
    exchange = Exchange(consumer, token, content)
    assert exchange.answer.status == 200
    killed(consumer, by_outway)
    assert standing(officer, exchange) in ("owed", "record_missing")
    assert exchange.hand_in().status == 201
    assert standing(officer, exchange) == "written"


def test_a_request_that_names_no_span_is_refused(consumer, token, content, source):
    seen = len(source.requests)
    refused = ask(consumer, token)
    assert (refused.status, code(refused)) == (400, "TRACEPARENT_MISSING")
    assert len(source.requests) == seen


def test_a_record_that_does_not_come_is_named_and_raises_a_task(consumer, provider, token, content, officer):
    exchange = Exchange(consumer, token, content)
    assert exchange.answer.status == 200
    eventually(lambda: standing(officer, exchange) == "record_missing", "the record missing", WITHIN + 10)

    def tasks():
        listed = consumer.node.cli("task", "list")["items"]
        return [each for each in listed if "processing records" in each["what"]["en"]]

    [task] = eventually(tasks, "the task", 30)
    assert "zaaksysteem" in task["what"]["en"] and f"{provider.node.id}/{SERVICE}" in task["what"]["en"]
    eventually(lambda: time.time() * 1000 - exchange.begun > 6_000, "a period that has settled", 10)
    came = officer.afar("account", "reconcile", f"oin:{provider.node.id}", "--after", "2026-01-01T00:00:00Z")
    found = [each for each in came["findings"] if each["kind"] == "record_missing"]
    assert [each["transaction_id"] for each in found] == [exchange.transaction]
    # It is taken late too.
    assert exchange.hand_in().status == 201
    assert standing(officer, exchange) == "written"


def test_while_too_many_are_owed_nothing_more_is_asked(consumer, token, by_outway, content, source):
    open_ones = [Exchange(consumer, token, content) for _ in range(MOST)]
    assert [each.answer.status for each in open_ones] == [200] * MOST
    seen = len(source.requests)
    refused = Exchange(consumer, token, content)
    assert (refused.answer.status, code(refused.answer)) == (403, "RECORDS_OWED")
    assert len(source.requests) == seen
    # Others do not suffer, and after a restart it is the same.
    assert ask(consumer, by_outway).status == 200
    killed(consumer, by_outway)
    assert Exchange(consumer, token, content).answer.status == 403
    assert open_ones[0].hand_in().status == 201
    another = Exchange(consumer, token, content)
    assert another.answer.status == 200
    for each in (*open_ones[1:], another):
        assert each.hand_in().status == 201


def test_an_open_service_has_no_records_to_write(consumer, provider):
    with pytest.raises(NodeFault, match="OPEN_SERVICE_HAS_NO_RECORDS"):
        consumer.node.cli("application", "allow", "zaaksysteem", f"{provider.node.id}/trees", "--alias", "trees", "--class", "open",
                          "--steward", "S. Voorbeeld", "--reason", "trees", "--records", "application")  # fmt: skip
    shown = consumer.node.cli("application", "show", "zaaksysteem")
    assert [each["records"] for each in shown["bindings"]] == ["application"]


def test_no_number_that_was_handed_in_stands_anywhere(consumer, token, content):
    exchange = Exchange(consumer, token, content, f"/{SERVICE}/files")
    number = "958124736"
    assert exchange.hand_in(exchange.record(number=None)).status == 201
    for name in ("F-1", "F-2"):
        assert exchange.hand_in(exchange.record(name, "organisation_number", secrets.token_hex(8))).status == 201
    assert exchange.hand_in(exchange.record(number, span=secrets.token_hex(8))).status == 201
    for file in consumer.node.database.parent.glob("**/*"):
        if file.is_file():
            assert number.encode() not in file.read_bytes(), file
    assert number not in "".join(consumer.node.stderr)
