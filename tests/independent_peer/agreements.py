"""What the tests do again and again between a Python peer and the node under test."""

import time

import pytest

from .web_server import request

STEWARD = ("--class", "open", "--steward", "J. de Vries", "--reason", "proefbestanden zonder persoonsgegevens")


def wait_for(condition, what: str, seconds: float = 10):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.03)


def state(node, contract_hash):
    return node.run("contract", "show", contract_hash)["state"]


def known(peer, contract_hash, wanted):
    found = peer.contracts.get(contract_hash)
    return found is not None and found.state == wanted


def connect(peer, node, service="bestanden", **members):
    """A connection contract that the peer proposes and the node accepts by policy."""
    contract = peer.submit(peer.new_content(peer.connection(node.id, service, **members)))
    wait_for(lambda: contract.state == "valid", "the node accepts")
    assert state(node, contract.hash) == "valid"
    return contract


def agree(node, peer, service):
    """A connection contract that the node proposes and the peer accepts; its hash."""
    proposed = node.run("contract", "propose", f"{peer.id}/{service}")
    wait_for(lambda: state(node, proposed["hash"]) == "valid", "the peer accepts")
    assert known(peer, proposed["hash"], "valid")
    return proposed["hash"]


def accept_by_hand(node, contract, *peers):
    """The node's operator signs what its policy leaves to a person; all `peers` hear of it."""
    others = len(peers)
    wait_for(lambda: len(node.run("contract", "show", contract.hash)["signatures"]) == others, "the others have signed")
    node.run("contract", "accept", contract.hash)
    for peer in peers:
        wait_for(lambda who=peer: known(who, contract.hash, "valid"), "everybody knows that the contract is valid")


def application(node, name, peer, service):
    """An application of the node's organisation that may use the service; its headers."""
    token = node.run("application", "add", name, "--token")["token"]
    node.run("application", "allow", name, f"{peer.id}/{service}", "--alias", service, *STEWARD)
    headers = {"Authorization": f"Bearer {token}"}

    def routed():
        return request(node.outway_port, "HEAD", f"/{service}/small.bin", headers).status not in (401, 403, 404)

    # The outway takes up a new application and a new contract a moment after the command has ended.
    wait_for(routed, "the outway has a route")
    return headers


def record_at(peer, node, transaction_id):
    """The node's record of a transaction, as the peer gets it."""
    found = wait_for(lambda: peer.fetch_all(node.id, "logs", transaction_ids=transaction_id), "the node has the record")
    assert len(found) == 1
    return found[0]


def same_transaction(incoming, outgoing):
    assert incoming["direction"] == "DIRECTION_INCOMING" and outgoing["direction"] == "DIRECTION_OUTGOING"
    for name in ("transaction_id", "grant_hash", "source", "destination", "service_name"):
        assert incoming[name] == outgoing[name], name
    assert abs(incoming["created_at"] - outgoing["created_at"]) <= 5
