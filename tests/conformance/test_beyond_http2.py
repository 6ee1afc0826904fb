"""Beyond the suite: HTTP/2 between the parties, in both directions, and its end when the ground falls away (RFC 9113;
Core 4.1.1, 4.7.1)."""

import http.client
import os
import time

import pytest

from support.checks import eventually, fsc_error, inway_refuses, log_record, record_of, transaction_id
from support.hashing import content_hash, grant_hash
from support.http2 import Connection, Http2Inway
from support.servers import Reply, endless
from support.steps import authorised
from support.wire import Refused
from support.world import CAST

SERVICE = "inkomens"
BOUND = 6
"""Seconds within which a revocation must have ended everything under it."""


@pytest.fixture(scope="module")
def node(world, source):
    made = world.node("provider", accept=True)
    made.add_service(SERVICE, source.url)
    return made


@pytest.fixture(scope="module")
def source(world):
    """A source: an echo, and below /stroom an answer without an end."""
    made = world.echo()
    made.respond = lambda request: Reply(200, endless()) if request.path == "/stroom" else made.mirror(request)
    return made


@pytest.fixture(scope="module")
def granted(node, consumer):
    """Content, grant hash and token of a contract."""
    return authorised(node, consumer, SERVICE)[:3]


def connected(node, peer, address=None):
    return Connection(address or node.inway_address, anchors=peer.anchors, identity=peer.identity)


def headers(token):
    return {"Fsc-Authorization": f"Bearer {token}", "Fsc-Transaction-Id": transaction_id()}


def streaming(connection, token):
    """A download that is under way: its stream."""
    number = connection.open("GET", "/stroom", headers(token))
    stream = connection.streams[number]
    connection.until(lambda: len(stream.body) > 1000)
    return number, stream


def test_the_manager_answers_over_http2(node, consumer):
    """Both ports of the group offer both versions."""
    with connected(node, consumer, node.manager_address) as connection:
        answer = connection.request("GET", "/v1/peer")
    assert answer.status == 200 and answer.json()["peer_id"] == node.id


def test_the_peer_consumes_over_http2(node, consumer, granted):
    """Large bodies both ways and many exchanges at once over one connection; each has its record."""
    _, scope, token = granted
    with connected(node, consumer) as connection:
        sent = headers(token)
        body = os.urandom(3_000_000)
        answer = connection.request("POST", "/a%2Fb?x=1", headers=sent, body=body)
        assert answer.status == 200, answer
        assert (answer.json()["target"], answer.json()["length"]) == ("/a%2Fb?x=1", len(body))
        several = [connection.open("GET", f"/{number}", headers(token)) for number in range(50)]
        answers = [connection.finish(number) for number in several]
    assert [answer.json()["target"] for answer in answers] == [f"/{number}" for number in range(50)]
    log_record(
        record_of(consumer, node, sent["Fsc-Transaction-Id"]),
        transaction=sent["Fsc-Transaction-Id"],
        direction="DIRECTION_INCOMING",
        grant_hash=scope,
        outway=consumer.id,
        provider=node.id,
        service=SERVICE,
    )


def test_a_refusal_leaves_the_other_streams_alone(node, consumer, granted):
    """Core 4.7.2.2.1, stream by stream."""
    with connected(node, consumer) as connection:
        _, stream = streaming(connection, granted[2])
        inway_refuses(connection.request("GET", "/", headers=headers("abc")), "ERROR_CODE_ACCESS_TOKEN_INVALID")
        before = len(stream.body)
        connection.until(lambda: len(stream.body) > before + 1000)
        assert stream.reset is None and connection.goaway is None


def test_oversized_headers_over_http2(node, consumer, granted):
    """A head beyond the bound is refused with 431 and a sentence; the connection serves on."""
    with connected(node, consumer) as connection:
        large = {f"x-{number}": "x" * 4000 for number in range(20)}
        refused = connection.request("GET", "/", headers=headers(granted[2]) | large)
        assert fsc_error(refused, "ERROR_DOMAIN_INWAY") == "HEAD_TOO_LARGE" and refused.status == 431
        assert connection.request("GET", "/", headers=headers(granted[2])).status == 200


def test_a_revoked_contract_breaks_off_its_streams_only(node, consumer):
    """The stream under the contract is reset, not ended; what stands under another contract goes on, on the same
    connection."""
    content, _, token, _ = authorised(node, consumer, SERVICE)
    _, _, other, _ = authorised(node, consumer, SERVICE)
    with connected(node, consumer) as connection:
        _, doomed = streaming(connection, token)
        _, unharmed = streaming(connection, other)
        assert consumer.sign(node.manager_address, content, "revoke").status == 201
        connection.until(lambda: doomed.ended or doomed.reset is not None, BOUND)
        assert not doomed.ended, "a broken download must not look complete"
        before = len(unharmed.body)
        connection.until(lambda: len(unharmed.body) > before + 1000)
        refused = connection.request("GET", "/", headers=headers(token))
        assert fsc_error(refused, "ERROR_DOMAIN_INWAY") and refused.status in (401, 403)
        assert connection.goaway is None and not connection.closed


def test_a_revoked_certificate_ends_the_connection(world, node, authority):
    """On a standing HTTP/2 connection: GOAWAY, the stream in flight is broken off, and the connection closes within the
    bound; idle ones at manager and inway close too."""
    identity = authority.issue(*CAST["consumer"], kind="p256")
    peer = world.peer("consumer", identity=identity)
    _, _, token, _ = authorised(node, peer, SERVICE)
    with (
        connected(node, peer) as busy,
        connected(node, peer) as idle,
        connected(node, peer, node.manager_address) as manager,
    ):
        _, stream = streaming(busy, token)
        assert idle.request("GET", "/", headers=headers(token)).status == 200
        assert manager.request("GET", "/v1/peer").status == 200
        authority.revoke(identity)
        authority.write_lists(node.folder)
        node.cli("reload")
        begun = time.monotonic()
        for each in (busy, idle, manager):
            each.until(lambda each=each: each.goaway is not None, BOUND)
        for each in (busy, idle, manager):
            each.until(lambda each=each: each.closed, BOUND)
        assert time.monotonic() - begun < BOUND
        assert not stream.ended, "a broken download must not look complete"
    with pytest.raises(Refused):
        with connected(node, peer) as again:
            again.request("GET", "/", headers=headers(token))


# The other direction: the node consumes from a peer that has published with PROTOCOL_TCP_HTTP_2. --------------------


@pytest.fixture(scope="module")
def provider(world):
    """A peer that is the directory too, and whose inway speaks HTTP/2 only."""
    return world.peer("publisher", accepts=True, inway=Http2Inway)


@pytest.fixture(scope="module")
def customer(world, provider):
    return world.node("stranger", directories=[provider])


@pytest.fixture
def application(customer, provider):
    """Makes an application with a contract of its own on a service of this name: token and content."""

    def made(service):
        provider.publish(service, "PROTOCOL_TCP_HTTP_2")
        token = customer.add_application(service)
        customer.allow(service, provider.id, service, "dienst")
        customer.propose(provider.id, service)

        def valid():
            for each in list(provider.contracts.values()):
                if each["content"]["grants"][0]["data"]["service"]["name"] == service:
                    held = provider.contract_at(customer.manager_address, content_hash(each["content"]))
                    if held and {customer.id, provider.id} <= held["signatures"]["accept"].keys():
                        return each["content"]
            return None

        return token, customer.in_force(eventually(valid, "valid contract"))

    provider.inway.forget()
    provider.inway.respond = None
    provider.inway.ends.clear()
    yield made
    provider.inway.respond = None


def test_the_node_consumes_over_http2(customer, provider, application):
    """The outway heeds the published protocol; bodies come over whole both ways, and each exchange has its record."""
    token, content = application("over-http2")
    question, reply = os.urandom(3_000_000), os.urandom(3_000_000)
    provider.inway.respond = lambda request: Reply(200, reply, {"Content-Type": "application/octet-stream"})
    answer = customer.outway("/dienst/a%2Fb?x=1", token, method="POST", body=question)
    assert answer.status == 200, answer
    received = provider.inway.received()
    assert [(each.method, each.target, each.body == question) for each in received] == [("POST", "/a%2Fb?x=1", True)]
    assert answer.body == reply and received[0].peer_id == customer.id
    for _ in range(20):
        assert customer.outway("/dienst/x", token).status == 200
    assert provider.inway.connections == 1, "exchanges one after another share a connection"
    transaction = answer.headers["Fsc-Transaction-Id"]
    log_record(
        record_of(provider, customer, transaction),
        transaction=transaction,
        direction="DIRECTION_OUTGOING",
        grant_hash=grant_hash(content),
        outway=customer.id,
        provider=provider.id,
        service="over-http2",
    )


def test_the_node_breaks_a_download_off_when_its_contract_is_revoked(customer, provider, application):
    """The application must not take what it has for the whole, and the peer's stream is reset."""
    token, content = application("herroepen-http2")

    provider.inway.respond = lambda request: Reply(200, endless())
    connection = customer.outway_client().open()
    try:
        connection.request("GET", "/dienst/x", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read(2000)
        assert provider.sign(customer.manager_address, content, "revoke").status == 201
        begun = time.monotonic()
        with pytest.raises((OSError, http.client.IncompleteRead)):
            while answer.read(1000):
                assert time.monotonic() - begun < BOUND
    finally:
        connection.close()
    eventually(lambda: provider.inway.ends, "end of the stream at the peer")
