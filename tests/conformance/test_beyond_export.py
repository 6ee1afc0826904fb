"""Beyond the suite: processing records are handed on to the organisation's logbook over OTLP/HTTP, in order, each at least once.

The logbook is a collector written from the OTLP specification; how many records there must be is counted from what was asked.
"""

import re
import time

import pytest

from support.agreements import BSN, SERVICE, SOURCE, Organisation, allowed, ask, conclude, document, element, joined
from support.between_two import folder  # noqa: F401
from support.checks import eventually
from support.collector import Collector
from support.node import NodeFault
from support.servers import Reply
from support.wire import UnixClient, tls_context

PEOPLE = 60
TOKEN = "t0ken-of-the-node"
TIME_MS = 1000


def person(number):
    return {"year": 2026, "bsn": str(941_735_000 + 1237 * number)}


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    echo.respond = lambda request: Reply.of(
        [person(number) for number in range(PEOPLE)] if request.path == "/people" else SOURCE)  # fmt: skip
    return echo


@pytest.fixture(scope="module")
def collectors(authority):
    """The provider's is behind TLS and a token, the consumer's on its own machine."""
    server = tls_context(authority.anchors, authority.issue(None, "Logboek", "logboek.test", kind="p256"), server=True)
    server.verify_mode = 0
    made = {"provider": Collector(server, token=TOKEN), "consumer": Collector(path="/logboek/traces")}
    yield made
    for each in made.values():
        each.stop()


@pytest.fixture(scope="module")
def provider(world, authority, folder, source, collectors):
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)
    settings = {
        "export": {
            "address": f"https://logboek.test:{collectors['provider'].port}",
            "anchors": ["trust-anchors.pem"],
            "token_file": str(folder / "token"),
            "timeout_ms": TIME_MS,
        },
        "hosts": {"logboek.test": "127.0.0.1"},
    }
    made = Organisation(world, authority, "provider", folder, settings=settings, directory_role=True)
    made.offers(source)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider, collectors):
    settings = {"export": {"address": collectors["consumer"].address, "timeout_ms": TIME_MS}}
    return joined(world, authority, folder, provider, settings=settings)


@pytest.fixture(scope="module")
def token(consumer, provider):
    return allowed(consumer, provider)


class Work:
    """What was asked, and how many records there must be of it at each party."""

    def __init__(self, consumer, token):
        self.consumer, self.token = consumer, token
        self.expected = {"provider": 0, "consumer": 0}

    def one(self):
        """About one person, whom the request names: a record at each party."""
        answer = ask(self.consumer, self.token)
        assert answer.status == 200
        self.counts(1, 1)

    def batch(self):
        """About many, whom only the source's answer names: at the provider one for each, and one of the action."""
        answer = ask(self.consumer, self.token, f"/{SERVICE}/people")
        assert answer.json() == [{"year": 2026}] * PEOPLE
        self.counts(PEOPLE + 1, 1)

    def counts(self, provider, consumer):
        self.expected["provider"] += provider
        self.expected["consumer"] += consumer


@pytest.fixture(scope="module")
def work(consumer, provider, folder, token):
    content = document(provider.node, consumer.node)
    content["clauses"][0]["operations"].append(
        {
            "name": "people",
            "method": "GET",
            "path": "/people",
            "content_type": "application/json",
            "record": "$[*]",
            "delivered": [element("$[*].year", "integer", "not_personal")],
            "people": [{"at": {"place": "response", "path": "$[*].bsn"}, "identifies": "national_number"}],
        }
    )
    conclude(consumer, provider, consumer.drafts(content, folder))
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
    made = Work(consumer, token)
    made.counts(1, 1)
    return made


@pytest.fixture(autouse=True)
def opened(collectors):
    """Each test begins and ends with logbooks that take everything."""
    yield
    for each in collectors.values():
        each.open()


def written(organisation):
    """The records that the node itself holds, in the order in which they were written."""
    found = organisation.officer().afar("account", "records", "--limit", "5000")["items"]
    return [each["record"] for each in found]


def arrived(collectors, work, seconds=20, but=0):
    """Waits until each logbook holds as many records as were to be written, and not one more."""
    for name, collector in collectors.items():
        missing = but if name == "provider" else 0
        eventually(lambda c=collector, n=name, m=missing: len(c.records()) >= work.expected[n] - m,
                   f"all records at the logbook of the {name}", seconds)  # fmt: skip
    time.sleep(1.5)
    for name, collector in collectors.items():
        assert len(collector.records()) == work.expected[name] - (but if name == "provider" else 0), name
        assert collector.faults == []


def metric(organisation, name):
    text = UnixClient(organisation.node.folder / "administration.sock").request("GET", "/metrics").body.decode()
    return int(re.search(rf"^verbond_{name} (\d+)$", text, re.M)[1])


def test_each_record_arrives_in_order_and_as_it_was_written(consumer, provider, collectors, work):
    for _ in range(5):
        work.one()
    work.batch()
    work.one()
    arrived(collectors, work)
    for organisation, name in ((provider, "provider"), (consumer, "consumer")):
        assert collectors[name].records() == written(organisation)
        [resource] = {tuple(sorted(each.items())) for each in collectors[name].resources}
        assert dict(resource)["service.name"] == "verbond"
        assert dict(resource)["service.namespace"] == f"oin:{organisation.node.id}"
        assert metric(organisation, "export_records_taken") == work.expected[name]
        assert metric(organisation, "export_behind_seconds") == 0
        [found] = [each for each in organisation.node.diagnosis()["checks"] if each["check"] == "logbook"]
        assert found["status"] == "ok"
    bodies = b"".join(each.body for collector in collectors.values() for each in collector.received())
    assert BSN.encode() not in bodies and person(7)["bsn"].encode() not in bodies


def test_a_logbook_that_is_down_delays_nothing_and_misses_nothing(consumer, provider, collectors, work):
    arrived(collectors, work)
    for each in collectors.values():
        each.stop()
    for _ in range(3):
        begun = time.monotonic()
        work.one()
        assert time.monotonic() - begun < 2
    work.batch()
    time.sleep(2)
    assert metric(provider, "export_behind_seconds") >= 1
    [found] = [each for each in provider.node.diagnosis()["checks"] if each["check"] == "logbook"]
    assert found["status"] == "fail"
    for each in collectors.values():
        each.start()
    arrived(collectors, work, 30)
    assert collectors["provider"].records() == written(provider)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503, headers={"Retry-After": "1"}),
        Reply(400, b"no"),
        Reply(401),
        Reply(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
        Reply(200),
        Reply(202, b"{}"),
        Reply(close=True),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:6]}-{reply.close}",
)
def test_whatever_else_is_answered_the_records_wait(consumer, provider, collectors, work, reply):
    arrived(collectors, work)
    for each in collectors.values():
        each.instead = reply
    work.one()
    time.sleep(2.5)
    for each in collectors.values():
        each.instead = None
    arrived(collectors, work, 20)


def test_a_slow_logbook_may_get_a_record_twice_and_misses_none(consumer, provider, collectors, work):
    arrived(collectors, work)
    for each in collectors.values():
        each.delay = 1.5 * TIME_MS / 1000
    work.batch()
    time.sleep(2 * TIME_MS / 1000)
    for each in collectors.values():
        each.delay = 0
    arrived(collectors, work, 30)
    # What was taken too late was sent again.
    assert len(collectors["provider"].taken) > len(collectors["provider"].records())


def test_what_is_too_much_for_one_request_goes_in_parts(consumer, provider, collectors, work):
    arrived(collectors, work)
    collectors["provider"].most = 5
    work.batch()
    arrived(collectors, work, 30)
    assert collectors["provider"].records() == written(provider)


def test_a_node_that_is_killed_before_it_knows_sends_again(consumer, provider, collectors, work):
    arrived(collectors, work)
    collector = collectors["provider"]
    killed = []

    def kill():
        if not killed:
            killed.append(True)
            provider.node.kill()

    collector.before_answer = kill
    work.batch()
    eventually(lambda: killed and provider.node.process is None, "the end of the node")
    before = len(collector.taken)
    provider.node.start()
    arrived(collectors, work, 30)
    assert len(collector.taken) > before and collector.records() == written(provider)


def test_what_the_logbook_refuses_is_left_behind_counted_and_told(consumer, provider, collectors, work):
    arrived(collectors, work)
    collector, seen = collectors["provider"], []

    def refuses(record):
        # Every tenth person of what comes now.
        if "parent_span_id" in record and record not in seen:
            seen.append(record)
        return record in seen[::10]

    collector.refuses = refuses
    work.batch()
    expected = len(range(0, PEOPLE + 1, 10))
    eventually(lambda: metric(provider, "export_records_refused") == expected, "the records that were refused", 20)
    eventually(lambda: len(collector.records()) == work.expected["provider"] - expected, "the others", 20)
    refused = len(seen[::10])
    assert refused == expected
    held = collector.records()
    assert len(held) == work.expected["provider"] - refused
    assert [each for each in written(provider) if each not in seen[::10]] == held
    # What it said about them may name somebody: it stands in no log.
    assert not [line for line in provider.node.stderr if "not taken:" in line]
    assert [line for line in provider.node.stderr if "refused a processing record" in line]
    tasks = provider.people["drafter"].afar("task", "list")["items"]
    told = [each for each in tasks if "logboek" in str(each["what"]) or "logbook" in str(each["what"])]
    assert len(told) == 1, tasks
    work.counts(-refused, 0)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"address": "http://logboek.test:4318"}, "export.address"),
        ({"address": "https://name:secret@logboek.test"}, "export.address"),
        ({"address": "https://logboek.test", "certificate": "certificate.pem"}, "export.certificate"),
        ({"address": "https://logboek.test", "anchors": []}, "export.anchors"),
        ({"address": "https://logboek.test", "timeout_ms": 1}, "export.timeout_ms"),
        ({"address": "https://logboek.test", "token_file": "absent"}, "EXPORT_UNUSABLE|export.token_file"),
    ],
)
def test_what_cannot_be_handed_on_to_keeps_the_node_from_starting(world, settings, complaint):
    node = world.node("stranger", settings={"export": settings}, start=False)
    with pytest.raises(NodeFault, match=complaint):
        node.start()
