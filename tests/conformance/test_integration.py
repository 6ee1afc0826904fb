"""Integration: complete nodes and a directory, each a process with a database of its own (Core 3, Logging 2)."""

import pytest

from support.checks import eventually, fsc_error, log_record, record_of
from support.contract import connection, contract, publication
from support.hashing import content_hash, grant_hash
from support.steps import accept_by_hand

scenario = pytest.mark.scenario
SERVICE = "inkomens"
ON_BEHALF = "namens-bron"


@pytest.fixture(scope="module")
def directory(world):
    return world.node("directory", directory_role=True)


@pytest.fixture(scope="module")
def provider(world, directory, echo):
    made = world.node("provider", directories=[directory], accept=True)
    made.add_service(SERVICE, echo.url)
    made.add_service(ON_BEHALF, echo.url)
    made.cli("peer", "announce")
    return made


@pytest.fixture(scope="module")
def consumer(world, directory):
    made = world.node("consumer", directories=[directory], accept=True)
    made.cli("peer", "announce")
    return made


@pytest.fixture(scope="module")
def application(consumer, provider):
    token = consumer.add_application("balie")
    consumer.allow("balie", provider.id, SERVICE, "inkomens")
    consumer.allow("balie", provider.id, ON_BEHALF, "namens")
    return token


@pytest.fixture(scope="module")
def agreed(consumer, provider):
    """A valid contract between the two nodes, proposed by the consumer and accepted by the provider's policy: its grant
    hash."""
    provider.cli("service", "publish", SERVICE)
    eventually(lambda: SERVICE in listed(consumer), "service in the directory's listing")
    consumer.propose(provider.id, SERVICE)

    def valid():
        for each in consumer.caller().all_of(provider.manager_address, "/contracts", "contracts"):
            data = each["content"]["grants"][0]["data"]
            if data["type"] == "GRANT_TYPE_SERVICE_CONNECTION" and data["service"]["name"] == SERVICE:
                if {consumer.id, provider.id} <= signers(provider, consumer, each["content"]):
                    return grant_hash(each["content"])
        return None

    return provider.in_force(consumer.in_force(eventually(valid, "valid contract at the consumer")))


def listed(node):
    """The services that the node finds in the directory, by name."""
    found = node.cli("service", "find")
    items = found["items"] if isinstance(found, dict) else found
    return {each.get("name") or each["data"]["name"]: each for each in items}


def signers(asker, holder, content):
    """Who accepted the contract, as the holder's manager tells the asker."""
    held = asker.caller().contract_at(holder.manager_address, content_hash(content))
    return held["signatures"]["accept"].keys() if held else set()


def agree_on(content, proposer, others, nodes):
    """The proposer submits to each node; other peers and the nodes accept; waits until each node has every accept."""
    for node in nodes:
        assert proposer.submit(node.manager_address, content).status == 201
        for each in others:
            assert each.sign(node.manager_address, content, "accept").status == 201
    wanted = {proposer.id, *(each.id for each in others), *(node.id for node in nodes)}

    def accepts(node):
        held = proposer.contract_at(node.manager_address, content_hash(content))
        return held["signatures"]["accept"].keys()

    for node in nodes:
        accept_by_hand(node, proposer, content_hash(content))
    eventually(lambda: all(wanted <= accepts(node) for node in nodes), "contract with every accept at every node", 15)
    for node in nodes:
        node.in_force()
    return grant_hash(content)


@pytest.fixture(scope="module")
def published_on_behalf(directory, provider, publisher):
    """The provider's service stands in the directory with a DelegatedServicePublicationGrant."""
    grant = publication(directory.id, provider.id, ON_BEHALF, delegator=publisher.id)
    agree_on(contract(grant), publisher, [], [directory, provider])

    def entry():
        found = publisher.all_of(directory.manager_address, "/services", "services")
        return next((each["data"] for each in found if each["data"]["name"] == ON_BEHALF), None)

    assert eventually(entry, "delegated service in the listing")["delegator"]["peer_id"] == publisher.id


def consumed(consumer, application, echo, headers, path):
    """A successful call through both nodes; answers the transaction id."""
    echo.forget()
    answer = consumer.outway(path, application, headers=headers)
    assert answer.status == 200, f"the call gives {answer}"
    assert len(echo.received()) == 1
    transaction = answer.headers["Fsc-Transaction-Id"]
    assert echo.received()[0].headers["Fsc-Transaction-Id"] == transaction
    return transaction


def both_records(consumer, provider, transaction, scope, service, **delegators):
    """The records of a transaction at both nodes, each as the other node may read it."""
    for holder, reader, direction in (
        (consumer, provider, "DIRECTION_OUTGOING"),
        (provider, consumer, "DIRECTION_INCOMING"),
    ):
        log_record(
            record_of(reader.caller(), holder, transaction),
            transaction=transaction,
            direction=direction,
            grant_hash=scope,
            outway=consumer.id,
            provider=provider.id,
            service=service,
            **delegators,
        )


@scenario("Integration-ConsumeService-1")
def test_consume_a_service(consumer, application, agreed, echo):
    """Given a service that its provider published and a valid contract on it; when an application calls it through the
    outway; then the service answers (Core 3.4, 3.5, 3.7)."""
    consumed(consumer, application, echo, {}, "/inkomens/personen/1")
    assert echo.received()[0].target == "/personen/1"


@scenario("Integration-ConsumeService-2")
def test_consume_without_contract(consumer, provider, application, echo):
    """Given a service without a contract; when an application calls it; then the outway refuses and the service is not
    called (Core 3.5)."""
    echo.forget()
    consumer.allow("balie", provider.id, "zonder-contract", "zonder")
    fsc_error(consumer.outway("/zonder/x", application), "ERROR_DOMAIN_OUTWAY")
    assert echo.received() == []


@scenario("Integration-ConsumeServiceAsDelegatee-1")
def test_consume_as_delegatee(consumer, provider, application, delegator, echo):
    """Given a valid contract with a DelegatedServiceConnectionGrant; when an application of the delegatee calls the
    service; then the service answers, and both records name the delegator as source (Core 3.6.1, Logging 3.3.1.2)."""
    content = contract(connection(consumer.identity, provider.id, SERVICE, delegator=delegator.id))
    scope = agree_on(content, delegator, [], [consumer, provider])
    transaction = consumed(consumer, application, echo, {"Fsc-Grant-Hash": scope}, "/x")
    both_records(consumer, provider, transaction, scope, SERVICE, source_delegator=delegator.id)


@scenario("Integration-ConsumeDelegatedService-1")
def test_consume_a_delegated_service(consumer, provider, application, publisher, published_on_behalf, echo):
    """Given a service that its provider published on behalf of another peer, and a valid contract with a
    ServiceConnectionGrant on it; when an application calls it; then the service answers (Core 3.5)."""
    content = contract(connection(consumer.identity, provider.id, ON_BEHALF, publication_delegator=publisher.id))
    scope = agree_on(content, publisher, [], [consumer, provider])
    transaction = consumed(consumer, application, echo, {"Fsc-Grant-Hash": scope}, "/x")
    both_records(consumer, provider, transaction, scope, ON_BEHALF, destination_delegator=publisher.id)


@scenario("Integration-ConsumeDelegatedService-2")
def test_consume_a_delegated_service_as_delegatee(
    consumer, provider, application, delegator, publisher, published_on_behalf, echo
):
    """Given a service published on behalf of another peer, and a valid contract with a DelegatedServiceConnectionGrant
    on it; when an application of the delegatee calls it; then the service answers (Core 3.6.2)."""
    grant = connection(
        consumer.identity, provider.id, ON_BEHALF, delegator=delegator.id, publication_delegator=publisher.id
    )
    scope = agree_on(contract(grant), delegator, [publisher], [consumer, provider])
    transaction = consumed(consumer, application, echo, {"Fsc-Grant-Hash": scope}, "/x")
    both_records(
        consumer, provider, transaction, scope, ON_BEHALF,
        source_delegator=delegator.id, destination_delegator=publisher.id,
    )  # fmt: skip


@scenario("Integration-TransactionLog-1")
def test_both_parties_hold_the_record(consumer, provider, application, agreed, echo):
    """Given a valid contract; when an application calls the service; then consumer and provider each hold a record, and
    the transaction ids are the same (Logging 2.1, 2.3)."""
    transaction = consumed(consumer, application, echo, {}, "/inkomens/x")
    both_records(consumer, provider, transaction, agreed, SERVICE)
