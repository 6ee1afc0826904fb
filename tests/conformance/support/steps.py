"""Steps that several tests take: a concluded contract, a token, a call."""

from .checks import access_token, eventually, transaction_id
from .contract import connection, contract
from .hashing import content_hash, grant_hash
from .node import NodeFault


def conclude(node, content, submitter, *others):
    """Submits the contract, has the other peers and the node accept it; answers the content hash."""
    wanted = content_hash(content)
    answer = submitter.submit(node.manager_address, content)
    assert answer.status == 201, f"POST /contracts gives {answer}"
    for each in others:
        answer = each.sign(node.manager_address, content, "accept")
        assert answer.status == 201, f"PUT accept gives {answer}"
    accept_by_hand(node, submitter, wanted)
    signers = {node.id, submitter.id, *(each.id for each in others)}

    def all_signed():
        held = submitter.contract_at(node.manager_address, wanted)
        return held and signers <= held["signatures"]["accept"].keys()

    eventually(all_signed, "contract with every accept")
    return wanted


def accept_by_hand(node, reader, wanted):
    """The node's operator accepts, unless the node's policy did so already (before, or in between)."""

    def accepted():
        return node.id in reader.contract_at(node.manager_address, wanted)["signatures"]["accept"]

    if not accepted():
        try:
            node.accept(wanted)
        except NodeFault:
            if not accepted():
                raise


def authorised(node, consumer, service, others=(), **grant):
    """A concluded connection contract and a token on it; answers content, grant hash, token and claims."""
    content = contract(connection(consumer.identity, node.id, service, **grant))
    conclude(node, content, consumer, *others)
    scope = grant_hash(content)
    answer = consumer.token(node.manager_address, scope)
    token, claims = access_token(answer, by=node, of=consumer, grant_hash=scope, service=service)
    return content, scope, token, claims


def called(node, consumer, token, **more):
    """A call to the node's inway under a fresh transaction id; answers the id and the response."""
    transaction = more.pop("transaction", None) or transaction_id()
    return transaction, consumer.call(node.inway_address, token, transaction=transaction, **more)
