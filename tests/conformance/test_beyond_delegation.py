"""Beyond the suite: a node proposes what it does on behalf of another participant (Core 3.5, 3.6, 4.2.1.2, 4.2.1.4).

Four nodes and a directory, each a process with a database of its own; no peer of the suite takes part.
"""

import pytest

from support.checks import eventually, log_record, record_of
from support.contract import peers_of
from support.hashing import content_hash, grant_hash
from support.node import NodeFault
from support.steps import accept_by_hand

OWN, ON_BEHALF = "inkomens", "namens-bron"


@pytest.fixture(scope="module")
def directory(world):
    return world.node("directory", directory_role=True)


def member(world, directory, role, **more):
    node = world.node(role, directories=[directory], **more)
    node.cli("peer", "announce")

    def listed():
        return node.caller().get(directory.manager_address, "/peers", peer_id=node.id).json()["peers"]

    eventually(listed, "the node in the directory's listing")
    return node


@pytest.fixture(scope="module")
def provider(world, directory, echo):
    node = member(world, directory, "provider")
    node.add_service(OWN, echo.url)
    node.add_service(ON_BEHALF, echo.url)
    return node


@pytest.fixture(scope="module")
def delegatee(world, directory):
    return member(world, directory, "consumer")


@pytest.fixture(scope="module")
def principal(world, directory):
    """On whose behalf the delegatee connects."""
    return member(world, directory, "delegator")


@pytest.fixture(scope="module")
def owner(world, directory):
    """On whose behalf the provider offers a service."""
    return member(world, directory, "publisher")


@pytest.fixture(scope="module")
def application(delegatee, provider):
    token = delegatee.add_application("balie")
    delegatee.allow("balie", provider.id, OWN, "inkomens")
    delegatee.allow("balie", provider.id, ON_BEHALF, "namens")
    return token


def contracts_at(node):
    """What a node shows of its contracts to itself."""
    return node.caller().all_of(node.manager_address, "/contracts", "contracts")


def concluded(proposed, proposer, *others, by_policy=()):
    """The proposal reaches every node on it and is accepted there by hand; answers its content."""
    wanted = proposed["hash"]

    def held(node):
        return next((each for each in contracts_at(node) if content_hash(each["content"]) == wanted), None)

    for node in others:
        eventually(lambda node=node: held(node), "the proposal at every peer on it", 15)
        if node not in by_policy:
            accept_by_hand(node, node.caller(), wanted)
    everybody = {proposer.id, *(node.id for node in others)}
    for node in (proposer, *others):
        eventually(
            lambda node=node: everybody <= held(node)["signatures"]["accept"].keys(), "every accept everywhere", 15
        )
    content = held(proposer)["content"]
    for node in (proposer, *others):
        node.in_force()
    assert peers_of(content) == everybody
    return content


def called(application, delegatee, provider, alias, content, service, **delegators):
    """An application calls; both records name who acted for whom."""
    scope = grant_hash(content)
    answer = delegatee.outway(f"/{alias}/x", application, headers={"Fsc-Grant-Hash": scope} if not alias else {})
    assert answer.status == 200, answer
    transaction = answer.headers["Fsc-Transaction-Id"]
    for holder, reader, direction in (
        (delegatee, provider, "DIRECTION_OUTGOING"),
        (provider, delegatee, "DIRECTION_INCOMING"),
    ):
        log_record(
            record_of(reader.caller(), holder, transaction), transaction=transaction, direction=direction,
            grant_hash=scope, outway=delegatee.id, provider=provider.id, service=service, **delegators,
        )  # fmt: skip


def test_a_delegatee_proposes_a_connection(delegatee, provider, principal, application):
    """Core 3.6.1: the delegatee creates the contract and sends it to delegator and provider."""
    proposed = delegatee.propose(provider.id, OWN, "--on-behalf-of", principal.id)
    content = concluded(proposed, delegatee, provider, principal)
    [grant] = content["grants"]
    assert grant["data"]["type"] == "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"
    assert grant["data"]["outway"]["peer_id"] == delegatee.id
    assert grant["data"]["delegator"] == {"peer_id": principal.id}
    assert grant["data"]["service"] == {"type": "SERVICE_TYPE_SERVICE", "peer_id": provider.id, "name": OWN}
    called(application, delegatee, provider, "inkomens", content, OWN, source_delegator=principal.id)
    # What stands is given back, and what says something else does not stand.
    assert delegatee.propose(provider.id, OWN, "--on-behalf-of", principal.id)["hash"] == proposed["hash"]
    assert delegatee.propose(provider.id, OWN)["hash"] != proposed["hash"]


def test_a_provider_publishes_on_behalf_of_another(directory, provider, owner, delegatee, principal, application):
    """Core 4.2.1.2, 4.4.1.8, 3.6.2: a publication for an owner, and a connection for a principal to what it lists."""
    proposed = provider.cli("service", "publish", ON_BEHALF, "--on-behalf-of", owner.id)
    content = concluded(proposed, provider, directory, owner, by_policy=[directory])
    [grant] = content["grants"]
    assert grant["data"]["type"] == "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION"
    assert grant["data"]["delegator"] == {"peer_id": owner.id}
    listed = delegatee.caller().all_of(directory.manager_address, "/services", "services", service_name=ON_BEHALF)
    [entry] = [each["data"] for each in listed]
    assert entry["type"] == "SERVICE_TYPE_DELEGATED_SERVICE"
    assert entry["delegator"] == {"peer_id": owner.id, "peer_name": owner.identity.name}
    assert entry["peer"]["id"] == provider.id

    behalves = ("--offered-for", owner.id, "--on-behalf-of", principal.id)
    content = concluded(delegatee.propose(provider.id, ON_BEHALF, *behalves), delegatee, provider, owner, principal)
    assert content["grants"][0]["data"]["service"] == {
        "type": "SERVICE_TYPE_DELEGATED_SERVICE",
        "peer_id": provider.id,
        "name": ON_BEHALF,
        "delegator": {"peer_id": owner.id},
    }
    called(
        application, delegatee, provider, "namens", content, ON_BEHALF,
        source_delegator=principal.id, destination_delegator=owner.id,
    )  # fmt: skip


def test_nobody_delegates_to_itself(delegatee, provider):
    for behalf in (("--on-behalf-of", delegatee.id), ("--offered-for", provider.id)):
        with pytest.raises(NodeFault, match="DELEGATOR_UNUSABLE"):
            delegatee.propose(provider.id, OWN, *behalf)
