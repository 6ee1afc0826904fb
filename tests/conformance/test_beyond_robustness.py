"""Beyond the suite: slow, silent, half-open and greedy callers at each face of a node. Others are served meanwhile, the
connection ends within its bound, memory and open files do not grow, and nothing panics."""

import contextlib
import json
import socket
import ssl
import time

import pytest

from support.checks import eventually, transaction_id
from support.hashing import content_hash
from support.http2 import Connection
from support.servers import Reply
from support.slow import FACES, Process, drip, ended_within, head, many, own_address, plain, secured
from support.steps import authorised, called
from support.wire import Client, Refused, UnixClient, free_port

SERVICE = "inkomens"
HEAD_SECONDS = 2
"""What the node under test gives a client for a head or a handshake."""
SLACK = 4
"""More than that on a machine that others use too."""
GROWTH = 24
"""MiB that a node may hold more after a flood than before it: what allocators and pools keep for the next one."""
BIG = 40 * 1024 * 1024

LIMITS = {"limits": {"header_timeout_ms": HEAD_SECONDS * 1000}}


@pytest.fixture(scope="module")
def source(world):
    """An echo; below /groot a long answer."""
    made = world.echo()
    parts = [b"x" * 65536]
    made.respond = lambda asked: Reply(200, parts * (BIG // 65536)) if asked.path == "/groot" else made.mirror(asked)
    return made


@pytest.fixture(scope="module")
def node(world, source):
    made = world.node("provider", accept=True, settings=LIMITS)
    made.add_service(SERVICE, source.url)
    return made


@pytest.fixture(scope="module")
def application(node, consumer, source):
    """A token at the node's outway for a service of the peer, which answers as the source does."""
    consumer.accepts = True
    consumer.inway.respond = source.respond
    assert consumer.announce(node.manager_address).status == 200
    token = node.add_application("balie")
    node.allow("balie", consumer.id, "bevragen", "dienst")
    node.propose(consumer.id, "bevragen")

    def valid():
        for each in list(consumer.contracts.values()):
            if each["content"]["grants"][0]["data"]["service"]["name"] != "bevragen":
                continue
            held = consumer.contract_at(node.manager_address, content_hash(each["content"]))
            if held and {node.id, consumer.id} <= held["signatures"]["accept"].keys():
                return True
        return False

    node.in_force(eventually(valid, "valid contract"))
    return token


@pytest.fixture(scope="module")
def scope(node, consumer):
    return authorised(node, consumer, SERVICE)[1]


@pytest.fixture
def tokens(node, consumer, scope, application):
    """What each face asks of who comes."""
    return {"outway": application, "inway": consumer.token(node.manager_address, scope).json()["access_token"]}


@pytest.fixture(autouse=True)
def unharmed(node, consumer, tokens):
    """After each test: every face serves, nothing is left open, and nothing has panicked."""
    serves(node, consumer, tokens)
    before = Process(node).open_files()
    yield
    serves(node, consumer, tokens)
    eventually(lambda: Process(node).open_files() <= before + 20, "return to the open files of before", 15)
    assert node.process.poll() is None
    assert not [line for line in node.stderr if "panicked" in line or "RUST_BACKTRACE" in line], node.stderr


def serves(node, consumer, tokens, within=SLACK):
    """Each face answers another caller at once."""
    begun = time.monotonic()
    assert node.outway("/dienst/x", tokens["outway"]).status == 200
    assert called(node, consumer, tokens["inway"])[1].status == 200
    assert consumer.get(node.manager_address, "/peer").status == 200
    assert UnixClient(node.folder / "administration.sock").request("GET", "/v1/services").status == 200
    assert time.monotonic() - begun < within, f"other callers waited {time.monotonic() - begun:.1f} s"


@pytest.mark.parametrize("face", FACES)
def test_who_connects_and_says_nothing_is_let_go(node, consumer, tokens, face):
    """A TCP connection in silence: at the group's ports before the handshake, and after it."""
    silent = [plain(node, face), secured(node, face, consumer)]
    serves(node, consumer, tokens)
    for each in silent:
        with contextlib.closing(each):
            assert ended_within(each, HEAD_SECONDS + SLACK), "a silent connection is held"


@pytest.mark.parametrize("face", FACES)
def test_a_head_that_drips_in_is_let_go(node, consumer, tokens, source, face):
    """Slowloris: the bound is on the whole head, not on each byte."""
    source.forget()
    with contextlib.closing(secured(node, face, consumer)) as raw:
        data = head(face, tokens.get(face), more=f"fsc-transaction-id: {transaction_id()}\r\n") + b"x-a: b\r\n" * 20
        assert drip(raw, data, 0.1, HEAD_SECONDS + SLACK), "a head that drips in is waited for without end"
    assert source.received(path="/") == []


@pytest.mark.parametrize("face", ["inway", "manager"])
@pytest.mark.parametrize("begun", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n"])
def test_a_handshake_that_is_never_finished_is_let_go(node, face, begun):
    """Half a record, half a client hello, and no TLS at all."""
    with contextlib.closing(plain(node, face)) as raw:
        raw.sendall(begun)
        assert ended_within(raw, HEAD_SECONDS + SLACK), "an unfinished handshake is held"


@pytest.mark.parametrize("face", FACES)
def test_a_body_that_drips_in_keeps_nobody_waiting(node, consumer, tokens, source, face):
    """Twenty uploads of a byte at a time; the source has none of them whole when they are given up."""
    source.forget()
    consumer.inway.forget()

    def upload():
        raw = secured(node, face, consumer)
        path = {"outway": "/dienst/traag", "inway": "/traag", "manager": "/v1/contracts"}.get(face, "/v1/services")
        more = f"fsc-transaction-id: {transaction_id()}\r\ncontent-type: application/json\r\ncontent-length: 900\r\n"
        more += f"fsc-manager-address: {consumer.manager_address}\r\n"
        raw.sendall(head(face, tokens.get(face), method="POST", path=path, more=more) + b"\r\n{")
        return raw

    with many(upload, 20) as uploads:
        for _ in range(5):
            time.sleep(0.1)
            for each in uploads:
                each.sendall(b" ")
        serves(node, consumer, tokens)
    time.sleep(0.3)
    assert source.received(path="/traag") == consumer.inway.received(path="/traag") == []


@pytest.mark.parametrize("face", ["outway", "inway"])
def test_who_asks_and_does_not_read_costs_a_window_and_no_more(node, consumer, tokens, face):
    """Forty downloads of forty megabytes that nobody reads: what the node holds of each is bounded."""
    process = Process(node)
    path = {"outway": "/dienst/groot", "inway": "/groot"}[face]

    def download():
        raw = secured(node, face, consumer)
        more = f"fsc-transaction-id: {transaction_id()}\r\n\r\n"
        raw.sendall(head(face, tokens[face], path=path, more=more))
        return raw

    with many(download, 40):
        time.sleep(1)
        first = process.resident()
        serves(node, consumer, tokens)
        time.sleep(2)
        assert process.resident() - first < GROWTH, "memory grows while nobody reads"
        assert first < 400, f"{first:.0f} MiB for forty readers that do not read"


@pytest.mark.parametrize("face", FACES)
def test_oversized_heads_are_refused_as_such(node, consumer, tokens, source, face):
    """RFC 6585 section 5: 431; the answer can be read, says what to do, and the node serves on. Beyond 128 KiB
    the HTTP library cuts in with a bare status."""
    source.forget()
    for number, size, told in ((1, 60_000, True), (20, 2_000, True), (40, 8_000, False)):
        more = "".join(f"x-{each}: {'x' * size}\r\n" for each in range(number))
        with contextlib.closing(secured(node, face, consumer)) as raw:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                raw.sendall(head(face, tokens.get(face), more=more) + b"\r\n")
            answer = b""
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while part := raw.recv(65536):
                    answer += part
            assert answer.startswith(b"HTTP/1.1 431 "), answer[:200]
            if told:
                problem = json.loads(answer.split(b"\r\n\r\n", 1)[1])
                assert problem["code"] == "HEAD_TOO_LARGE"
                assert all(problem[member] for member in ("detail", "detail_nl", "next", "next_nl"))
                if face in ("inway", "manager"):
                    assert b"fsc-error-code: head_too_large" in answer.lower() and problem["message"]
    assert source.received() == []


def floods(node, consumer, face):
    """Ways to hold many connections at once."""
    yield 400, lambda: plain(node, face)
    yield 100, lambda: secured(node, face, consumer)
    if face in ("inway", "manager"):

        def half():
            raw = plain(node, face)
            raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32)
            return raw

        yield 400, half


@pytest.mark.parametrize("face", FACES)
def test_a_flood_of_half_open_connections_keeps_nobody_out_and_leaves_nothing(node, consumer, tokens, face):
    """Hundreds of silent connections, four times over: others are served while they stand, and memory is flat."""
    process, held = Process(node), []
    for _ in range(4):
        for number, make in floods(node, consumer, face):
            with many(make, number):
                serves(node, consumer, tokens)
        held.append(process.resident())
    assert held[-1] - held[0] < GROWTH, f"memory grows with each flood: {held}"


def test_streams_that_are_reset_as_soon_as_they_are_opened(node, consumer, tokens):
    """Rapid reset over HTTP/2: the connection is ended or served, others are served, and memory is flat."""
    process, held = Process(node), []
    for _ in range(4):
        with Connection(node.inway_address, anchors=consumer.anchors, identity=consumer.identity) as connection:
            for _ in range(500):
                sent = {"fsc-authorization": f"Bearer {tokens['inway']}", "fsc-transaction-id": transaction_id()}
                connection.reset(connection.open("GET", "/groot", sent))
                if connection.closed:
                    break
            serves(node, consumer, tokens)
        held.append(process.resident())
    assert held[-1] - held[0] < GROWTH, f"memory grows with each round: {held}"


def test_one_participant_has_its_share_of_the_connections_and_no_more(world, source, consumer, stranger):
    """A quarter of the listener's connections; whoever has its share is kept out, another is not, and what is given
    back can be had again."""
    node = world.node("delegator", settings={"limits": {"connections": 16}})
    with many(lambda: opened(node, consumer), 4):
        with pytest.raises((Refused, OSError)):
            consumer.get(node.manager_address, "/peer")
        assert stranger.get(node.manager_address, "/peer").status == 200
    eventually(lambda: answers(consumer.client(node.manager_address)), "place for the participant again")
    assert not [line for line in node.stderr if "panicked" in line]


def test_one_address_has_its_share_of_the_connections_and_no_more(world, stranger):
    """The same before anybody has shown who it is, for addresses beyond loopback."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address beyond loopback: the share of an address is left out here")
    node = world.node(
        "directory", addresses={"manager": (address, free_port(address))}, settings={"limits": {"connections": 16}}
    )
    client = Client(node.manager_address, anchors=stranger.anchors, identity=stranger.identity, dial=address)
    with many(lambda: socket.create_connection(node.bind["manager"], 5), 4):
        time.sleep(0.3)
        with pytest.raises((Refused, OSError)):
            client.get("/v1/peer")
    eventually(lambda: answers(client), "place for the address again")


def opened(node, peer):
    """A connection on which something has been asked, and that stands."""
    connection = peer.client(node.manager_address).open()
    connection.request("GET", "/v1/peer")
    assert connection.getresponse().read()
    return connection


def answers(client):
    try:
        return client.get("/v1/peer").status == 200
    except (Refused, OSError):
        return False
