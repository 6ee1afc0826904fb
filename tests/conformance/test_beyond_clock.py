"""Beyond the suite: a clock that is ten minutes off, the node's or the peer's. What need not fail goes on; what must is
refused with a code and with a sentence that names the clock; the doctor finds it."""

import re
import time

import pytest

from support import signing
from support.checks import eventually, manager_refuses, records_of, transaction_id
from support.clock import shifted
from support.contract import connection, contract
from support.hashing import content_hash, grant_hash
from support.steps import called

SERVICE = "inkomens"
TEN_MINUTES = 600


@pytest.fixture(scope="module", params=[-TEN_MINUTES, TEN_MINUTES], ids=["behind", "ahead"])
def offset(request):
    return request.param


@pytest.fixture(scope="module")
def node(world, echo, offset):
    """A node whose clock is off."""
    made = world.node("provider", environment=shifted(offset))
    made.add_service(SERVICE, echo.url)
    yield made
    assert not [line for line in made.stderr if "panicked" in line], made.stderr


@pytest.fixture(scope="module")
def agreed(node, consumer):
    """A contract made long enough ago for either clock: its grant hash."""
    return grant_hash(made_at(node, consumer, time.time() - 2 * TEN_MINUTES))


def made_at(node, consumer, moment):
    """A contract that a peer with a right clock made at the moment, signed by both."""
    content = contract(
        connection(consumer.identity, node.id, SERVICE),
        created_at=int(moment),
        validity={"not_before": int(moment), "not_after": int(moment) + 86400},
    )
    signature = signing.contract_signature(consumer.identity, content, "accept", signed_at=int(moment))
    answer = consumer.submit(node.manager_address, content, signature=signature)
    assert answer.status == 201, answer
    node.accept(content_hash(content))
    node.in_force()
    return content


def names_the_clock(answer, code):
    """The refusal's own code, and a sentence in both languages that says whose clock to look at."""
    manager_refuses(answer)
    body = answer.json()
    assert body["title"] == code, answer
    assert "clock" in body["next"] and "klok" in body["next_nl"], answer


def test_a_contract_made_just_now(node, consumer, offset):
    """Core 4.2.1: created_at must not lie in the future; to a node that is behind it does."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    answer = consumer.submit(node.manager_address, content)
    if offset > 0:
        assert answer.status == 201, answer
    else:
        names_the_clock(answer, "CONTRACT_CREATED_IN_FUTURE")


def test_an_exchange_under_a_contract(node, consumer, agreed, echo, offset):
    """The node judges its own tokens by its own clock, and a transaction id within a day of it."""
    echo.forget()
    answer = consumer.token(node.manager_address, agreed)
    assert answer.status == 200, answer
    token = answer.json()["access_token"]
    assert abs(signing.parts(token)[1]["exp"] - 60 - time.time() - offset) < 30
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200, answer
    record = eventually(lambda: records_of(consumer, node, transaction), "record")[0]
    assert abs(record["created_at"] - time.time() - offset) < 30
    assert len(echo.received()) == 1


def test_the_doctor_finds_the_clock(node, consumer, agreed, offset):
    """By the clock of each peer that it reaches: how far apart, and the mend."""
    assert consumer.announce(node.manager_address).status == 200
    found = [each for each in node.diagnosis()["checks"] if each["check"] == "clock" and consumer.id in each["detail"]]
    assert len(found) == 1 and found[0]["status"] != "ok", found
    assert re.search("differs (-?[0-9]+) seconds", found[0]["detail"])[1].strip("-") in ("599", "600", "601"), found
    assert "NTP" in found[0]["mend"] and "NTP" in found[0]["mend_nl"]


def test_a_proposal_of_a_node_with_a_clock_that_is_off(world, offset):
    """The other node refuses what comes from the future, and the proposer's operator reads why; what comes from ten
    minutes ago it takes."""
    right = world.node("directory")
    proposer = world.node("consumer", environment=shifted(offset))
    assert proposer.caller().announce(right.manager_address).status == 200
    assert right.caller().announce(proposer.manager_address).status == 200
    right.add_service(SERVICE, "http://127.0.0.1:9")
    proposer.propose(right.id, SERVICE)
    if offset < 0:
        eventually(lambda: right.cli("contract", "list")["items"], "contract at the other node")
        return
    reason = "CONTRACT_CREATED_IN_FUTURE"
    eventually(lambda: [line for line in proposer.stderr if reason in line], "reason in the proposer's log")
    assert right.cli("contract", "list")["items"] == []
    found = [each for each in proposer.diagnosis()["checks"] if each["check"] == "clock" and right.id in each["detail"]]
    assert len(found) == 1 and "NTP" in found[0]["mend"], found


# The peer's clock, towards a node with a right one. ------------------------------------------------------------------


@pytest.fixture(scope="module")
def punctual(world, echo):
    made = world.node("delegator")
    made.add_service(SERVICE, echo.url)
    yield made
    assert not [line for line in made.stderr if "panicked" in line], made.stderr


def test_a_contract_from_a_peer_that_is_ahead(punctual, consumer):
    """Core 4.2.1 and 4.2.3.1: neither contract nor signature may come from the future."""
    ahead = int(time.time()) + TEN_MINUTES
    content = contract(connection(consumer.identity, punctual.id, SERVICE), created_at=ahead)
    names_the_clock(consumer.submit(punctual.manager_address, content), "CONTRACT_CREATED_IN_FUTURE")
    content = contract(connection(consumer.identity, punctual.id, SERVICE))
    signature = signing.contract_signature(consumer.identity, content, "accept", signed_at=ahead)
    answer = consumer.submit(punctual.manager_address, content, signature=signature)
    names_the_clock(answer, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")
    assert consumer.contract_at(punctual.manager_address, content_hash(content)) is None


def test_a_call_from_a_peer_with_a_clock_that_is_off(punctual, consumer, offset):
    """Its transaction ids are of ten minutes ago or hence: within the day that the profile gives."""
    scope = grant_hash(made_at(punctual, consumer, time.time() - 30))
    token = consumer.token(punctual.manager_address, scope).json()["access_token"]
    transaction, answer = called(punctual, consumer, token, transaction=transaction_id(time.time() + offset))
    assert answer.status == 200, answer
    eventually(lambda: records_of(consumer, punctual, transaction), "record")


def test_tokens_of_a_provider_with_a_clock_that_is_off(world, offset):
    """The provider judges its own tokens: the outway uses them, whatever they say of the time, and never for longer
    than they live."""
    provider = world.peer("publisher", accepts=True)
    node = world.node("stranger")
    assert provider.announce(node.manager_address).status == 200
    provider.token_claims = lambda claims: {
        **claims, "nbf": claims["nbf"] + offset, "exp": claims["exp"] + offset,
    }  # fmt: skip
    token = node.add_application("balie")
    node.allow("balie", provider.id, SERVICE, "dienst")
    node.propose(provider.id, SERVICE)

    def signed():
        for each in list(provider.contracts.values()):
            held = provider.contract_at(node.manager_address, content_hash(each["content"]))
            if held and {node.id, provider.id} <= held["signatures"]["accept"].keys():
                return True
        return False

    node.in_force(eventually(signed, "valid contract"))
    for _ in range(3):
        assert node.outway("/dienst/x", token).status == 200
    asked = len(provider.manager.received("POST", "/v1/token"))
    assert asked == (1 if offset > 0 else 3), "a token that has ended by our clock is not kept"
