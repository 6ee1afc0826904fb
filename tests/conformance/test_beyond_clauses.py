"""Beyond the suite: what stands round an answer and round a request carries nothing that was not agreed on, and what an
operation promises happens: header fields, statuses, content types, operations with which nothing is delivered."""

import copy

import pytest

from support.agreements import AGREED, BSN, SERVICE, SOURCE, ask, conclude, document, element
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.own_end import Wire
from support.servers import Reply

SECRET = "Bakkerij-Voorbeeld"
CARRIERS = (
    "X-Note", "Fsc-Note", "Fsc-Error-Code", "Content-Language", "Retry-After", "Traceparent", "Tracestate", "Set-Cookie",
    "ETag", "Link", "Warning", "Vary", "Cache-Control", "Verbond-Purpose", "Verbond-Checkpoint", "Fsc-Transaction-Id",
)  # fmt: skip
"""Fields of an answer in which a source could say something besides."""


def clauses(provider, consumer):
    made = document(provider, consumer)
    operations = made["clauses"][0]["operations"]
    note = {**copy.deepcopy(operations[0]), "name": "leave-note", "method": "PUT", "path": "/notes/{person}", "delivered": []}
    note["request"] = {"content_type": "application/json", "elements": [element("$.text", "string", "personal")]}
    lines = {**copy.deepcopy(operations[0]), "name": "lines", "path": "/lines/{person}", "content_type": "application/jsonl"}
    operations += [note, lines]
    return made


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token):
    conclude(consumer, provider, consumer.drafts(clauses(provider.node, consumer.node), folder))
    return eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)


@pytest.fixture(autouse=True)
def as_before(source):
    source.respond = lambda request: Reply.of(SOURCE)
    source.forget()


def says(source, status=200, body=SOURCE, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    source.respond = lambda request: Reply.of(body, status, **headers)


def test_no_field_of_a_sources_answer_carries_anything(consumer, provider, authority, token, working, source):
    said = {name: SECRET for name in CARRIERS}
    for status in (200, 404):
        source.respond = lambda request, status=status: Reply(
            status, b'{"year": 2026}', {"Content-Type": f'application/json; note="{SECRET}"', **said}
        )
        answer = ask(consumer, token)
        assert answer.status == status and SECRET not in str(answer.headers) and SECRET not in answer.body.decode()
        assert answer.headers["Content-Type"] == "application/json" and answer.headers["Fsc-Transaction-Id"]
        # On the way too: what the provider's own node sends.
        assert SECRET.encode() not in Wire(consumer, provider, authority).ask(BSN)
    says(source, Content_Language="nl-NL")
    assert ask(consumer, token).headers["Content-Language"] == "nl-NL"


@pytest.mark.parametrize(
    ("status", "told"),
    [(201, 201), (299, 200), (206, 502), (302, 502), (401, 502), (407, 502), (418, 400), (404, 404), (500, 500), (999, 502)],
)
def test_few_statuses_are_told(consumer, token, working, source, status, told):
    says(source, status)
    answer = ask(consumer, token)
    assert answer.status == told, answer
    if told < 300:
        assert answer.json() == AGREED
    else:
        assert answer.json()["code"] in ("SOURCE_REFUSED", "ANSWER_NOT_PROJECTABLE") and BSN not in answer.body.decode()


def test_a_source_that_asks_to_wait_is_heard_and_no_more(consumer, token, working, source):
    for said, told in (("7", "8"), ("120", "128"), ("999990019", None), (SECRET, None)):
        says(source, 503, Retry_After=said)
        answer = ask(consumer, token)
        assert (answer.status, answer.headers["Retry-After"]) == (503, told)


def test_no_field_of_a_request_carries_anything_to_the_source(consumer, token, working, source):
    names = (
        "Accept", "Accept-Language", "Tracestate", "Fsc-Note", "X-Note", "Cookie", "Range", "If-None-Match", "Forwarded",
        "User-Agent", "X-HTTP-Method-Override", "Referer", "Verbond-Assurance-Level", "Verbond-Human-In-The-Loop",
    )  # fmt: skip
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    said = {name: SECRET for name in names} | {"Traceparent": trace, "Tracestate": f"note={SECRET}"}
    answer = consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token, headers=said)
    assert (answer.status, answer.json()) == (200, AGREED)
    (asked,) = source.received()
    assert asked.method == "GET" and SECRET not in str(asked.headers)
    assert asked.headers["Accept"] == "application/json" and asked.headers["Traceparent"].split("-")[1] == trace.split("-")[1]


def test_where_nothing_is_delivered_only_the_status_is(consumer, token, working, source):
    says(source, 201, {"number": "N-1", "employee": SECRET}, Location=f"/notes/{SECRET}")
    answer = consumer.node.outway(f"/{SERVICE}/notes/{BSN}", token, method="PUT", body=b'{"text": "moved", "more": 1}',
                                  headers={"Content-Type": f'application/json; note="{SECRET}"'})  # fmt: skip
    assert (answer.status, answer.body) == (201, b"") and SECRET not in str(answer.headers), answer
    (asked,) = source.received()
    assert asked.json() == {"text": "moved"} and asked.headers["Content-Type"] == "application/json"


def test_an_answer_that_says_that_it_is_not_coded_is_read(consumer, token, working, source):
    says(source, Content_Encoding="identity")
    assert ask(consumer, token).json() == AGREED
    says(source, Content_Encoding="gzip")
    assert ask(consumer, token).json()["code"] == "ANSWER_NOT_PROJECTABLE"


def test_lines_have_more_than_one_name(consumer, token, working, source):
    source.respond = lambda request: Reply(200, b'{"year":2026,"bsn":"1"}\n{"year":2025}\n', {"Content-Type": "application/jsonl"})
    answer = consumer.node.outway(f"/{SERVICE}/lines/{BSN}", token)
    assert (answer.status, answer.body) == (200, b'{"year":2026}\n{"year":2025}\n')
