"""Beyond the suite: an organisation's own decision point is asked too (docs/adr/0027). Its deny counts, its permit is never
enough, and without an answer nothing is exchanged.

Consumer and provider each have one of their own, written from the text of AuthZEN: the provider's behind mutual TLS and a
token, the consumer's on its own machine.
"""

import json
import threading
import time

import pytest

from support.agreements import AGREED, BSN, PURPOSE, SERVICE, SOURCE, Organisation, allowed, conclude, document, joined
from support.between_two import folder  # noqa: F401
from support.checks import eventually
from support.decision_point import DecisionPoint
from support.node import NodeFault
from support.servers import Reply
from support.wire import UnixClient, tls_context

OPEN = "water-levels"
TOKEN = "t0ken-of-the-inway"
DENIED, UNAVAILABLE = "DECISION_POINT_DENIED", "DECISION_POINT_UNAVAILABLE"
TIME_MS = 1500


@pytest.fixture(scope="module")
def source(world):
    """Incomes; and levels, since what speaks of people would not stay open."""
    echo = world.echo()
    echo.respond = lambda request: Reply.of({"level": 3} if "/levels" in request.path else SOURCE)
    return echo


@pytest.fixture(scope="module")
def points(authority):
    """The decision points: of the provider and of the consumer."""
    server = tls_context(authority.anchors, authority.issue(None, "Beslispunt", "pdp.test", kind="p256"), server=True)
    made = {
        "provider": DecisionPoint(server, path="/authzen/v1/evaluation", token=TOKEN),
        "consumer": DecisionPoint(),
    }
    yield made
    for each in made.values():
        each.stop()


@pytest.fixture(scope="module")
def provider(world, authority, folder, source, points):
    client = authority.issue(None, "Inway", "inway-intern.test", kind="p256")
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)
    settings = {
        "decision_point": {
            "address": f"https://pdp.test:{points['provider'].port}/authzen/v1/evaluation",
            "anchors": ["trust-anchors.pem"],
            "certificate": client.certificate_file,
            "key": client.key_file,
            "token_file": str(folder / "token"),
            "timeout_ms": TIME_MS,
        },
        "hosts": {"pdp.test": "127.0.0.1"},
    }
    made = Organisation(world, authority, "provider", folder, settings=settings, directory_role=True, accept=True)
    made.offers(source)
    made.node.add_service(OPEN, source.url)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider, points):
    settings = {
        "decision_point": {
            "address": f"http://127.0.0.1:{points['consumer'].port}",
            "timeout_ms": TIME_MS,
            "pass_reason": False,
        }
    }
    return joined(world, authority, folder, provider, settings=settings)


@pytest.fixture(scope="module")
def token(consumer, provider):
    made = allowed(consumer, provider)
    consumer.node.allow("balie", provider.node.id, OPEN, OPEN)
    consumer.node.propose(provider.node.id, OPEN)
    return made


@pytest.fixture(scope="module")
def auditors(provider, consumer):
    both = {"provider": provider, "consumer": consumer}
    return {name: each.enrols("controleur", "auditor") for name, each in both.items()}


@pytest.fixture(scope="module")
def signed(consumer, provider, folder, token):
    digest = consumer.drafts(document(provider.node, consumer.node), folder)
    conclude(consumer, provider, digest)
    return digest


def ask(consumer, token, path=f"/{SERVICE}/incomes/{BSN}", **headers):
    answer = consumer.node.outway(path, token, headers=headers)
    return answer, answer.headers["Fsc-Transaction-Id"]


@pytest.fixture(scope="module")
def working(consumer, token, signed):
    """Waits until exchanges work with points that permit."""
    for path in (f"/{SERVICE}/incomes/{BSN}", f"/{OPEN}/levels"):
        eventually(lambda path=path: ask(consumer, token, path)[0].status == 200, f"an answer at {path}", 20)


@pytest.fixture(autouse=True)
def forgotten(points, source, working):
    for each in (*points.values(), source):
        each.forget()
    yield
    for each in points.values():
        each.permit()


def lines(organisation, kind, transaction):
    found = organisation.node.cli("record", "journal", "--kind", kind, "--limit", "1000")["items"]
    return [line["payload"] for line in found if line["payload"].get("transaction_id") == transaction]


def refusal(organisation, transaction):
    """The one line about an exchange that was refused; that there is no permit either."""
    (line,) = eventually(lambda: lines(organisation, "refusal", transaction), "the refusal")
    assert lines(organisation, "permit", transaction) == []
    return line


def test_who_permits_is_asked_at_both_sides_and_told_nothing_of_the_person(consumer, provider, token, points, signed):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer, transaction = ask(consumer, token, Traceparent=trace, Tracestate="a=b")
    assert (answer.status, answer.json()) == (200, AGREED)
    for role, direction in (("provider", "incoming"), ("consumer", "outgoing")):
        ((question, headers),) = points[role].asked(transaction)
        assert headers["Fsc-Transaction-Id"] == headers["X-Request-ID"] == transaction
        assert headers["Traceparent"].split("-")[1] == trace.split("-")[1] and headers["Traceparent"] != trace
        # What tracing keeps besides stays within the organisation whose application asks.
        state = "a=b" if role == "consumer" else None
        assert headers["Tracestate"] == state
        subject, action, resource, context = (question[name] for name in ("subject", "action", "resource", "context"))
        assert (subject["type"], subject["id"]) == ("identity", consumer.node.id)
        assert subject["properties"]["outway_peer_id"] == consumer.node.id
        assert subject["properties"]["service_peer_id"] == provider.node.id
        assert subject["properties"]["service_name"] == SERVICE and subject["properties"]["grant_hash"].startswith("$1$")
        assert subject["properties"].get("application") == ("balie" if role == "consumer" else None)
        side = "provide-incomes" if role == "provider" else "outreach"
        assert action["name"] == "GET" and side in action["properties"]["processing_activity_id"]
        assert (resource["type"], resource["id"]) == ("uri", "/incomes/{person}")
        assert resource["properties"]["elements"] == ["$.year", "$.income.below_minimum"]
        assert context["direction"] == direction and context["purpose"] == PURPOSE
        assert context["transaction_id"] == context["headers"]["Fsc-Transaction-Id"] == transaction
        assert context["traceparent"] == headers["Traceparent"] and context.get("tracestate") == state
        assert context["agreement"]["hash"] == signed and context["agreement"]["clause"] == "incomes"
        assert BSN not in json.dumps(question) and BSN not in str(headers)
    ((_, headers),) = points["provider"].asked(transaction)
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert points["provider"].received()[0].certificate is not None
    # The decision that is on record names what was heard.
    for each in (consumer, provider):
        (permit,) = eventually(lambda each=each: lines(each, "permit", transaction), "the permit")
        heard = permit["decision"]["body"]["adl.core.information"]["decision_point"]
        assert heard["outcome"] == "permit" and heard["authority"].rpartition(":")[2].isdigit()


def test_a_permit_is_not_enough_and_who_would_be_refused_is_not_asked_about(consumer, provider, token, points, source):
    for path, headers in (
        (f"/{SERVICE}/incomes/{BSN}", {"Verbond-Purpose": "enforcement"}),
        (f"/{SERVICE}/employers/{BSN}", {}),
    ):
        answer, _ = ask(consumer, token, path, **headers)
        assert answer.status == 403 and answer.json()["code"] in ("PURPOSE_NOT_AGREED", "OPERATION_NOT_AGREED")
    assert points["consumer"].received() == points["provider"].received() == source.received() == []


@pytest.mark.parametrize("role", ["consumer", "provider"])
def test_its_deny_refuses_with_its_reason_and_one_decision_on_record(
    consumer, provider, token, points, source, auditors, role
):
    reasons = {
        "id": "rule-12",
        "reason_user": {"en-403": "Not on this day.", "nl": "Vandaag niet."},
        "reason_admin": {"en": "Rule 12 of the calendar"},
    }
    points[role].deny(**reasons)
    answer, transaction = ask(consumer, token)
    problem = answer.json()
    assert (answer.status, problem["code"]) == (403, DENIED), answer
    assert answer.headers["Fsc-Error-Code"] == DENIED and problem["next"] and problem["next_nl"]
    # The provider passes the reason on to the consumer; the consumer's node keeps its own point's to itself.
    passes = role == "provider"
    assert problem["detail"].endswith(" Reason: Not on this day.") == passes
    assert problem["detail_nl"].endswith(" Reden: Vandaag niet.") == passes
    assert "calendar" not in answer.body.decode() and "Not on" not in problem["user"] + problem["user_nl"]
    assert source.received() == []

    own = {"consumer": consumer, "provider": provider}[role]
    line = refusal(own, transaction)
    assert line["code"] == DENIED
    decision = line["decision"]["body"]
    assert decision["adl.core.response"]["decision"] is False
    assert [each["code"] for each in decision["adl.core.response"]["context"]["reasons"]] == [DENIED]
    heard = decision["adl.core.information"]["decision_point"]
    assert (heard["outcome"], heard["id"]) == ("deny", "rule-12")
    assert heard["reason_user"] == {"nl": "Vandaag niet.", "en": "Not on this day."}
    assert heard["reason_admin"]["en"] == "Rule 12 of the calendar"
    # At the consumer's refusal nothing has reached the provider; at the provider's, the consumer had its permit.
    assert len(lines(consumer, "permit", transaction)) == (1 if role == "provider" else 0)
    if role == "consumer":
        assert points["provider"].received() == [] and lines(provider, "refusal", transaction) == []

    # Taken again it comes out the same, by the answer on record: the point is not asked again.
    points[role].permit()
    points[role].forget()
    replayed = eventually(lambda: replay(auditors[role], transaction), "the decision taken again")
    assert (replayed["same"], replayed["differs"], replayed["not_possible"]) == (1, 0, 0), replayed
    (item,) = replayed["items"]
    assert item["permitted_then"] is False and item["permitted_now"] is False
    assert "taken from the record" in item["why"]
    assert points[role].received() == []


def replay(person, transaction):
    try:
        return person.afar("decision", "replay", transaction)
    except NodeFault:
        return None


def test_a_reason_is_bounded_on_one_line_and_names_no_number(consumer, provider, token, points):
    said = f"Person {BSN}\r\nX-Injected: 1\u0000\u202e {'a' * 3000}"
    points["provider"].deny(reason_user=said, reason_admin=f"{BSN[:4]} {BSN[4:]}")
    answer, transaction = ask(consumer, token)
    detail = answer.json()["detail"]
    assert "Person \u2026 X-Injected: 1 aaa" in detail and len(detail) < 600, detail
    assert BSN not in answer.body.decode() and "X-Injected" not in answer.headers
    line = refusal(provider, transaction)
    assert BSN not in json.dumps(line) and BSN[4:] not in json.dumps(line)
    reason = line["decision"]["body"]["adl.core.information"]["decision_point"]["reason_user"]["en"]
    assert len(reason) == 500 and reason.isprintable()


def huge():
    """Well-formed, and longer than anybody reads."""
    return b'{"decision": true, "context": {"x": "' + b"x" * 200_000 + b'"}}'


NO_ANSWERS = {
    "an error": Reply(500, b'"broken"'),
    "who is this": Reply(401, b'"unknown"'),
    "another status with a permit": Reply.of({"decision": True}, status=201),
    "a redirect": Reply(307, b"", {"Location": "/elsewhere"}),
    "a page": Reply(200, b"<html>yes</html>", {"Content-Type": "text/html"}),
    "nothing": Reply(200, b""),
    "no boolean": Reply.of({"decision": "true"}),
    "twice": Reply(200, b'{"decision": false, "decision": true}', {"Content-Type": "application/json"}),
    "no decision": Reply.of({"allowed": True}),
    "huge": Reply(200, huge(), {"Content-Type": "application/json"}),
    "cut": Reply(close=True),
}


@pytest.mark.parametrize("role", ["consumer", "provider"])
@pytest.mark.parametrize("name", NO_ANSWERS)
def test_without_an_answer_that_can_be_used_nothing_is_exchanged(consumer, token, points, source, role, name):
    points[role].instead = NO_ANSWERS[name]
    answer, _ = ask(consumer, token)
    assert (answer.status, answer.json()["code"]) == (503, UNAVAILABLE), answer
    assert source.received() == []
    assert all(request.target != "/elsewhere" for request in points[role].received())
    points[role].instead = None
    assert ask(consumer, token)[0].status == 200


@pytest.mark.parametrize("role", ["consumer", "provider"])
def test_it_is_waited_for_as_long_as_agreed(consumer, provider, token, points, source, auditors, role):
    points[role].delay = 2 * TIME_MS / 1000
    begun = time.monotonic()
    answer, transaction = ask(consumer, token)
    assert (answer.status, answer.json()["code"]) == (503, UNAVAILABLE), answer
    assert TIME_MS / 1000 <= time.monotonic() - begun < 2 * TIME_MS / 1000
    assert source.received() == []
    line = refusal({"consumer": consumer, "provider": provider}[role], transaction)
    assert line["decision"]["status"] == "Error"
    assert line["decision"]["body"]["adl.core.information"]["decision_point"]["outcome"] == "unavailable"
    replayed = eventually(lambda: replay(auditors[role], transaction), "the decision taken again")
    assert replayed["same"] == 1, replayed


def test_a_body_that_never_ends_is_not_waited_for(consumer, token, points, source):
    def drip():
        yield b'{"decision": true'
        while True:
            time.sleep(0.1)
            yield b" "

    points["consumer"].instead = Reply(200, drip(), {"Content-Type": "application/json"})
    begun = time.monotonic()
    answer, _ = ask(consumer, token)
    assert (answer.status, answer.json()["code"]) == (503, UNAVAILABLE), answer
    assert time.monotonic() - begun < 3 * TIME_MS / 1000 and source.received() == []


@pytest.mark.parametrize("role", ["consumer", "provider"])
def test_who_cannot_be_reached_permits_nothing(consumer, token, points, source, role):
    points[role].stop()
    try:
        answer, _ = ask(consumer, token)
        assert (answer.status, answer.json()["code"]) == (503, UNAVAILABLE), answer
        assert source.received() == []
    finally:
        points[role].start()
    eventually(lambda: ask(consumer, token)[0].status == 200, "an answer again")


def test_an_open_service_is_asked_about_too(consumer, provider, token, points, source):
    secret = "999990020"
    answer, transaction = ask(consumer, token, f"/{OPEN}/levels/{secret}?at={secret}")
    assert answer.status == 200 and len(source.received()) == 1
    for role in ("consumer", "provider"):
        ((question, headers),) = points[role].asked(transaction)
        assert question["resource"] | {"properties": None} == {"type": "uri", "id": "/{+path}", "properties": None}
        assert question["resource"]["properties"]["service_name"] == OPEN and "agreement" not in question["context"]
        assert secret not in json.dumps(question) and secret not in str(headers)
        source.forget()
        points[role].deny(reason_user={"en": "Closed for the holidays."})
        refused, transaction_refused = ask(consumer, token, f"/{OPEN}/levels/{secret}")
        assert (refused.status, refused.json()["code"]) == (403, DENIED) and source.received() == []
        line = refusal({"consumer": consumer, "provider": provider}[role], transaction_refused)
        assert line["code"] == DENIED and line.get("decision") is None
        points[role].permit()


def test_an_exchange_that_is_broken_off_does_not_wait_for_its_answer(consumer, provider, token, points, source, signed):
    points["consumer"].delay = 0.9 * TIME_MS / 1000
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(consumer, token)))
    asking.start()
    eventually(lambda: points["consumer"].received(), "the question")
    begun = time.monotonic()
    consumer.people["signatory"].afar("agreement", "suspend", signed, "--reason", "Something is the matter.")
    suspended = time.monotonic()
    asking.join()
    try:
        ((answer, transaction),) = answers
        if suspended - begun > 0.7 * TIME_MS / 1000:
            pytest.skip("the machine was too slow to suspend the agreement in time")
        assert (answer.status, answer.json()["code"]) == (403, "NO_LONGER_PERMITTED"), answer
        assert refusal(consumer, transaction)["code"] == "NO_LONGER_PERMITTED"
        assert points["provider"].received() == source.received() == []
    finally:
        points["consumer"].permit()
        consumer.people["signatory"].afar("agreement", "resume", signed)
        eventually(lambda: ask(consumer, token)[0].status == 200, "answers again", 20)


def test_connections_to_it_are_kept(consumer, token, points):
    addresses = set()
    accepted = points["consumer"]._server.get_request

    def counted():
        connection, address = accepted()
        addresses.add(address)
        return connection, address

    points["consumer"]._server.get_request = counted
    for _ in range(5):
        assert ask(consumer, token)[0].status == 200
    assert len(addresses) <= 1


def test_its_answers_are_counted_and_doctor_asks_it(consumer, token, points):
    def figures() -> dict:
        text = UnixClient(consumer.node.folder / "administration.sock").request("GET", "/metrics").body.decode()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))}

    def asked(outcome: str) -> str:
        return f'verbond_exchange_decision_point_questions_total{{direction="outgoing",outcome="{outcome}"}}'

    before = figures()
    ask(consumer, token)
    points["consumer"].deny()
    ask(consumer, token)
    points["consumer"].instead = Reply(200, b"<html>")
    ask(consumer, token)
    points["consumer"].instead = None
    points["consumer"].permit()
    after = figures()
    for outcome in ("permit", "deny", "unavailable"):
        assert after[asked(outcome)] == before.get(asked(outcome), 0) + 1, outcome
    timed = 'verbond_exchange_decision_point_duration_seconds_count{direction="outgoing"}'
    assert after[timed] == before.get(timed, 0) + 3

    def finding():
        checks = consumer.node.diagnosis()["checks"]
        return next(each for each in checks if each["check"] == "decision point")

    assert finding()["status"] == "ok"
    points["consumer"].deny()
    assert finding()["status"] == "ok"
    points["consumer"].instead = Reply(200, b"<html>")
    assert finding()["status"] == "fail" and "nothing is delivered" in finding()["detail"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"address": "http://pdp.gemeente.example"}, "decision_point.address"),
        ({"address": "https://pdp.test", "timeout_ms": 60_000}, "decision_point.timeout_ms"),
        ({"address": "https://pdp.test", "token_file": "absent"}, "DECISION_POINT_UNUSABLE|decision_point.token_file"),
        ({"address": "https://pdp.test", "anchors": ["absent.pem"]}, "decision_point.anchors"),
    ],
)
def test_what_cannot_be_asked_keeps_the_node_from_starting(world, settings, complaint):
    node = world.node("stranger", settings={"decision_point": settings}, start=False)
    with pytest.raises(NodeFault, match=complaint):
        node.start()


def test_another_certificate_than_that_of_its_authority_permits_nothing(world, authority, foreign_authority):
    """The point answers, behind a certificate that leads elsewhere: it is not asked, and `doctor` says so."""
    server = tls_context(foreign_authority.anchors, foreign_authority.issue(None, "Beslispunt", "pdp.test"), server=True)
    server.verify_mode = 0
    point = DecisionPoint(server)
    settings = {
        "decision_point": {"address": f"https://pdp.test:{point.port}", "anchors": ["trust-anchors.pem"]},
        "hosts": {"pdp.test": "127.0.0.1"},
    }
    node = world.node("stranger", settings=settings)
    try:
        (finding,) = [each for each in node.diagnosis()["checks"] if each["check"] == "decision point"]
        assert finding["status"] == "fail" and point.received() == []
    finally:
        point.stop()
