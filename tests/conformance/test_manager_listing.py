"""What a manager tells: contracts, services, itself, peers, keys, log records (Core 4.4, Logging 3.2)."""

import pytest

from support import signing
from support.checks import eventually, log_record, record_of, records_of
from support.contract import connection, contract, publication
from support.hashing import content_hash
from support.steps import authorised, called, conclude

scenario = pytest.mark.scenario
SERVICE = "inkomens"
PROPERTIES = {"kenmerk": {"doel": "toets", "getal": 3}, "lijst": [1, "twee", None]}


@pytest.fixture(scope="module")
def node(world, echo):
    """A node that offers a service and is a directory."""
    allowed = {"acceptance": {"allowed_properties": list(PROPERTIES)}}
    made = world.node("provider", directory_role=True, settings=allowed)
    made.add_service(SERVICE, echo.url)
    return made


@scenario("Manager-Contracts-1")
def test_own_contracts_are_listed(node, consumer):
    """Given a valid contract with a ServiceConnectionGrant that names the peer; when it asks for contracts; then the
    contract is returned with content and signatures, and the node's accept verifies (Core 4.4.1.5, 4.2.3)."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    held = consumer.contract_at(node.manager_address, conclude(node, content, consumer))
    assert held["content"] == content
    assert held["signatures"].keys() == {"accept", "reject", "revoke"}
    assert held["signatures"]["accept"].keys() == {consumer.id, node.id}
    keys = consumer.get(node.manager_address, "/.well-known/jwks.json").json()
    _, payload = signing.verify(held["signatures"]["accept"][node.id], keys)
    assert payload["contract_content_hash"] == content_hash(content) and payload["type"] == "accept"
    assert isinstance(payload["signed_at"], int)


@scenario("Manager-Contracts-2")
def test_contracts_of_others_are_not_listed(node, consumer, stranger):
    """Given a valid contract that does not name the peer; when it asks for contracts; then that one is not returned
    (Core 4.4.1.5)."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    wanted = conclude(node, content, consumer)
    assert consumer.contract_at(node.manager_address, wanted)
    assert stranger.contract_at(node.manager_address, wanted) is None


def published(node, asker, submitter, others, name, **grant):
    """Publishes a service at the node, which is the directory, and answers its entry in the listing."""
    content = contract(publication(node.id, **grant, name=name))
    conclude(node, content, submitter, *others)

    def entry():
        listed = asker.all_of(node.manager_address, "/services", "services")
        return next((each["data"] for each in listed if each["data"]["name"] == name), None)

    return eventually(entry, f"listing of {name}")


def expect_entry(entry, publisher, name, kind, **more):
    expected = {
        "type": kind,
        "peer": {"id": publisher.id, "name": publisher.identity.name, "manager_address": publisher.manager_address},
        "name": name,
        "protocol": "PROTOCOL_TCP_HTTP_1.1",
        **more,
    }
    for member, value in expected.items():
        assert entry.get(member) == value, f"listed {member} is {entry.get(member)!r}, not {value!r}"


@scenario("Manager-Services-1")
def test_published_service_is_listed_to_its_provider(node, publisher):
    """Given a valid contract with a ServicePublicationGrant in which the peer provides the service; when that peer asks
    for services; then the service is returned as the grant has it (Core 4.4.1.8)."""
    entry = published(node, publisher, publisher, (), "kadaster", provider_id=publisher.id)
    expect_entry(entry, publisher, "kadaster", "SERVICE_TYPE_SERVICE")
    assert not entry.get("properties")


@scenario("Manager-Services-1")
def test_published_service_is_listed_to_anyone(node, publisher, stranger):
    """Given a valid contract with a ServicePublicationGrant; when any peer of the group asks for services; then the
    service is returned (Core 4.4.1.8; second row of this id in the suite)."""
    entry = published(node, stranger, publisher, (), "topografie", provider_id=publisher.id)
    expect_entry(entry, publisher, "topografie", "SERVICE_TYPE_SERVICE")


@scenario("Manager-Services-2")
def test_delegated_service_is_listed(node, publisher, delegator):
    """Given a valid contract with a DelegatedServicePublicationGrant; when services are asked for; then the service is
    returned with its delegator's id and name (Core 4.4.1.8, manager.yaml serviceListingDelegatedService)."""
    delegator.announce(node.manager_address)
    entry = published(
        node, publisher, publisher, (delegator,), "namens", provider_id=publisher.id, delegator=delegator.id
    )
    expected = {"peer_id": delegator.id, "peer_name": delegator.identity.name}
    expect_entry(entry, publisher, "namens", "SERVICE_TYPE_DELEGATED_SERVICE", delegator=expected)


@scenario("Manager-Services-3")
def test_listed_service_shows_properties(node, publisher):
    """Given a publication grant with properties; when services are asked for; then the entry has the same properties
    (Core 4.2.2.1)."""
    entry = published(node, publisher, publisher, (), "eigen", provider_id=publisher.id, properties=PROPERTIES)
    expect_entry(entry, publisher, "eigen", "SERVICE_TYPE_SERVICE", properties=PROPERTIES)


@scenario("Manager-Services-4")
def test_listed_delegated_service_shows_properties(node, publisher, delegator):
    """Given a delegated publication grant with properties; when services are asked for; then the entry has the same
    properties (Core 4.2.2.1)."""
    entry = published(
        node, publisher, publisher, (delegator,), "namens-eigen",
        provider_id=publisher.id, delegator=delegator.id, properties=PROPERTIES,
    )  # fmt: skip
    expect_entry(entry, publisher, "namens-eigen", "SERVICE_TYPE_DELEGATED_SERVICE", properties=PROPERTIES)


@scenario("Manager-PeerInfo-1")
def test_peer_information(node, consumer):
    """When GET /peer is called; then it names the peer that runs the manager, by the id and name of its certificate,
    the version of FSC and the extensions in use (manager.yaml getPeerInfo)."""
    answer = consumer.get(node.manager_address, "/peer")
    assert answer.status == 200, answer
    body = answer.json()
    assert body["peer_id"] == node.id
    assert body["peer_name"] == node.identity.name
    assert body["fsc_version"] == "2.0.0"
    assert body["enabled_extensions"]["EXTENSION_TRANSACTION_LOGGING"]


@scenario("Manager-Peers-1")
def test_announced_peers_are_listed(node, world, consumer):
    """Given a peer that announced itself; when GET /peers is called; then it is listed with id, name and manager
    address (Core 4.4.1.9, 4.4.2)."""
    newcomer = world.peer("directory")
    answer = newcomer.announce(node.manager_address)
    assert answer.status == 200, f"PUT /announce gives {answer}"
    listed = {each["id"]: each for each in consumer.all_of(node.manager_address, "/peers", "peers")}
    assert listed[newcomer.id] == {
        "id": newcomer.id,
        "name": newcomer.identity.name,
        "manager_address": newcomer.manager_address,
    }


@scenario("Manager-TransactionLogRecord-1")
def test_log_records_of_the_caller(node, consumer, stranger):
    """Given a call by the peer to a service of the node's; when the peer asks for log records; then the record of that
    call is returned to it, and not to a peer that took no part (Logging 3.2.1.1)."""
    _, scope, token, _ = authorised(node, consumer, SERVICE)
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200, f"the call gives {answer}"
    log_record(
        record_of(consumer, node, transaction),
        transaction=transaction,
        direction="DIRECTION_INCOMING",
        grant_hash=scope,
        outway=consumer.id,
        provider=node.id,
        service=SERVICE,
    )
    everything = consumer.all_of(node.manager_address, "/logs", "records")
    assert transaction in [each["transaction_id"] for each in everything]
    assert records_of(stranger, node, transaction) == []
    assert stranger.all_of(node.manager_address, "/logs", "records") == []


@scenario("Manager-JSONWebKeySet-1")
def test_json_web_key_set(node, consumer):
    """When the key set is asked for; then it holds the certificate that the node signs with, followed by the chain up
    to but without the root, and a key that is the certificate's (Core 4.4.1.4, RFC 7517)."""
    answer = consumer.get(node.manager_address, "/.well-known/jwks.json")
    assert answer.status == 200, answer
    chains = signing.certificates_of(answer.json())
    assert node.identity.certificate_thumbprint in chains
    chain = chains[node.identity.certificate_thumbprint]
    assert [each.subject for each in chain] == [each.subject for each in node.identity.chain]
    own = signing.json_web_key(node.identity)
    served = next(each for each in answer.json()["keys"] if each["x5c"] == own["x5c"])
    assert {name: served[name] for name in ("kty", "n", "e")} == {name: own[name] for name in ("kty", "n", "e")}
