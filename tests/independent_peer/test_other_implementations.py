"""What another implementation may do otherwise: the readings, forms and roles that the standard leaves open."""

import pytest

from .agreements import (
    accept_by_hand,
    agree,
    application,
    connect,
    record_at,
    same_transaction,
    state,
    wait_for,
)
from .contract import DIGEST, STRING
from .web_server import request


@pytest.mark.parametrize("reading", [STRING, DIGEST])
def test_a_peer_of_either_reading_of_the_grant_hash_uses_and_offers_services(node, new_peer, files, reading):
    """Core 4.2.5 step 3; this peer knows one reading only."""
    peer = new_peer("lezing", reading=reading)
    peer.services["bronnen"] = files.url
    grant = peer.own_hash(connect(peer, node))
    answer, transaction_id = peer.outway.call(grant, "GET", "/small.bin")
    assert (answer.status, answer.body) == (200, files.file("small.bin"))
    assert record_at(peer, node, transaction_id)["grant_hash"] == grant
    [found] = peer.fetch_all(node.id, "contracts", grant_hash=grant)
    assert found["content"] == peer.contracts.by_grant_hash(grant)[0].content
    agree(node, peer, "bronnen")
    headers = application(node, f"lezing-{reading}", peer, "bronnen")
    through = request(node.outway_port, "GET", "/bronnen/small.bin", headers)
    assert (through.status, through.body) == (200, files.file("small.bin"))
    own = peer.log.records()[-1]
    assert own["direction"] == "DIRECTION_INCOMING"
    same_transaction(own, record_at(peer, node, own["transaction_id"]))


ALGORITHMS = {
    "RS256": "RSA-2048",
    "RS384": "RSA-2048",
    "RS512": "RSA-2048",
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_signature_algorithm_of_the_standard_is_accepted(node, new_peer, group, algorithm):
    """Core 4.2.3; the signing certificate is another than the one of the connection."""
    peer = new_peer("ondertekenaar", algorithm=algorithm)
    peer.signing_credentials.append(group.authority.issue(peer.id, peer.name, [peer.host], ALGORITHMS[algorithm]))
    contract = connect(peer, node)
    peer.sign(contract, "revoke")
    wait_for(lambda: state(node, contract.hash) == "revoked", "the node takes the second signature")


def test_an_outway_is_recognised_by_its_domain_name(node, new_peer, files):
    peer = new_peer("domein")
    data = peer.connection(node.id, "bestanden")
    identification = {"type": "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME", "domain_name": f"outway.{peer.host}"}
    contract = peer.submit(peer.new_content({**data, "outway": {"peer_id": peer.id, "identification": identification}}))
    wait_for(lambda: contract.state == "valid", "the node accepts")
    answer, _ = peer.outway.call(peer.own_hash(contract), "GET", "/small.bin")
    assert (answer.status, answer.body) == (200, files.file("small.bin"))


VALUES = {
    "numbers": {"klein": 1.5e-7, "heel": 9007199254740991, "min nul": -0.0, "breuk": 333333333.3333333},
    "characters": {"tekst": "é\u2028\"\\\u0007€😀", "ÿ": None, "€": [True, {}], "\ufb33": 1, "😀": 2},
    "a large number": {"getal": 1e21},
}


@pytest.mark.parametrize("case", VALUES)
def test_properties_of_a_grant_come_back_in_the_token(node, new_peer, case):
    """Core 4.2.2 and 4.4.1.6; values whose canonical form is easy to get wrong, from RFC 8785 sections 3.2 and B."""
    peer = new_peer("eigenschappen")
    contract = connect(peer, node, properties={"afspraak": VALUES[case]})
    _, claims = peer.outway.token(peer.own_hash(contract))
    assert claims["prp"] == {"afspraak": VALUES[case]}


def test_a_contract_is_hashed_as_it_was_received(node, new_peer):
    """Members that the standard does not know stay part of the signed content (Core 4.2.4)."""
    peer = new_peer("uitbreiding")
    data = peer.connection(node.id, "bestanden", uitbreiding={"b": 1, "a": [0.5]}, properties={})
    contract = peer.submit(peer.new_content(data))
    accept_by_hand(node, contract, peer)
    assert peer.outway.token(peer.own_hash(contract))[1]["prp"] == {}
    assert peer.refused == []


def test_a_call_for_another_peer_is_logged_with_its_delegator(node, new_peer, files):
    """Core 4.2.1.4 and Logging 3.3.1.2."""
    peer, delegator = new_peer("gemachtigde"), new_peer("opdrachtgever")
    data = peer.connection(node.id, "bestanden", delegator={"peer_id": delegator.id})
    contract = peer.submit(peer.new_content({**data, "type": "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"}))
    accept_by_hand(node, contract, peer, delegator)
    answer, transaction_id = peer.outway.call(peer.own_hash(contract), "GET", "/small.bin")
    assert (answer.status, answer.body) == (200, files.file("small.bin"))
    record = record_at(delegator, node, transaction_id)
    same_transaction(record, peer.log.records()[-1])
    assert record["source"]["delegator_peer_id"] == delegator.id
    assert delegator.refused == [] and peer.refused == []


def test_a_service_offered_for_another_peer_is_logged_with_its_delegator(node, new_peer, files):
    """Core 3.5 and 4.4.1.6, Logging 3.3.1.2."""
    peer, owner = new_peer("afnemer"), new_peer("eigenaar")
    data = peer.connection(node.id, "bestanden")
    data["service"] = {**data["service"], "type": "SERVICE_TYPE_DELEGATED_SERVICE", "delegator": {"peer_id": owner.id}}
    contract = peer.submit(peer.new_content(data))
    accept_by_hand(node, contract, peer, owner)
    answer, transaction_id = peer.outway.call(peer.own_hash(contract), "GET", "/small.bin")
    assert (answer.status, answer.body) == (200, files.file("small.bin"))
    record = record_at(owner, node, transaction_id)
    same_transaction(record, peer.log.records()[-1])
    assert record["destination"]["delegator_peer_id"] == owner.id


def test_filters_of_the_log_are_alternatives(node, new_peer):
    """Logging, `GET /logs`: of several filters the records where either condition is true."""
    peer = new_peer("filter")
    grant = peer.own_hash(connect(peer, node))
    _, first = peer.outway.call(grant, "GET", "/small.bin")
    _, second = peer.outway.call(grant, "GET", "/small.bin")
    record_at(peer, node, second)

    def ids(**query):
        return {record["transaction_id"] for record in peer.fetch_all(node.id, "logs", **query)}

    assert ids() == ids(grant_hash=grant) == ids(service_name="iets-anders,bestanden") == {first, second}
    assert ids(transaction_ids=first, service_name="iets-anders", limit=1) == {first}
    assert ids(service_name="iets-anders") == ids(before=1) == set()
    assert ids(grant_hash=grant, service_name="iets-anders") == {first, second}


@pytest.mark.parametrize("what", ["contracts", "peers", "logs"])
def test_a_cursor_that_is_none_is_the_fault_of_the_caller(node, new_peer, what):
    peer = new_peer("cursor")
    answer = peer.ask(node.manager_address, node.id, f"/v1/{what}?cursor=dit-is-geen-cursor")
    assert answer.status in (200, 400, 422)


def test_a_second_accept_signature_replaces_the_first(node, new_peer, group):
    """Core 4.2.7: after a renewal the signer sends a new signature."""
    peer = new_peer("vernieuwer")
    contract = connect(peer, node)
    peer.signing_credentials.append(group.authority.issue(peer.id, peer.name, [peer.host], "P-384"))
    peer.sign(contract, "accept")

    def held():
        [found] = peer.fetch_all(node.id, "contracts", grant_hash=peer.own_hash(contract))
        return found["signatures"]["accept"][peer.id]

    wait_for(lambda: held() == contract.signatures["accept"][peer.id], "the node has the new signature")
    assert state(node, contract.hash) == "valid"
