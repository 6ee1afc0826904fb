"""Outway: from the application to the inway of a peer, with the log record (Core 4.6, Logging 3.4)."""

import uuid

import pytest

from support.checks import eventually, fsc_error, log_record, record_of, records_of
from support.contract import connection, contract
from support.hashing import content_hash, grant_hash
from support.servers import Reply

scenario = pytest.mark.scenario
SERVICE = "bevragen"


@pytest.fixture(scope="module")
def node(world):
    return world.node("consumer")


@pytest.fixture(scope="module")
def provider(world, node):
    """A foreign provider that accepts at once and is known to the node."""
    peer = world.peer("provider", accepts=True)
    assert peer.announce(node.manager_address).status == 200
    return peer


@pytest.fixture(scope="module")
def application(node, provider):
    """The token of an application that may use the provider's service under the alias `dienst`."""
    token = node.add_application("balie")
    node.allow("balie", provider.id, SERVICE, "dienst")
    return token


@pytest.fixture(scope="module")
def scope(node, provider):
    """The grant hash of a valid contract that the node proposed."""
    node.propose(provider.id, SERVICE)

    def valid():
        for each in provider.contracts.values():
            held = provider.contract_at(node.manager_address, content_hash(each["content"]))
            if held and {node.id, provider.id} <= held["signatures"]["accept"].keys():
                return grant_hash(each["content"])
        return None

    return node.in_force(eventually(valid, "valid contract after the proposal"))


@pytest.fixture
def inway(provider):
    """The provider's inway, without what it received before."""
    provider.inway.forget()
    provider.inway.respond = None
    yield provider.inway
    provider.inway.respond = None


def delegated(node, provider, signers, **grant):
    """A valid contract that another peer proposed to node and provider; answers its grant hash."""
    content = contract(connection(node.identity, provider.id, SERVICE, **grant))
    proposer, *_ = signers
    assert proposer.submit(node.manager_address, content).status == 201
    assert proposer.submit(provider.manager_address, content).status == 201
    for each in (*signers[1:], provider):
        assert each.sign(node.manager_address, content, "accept").status == 201
    node.accept(content_hash(content))
    everyone = {node.id, provider.id, *(each.id for each in signers)}

    def valid():
        held = provider.contract_at(node.manager_address, content_hash(content))
        return everyone <= held["signatures"]["accept"].keys()

    node.in_force(eventually(valid, "contract with every accept"))
    return grant_hash(content)


@scenario("Outway-IncomingRequest-1")
def test_request_goes_to_the_inway(node, provider, application, scope, inway):
    """Given a valid contract with a ServiceConnectionGrant; when an application sends a request; then the outway gets a
    token from the provider's manager, sends the request over mutual TLS to the inway of its aud with path unaltered,
    and gives back the inway's answer (Core 4.6.1.2, 4.6.1.3)."""
    inway.respond = lambda request: Reply(203, b"antwoord", {"Content-Type": "text/plain", "X-Bron": "ja"})
    answer = node.outway("/dienst/personen/1?jaar=2025", application, method="POST", body=b"vraag")
    assert (answer.status, answer.body, answer.headers["X-Bron"]) == (203, b"antwoord", "ja")
    request = inway.received()[0]
    assert (request.method, request.target, request.body) == ("POST", "/personen/1?jaar=2025", b"vraag")
    assert request.certificate == node.identity.der
    asked = provider.manager.received("POST", "/v1/token")[-1]
    assert asked.certificate == node.identity.der
    token = request.headers["Fsc-Authorization"].removeprefix("Bearer ")
    assert token.count(".") == 2


@scenario("Outway-IncomingRequest-2")
def test_no_contract(node, provider, application, inway):
    """Given no contract for the service; when an application sends a request; then nothing goes to the inway and the
    outway answers with its error object (Core 4.6.1.3, 4.6.1.4)."""
    node.allow("balie", provider.id, "zonder-contract", "zonder")
    answer = node.outway("/zonder/x", application)
    fsc_error(answer, "ERROR_DOMAIN_OUTWAY")
    assert inway.received() == []


@scenario("Outway-IncomingRequest-3")
def test_inway_that_cannot_be_reached(node, provider, application, scope, inway):
    """Given a valid contract and an inway that is down; when an application sends a request; then the outway answers
    with its error object (Core 4.6.1.4)."""
    inway.stop()
    try:
        answer = node.outway("/dienst/x", application)
    finally:
        inway.start()
    fsc_error(answer, "ERROR_DOMAIN_OUTWAY")
    assert answer.status in (502, 503, 504), answer


@scenario("Outway-TransactionLog-1")
def test_record_before_the_request_is_sent(node, provider, application, scope, inway):
    """When an application sends a request; then the node holds its record while the inway has not answered yet (Logging
    2.1, 3.4.1.1)."""
    seen = []

    def respond(request):
        transaction = request.headers["Fsc-Transaction-Id"]
        seen.append(eventually(lambda: records_of(provider, node, transaction), "record before the answer"))
        return Reply(200)

    inway.respond = respond
    answer = node.outway("/dienst/x", application)
    assert answer.status == 200 and len(seen) == 1, "no record while the inway was being called"
    log_record(
        seen[0][0],
        transaction=answer.headers["Fsc-Transaction-Id"],
        direction="DIRECTION_OUTGOING",
        grant_hash=scope,
        outway=node.id,
        provider=provider.id,
        service=SERVICE,
    )


@scenario("Outway-TransactionLog-2")
def test_transaction_id_is_added(node, application, scope, inway):
    """When an application sends requests without an id; then each goes to the inway with an Fsc-Transaction-Id of its
    own, a UUID, and the answer has the same (Logging 3.4.1.1)."""
    ids = []
    for _ in range(3):
        answer = node.outway("/dienst/x", application)
        ids.append(uuid.UUID(answer.headers["Fsc-Transaction-Id"]))
        assert inway.received()[-1].headers.get_all("Fsc-Transaction-Id") == [str(ids[-1])]
    assert len(set(ids)) == 3
    assert {each.version for each in ids} == {7}, "the profile has UUID version 7"


@scenario("Outway-TransactionLog-3")
def test_record_of_a_delegated_connection(node, provider, delegator, application, inway):
    """Given a valid contract with a DelegatedServiceConnectionGrant; when an application sends a request under its
    grant hash; then the source of the record names the delegator (Logging 3.4.1.2)."""
    scope = delegated(node, provider, [delegator], delegator=delegator.id)
    answer = node.outway("/x", application, headers={"Fsc-Grant-Hash": scope})
    assert answer.status == 200, answer
    transaction = answer.headers["Fsc-Transaction-Id"]
    for reader in (provider, delegator):
        log_record(
            record_of(reader, node, transaction),
            transaction=transaction,
            direction="DIRECTION_OUTGOING",
            grant_hash=scope,
            outway=node.id,
            provider=provider.id,
            service=SERVICE,
            source_delegator=delegator.id,
        )


@scenario("Outway-TransactionLog-4")
def test_record_of_a_delegated_service(node, provider, publisher, application, inway):
    """Given a service that its provider offers on behalf of another peer, and a valid connection contract for it; when
    an application sends a request under its grant hash; then the destination of the record names that peer (Logging
    3.4.1.2)."""
    scope = delegated(node, provider, [publisher], publication_delegator=publisher.id)
    answer = node.outway("/x", application, headers={"Fsc-Grant-Hash": scope})
    assert answer.status == 200, answer
    transaction = answer.headers["Fsc-Transaction-Id"]
    log_record(
        record_of(publisher, node, transaction),
        transaction=transaction,
        direction="DIRECTION_OUTGOING",
        grant_hash=scope,
        outway=node.id,
        provider=provider.id,
        service=SERVICE,
        destination_delegator=publisher.id,
    )


@scenario("Outway-TransactionLog-5")
def test_log_out_of_order(node, application, scope, inway):
    """Given a log that cannot be written (the node's disk refuses every write); when an application sends a request;
    then 500 TRANSACTION_LOG_WRITE_ERROR and nothing goes to the inway (Logging 3.4.1.1, 3.4.1.3)."""
    assert node.outway("/dienst/x", application).status == 200
    inway.forget()
    with node.full_disk():
        answer = node.outway("/dienst/x", application)
    assert fsc_error(answer, "ERROR_DOMAIN_OUTWAY") == "TRANSACTION_LOG_WRITE_ERROR"
    assert answer.status == 500, answer
    assert inway.received() == []
