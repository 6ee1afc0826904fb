"""Beyond the suite: what the node's own policy makes of contracts, and what operator and peer get to know of it."""

import time

import pytest

from support.checks import eventually, manager_refuses
from support.contract import DAY, connection, contract, domain_identification, publication
from support.hashing import content_hash
from support.node import NodeFault

SERVICE = "inkomens"


@pytest.fixture(scope="module")
def node(world, echo, cast):
    policy = {
        "known_consumers": [f"oin:{cast('consumer').peer_id}", f"oin:{cast('delegator').peer_id}"],
        "connection": "accept",
        "maximum_validity_days": 40,
        "allowed_properties": ["flow"],
    }
    made = world.node("provider", settings={"acceptance": policy})
    made.add_service(SERVICE, echo.url)
    made.cli(
        "service", "add", "besloten", "--upstream", echo.url,
        "--class", "governed", "--steward", "Conformance suite", "--reason", "personal data",
    )  # fmt: skip
    return made


def judged(node, peer, content):
    """Submits; answers verdict and codes, as the operator sees them, once the node has decided."""
    assert peer.submit(node.manager_address, content).status == 201
    shown = node.cli("contract", "show", content_hash(content))
    for reason in shown["verdict_reasons"]:
        assert reason["nl"] and reason["en"], reason
    return shown["verdict"], [reason["code"] for reason in shown["verdict_reasons"]], shown["state"]


def own(peer, node, name=SERVICE, **more):
    return connection(peer.identity, node.id, name, **more)


def test_a_clean_contract_is_accepted(node, consumer):
    """One grant, own open service, known consumer, bounded validity, allowed properties only."""
    for grant in (own(consumer, node), own(consumer, node, properties={"flow": "query"})):
        verdict, reasons, state = judged(node, consumer, contract(grant))
        assert (verdict, reasons, state) == ("accept", ["CONNECTION_ALLOWED"], "valid")


def test_a_smuggled_grant_is_rejected_and_the_peer_is_told(node, consumer):
    """The peer gets a reject signature (Core 3.2.1, 4.4.1.3); a reject cannot be taken back."""
    content = contract(own(consumer, node), own(consumer, node, identification=domain_identification("x.gemeente.test")))
    verdict, reasons, state = judged(node, consumer, content)
    assert (verdict, reasons[0], state) == ("reject", "SEVERAL_GRANTS", "rejected")
    path = f"/v1/contracts/{content_hash(content)}/reject"
    told = eventually(lambda: consumer.manager.received("PUT", path), "reject at the peer")[0]
    assert told.json()["content"] == content and told.headers["Fsc-Manager-Address"] == node.manager_address
    with pytest.raises(NodeFault):
        node.accept(content_hash(content))


def test_a_service_that_is_not_there_is_refused_at_once(node, consumer):
    """Core 4.2.1.3: the service is offered by the peer that the grant names."""
    answer = consumer.submit(node.manager_address, contract(own(consumer, node, "bestaat-niet")))
    manager_refuses(answer)
    assert answer.status == 422


def leaves():
    later = int(time.time()) + 90 * DAY
    return {
        "SERVICE_GOVERNED": lambda node, consumer, _: contract(own(consumer, node, "besloten")),
        "UNKNOWN_PROPERTY": lambda node, consumer, _: contract(own(consumer, node, properties={"anders": 1})),
        "UNKNOWN_MEMBER": lambda node, consumer, _: contract({**own(consumer, node), "extra": 1}),
        "EXTERNAL_REFERENCE": lambda node, consumer, _: contract(
            own(consumer, node, properties={"delegation.connection.external_contract_reference": {"reference": "x"}})
        ),
        "VALIDITY_TOO_LONG": lambda node, consumer, _: contract(
            own(consumer, node), validity={"not_before": int(time.time()) - 60, "not_after": later}
        ),
        "DELEGATED_GRANT": lambda node, consumer, other: contract(own(consumer, node, delegator=other.id)),
        "DELEGATED_SERVICE": lambda node, consumer, other: contract(own(consumer, node, publication_delegator=other.id)),
        "NOT_A_DIRECTORY": lambda node, consumer, _: contract(publication(node.id, consumer.id, "overzicht")),
    }


@pytest.mark.parametrize("reason", leaves())
def test_what_is_not_clean_is_left_to_a_person(node, consumer, delegator, reason):
    verdict, reasons, state = judged(node, consumer, leaves()[reason](node, consumer, delegator))
    assert (verdict, state) == ("leave", "proposed") and reason in reasons, reasons
    assert consumer.manager.received("PUT", "reject") == []


def test_a_consumer_that_is_not_known_waits_for_a_person(node, stranger):
    content = contract(own(stranger, node))
    assert judged(node, stranger, content) == ("leave", ["CONSUMER_NOT_KNOWN"], "proposed")
    node.accept(content_hash(content))
    assert node.cli("contract", "show", content_hash(content))["state"] == "valid"


def test_a_contract_for_another_consumer_waits_for_a_person(node, consumer, delegator):
    """Who submits is not who would connect."""
    content = contract(own(consumer, node, delegator=delegator.id))
    verdict, reasons, _ = judged(node, delegator, content)
    assert verdict == "leave" and {"DELEGATED_GRANT", "OTHER_SUBMITTER"} <= set(reasons)
