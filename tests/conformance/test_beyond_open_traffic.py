"""Beyond the suite: what open services answer is looked at beside the stream. A source that begins to deliver personal data
makes its service governed, until a second person decides (docs/conformance/syri.md)."""

import gzip
import http.client
import json
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from support.agreements import Organisation, joined
from support.checks import eventually
from support.node import NodeFault
from support.servers import Reply

BSN = "999990019"
CLEAN = {"rsin": BSN, "name": "Gemeente Voorbeeld", "height": 12}
PERSONAL = {"items": [{"burgerservicenummer": BSN, "height": 12}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("traffic")


class Source:
    """Answers with what it is told to, by path."""

    def __init__(self, echo):
        self.echo, self.answers = echo, {}
        echo.respond = lambda request: self.answers[request.path.strip("/")](request)


@pytest.fixture(scope="module")
def source(world):
    return Source(world.echo())


@pytest.fixture(scope="module")
def provider(world, authority, folder):
    made = Organisation(world, authority, "provider", folder, directory_role=True)
    for name in ("bronhouder", "tweede"):
        made.enrols(name, "steward", name)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, provider):
    return joined(world, authority, folder, provider)


@pytest.fixture(scope="module")
def token(consumer):
    return consumer.node.add_application("balie")


def add(provider, source, name, person="bronhouder", category="open"):
    return provider.people[person].afar(
        "service", "add", name, "--upstream", f"{source.echo.url}/{name}", "--class", category,
        "--steward", "S. Voorbeeld", "--reason", "trees, not people")  # fmt: skip


@pytest.fixture
def offered(provider, consumer, source, token):
    """Offers an open service with an answer, and gives a way to ask for it."""

    def offer(name, answer):
        source.answers[name] = answer
        add(provider, source, name)
        consumer.node.propose(provider.node.id, name)
        proposed = eventually(lambda: [each for each in provider.node.cli("contract", "list")["items"]
                                       if each["state"] == "proposed"], "the contract")  # fmt: skip
        provider.node.accept(proposed[0]["hash"])
        consumer.node.allow("balie", provider.node.id, name, name)

        def ask():
            return consumer.node.outway(f"/{name}/", token)

        eventually(lambda: ask().status == 200, "an answer", 20)
        return ask

    return offer


def governed(provider, name):
    shown = provider.node.cli("service", "show", name)["declaration"]
    return shown["class"] == "governed" and shown


def acts(provider, action, name):
    items = provider.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [each["payload"] for each in items
            if each["payload"]["action"] == action and each["payload"]["subject"] == name]  # fmt: skip


def is_refused(ask):
    answer = ask()
    return answer.status == 403 and answer.json()["code"] == "AGREEMENT_MISSING" and answer


def test_a_source_that_begins_to_deliver_personal_data(provider, consumer, source, offered):
    count = iter(range(1_000_000))
    ask = offered("trees", lambda request: Reply.of(PERSONAL if next(count) >= 40 else CLEAN))
    # Digits alone say nothing, and neither does a name that things have as well.
    while next(count) < 38:
        assert ask().json() == CLEAN
    assert not governed(provider, "trees")
    began = time.monotonic()
    while still_answers(ask):
        assert time.monotonic() - began < 60
    eventually(lambda: is_refused(ask), "a refusal", 10)
    # Visible to all, with words of the shipped list and nothing of what was delivered.
    shown = governed(provider, "trees")
    assert "burgerservicenummer" in shown["reason"]
    public = json.load(urllib.request.urlopen(f"{local(provider)}/v1/services"))
    (told,) = [each for each in public["items"] if each["name"] == "trees"]
    assert told["declaration"]["class"] == "governed"
    (act,) = acts(provider, "service.governed", "trees")
    assert act["author"] == {"kind": "node", "rule": "open-traffic"}
    assert act["detail"]["signs"] == ["burgerservicenummer"]
    (task,) = [each for each in provider.node.cli("task", "list")["items"] if each.get("service") == "trees"]
    assert "verbond service decide trees" in task["what"]["en"]
    # The source is asked no more.
    source.echo.forget()
    assert is_refused(ask) and source.echo.received() == []


def still_answers(ask):
    """What is under way at that moment is broken off."""
    try:
        return ask().status == 200
    except http.client.HTTPException:
        return False


def local(provider):
    return f"http://127.0.0.1:{provider.node.public_address.rsplit(':', 1)[1]}"


def decide(provider, name, person, category, reason="looked at what it gives"):
    return provider.people[person].afar("service", "decide", name, "--class", category,
                                        "--steward", "A. Voorbeeld", "--reason", reason)  # fmt: skip


def test_a_second_person_decides_and_nobody_else(provider, source):
    """Goes on where the test before ended."""
    with pytest.raises(NodeFault, match="OPEN_CLASS_SECOND_PERSON"):
        decide(provider, "trees", "bronhouder", "open")
    for role in ("drafter", "signatory"):
        with pytest.raises(NodeFault, match="NOT_PERMITTED"):
            decide(provider, "trees", role, "open")
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        provider.node.cli("service", "decide", "trees", "--class", "open", "--steward", "A", "--reason", "b")
    # Declaring it anew is no way round, and neither is taking it away first.
    for person in ("bronhouder", "tweede"):
        with pytest.raises(NodeFault, match="OPEN_CLASS_QUESTIONED"):
            add(provider, source, "trees", person)
    provider.people["bronhouder"].afar("service", "remove", "trees")
    with pytest.raises(NodeFault, match="OPEN_CLASS_QUESTIONED"):
        add(provider, source, "trees")
    add(provider, source, "trees", category="governed")
    with pytest.raises(NodeFault, match="OPEN_CLASS_NOT_ASKED"):
        decide(provider, "never-asked", "tweede", "open") if add(provider, source, "never-asked") else None
    decide(provider, "trees", "tweede", "governed")
    assert not [each for each in provider.node.cli("task", "list")["items"] if each.get("service") == "trees"]
    with pytest.raises(NodeFault, match="OPEN_CLASS_QUESTIONED"):
        add(provider, source, "trees")


def test_what_a_second_person_allows_is_not_asked_again_and_other_words_are(provider, source, offered):
    ask = offered("birthdays", lambda request: Reply.of({"birthday": "1990-01-01"}))
    eventually(lambda: governed(provider, "birthdays"), "governed", 60)
    assert is_refused(ask)
    decide(provider, "birthdays", "tweede", "open", "the day on which a tree was planted")
    for _ in range(20):
        assert ask().status == 200
    time.sleep(2)
    assert not governed(provider, "birthdays")
    source.answers["birthdays"] = lambda request: Reply.of({"birthday": "1990-01-01", "diagnosis": "elm"})
    ask()
    shown = eventually(lambda: governed(provider, "birthdays"), "governed again", 60)
    assert "diagnosis" in shown["reason"] and "birthday" not in shown["reason"]


@pytest.mark.parametrize(
    ("name", "content_type", "body"),
    [
        ("csv", "text/csv", b"id;voornamen;height\n1;A;12\n"),
        ("xml", "application/xml", b"<trees><tree><BSN>999990019</BSN></tree></trees>"),
        ("lines", "application/x-ndjson", b'{"height":1}\n{"height":2,"geboortedatum":null}\n'),
        ("typed", "application/ld+json", b'{"@type":"https://schema.org/Person"}'),
    ],
)
def test_in_other_forms_too(provider, offered, name, content_type, body):
    offered(name, lambda request: Reply(200, body, {"Content-Type": content_type}))
    eventually(lambda: governed(provider, name), "governed", 60)


def test_in_coded_form_too(provider, offered):
    body = gzip.compress(json.dumps({"padding": " " * 200_000, **PERSONAL}).encode())
    offered("coded", lambda request: Reply(200, body, {"Content-Type": "application/json", "Content-Encoding": "gzip"}))
    eventually(lambda: governed(provider, "coded"), "governed", 60)


def test_a_standing_stream_is_broken_off(provider, consumer, source, offered, token):
    go_on = threading.Event()

    def parts():
        for number in range(1000):
            yield json.dumps({"number": number}).encode() + b"\n"
            if go_on.wait(0.1):
                return

    ask = offered("streams", lambda request: Reply.of(CLEAN))
    source.answers["streams"] = lambda request: Reply(200, parts(), {"Content-Type": "application/x-ndjson"})
    connection = http.client.HTTPConnection(*consumer.node.bind["outway"], timeout=30)
    connection.request("GET", "/streams/", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    try:
        assert answer.read1(100)
        source.answers["streams"] = lambda request: Reply.of(PERSONAL)
        assert ask().status == 200
        began = time.monotonic()
        with pytest.raises((http.client.HTTPException, OSError)):
            while answer.read1(65536):
                assert time.monotonic() - began < 60
            raise AssertionError("the stream ended as if it were whole")
    finally:
        go_on.set()
    assert is_refused(ask)


def test_the_stream_is_neither_held_nor_changed(provider, offered):
    body = json.dumps({"height": list(range(60_000))}).encode()
    ask = offered("large", lambda request: Reply(200, body, {"Content-Type": "application/json", "ETag": '"1"'}))
    answer = ask()
    assert answer.body == body and answer.headers["ETag"] == '"1"' and answer.headers["Content-Length"] == str(len(body))
    assert not governed(provider, "large")


def test_no_value_is_kept(provider):
    for file in Path(provider.node.folder).rglob("*"):
        if file.is_file():
            assert BSN.encode() not in file.read_bytes(), file
    assert not any(BSN in line for line in provider.node.stderr)
