"""Beyond the suite: a counterpart that signs two histories of its journal becomes a task, and where the organisation has chosen so,
exchanges with it stop until a steward has said what came of it.

The counterpart is one of ours in Python: its journal, its key and both its histories are made from docs/formats.
"""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support import signing
from support.checks import eventually
from support.person import Person, invite
from support.servers import Reply
from support.steps import authorised, called
from support.wire import UnixClient, free_port
from support.world import CAST
from verification import merkle, note

SERVICE = "inkomens"
SECOND = "witness.contradiction"


class History:
    """A journal of so many entries, each of which is only a text."""

    def __init__(self, name, size):
        self.tree = merkle.Tree(merkle.leaf_hash(f"{name} {number}".encode()) for number in range(size))
        self.size = size


def ders(identity):
    return [each.public_bytes(serialization.Encoding.DER) for each in identity.chain]


class Teller:
    """The journal of a peer in Python: a key that its certificate certifies, and checkpoints over whatever it says."""

    def __init__(self, peer):
        self.peer, self.key = peer, Ed25519PrivateKey.generate()
        self.origin = f"oin:{peer.id}/journal/1"
        self.verifier_key = str(note.VerifierKey.of(self.origin, self.key))
        self.history, answer = None, peer.answer
        peer.answer = lambda request: self.answer(request) or answer(request)

    def answer(self, request):
        if request.path == "/verbond/v1/journal/keys":
            statement = {"at": int(time.time() * 1000), "format": "verbond-journal-key/1", "origin": self.origin,
                         "participant": f"oin:{self.peer.id}", "verifier_key": self.verifier_key}  # fmt: skip
            chain = [base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in ders(self.peer.identity)]
            key = {"statement": signing.sign(self.peer.identity, statement), "chain": chain}
            return Reply.of({"items": [{"verifier_key": self.verifier_key, "key": key}]})
        if request.path == "/verbond/v1/journal/consistency":
            asked = {name: int(value[0]) for name, value in request.query.items()}
            proof = self.history.tree.consistency(asked["from"], asked["to"])
            return Reply.of({"hashes": [base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in proof]})
        return None

    def shows(self, history):
        """The checkpoint over a history, as exchanges carry it."""
        self.history = history
        text = note.checkpoint(self.origin, history.size, history.tree.root(), self.key)
        return {"Verbond-Checkpoint": base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()}


@pytest.fixture(scope="module", params=[True, False], ids=["stops", "goes on"])
def stops(request):
    return request.param


@pytest.fixture(scope="module")
def port(stops):
    return free_port()


@pytest.fixture(scope="module")
def node(world, echo, stops, port):
    settings = {"administration": {"listen": f"127.0.0.1:{port}"}, "journal": {"stop_on_contradiction": stops}}
    identity = world.authority.issue(*CAST["provider"], kind="p256", hosts=("localhost",))
    made = world.node("provider", identity=identity, settings=settings)
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def steward(node, world, port, tmp_path_factory):
    person = Person(world.binary, tmp_path_factory.mktemp("people") / "steward", port, world.authority.anchors)
    person.enrol(invite(node, "beheerder", "steward"))
    return person


@pytest.fixture(scope="module")
def consumer(world, node):
    return world.peer("consumer", kind="p256")


@pytest.fixture(scope="module")
def teller(consumer):
    return Teller(consumer)


@pytest.fixture(scope="module")
def token(node, consumer, teller):
    return authorised(node, consumer, SERVICE)[2]


@pytest.fixture(scope="module")
def other(world, node):
    """Somebody whose journal is as it should be."""
    made = world.peer("delegator", kind="p256")
    return made, authorised(node, made, SERVICE)[2]


def held(node, teller):
    items = node.cli("journal", "witnessed")["items"]
    return next((each for each in items if each["origin"] == teller.origin), None)


def tasks(node, *more):
    return [each for each in node.cli("task", "list", *more)["items"] if each.get("cause") == "contradiction"]


def metric(node, name):
    text = UnixClient(node.folder / "administration.sock").request("GET", "/metrics").body.decode()
    return int(next(line for line in text.splitlines() if line.startswith(f"verbond_{name} ")).split()[1])


def test_one_history_that_grows_is_witnessed(node, consumer, teller, token):
    first, longer = History("first", 3), History("first", 5)
    for history in (first, longer):
        _, answer = called(node, consumer, token, headers=teller.shows(history))
        assert answer.status == 200, answer
        eventually(lambda: (held(node, teller) or {}).get("size") == history.size, "the witness")  # noqa: B023
    assert tasks(node) == [] and held(node, teller)["contradiction"] is None


def test_a_second_history_is_a_task(node, consumer, teller, token):
    _, answer = called(node, consumer, token, headers=teller.shows(History("second", 7)))
    assert answer.status == 200, answer
    task = eventually(lambda: tasks(node), "the task")[0]
    assert task["counterpart"] == f"oin:{consumer.id}" and task["subject"] == teller.origin
    assert task["what"]["nl"] and task["what"]["en"] and task["due"]
    # What was held stays what is held: both are the evidence.
    assert held(node, teller)["size"] == 5 and held(node, teller)["contradiction"] == task["id"]
    assert [each["subject"] for each in acts(node, SECOND)] == [f"oin:{consumer.id}"]


def acts(node, action):
    lines = node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [line["payload"] for line in lines if line["payload"]["action"] == action]


def test_doctor_and_figures_say_so(node, teller):
    [found] = [each for each in node.diagnosis()["checks"] if each["check"] == "counterpart"]
    assert found["status"] == "warn" and teller.origin in found["detail"] and "task list" in found["mend"]
    assert metric(node, "contradictions_open") == 1


def test_exchanges_stop_where_that_was_chosen(node, consumer, teller, token, other, stops, echo):
    def asks():
        return called(node, consumer, token)[1]

    if not stops:
        assert asks().status == 200
        return
    refused = eventually(lambda: (lambda answer: answer if answer.status != 200 else None)(asks()), "the refusal")
    assert refused.status == 403 and "COUNTERPART_CONTRADICTS" in refused.body.decode()
    echo.forget()
    assert asks().status == 403 and echo.received() == []
    refusal = node.cli("record", "journal", "--kind", "refusal", "--limit", "10")["items"][0]["payload"]
    assert refusal["code"] == "COUNTERPART_CONTRADICTS" and refusal["consumer"] == f"oin:{consumer.id}"
    # Whoever is not contradicted is not refused.
    assert called(node, other[0], other[1])[1].status == 200


def test_the_same_second_history_again_is_no_second_task(node, consumer, teller, token):
    called(node, consumer, token, headers=teller.shows(History("second", 9)))
    called(node, consumer, token, headers=teller.shows(History("second", 11)))
    eventually(lambda: metric(node, "contradictions_open") == 1 and len(tasks(node, "--all")) == 1, "one task")


def test_a_stewards_act_lets_them_go_on(node, consumer, teller, token, steward, stops):
    task = tasks(node)[0]
    done = steward.afar("task", "done", task["id"], "--note", "A backup was put back; the operator there has declared it.")
    assert done["note"] and done["done_by"]["kind"] == "person"
    assert tasks(node) == [] and len(tasks(node, "--all")) == 1 and metric(node, "contradictions_open") == 0
    eventually(lambda: called(node, consumer, token, headers=teller.shows(History("second", 12)))[1].status == 200, "an answer")
    eventually(lambda: (held(node, teller) or {}).get("size") == 12, "the history that it has now")
    # The third one is found as the second was.
    called(node, consumer, token, headers=teller.shows(History("third", 20)))
    eventually(lambda: tasks(node), "another task")
    assert json.dumps([each["action"] for each in acts(node, "task.done")]) == '["task.done"]'
