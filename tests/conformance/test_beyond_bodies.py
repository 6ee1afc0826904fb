"""Beyond the suite: of what is sent under an agreement only what is agreed leaves, and the other side looks once more."""

import json

import pytest

from support.agreements import SERVICE, conclude, document, element
from support.between_two import consumer, folder, token  # noqa: F401
from support.checks import eventually
from support.own_end import Wire
from support.servers import Reply
from support.tapped import provider, tap  # noqa: F401

PERSON = "P-0042"
DOUBT = {"reason": "moved", "year": 2026, "phone": "06-00000000", "details": {"days": [1, 2], "doctor": "Dokter Voorbeeld"}}
AGREED = {"reason": "moved", "year": 2026, "details": {"days": [1, 2]}}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    echo.respond = lambda request: Reply.of({"number": "D-1", "employee": "Medewerker Voorbeeld"})
    return echo


def doubts(provider, consumer):
    made = document(provider, consumer)
    operation = made["clauses"][0]["operations"][0]
    operation |= {
        "name": "report-doubt",
        "method": "POST",
        "path": "/incomes/{person}/doubts",
        "request": {
            "content_type": "application/json",
            "elements": [
                element("$.reason", "string", "personal"),
                element("$.year", "integer", "personal"),
                element("$.details.days[*]", "integer", "personal"),
            ],
        },
        "delivered": [element("$.number", "string", "personal")],
    }
    return made


@pytest.fixture(scope="module")
def working(consumer, provider, authority, folder, token, tap):
    tap.between(consumer.node, provider.node, authority.anchors)
    conclude(consumer, provider, consumer.drafts(doubts(provider.node, consumer.node), folder))
    return eventually(lambda: post(consumer, token, DOUBT).status == 200, "an answer under the agreement", 20)


def post(consumer, token, body, headers=None, path=f"/{SERVICE}/incomes/{PERSON}/doubts"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return consumer.node.outway(path, token, method="POST", headers=JSON if headers is None else headers, body=body)


def test_what_is_not_agreed_does_not_leave_the_consumers_node(consumer, token, working, tap):
    tap.forget()
    assert post(consumer, token, DOUBT).status == 200
    assert b"moved" in tap.asked and b"D-1" in tap.answered, (tap.asked, tap.answered)
    for secret in (b"06-00000000", b"Dokter", b"doctor"):
        assert secret not in tap.asked
    assert b"Medewerker" not in tap.answered


def test_only_what_is_agreed_of_a_body_leaves(consumer, token, working, source):
    for body, arrives in (
        (DOUBT, AGREED),
        ({"reason": 7, "year": "2026", "details": "none"}, {}),
        ({"details": {"days": [1, "two", {"three": 3}]}}, {"details": {"days": [1, None, None]}}),
    ):
        source.forget()
        answer = post(consumer, token, body)
        assert (answer.status, answer.json()) == (200, {"number": "D-1"}), answer
        (request,) = source.received()
        assert request.json() == arrives and request.headers["Content-Length"] == str(len(request.body))
        assert request.headers["Content-Type"] == "application/json"
    # Without one it is asked, too; and what is long goes on as it comes.
    source.forget()
    assert post(consumer, token, b"").status == 200
    long = {"reason": "x" * 300_000, "phone": "06-00000000"}
    assert post(consumer, token, long).status == 200
    empty, streamed = source.received()
    assert empty.body == b"" and streamed.json() == {"reason": long["reason"]}


def test_a_body_of_another_form_goes_nowhere(consumer, token, working, source):
    source.forget()
    for body, headers, code in (
        (b"reason=moved", {"Content-Type": "application/x-www-form-urlencoded"}, "BODY_NOT_AGREED"),
        (b"{}", {}, "BODY_NOT_AGREED"),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, "BODY_NOT_AGREED"),
        (b'{"reason": "a", "reason": "b"}', JSON, "BODY_NOT_PROJECTABLE"),
        (b'{"reason": "a"', JSON, "BODY_NOT_PROJECTABLE"),
        (b"\xff", JSON, "BODY_NOT_PROJECTABLE"),
    ):
        answer = post(consumer, token, body, headers)
        assert (answer.status, answer.json()["code"]) == (422, code), (body, answer)
    assert source.received() == []


def test_what_a_consumers_node_lets_through_the_providers_does_not(consumer, provider, authority, working, source):
    """The consumer's end of the mutual TLS in another language sends more than is agreed."""
    wire = Wire(consumer, provider, authority)
    body = json.dumps(DOUBT).encode()
    source.forget()
    read = wire.send("POST", f"/incomes/{PERSON}/doubts", body)
    assert read.startswith(b"HTTP/1.1 200") and b"Medewerker" not in read, read
    (request,) = source.received()
    assert request.json() == AGREED and b"Dokter" not in request.body
    source.forget()
    assert wire.send("POST", f"/incomes/{PERSON}/doubts", b"{").startswith(b"HTTP/1.1 422")
    assert source.received() == []
