"""Beyond the suite: no identifier of a person stands in anything that a node leaves behind (logs, metrics, problems, outputs of commands,
what is handed on to the logbook, evidence, published trees, backups, database and data directory), whatever became of the exchange.

Each number comes in at one place only, so that what is found says where it came from.
"""

import base64
import http.client
import json
import subprocess
import time
import urllib.parse

import pytest

from support.agreements import SERVICE, Organisation, allowed, ask, conclude, document, element, joined
from support.between_two import folder  # noqa: F401
from support.checks import eventually
from support.collector import Collector
from support.node import NodeFault, merge
from support.object_store import HOST, KEY, SECRET, ObjectStore, Relay
from support.opened import payloads
from support.servers import Reply
from support.traces import Traces
from support.wire import LOOPBACK, UnixClient


def bsn(serial):
    """A number that passes the eleven-test of the citizen service number; of a range that is not given out."""
    first = f"99{serial:06d}"
    for last in range(10):
        number = first + str(last)
        if (sum(int(digit) * weight for digit, weight in zip(number, (9, 8, 7, 6, 5, 4, 3, 2), strict=False)) - last) % 11 == 0:
            return number
    return bsn(serial + 500_000)


PLACES = (
    "path", "encoded path", "query", "body", "answer", "list", "header of the request", "path that is not agreed", "query that is not agreed",
    "body that is not agreed", "body that is no JSON", "unknown alias", "another method", "wrong token", "header of the source", "error of the source",
    "answer that is no JSON", "answer of another type", "address that the source names", "answer that names nobody", "broken answer",
    "fragment", "trace state", "request to the inway", "agent", "person looked for",
)  # fmt: skip
NUMBERS = {place: bsn(1000 + 37 * index) for index, place in enumerate(PLACES)}
TRACES = Traces(NUMBERS)


def test_each_form_of_a_number_is_found():
    number = NUMBERS["path"]
    for before in ("", "a", "ab", "abc"):
        text = f"{before}{number} and more"
        assert TRACES.within(text) and TRACES.within(text.encode("utf-16-le")) and TRACES.within(text.encode("utf-16-be"))
        assert TRACES.within(base64.b64encode(text.encode())) and TRACES.within(base64.urlsafe_b64encode(text.encode()))
        assert TRACES.within(text.encode().hex())
    assert TRACES.within("".join(f"%{ord(each):02x}" for each in number))
    assert TRACES.within(json.dumps("".join(f"\\u{ord(each):04x}" for each in number)))
    assert TRACES.within("nothing of it 123456789") == []
    assert len(set(NUMBERS.values())) == len(PLACES)


class Source:
    """What a source may answer, each answer with a number of its own."""

    def __call__(self, request):
        fault = request.headers.get("X-Fault") or request.path.rpartition("/")[2]
        year = {"year": 2026, "income": {"below_minimum": True}}
        answers = {
            "header": Reply.of({**year, "bsn": NUMBERS["answer"]}, **{"X-Person": NUMBERS["header of the source"]}),
            "error": Reply.of({"error": f"no such person: {NUMBERS['error of the source']}"}, status=500),
            "unknown": Reply.of({"error": f"no such person: {NUMBERS['error of the source']}"}, status=404),
            "no-json": Reply(200, f"{{'bsn': {NUMBERS['answer that is no JSON']}".encode(), {"Content-Type": "application/json"}),
            "html": Reply(200, f"<p>{NUMBERS['answer of another type']}".encode(), {"Content-Type": "text/html"}),
            "moved": Reply(302, headers={"Location": f"/people/{NUMBERS['address that the source names']}"}),
            "people": Reply.of([{"year": 2026, "bsn": NUMBERS["list"]}]),
            "nobody": Reply.of([{"year": 2026, "name": NUMBERS["answer that names nobody"]}]),
            "broken": Reply(200, self.broken(), {"Content-Type": "application/json"}),
        }
        return answers.get(fault, Reply.of({**year, "bsn": NUMBERS["answer"], "name": "A. Voorbeeld"}))

    @staticmethod
    def broken():
        """A list in the middle of which the source fails."""
        yield json.dumps([{"year": 2026, "bsn": NUMBERS["broken answer"]}])[:-1].encode()
        time.sleep(0.2)
        yield b", nonsense"


@pytest.fixture(scope="module")
def source(world):
    echo = world.echo()
    echo.respond = Source()
    return echo


@pytest.fixture(scope="module")
def collector():
    made = Collector()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def store(authority, folder):
    """An object store, behind something that keeps all that it is told."""
    made = ObjectStore(folder / "objects", authority.issue(None, "Objecten", HOST, kind="p256")).start()
    made.relay = Relay(made.ports["http"])
    yield made
    made.relay.stop()
    made.stop()


@pytest.fixture(scope="module")
def settings(collector):
    return {"log": {"level": "trace"}, "export": {"address": collector.address}, "journal": {"checkpoint_seconds": 1}}


@pytest.fixture(scope="module")
def provider(world, authority, folder, source, settings, store):
    """Publishes its tree in an object store."""
    key = folder / "object-store-key"
    key.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    key.chmod(0o600)
    settings = {**settings, **store.settings("provider", credentials_file=str(key), address=f"http://{LOOPBACK}:{store.relay.port}", anchors=None)}
    made = Organisation(world, authority, "provider", folder, settings=settings, directory_role=True)
    made.offers(source)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider, settings):
    """Publishes its tree in a directory."""
    return joined(world, authority, folder, provider, settings=merge(settings, {"journal": {"tiles": "tiles"}}))


@pytest.fixture(scope="module")
def token(consumer, provider):
    return allowed(consumer, provider)


def named(name, method, path, **more):
    """An operation that names a person in a parameter, or in its answers."""
    return {
        "name": name,
        "method": method,
        "path": path,
        "content_type": "application/json",
        "record": "$",
        "delivered": [element("$.year", "integer", "personal"), element("$.income.below_minimum", "boolean", "sensitive")],
        **more,
    }


def identifier(place):
    return {
        "name": "bsn",
        "place": place,
        "required": True,
        "values": {"allow": "identifier", "longest": 20},
        "identifies": "national_number",
    }


def listed(name):
    people = [{"at": {"place": "response", "path": "$[*].bsn"}, "identifies": "national_number"}]
    delivered = [element("$[*].year", "integer", "not_personal")]
    return named(name, "GET", f"/{name}", record="$[*]", delivered=delivered, people=people)


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token):
    content = document(provider.node, consumer.node)
    parameter = [{"at": {"place": "parameter", "name": "bsn"}, "identifies": "national_number"}]
    body = {"content_type": "application/json", "elements": [{**element("$.bsn", "string", "personal"), "identifies": "national_number"}]}
    content["clauses"][0]["operations"] += [
        named("by-query", "GET", "/found", parameters=[identifier("query")], people=parameter),
        named("by-body", "POST", "/sought", request=body),
        *(listed(each) for each in ("people", "nobody", "broken")),
        *(named(each, "GET", f"/{each}") for each in ("header", "error", "unknown", "no-json", "html", "moved")),
    ]
    conclude(consumer, provider, consumer.drafts(content, folder))
    eventually(lambda: ask(consumer, token, f"/{SERVICE}/header").status == 200, "an answer under the agreement", 20)


@pytest.fixture(scope="module")
def answers(consumer, provider, token, working, authority):
    """Everything that is asked, and what was answered to whoever asked."""
    made = {}

    def asks(name, path, token=token, method="GET", body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        made[name] = consumer.node.outway(path, token, method=method, body=body, headers=headers)

    said = {"Content_Type": "application/json"}
    percent = "".join(f"%{ord(each):02X}" for each in NUMBERS["encoded path"])
    asks("path", f"/{SERVICE}/incomes/{NUMBERS['path']}")
    asks("encoded path", f"/{SERVICE}/incomes/{percent}")
    asks("query", f"/{SERVICE}/found?bsn={NUMBERS['query']}")
    asks("body", f"/{SERVICE}/sought", method="POST", body=json.dumps({"bsn": NUMBERS["body"]}).encode(), **said)
    asks("header of the request", f"/{SERVICE}/header", X_Person=NUMBERS["header of the request"])
    asks("agent", f"/{SERVICE}/header", User_Agent=f"browser of {NUMBERS['agent']}")
    asks("trace state", f"/{SERVICE}/header", traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
         tracestate=f"vendor={NUMBERS['trace state']}")  # fmt: skip
    asks("path that is not agreed", f"/{SERVICE}/other/{NUMBERS['path that is not agreed']}")
    asks("query that is not agreed", f"/{SERVICE}/header?who={NUMBERS['query that is not agreed']}")
    more = json.dumps({"bsn": NUMBERS["body"], "more": NUMBERS["body that is not agreed"]}).encode()
    asks("body that is not agreed", f"/{SERVICE}/sought", method="POST", body=more, **said)
    asks("body that is no JSON", f"/{SERVICE}/sought", method="POST", body=b"bsn=" + NUMBERS["body that is no JSON"].encode(), **said)
    asks("unknown alias", f"/{NUMBERS['unknown alias']}/incomes")
    asks("another method", f"/{SERVICE}/incomes/{NUMBERS['another method']}", method="DELETE")
    asks("wrong token", f"/{SERVICE}/incomes/{NUMBERS['wrong token']}", token="x" * 43)
    for name in ("people", "nobody", "broken", "header", "error", "unknown", "no-json", "html", "moved"):
        try:
            asks(name, f"/{SERVICE}/{name}")
        except (OSError, http.client.HTTPException) as error:  # what breaks in the middle
            made[name] = error
    # Somebody who knocks at the inway without a token.
    caller = provider.node.caller()
    made["request to the inway"] = caller.client(provider.node.inway_address).get(
        f"/{SERVICE}/incomes/{NUMBERS['request to the inway']}?bsn={NUMBERS['request to the inway']}")  # fmt: skip
    return made


def test_the_numbers_did_come_by(answers, source):
    """Else finding none would say nothing."""
    assert [name for name in ("path", "query", "body", "header", "people") if answers[name].status != 200] == []
    refused = ("encoded path", "path that is not agreed", "query that is not agreed", "body that is no JSON", "unknown alias", "another method", "wrong token",
               "request to the inway", "error", "unknown", "no-json", "html", "nobody")  # fmt: skip
    assert [name for name in refused if answers[name].status < 400] == []
    asked = "".join(urllib.parse.unquote(each.target) + each.body.decode() for each in source.received())
    assert all(NUMBERS[place] in asked for place in ("path", "query", "body"))


def test_no_answer_names_somebody(answers):
    for name, answer in answers.items():
        if not isinstance(answer, Exception):
            assert TRACES.within(answer.body) == [], (name, answer)
            assert TRACES.within(json.dumps(list(dict(answer.headers).items()))) == [], (name, answer.headers)


LISTS = (
    "record list", "record journal", "decision list", "application list", "service list", "contract list", "peer list", "outbox list", "agreement list",
    "task list", "doctor", "decision replay",
)  # fmt: skip
PERSONAL = ("account records", "account exchanges", "decision list", "agreement list", "task list")


def output(node, words, *, table):
    """What a command writes, to wherever it writes."""
    command = [node.binary, "--data", str(node.folder), *words.split(), *([] if table else ["--json"])]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=node.environment)
    assert b"unrecognized subcommand" not in done.stderr, words
    return done.stdout + done.stderr


def test_no_command_names_somebody(answers, consumer, provider, folder):
    time.sleep(1.5)
    number = folder / "sought"
    number.touch(mode=0o600)
    number.write_text(NUMBERS["path"] + "\n")
    for organisation in (consumer, provider):
        for words in LISTS:
            for table in (True, False):
                assert TRACES.within(output(organisation.node, words, table=table)) == [], words
        officer = organisation.officer()
        for words in PERSONAL:
            assert TRACES.within(json.dumps(officer.afar(*words.split()))) == [], words
        evidence = folder / f"evidence-{organisation.node.id}"
        officer.afar("account", "evidence", "--out", str(evidence))
        assert b"processing" in evidence.read_bytes() and TRACES.within(evidence.read_bytes()) == []
        found = officer.afar("account", "person", "--number-file", str(number))
        assert found["items"] and TRACES.within(json.dumps(found)) == []
        number.write_text("not a number\n" + NUMBERS["person looked for"] + "\n")
        try:
            said = json.dumps(officer.afar("account", "person", "--number-file", str(number)))
        except NodeFault as fault:
            said = str(fault)
        assert TRACES.within(said) == []
        number.write_text(NUMBERS["path"] + "\n")
    number.unlink()


def test_no_log_metric_or_record_that_was_handed_on_names_somebody(answers, consumer, provider, collector):
    eventually(lambda: len(collector.records()) >= 10, "records at the logbook")
    for organisation in (consumer, provider):
        lines = list(organisation.node.stderr)
        assert any(" DEBUG " in line for line in lines), "as much as there is"
        assert [(TRACES.within(line), line) for line in lines if TRACES.within(line)] == []
        figures = UnixClient(organisation.node.folder / "administration.sock").request("GET", "/metrics").body
        assert b"verbond_" in figures and TRACES.within(figures) == []
    for request in collector.received():
        assert TRACES.within(request.body) == [] and TRACES.within(str(request.headers) + request.target) == []


def test_no_evidence_of_an_exchange_names_somebody(answers, consumer, provider, folder):
    for organisation, other in ((consumer, provider), (provider, consumer)):
        for name in ("path", "query", "header of the request", "people"):
            transaction = answers[name].headers["Fsc-Transaction-Id"]
            for more in ((), ("--with-counterpart",)):
                file = folder / f"evidence-{organisation.node.id}-{transaction}{len(more)}"
                said = organisation.officer().afar("account", "evidence", "--transaction", transaction, *more, "--out", str(file))
                assert TRACES.within(file.read_bytes()) == [] and TRACES.within(json.dumps(said)) == []
                assert not more or said["halves"] == [f"oin:{other.node.id}"], said


def test_no_published_tree_names_somebody(answers, consumer, provider, store):
    def over(organisation):
        """Whether the tree of everything until now has been published."""
        size = organisation.node.cli("journal", "show")["size"]
        published = lambda: organisation.node.cli("journal", "show")["published"]  # noqa: E731
        return eventually(lambda: all((each["size"] or 0) >= size for each in published()), "the tree where it is published", 60)

    for organisation in (consumer, provider):
        over(organisation)
    tiles = [each for each in (consumer.node.folder / "tiles").rglob("*") if each.is_file()]
    assert {"checkpoint", "entries"} <= {part for each in tiles for part in each.parts}
    # Else finding nothing would say nothing.
    assert f"oin:{provider.node.id}/journal/1\n".encode() in store.relay.raw and b'"commitment":' in store.relay.raw
    assert f"oin:{provider.node.id}/journal/1\n".encode() in store.get("provider/checkpoint")
    assert TRACES.within(store.relay.raw) == [] and TRACES.within(store.get("provider/checkpoint")) == []
    for each in [*tiles, *store.folder.rglob("*")]:
        assert not each.is_file() or TRACES.within(each.read_bytes()) == [], each


def test_no_backup_names_somebody(answers, consumer, provider, folder):
    """Neither to who has one of its files, nor to who has both and reads what lies sealed."""
    for organisation in (consumer, provider):
        made = organisation.node.cli("backup")
        said, files = payloads(made["data"], made["keys"], folder)
        assert {"permit", "completion", "act"} <= {kind for kind, _ in said}
        for name, raw in files.items():
            assert TRACES.within(raw) == [], name
        for kind, payload in said:
            assert json.loads(payload)["kind"] == kind and TRACES.within(payload) == [], payload


def test_no_file_names_somebody(answers, consumer, provider):
    for organisation in (consumer, provider):
        files = [each for each in organisation.node.folder.rglob("*") if each.is_file()]
        assert any(each.name.endswith("-wal") for each in files)
        assert [(each.name, TRACES.within(each.read_bytes())) for each in files if TRACES.within(each.read_bytes())] == []
    for organisation in (consumer, provider):
        organisation.node.stop()
        files = [each for each in organisation.node.folder.rglob("*") if each.is_file()]
        assert [(each.name, TRACES.within(each.read_bytes())) for each in files if TRACES.within(each.read_bytes())] == []
        organisation.node.start()
