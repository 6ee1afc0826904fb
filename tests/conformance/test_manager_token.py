"""Manager-GetToken: POST /token (Core 4.3, 4.4.1.6, 4.4.5.1)."""

import pytest

from support.checks import access_token, token_refused
from support.contract import connection, contract, publication
from support.hashing import grant_hash
from support.steps import authorised, conclude

scenario = pytest.mark.scenario
SERVICE = "inkomens"
PROPERTIES = {"kenmerk": {"doel": "toets", "getal": 3}}


@pytest.fixture(scope="module")
def node(world, echo):
    allowed = {"acceptance": {"allowed_properties": list(PROPERTIES)}}
    made = world.node("provider", settings=allowed)
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def scope(node, consumer):
    """The grant hash of a valid contract."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    conclude(node, content, consumer)
    return grant_hash(content)


@scenario("Manager-GetToken-1")
def test_valid_contract(node, consumer):
    """Given a valid contract with a ServiceConnectionGrant for the peer; when it asks for a token; then it gets one
    with the claims of Core 4.3.1, bound to its certificate and signed by the node; no act, pdi or prp (Core
    4.4.1.6)."""
    _, _, _, claims = authorised(node, consumer, SERVICE)
    assert not claims.get("act", {}).get("sub") and not claims.get("pdi") and not claims.get("prp")


@scenario("Manager-GetToken-2")
def test_contract_that_is_not_valid(node, consumer):
    """Given a contract that the provider has not accepted, and one that does not exist; when a token is asked for; then
    the request is refused (Core 4.4.1.6)."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    token_refused(consumer.token(node.manager_address, grant_hash(content)))
    assert consumer.submit(node.manager_address, content).status == 201
    token_refused(consumer.token(node.manager_address, grant_hash(content)))


@scenario("Manager-GetToken-3")
def test_revoked_contract(node, consumer):
    """Given a contract that all accepted and a peer revoked; when a token is asked for; then it is refused (Core 3.2.1;
    the suite's closing sentence is a copying fault)."""
    content, scope, _, _ = authorised(node, consumer, SERVICE)
    answer = consumer.sign(node.manager_address, content, "revoke")
    assert answer.status == 201, f"PUT revoke gives {answer}"
    token_refused(consumer.token(node.manager_address, scope))


@scenario("Manager-GetToken-4")
def test_malformed_grant_hash(node, consumer, scope):
    """When the scope is no grant hash; then the request is refused with an RFC 6749 error (Core 4.4.5.1)."""
    for malformed in ("geen hash", "$1$3$", scope[:-1], scope.replace("$1$3$", "$1$x$"), scope + "=", "$" * 2000):
        token_refused(consumer.token(node.manager_address, malformed), "invalid_scope", "invalid_request")


@scenario("Manager-GetToken-5")
def test_other_grant_type(node, consumer, scope):
    """When grant_type is not client_credentials; then unsupported_grant_type, and invalid_request when it is absent
    (RFC 6749 5.2)."""
    for other in ("authorization_code", "password"):
        token_refused(consumer.token(node.manager_address, scope, grant_type=other), "unsupported_grant_type")
    token_refused(consumer.token(node.manager_address, scope, grant_type=None), "invalid_request")


@scenario("Manager-GetToken-6")
def test_delegated_connection(node, consumer, delegator):
    """Given a valid contract with a DelegatedServiceConnectionGrant; when the delegatee asks for a token; then its act
    names the delegator, and sub the delegatee (Core 4.4.1.6, Logging 3.1.1)."""
    _, _, _, claims = authorised(node, consumer, SERVICE, [delegator], delegator=delegator.id)
    assert claims["act"]["sub"] == delegator.id
    assert not claims.get("pdi")


@scenario("Manager-GetToken-7")
def test_delegated_service(node, world, consumer, publisher):
    """Given a service that the node published on behalf of another peer, and a valid connection contract for it; when
    the consumer asks for a token; then pdi names that peer (Core 4.4.1.6)."""
    directory = world.peer("directory")
    listing = publication(directory.id, node.id, SERVICE, delegator=publisher.id)
    conclude(node, contract(listing), publisher, directory)
    _, _, _, claims = authorised(node, consumer, SERVICE, [publisher], publication_delegator=publisher.id)
    assert claims["pdi"] == publisher.id
    assert not claims.get("act", {}).get("sub")


@scenario("Manager-GetToken-8")
def test_client_id_missing(node, consumer, scope):
    """When client_id is absent or empty; then the request is refused (Core 4.4.1.6, manager.yaml getToken)."""
    for client_id in (None, ""):
        answer = consumer.token(node.manager_address, scope, client_id=client_id)
        token_refused(answer, "invalid_request", "invalid_client")


@scenario("Manager-GetToken-9")
def test_client_id_of_another(node, consumer, delegator, scope):
    """When client_id is not the participant id of the client certificate; then the request is refused, also when it is
    another peer's or the contract's own (Core 4.4.1.6)."""
    for client_id in (delegator.id, node.id, "x" * 300):
        answer = consumer.token(node.manager_address, scope, client_id=client_id)
        token_refused(answer, "invalid_client", "invalid_request", "unauthorized_client")
    token_refused(delegator.token(node.manager_address, scope, client_id=consumer.id))


@scenario("Manager-GetToken-10")
def test_properties_of_a_connection(node, consumer):
    """Given a valid contract whose ServiceConnectionGrant has properties; when a token is asked for; then prp holds
    them unchanged (Core 4.2.2.1, 4.4.1.6)."""
    _, _, _, claims = authorised(node, consumer, SERVICE, properties=PROPERTIES)
    assert claims["prp"] == PROPERTIES


@scenario("Manager-GetToken-11")
def test_properties_of_a_delegated_connection(node, consumer, delegator):
    """Given a valid contract whose DelegatedServiceConnectionGrant has properties; when a token is asked for; then prp
    holds them unchanged (Core 4.2.2.1, 4.4.1.6)."""
    _, _, _, claims = authorised(node, consumer, SERVICE, [delegator], delegator=delegator.id, properties=PROPERTIES)
    assert claims["prp"] == PROPERTIES and claims["act"]["sub"] == delegator.id


def test_control_the_scope_of_the_refusals_gives_a_token(node, consumer, scope):
    """The grant hash that the refusals above start from is good for a token."""
    answer = consumer.token(node.manager_address, scope)
    access_token(answer, by=node, of=consumer, grant_hash=scope, service=SERVICE)
