"""Beyond the suite: answers instead of data. The source is an ordinary interface that holds incomes and knows of nothing;
what leaves is a yes, a word or a number of the signed agreement, and the income in no form at all.

The bytes are looked at where they are sent: this suite ends the mutual TLS itself, as a consumer of its own making.
"""

import base64
import copy
import json

import pytest

from support.agreements import BSN, SERVICE, conclude, document, element, write
from support.between_two import consumer, folder, provider, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from support.own_end import Wire
from support.servers import Reply

AMOUNTS = ("14250.37", "15480.5", "48211.90")
"""Below the limit, on it, and above it: each would be known again in any bytes."""


def source_of(amount, **more):
    income = b'{"amount": %s, "employer": "Bakkerij Voorbeeld"}' % amount.encode()
    return b'{"year": 2026, "bsn": "%s", "income": %s, "debts": [{"amount": 120.75}, {"amount": 99.99}]}' % (BSN.encode(), income)


def compare(operator, constant, source="$.income.amount"):
    return {"by": "compare", "from": source, "comparison": {"operator": operator, "constant": constant}}


def derived(path, kind, rule):
    return {**element(path, kind, "sensitive"), "derived": rule}


ANSWERS = [
    element("$.year", "integer", "personal"),
    derived("$.income.below_minimum", "boolean", compare("below", {"number": "15480.50"})),
    derived("$.income.level", "string", {"by": "band", "from": "$.income.amount", "bands": [
        {"name": "low", "below": "15480.50"}, {"name": "middle", "below": "40000"}, {"name": "high"}]}),
    derived("$.income.abroad", "boolean", {"by": "exists", "from": "$.income.foreign"}),
    derived("$.debts", "integer", {"by": "count", "from": "$.debts[*]"}),
    derived("$.small_debts", "integer", {
        "by": "count", "from": "$.debts[*].amount",
        "matching": {"operator": "at_most", "constant": {"number": "100"}}}),
]  # fmt: skip
EXPECTED = {
    "14250.37": {"below_minimum": True, "level": "low", "abroad": False},
    "15480.5": {"below_minimum": False, "level": "middle", "abroad": False},
    "48211.90": {"below_minimum": False, "level": "high", "abroad": False},
}


def answers(provider, consumer, **more):
    made = document(provider, consumer, **more)
    made["clauses"][0]["operations"][0]["delivered"] = copy.deepcopy(ANSWERS)
    return made


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    echo.respond = lambda request: Reply(200, source_of(AMOUNTS[0]), {"Content-Type": "application/json"})
    return echo


@pytest.fixture(scope="module")
def signed(consumer, provider, folder, token):
    """The hash of an agreement on answers, signed at both."""
    digest = consumer.drafts(answers(provider.node, consumer.node), folder)
    conclude(consumer, provider, digest)
    return digest


PEOPLE = iter(f"99999{number:04}" for number in range(100, 1000))
"""Whom nobody has been asked about yet: one question per person and day is all there is."""


def ask(consumer, token, person=None, **headers):
    return consumer.node.outway(f"/{SERVICE}/incomes/{person or next(PEOPLE)}", token, headers=headers)


@pytest.fixture(scope="module")
def working(consumer, token, signed):
    return eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)


def answering(source, body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    source.respond = lambda request: Reply(200, body, {"Content-Type": "application/json"})


def test_the_answer_is_told_and_the_income_is_not(consumer, token, working, source):
    for amount, expected in EXPECTED.items():
        answering(source, source_of(amount))
        answer = ask(consumer, token)
        assert answer.status == 200, answer
        assert answer.json() == {"year": 2026, "income": expected, "debts": 2, "small_debts": 1}
        for secret in (amount, BSN, "Bakkerij", "120.75", "99.99"):
            assert secret not in answer.body.decode()


def test_what_cannot_be_told_is_absent_and_never_a_no(consumer, token, working, source):
    whole = json.loads(source_of(AMOUNTS[0]))
    for change, missing in (
        ({"income": {"employer": "x"}}, {"below_minimum", "level"}),
        ({"income": {"amount": None}}, {"below_minimum", "level"}),
        ({"income": {"amount": "14250.37"}}, {"below_minimum", "level"}),
        ({"income": {"amount": [14250.37]}}, {"below_minimum", "level"}),
    ):
        answering(source, whole | change)
        answer = ask(consumer, token)
        assert answer.status == 200 and answer.json()["income"] == {"abroad": False}, answer
        assert "14250.37" not in answer.body.decode()
    for debts, told in ((None, {}), ([], {"debts": 0, "small_debts": 0}), ([{"amount": "7"}], {"debts": 1})):
        answering(source, whole | {"debts": debts})
        answer = ask(consumer, token).json()
        assert {name: answer[name] for name in ("debts", "small_debts") if name in answer} == told


def test_a_number_is_compared_as_it_is_written(consumer, token, working, source):
    for written, below in (("15480.499999999999999999999", True), ("1548050e-2", False), ("1.5480500000000000000001E4", False)):
        answering(source, source_of(written))
        assert ask(consumer, token).json()["income"]["below_minimum"] is below, written


def test_nothing_of_a_request_moves_a_limit(consumer, token, working, source):
    answering(source, source_of(AMOUNTS[0]))
    source.forget()
    person = next(PEOPLE)
    for query in ("?to=20000", "?below=20000", "?fields=amount"):
        answer = consumer.node.outway(f"/{SERVICE}/incomes/{person}{query}", token)
        assert (answer.status, answer.json()["code"]) == (403, "PARAMETER_NOT_AGREED")
    answer = ask(consumer, token, person, **{"Verbond-Purpose": "enforcement"})
    assert (answer.status, answer.json()["code"]) == (403, "PURPOSE_NOT_AGREED")
    assert source.received() == []


def test_the_bytes_on_the_wire_never_hold_the_income(consumer, provider, authority, working, source):
    wire = Wire(consumer, provider, authority)
    for amount in AMOUNTS:
        answering(source, source_of(amount))
        source.forget()
        read = wire.ask(next(PEOPLE))
        assert read.startswith(b"HTTP/1.1 200"), read[:500]
        assert b'"below_minimum":' in read and len(source.received()) == 1
        # In no form in which an amount can be written, and nothing else of the source.
        digits = amount.replace(".", "")
        for secret in (amount, digits, amount.split(".")[0], "Bakkerij", "120.75", BSN):
            assert secret.encode() not in read, (secret, read)
            assert base64.b64encode(secret.encode()).rstrip(b"=")[:-1] not in read


def test_a_person_is_asked_about_once_a_day_also_where_nobody_said_so(consumer, provider, authority, token, working, source):
    """At the consumer's own node; and at the provider's, whatever the consumer's node does."""
    answering(source, source_of(AMOUNTS[0]))
    person = next(PEOPLE)
    assert ask(consumer, token, person).status == 200
    source.forget()
    answer = ask(consumer, token, person)
    assert (answer.status, answer.json()["code"]) == (429, "PERSON_LIMIT_REACHED")
    read = Wire(consumer, provider, authority).ask(person)
    assert read.startswith(b"HTTP/1.1 429") and b"PERSON_LIMIT_REACHED" in read, read[:500]
    assert person.encode() not in read and source.received() == []


def test_what_hides_nothing_is_no_draft(consumer, provider, folder):
    """A document that says one thing and could only do another is not taken in."""
    delivered = ANSWERS[1]
    for change, said in (
        ([*ANSWERS, element("$.income.amount", "number", "sensitive")], "delivered as well"),
        ([*ANSWERS, {**element("$.income", "subtree", "sensitive"), "why_all": "All."}], "subtree"),
        ([{**delivered, "type": "number"}], "is derived"),
        ([{**delivered, "derived": compare("below", {"text": "low"})}], "equal or not equal"),
        ([{**delivered, "derived": compare("below", {"number": "1e5"})}], "digits"),
        ([{**delivered, "derived": compare("below", {"number": 15480.5})}], "string"),
        ([{**delivered, "derived": compare("below", {"number": "1"}, source="$.income.months[*].amount")}], "count"),
        ([{**delivered, "derived": {**compare("below", {"number": "1"}), "round": True}}], "round"),
    ):
        content = answers(provider.node, consumer.node, id="01932f5e-7c00-7000-8000-000000000003")
        content["clauses"][0]["operations"][0]["delivered"] = change
        with pytest.raises(NodeFault, match=said):
            consumer.people["drafter"].afar("agreement", "new", write(folder, content))


def test_a_preview_shows_what_is_told_and_what_is_struck_out(consumer, signed, folder):
    sample = folder / "sample.json"
    sample.write_bytes(source_of(AMOUNTS[0]))
    shown = consumer.people["drafter"].afar("agreement", "preview", signed, str(sample))
    (one,) = shown["operations"]
    assert (one["clause"], one["operation"]) == ("incomes", "income-of-person")
    assert one["delivered"] == {"year": 2026, "income": EXPECTED[AMOUNTS[0]], "debts": 2, "small_debts": 1}
    assert one["struck_out"] == ["$.bsn", "$.debts[*].amount", "$.income.amount", "$.income.employer"]
    assert one["untold"] == one["absent"] == []
    assert "14250.37" not in json.dumps(shown)
    sample.write_text('{"income": {"amount": "much"}}')
    (one,) = consumer.people["drafter"].afar("agreement", "preview", signed, str(sample))["operations"]
    assert one["delivered"] == {"income": {"abroad": False}} and one["absent"] == ["$.year"]
    assert "$.income.below_minimum" in one["untold"]
    sample.write_text("{")
    (one,) = consumer.people["drafter"].afar("agreement", "preview", signed, str(sample))["operations"]
    assert "cannot be projected" in one["problem"]
