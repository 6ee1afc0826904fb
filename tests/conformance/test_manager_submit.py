"""Manager-SubmitContract: what POST /contracts takes and refuses (Core 4.2, 4.4.1.2, 4.4.5.3)."""

import pytest

from support.checks import manager_refuses
from support.contract import connection, contract, publication
from support.hashing import content_hash
from support.signing import contract_signature

scenario = pytest.mark.scenario
SERVICE = "inkomens"


@pytest.fixture(scope="module")
def node(world, echo):
    """A node that offers a service and is a directory."""
    made = world.node("provider", directory_role=True)
    made.add_service(SERVICE, echo.url)
    return made


def is_stored(node, peer, content):
    """Submits; the answer is 201 and the peer finds contract and own accept in the listing."""
    answer = peer.submit(node.manager_address, content)
    assert answer.status == 201, f"POST /contracts gives {answer}"
    held = peer.contract_at(node.manager_address, content_hash(content))
    assert held is not None, "a contract answered with 201 is not listed"
    assert held["content"] == content
    assert peer.id in held["signatures"]["accept"]


@scenario("Manager-SubmitContract-1")
def test_service_connection(node, consumer):
    """Given a service of the node's; when a consumer submits a contract with a ServiceConnectionGrant for it, signed
    with its accept; then the manager answers 201 and holds the contract (Core 4.2.1.3, 4.4.1.2)."""
    is_stored(node, consumer, contract(connection(consumer.identity, node.id, SERVICE)))


@scenario("Manager-SubmitContract-2")
def test_service_publication(node, publisher):
    """Given a directory; when a provider submits a contract with a ServicePublicationGrant; then the manager answers
    201 and holds the contract (Core 4.2.1.1, 4.5.1.1)."""
    is_stored(node, publisher, contract(publication(node.id, publisher.id, "kadaster")))


@scenario("Manager-SubmitContract-3")
def test_delegated_service_publication(node, publisher, delegator):
    """Given a directory; when the delegator, or the provider on whose behalf it publishes, submits a contract with a
    DelegatedServicePublicationGrant; then the manager answers 201 and holds it (Core 4.2.1.2; 3.2.1: any peer)."""
    for submitter in (delegator, publisher):
        grant = publication(node.id, publisher.id, f"namens-{submitter.id}", delegator=delegator.id)
        is_stored(node, submitter, contract(grant))


@scenario("Manager-SubmitContract-4")
def test_delegated_service_connection(node, consumer, delegator):
    """Given a service of the node's; when the delegatee submits a contract with a DelegatedServiceConnectionGrant;
    then the manager answers 201 and holds it (Core 4.2.1.4, 3.6.1)."""
    is_stored(node, consumer, contract(connection(consumer.identity, node.id, SERVICE, delegator=delegator.id)))


@scenario("Manager-SubmitContract-5")
def test_connection_to_a_delegated_service(node, consumer, publisher):
    """Given a service that the node offers on behalf of another peer; when a consumer submits a contract with a
    ServiceConnectionGrant that names that peer as the service's delegator; then 201 (Core 4.2.1.3, 3.5)."""
    grant = connection(consumer.identity, node.id, SERVICE, publication_delegator=publisher.id)
    is_stored(node, consumer, contract(grant))


@scenario("Manager-SubmitContract-6")
def test_delegated_connection_to_a_delegated_service(node, consumer, delegator, publisher):
    """Given four peers; when the delegatee submits a DelegatedServiceConnectionGrant for a delegated service; then 201
    (Core 4.2.1.4, 3.6.2)."""
    grant = connection(consumer.identity, node.id, SERVICE, delegator=delegator.id, publication_delegator=publisher.id)
    is_stored(node, consumer, contract(grant))


@scenario("Manager-SubmitContract-7")
def test_submitter_outside_the_contract(node, consumer, stranger):
    """Given a peer that is in no grant; when it submits the contract; then 422 SUBMITTING_PEER_NOT_PART_OF_CONTRACT
    and nothing is stored (Core 4.4.5.3)."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    manager_refuses(stranger.submit(node.manager_address, content), "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT")
    assert consumer.contract_at(node.manager_address, content_hash(content)) is None


@scenario("Manager-SubmitContract-8")
def test_publication_mixed_with_a_connection(node, consumer):
    """When a contract joins a publication grant (plain or delegated) with a connection grant; then 422
    GRANT_COMBINATION_NOT_ALLOWED (Core 4.2.1)."""
    for delegator in (None, consumer.id):
        content = contract(
            publication(node.id, consumer.id, "gemengd", delegator=delegator),
            connection(consumer.identity, node.id, SERVICE),
        )
        manager_refuses(consumer.submit(node.manager_address, content), "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED")


@scenario("Manager-SubmitContract-9")
def test_other_group(node, consumer):
    """When a contract names another group than the manager's; then 422 INCORRECT_GROUP_ID (Core 4.2.1, 4.4.5.3)."""
    content = contract(connection(consumer.identity, node.id, SERVICE), group_id="another-group")
    manager_refuses(consumer.submit(node.manager_address, content), "ERROR_CODE_INCORRECT_GROUP_ID")


@scenario("Manager-SubmitContract-10")
def test_unknown_hash_algorithm(node, consumer):
    """When the contract's hash_algorithm, or the algorithm in the prefix of the signed content hash, is not supported;
    then 422 UNKNOWN_HASH_ALGORITHM_HASH (Core 4.2.4, 4.4.5.3)."""
    code = "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH"
    grant = connection(consumer.identity, node.id, SERVICE)
    unknown = contract(grant, hash_algorithm="HASH_ALGORITHM_SHA2_256")
    manager_refuses(consumer.submit(node.manager_address, unknown), code)
    content = contract(grant)
    renumbered = content_hash(content).replace("$1$1$", "$9$1$", 1)
    signature = contract_signature(consumer.identity, content, "accept", signed_hash=renumbered)
    manager_refuses(consumer.submit(node.manager_address, content, signature=signature), code)


@scenario("Manager-SubmitContract-11")
def test_rsa_signature(node, consumer):
    """When the accept is signed with RS256, RS384 or RS512; then 201 and the contract exists (Core 4.2.3)."""
    for algorithm in ("RS256", "RS384", "RS512"):
        content = contract(connection(consumer.identity, node.id, SERVICE))
        signature = contract_signature(consumer.identity, content, "accept", algorithm=algorithm)
        answer = consumer.submit(node.manager_address, content, signature=signature)
        assert answer.status == 201, f"{algorithm}: {answer}"
        assert consumer.contract_at(node.manager_address, content_hash(content)), algorithm


@scenario("Manager-SubmitContract-12")
def test_ecdsa_signature(node, world):
    """Given a peer whose certificate has a P-256 key; when it signs with ES256; then 201 and the contract exists
    (Core 4.2.3)."""
    consumer = world.peer("stranger", kind="p256")
    is_stored(node, consumer, contract(connection(consumer.identity, node.id, SERVICE)))
