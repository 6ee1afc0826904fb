"""Beyond the suite: what the inway refuses, and what it leaves as it is (Core 4.7, Logging 3.3)."""

import hashlib
import os
import time
import uuid

import pytest

from support import signing
from support.checks import cut_off, eventually, fsc_error, inway_refuses, record_of, transaction_id
from support.hashing import content_hash
from support.servers import Reply
from support.steps import authorised, called
from support.wire import Refused

SERVICE = "inkomens"


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider")
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def scope(node, consumer):
    return authorised(node, consumer, SERVICE)[1]


@pytest.fixture
def token(node, consumer, scope, echo):
    """A fresh token, and a source that has received nothing yet."""
    echo.forget()
    echo.respond = None
    yield consumer.token(node.manager_address, scope).json()["access_token"]
    echo.respond = None


def reminted(node, token, identity=None, algorithm=None, **claims):
    """The token with other claims, signed with the node's key or another."""
    merged = {**signing.parts(token)[1], **claims}
    return signing.sign(identity or node.identity, merged, algorithm=algorithm)


def test_wrong_group(node, consumer, token, echo):
    """Core 4.7.2.2.1: WRONG_GROUP_ID_IN_TOKEN."""
    _, answer = called(node, consumer, reminted(node, token, gid="een-andere-groep"))
    inway_refuses(answer, "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN")
    assert echo.received() == []


@pytest.mark.parametrize("case", ["other key", "no signature", "changed", "before its time", "no binding", "garbage"])
def test_tokens_that_are_not_the_managers(node, consumer, token, echo, case):
    """Core 4.7.1.2 and 4.7.2.2.1: ACCESS_TOKEN_INVALID."""
    head, payload, signature = token.split(".")
    other = signing.encode_part({**signing.parts(token)[1], "svc": "iets-anders"})
    spoilt = {
        "other key": reminted(node, token, identity=consumer.identity),
        "no signature": reminted(node, token, algorithm="none"),
        "changed": f"{head}.{other}.{signature}",
        "before its time": reminted(node, token, nbf=int(time.time()) + 3600, exp=int(time.time()) + 7200),
        "no binding": reminted(node, token, cnf={}),
        "garbage": "abc",
    }[case]
    _, answer = called(node, consumer, spoilt)
    inway_refuses(answer, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert echo.received() == []


def test_service_that_is_gone(node, consumer, echo):
    """Core 4.7.2.2.1: SERVICE_NOT_FOUND, with a token that was good when it was issued."""
    node.add_service("tijdelijk", echo.url)
    _, _, token, _ = authorised(node, consumer, "tijdelijk")
    assert called(node, consumer, token)[1].status == 200
    node.cli("service", "remove", "tijdelijk")
    echo.forget()
    _, answer = called(node, consumer, token)
    inway_refuses(answer, "ERROR_CODE_SERVICE_NOT_FOUND")
    assert echo.received() == []


def test_service_that_cannot_be_reached(node, world, consumer):
    """Core 4.7.2.2.1: SERVICE_UNREACHABLE; the record stands, since it was written before."""
    gone = world.echo()
    node.add_service("onbereikbaar", gone.url)
    gone.stop()
    _, _, token, _ = authorised(node, consumer, "onbereikbaar")
    transaction, answer = called(node, consumer, token)
    inway_refuses(answer, "ERROR_CODE_SERVICE_UNREACHABLE")
    assert record_of(consumer, node, transaction)


def test_answers_of_the_service_are_left_as_they_are(node, consumer, token, echo):
    """Core 4.7.2.2: the error of a service goes back without alteration."""
    for status in (200, 204, 302, 304, 404, 418, 500, 503):
        body = b"" if status in (204, 304) else b'{"title": "van de bron"}'
        headers = {"Content-Type": "application/problem+json", "X-Bron": "a", "Set-Cookie": ["een=1", "twee=2"]}
        echo.respond = lambda request: Reply(status, body, headers)
        _, answer = called(node, consumer, token)
        assert (answer.status, answer.body) == (status, body)
        assert answer.headers["X-Bron"] == "a" and answer.headers.get_all("Set-Cookie") == ["een=1", "twee=2"]
        assert "Fsc-Error-Code" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/", "/a%2Fb/%24?x=%20&y=$&z", "/dubbel//slash/", "/a/../b/./c", "/%E2%82%AC;k=v,w?q=a+b%2B", "/?", "/a?b=c?d"],
)
def test_path_and_query_are_left_as_they_are(node, consumer, token, echo, path):
    """The request is proxied, not interpreted."""
    _, answer = called(node, consumer, token, path=path)
    assert answer.status == 200, answer
    assert echo.received()[0].target == path


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
def test_methods(node, consumer, token, echo, method):
    """Any method goes through."""
    body = b"inhoud" if method in ("POST", "PUT", "PATCH", "QUERY") else None
    _, answer = called(node, consumer, token, method=method, body=body)
    assert answer.status == 200
    assert echo.received()[0].method == method and echo.received()[0].body == (body or b"")


def test_large_bodies_both_ways(node, consumer, token, echo):
    """Bodies come over whole, whatever their size."""
    question, reply = os.urandom(3_000_000), os.urandom(5_000_000)
    echo.respond = lambda request: Reply(200, reply, {"Content-Type": "application/octet-stream"})
    _, answer = called(node, consumer, token, method="POST", body=question)
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(reply).digest()
    assert echo.received()[0].body == question


def test_the_service_is_told_who_calls(node, consumer, token, echo):
    """The header with the caller's participant id is the inway's, and cannot be forged."""
    forged = {"Fsc-Request-Peer-Id": "00000099000000000666"}
    called(node, consumer, token, headers=forged)
    assert echo.received()[0].headers.get_all("Fsc-Request-Peer-Id") == [consumer.id]


def test_a_transaction_id_is_used_once(node, consumer, token, echo):
    """Logging 3.4.1.1: the id is unique for the transaction; a second use is refused and nothing is forwarded."""
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200
    _, again = called(node, consumer, token, transaction=transaction)
    code = fsc_error(again, "ERROR_DOMAIN_INWAY")
    assert code in ("INVALID_LOG_RECORD_ID", "TRANSACTION_LOG_WRITE_ERROR"), again
    assert len(echo.received()) == 1


@pytest.mark.parametrize(
    "transaction",
    [
        pytest.param(lambda: str(uuid.uuid4()), id="version 4"),
        pytest.param(lambda: transaction_id(time.time() - 2 * 86400), id="two days old"),
        pytest.param(lambda: transaction_id(time.time() + 2 * 86400), id="two days ahead"),
        pytest.param(lambda: "geen-uuid", id="no UUID"),
        pytest.param(lambda: transaction_id() + "0", id="too long"),
    ],
)
def test_transaction_ids_that_are_refused(node, consumer, token, echo, transaction):
    """Logging 3.3.1.3: INVALID_LOG_RECORD_ID; UUID version 7 and the day are the profile's."""
    _, answer = called(node, consumer, token, transaction=transaction())
    inway_refuses(answer, "INVALID_LOG_RECORD_ID")
    assert echo.received() == []


def test_two_transaction_ids_in_one_request(node, consumer, token, echo):
    """Which of the two would be logged is anyone's guess, so neither is."""
    connection = consumer.client(node.inway_address).open()
    try:
        connection.putrequest("GET", "/")
        connection.putheader("Fsc-Authorization", f"Bearer {token}")
        connection.putheader("Fsc-Transaction-Id", transaction_id())
        connection.putheader("Fsc-Transaction-Id", transaction_id())
        connection.endheaders()
        assert connection.getresponse().status == 400
    finally:
        connection.close()
    assert echo.received() == []


def test_oversized_headers(node, consumer, token, echo):
    """Refused, nothing forwarded, and the node answers on."""
    cut_off(lambda: called(node, consumer, token, headers={f"X-{n}": "x" * 8000 for n in range(40)})[1])
    assert echo.received() == []
    assert called(node, consumer, token)[1].status == 200


def refused_within_a_second(node, consumer, token):
    """A request that is under way when the revocation comes in may be broken off. On a machine that others load, a second is
    as much longer as a single request is."""
    begun, longest = time.monotonic(), 0.0
    while True:
        asked = time.monotonic()
        try:
            if called(node, consumer, token)[1].status >= 400:
                return
        except Refused:
            pass
        longest = max(longest, time.monotonic() - asked)
        assert asked - begun <= 1 + 10 * longest, "no refusal after the revocation"
        time.sleep(0.03)


def test_revoked_contract_with_a_live_token(node, consumer, echo):
    """The profile's rule that the contract is judged per request: a revocation bites within a second, before the token
    expires."""
    content, _, token, _ = authorised(node, consumer, SERVICE)
    assert called(node, consumer, token)[1].status == 200
    assert consumer.sign(node.manager_address, content, "revoke").status == 201
    refused_within_a_second(node, consumer, token)
    echo.forget()
    _, answer = called(node, consumer, token)
    fsc_error(answer, "ERROR_DOMAIN_INWAY")
    assert answer.status in (401, 403), answer
    assert echo.received() == []


def test_revocation_by_the_node_with_a_live_token(node, consumer, echo):
    """The same when the provider's operator revokes; and the consumer's manager is told."""
    content, _, token, _ = authorised(node, consumer, SERVICE)
    assert called(node, consumer, token)[1].status == 200
    node.revoke(content_hash(content))
    refused_within_a_second(node, consumer, token)
    echo.forget()
    _, answer = called(node, consumer, token)
    fsc_error(answer, "ERROR_DOMAIN_INWAY")
    assert echo.received() == []
    path = f"/v1/contracts/{content_hash(content)}/revoke"
    told = eventually(lambda: consumer.manager.received("PUT", path), "revocation at the consumer")[0]
    assert told.headers["Fsc-Manager-Address"] == node.manager_address


def test_log_behind_a_lock(node, consumer, token, echo):
    """A log that does not answer is refused within a bound, and serves again when it does."""
    started = time.monotonic()
    with node.locked_database():
        _, answer = called(node, consumer, token)
        assert time.monotonic() - started < 10
    inway_refuses(answer, "TRANSACTION_LOG_WRITE_ERROR")
    assert echo.received() == []
    eventually(lambda: called(node, consumer, token)[1].status == 200, "service after the lock")


def test_log_serves_again_after_a_full_disk(node, consumer, token, echo):
    """When there is room again, requests pass again; what was refused was not forwarded."""
    with node.full_disk():
        _, answer = called(node, consumer, token)
        inway_refuses(answer, "TRANSACTION_LOG_WRITE_ERROR")
    eventually(lambda: called(node, consumer, token)[1].status == 200, "service after the disk had room")
