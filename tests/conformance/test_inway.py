"""Inway: authorisation, routing and the log record (Core 4.7, Logging 3.3)."""

import time

import pytest

from support import signing
from support.checks import cut_off, eventually, inway_refuses, log_record, record_of, records_of, transaction_id
from support.steps import authorised, called

scenario = pytest.mark.scenario
SERVICE = "inkomens"


@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider")
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def agreed(node, consumer):
    """A valid contract: its content and grant hash."""
    content, scope, _, _ = authorised(node, consumer, SERVICE)
    return content, scope


@pytest.fixture
def token(node, consumer, agreed, echo):
    """A fresh token on the standing contract, and a source that has received nothing yet."""
    echo.forget()
    echo.respond = None
    yield consumer.token(node.manager_address, agreed[1]).json()["access_token"]
    echo.respond = None


@scenario("Inway-Incoming-Request-1")
def test_valid_token(node, consumer, token, echo):
    """Given a token of the node's manager; when a request with it comes in; then it reaches the service that the token
    names and the answer comes back unaltered (Core 4.7.1.2, 4.7.1.3)."""
    _, answer = called(node, consumer, token, path="/personen/1?jaar=2025")
    assert answer.status == 200, answer
    assert answer.json()["target"] == "/personen/1?jaar=2025"
    assert len(echo.received()) == 1


@scenario("Inway-Incoming-Request-2")
def test_no_token(node, consumer, token, echo):
    """When a request has no Fsc-Authorization, or an empty one; then 401 ACCESS_TOKEN_MISSING with WWW-Authenticate:
    Bearer, and the service is not called (Core 4.7.2.2.1)."""
    for headers in ({}, {"Fsc-Authorization": ""}, {"Fsc-Authorization": "Bearer "}):
        _, answer = called(node, consumer, None, headers=headers)
        inway_refuses(answer, "ERROR_CODE_ACCESS_TOKEN_MISSING")
    assert echo.received() == []


@scenario("Inway-Incoming-Request-3")
def test_token_bound_to_another_certificate(node, consumer, delegator, token, echo):
    """When the client certificate is not the one that the token is bound to; then the request is refused with
    ACCESS_TOKEN_INVALID and the service is not called (Core 4.7.1.2, RFC 8705 section 3)."""
    _, answer = called(node, delegator, token)
    inway_refuses(answer, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert echo.received() == []


@scenario("Inway-Incoming-Request-4")
def test_untrusted_certificate(node, consumer, token, echo, foreign_authority):
    """When the client certificate does not chain to a trust anchor of the group, or there is none; then the connection
    is not accepted (Core 4.7.1.1)."""
    identity = foreign_authority.issue(consumer.id, consumer.identity.name, consumer.identity.host)
    cut_off(lambda: called(node, consumer, token, identity=identity)[1])
    assert echo.received() == []


@scenario("Inway-Incoming-Request-5")
def test_the_service_receives_the_token(node, consumer, token, echo):
    """When a request with a valid token comes in; then the service receives Fsc-Authorization as it came (Core
    4.7.1.3)."""
    called(node, consumer, token)
    assert echo.received()[0].headers["Fsc-Authorization"] == f"Bearer {token}"


@scenario("Inway-Incoming-Request-6")
def test_expired_token(node, consumer, token, echo):
    """Given tokens signed with the node's own key and otherwise alike; when one that has expired is used; then 401
    ACCESS_TOKEN_EXPIRED and the service is not called, while one that has not expired passes (Core 4.7.2.2.1)."""
    _, claims = signing.parts(token)
    moment = int(time.time())
    alive = signing.sign(node.identity, {**claims, "nbf": moment - 5, "exp": moment + 30})
    _, answer = called(node, consumer, alive)
    assert answer.status == 200, f"control: a token signed with the node's key gives {answer}"
    echo.forget()
    expired = signing.sign(node.identity, {**claims, "nbf": moment - 7200, "exp": moment - 3600})
    _, answer = called(node, consumer, expired)
    inway_refuses(answer, "ERROR_CODE_ACCESS_TOKEN_EXPIRED")
    assert echo.received() == []


@scenario("Inway-TransactionLog-1")
def test_record_before_the_service_is_called(node, consumer, agreed, token, echo):
    """When a request with a valid token comes in; then the node holds its record while the service has not answered yet
    (Logging 2.1, 3.3.1.1)."""
    seen = []

    def respond(request):
        transaction = request.headers["Fsc-Transaction-Id"]
        seen.append(eventually(lambda: records_of(consumer, node, transaction), "record before the answer"))
        return echo.mirror(request)

    echo.respond = respond
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200 and len(seen) == 1, "no record while the service was being called"
    log_record(
        seen[0][0],
        transaction=transaction,
        direction="DIRECTION_INCOMING",
        grant_hash=agreed[1],
        outway=consumer.id,
        provider=node.id,
        service=SERVICE,
    )


@scenario("Inway-TransactionLog-2")
def test_the_service_receives_the_transaction_id(node, consumer, token, echo):
    """When a request with a valid token comes in; then the service receives its Fsc-Transaction-Id, and the record has
    the same (Logging 3.3.1.1)."""
    transaction, _ = called(node, consumer, token)
    assert echo.received()[0].headers.get_all("Fsc-Transaction-Id") == [transaction]
    assert record_of(consumer, node, transaction)["transaction_id"] == transaction


@scenario("Inway-TransactionLog-3")
def test_no_transaction_id(node, consumer, token, echo):
    """When a request with a valid token has no Fsc-Transaction-Id; then 400 MISSING_LOG_RECORD_ID and the service is
    not called (Logging 3.3.1.3)."""
    answer = consumer.call(node.inway_address, token)
    inway_refuses(answer, "MISSING_LOG_RECORD_ID")
    assert echo.received() == []


@scenario("Inway-TransactionLog-4")
def test_record_of_a_delegated_connection(node, consumer, delegator):
    """Given a connection allowed by a DelegatedServiceConnectionGrant; when a request comes in; then the source of the
    record names the delegator, who may read the record (Logging 3.3.1.2, 3.2.1.1)."""
    _, scope, token, _ = authorised(node, consumer, SERVICE, [delegator], delegator=delegator.id)
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200, answer
    for reader in (consumer, delegator):
        log_record(
            record_of(reader, node, transaction),
            transaction=transaction,
            direction="DIRECTION_INCOMING",
            grant_hash=scope,
            outway=consumer.id,
            provider=node.id,
            service=SERVICE,
            source_delegator=delegator.id,
        )


@scenario("Inway-TransactionLog-5")
def test_record_of_a_delegated_service(node, consumer, publisher):
    """Given a service offered on behalf of another peer; when a request comes in; then the destination of the record
    names that peer, who may read the record (Logging 3.3.1.2, 3.2.1.1)."""
    _, scope, token, _ = authorised(node, consumer, SERVICE, [publisher], publication_delegator=publisher.id)
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200, answer
    for reader in (consumer, publisher):
        log_record(
            record_of(reader, node, transaction),
            transaction=transaction,
            direction="DIRECTION_INCOMING",
            grant_hash=scope,
            outway=consumer.id,
            provider=node.id,
            service=SERVICE,
            destination_delegator=publisher.id,
        )


@scenario("Inway-TransactionLog-6")
def test_log_out_of_order(node, consumer, token, echo):
    """Given a log that cannot be written (the node's disk refuses every write); when a request with a valid token comes
    in; then 500 TRANSACTION_LOG_WRITE_ERROR and the service is not called (Logging 3.3.1.1, 3.3.1.3)."""
    with node.full_disk():
        _, answer = called(node, consumer, token, transaction=transaction_id())
    inway_refuses(answer, "TRANSACTION_LOG_WRITE_ERROR")
    assert echo.received() == []
