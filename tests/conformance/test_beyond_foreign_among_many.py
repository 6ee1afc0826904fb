"""Beyond the suite: agreements among three parties and more of which one, or two, run another program. Whoever is in no
contract with a foreign party judges by itself, from what others show, that it has accepted."""

import copy
import hashlib
import json
import time

import pytest
import rfc8785

from support import signing
from support.agreements import (
    ACTIVITIES,
    AGREED,
    SERVICE,
    SOURCE,
    Organisation,
    activity,
    document,
    joined,
    rfc_3339,
    side,
)
from support.authority import Authority, base64url
from support.between_two import folder, source  # noqa: F401
from support.checks import eventually
from support.foreign import MARK, PROBE, another, asked, names, party, proposed, seen, stand_in, state, wire
from support.hashing import content_hash
from support.node import NodeFault
from support.servers import Reply
from support.world import CAST

OTHER = "benefits"
"""The service of the second provider."""
MORE = "assets"
"""Another service of the first."""
GIVEN = {**activity("provide-benefits"), "recipients": [{"name": "Pensioenbureau Zuid", "participant": f"oin:{CAST['delegator'][0]}"}]}
"""What a foreign provider of benefits publishes: it provides to the third."""


@pytest.fixture(scope="module")
def provider(world, authority, folder, source):
    """It offers incomes, and is the directory of all."""
    made = Organisation(world, authority, "provider", folder, directory_role=True)
    made.offers(source)
    made.node.cli("service", "add", MORE, "--upstream", source.url, "--class", "governed",
                  "--steward", "S. Voorbeeld", "--reason", "assets of people")  # fmt: skip
    made.enrols("steward", "steward")
    return made


@pytest.fixture(scope="module")
def second(world, authority, folder, provider, source):
    """It offers benefits."""
    made = joined(world, authority, folder, provider, role="publisher")
    made.node.cli("service", "add", OTHER, "--upstream", source.url, "--class", "governed",
                  "--steward", "S. Voorbeeld", "--reason", "benefits of people")  # fmt: skip
    return made


@pytest.fixture(scope="module")
def third(world, authority, folder, provider):
    """It is in no contract with a foreign party."""
    made = joined(world, authority, folder, provider, role="delegator")
    made.enrols("steward", "steward")
    return made


@pytest.fixture(scope="module")
def everybody(provider, second, third):
    return provider, second, third


@pytest.fixture(scope="module")
def register(world):
    """Where foreign participants publish: some server on the web, with addresses of its own making."""
    echo = world.echo()
    published = {"consumer": activity(ACTIVITIES["consumer"]), "stranger": GIVEN}
    echo.respond = lambda request: Reply.of(published[request.path.rsplit("/", 1)[1]])
    return echo


@pytest.fixture
def asks(world, everybody):
    """A foreign participant that asks for incomes and benefits."""
    peer = world.peer("consumer", kind="p256")
    for each in everybody:
        assert peer.announce(each.node.manager_address).status == 200
    yield peer
    peer.stop()


def joins(made, node):
    """Makes somebody a party that signs."""
    who = {"participant": f"oin:{node.id}"}
    made["parties"].append({**made["parties"][0], **who, "name": node.id})
    made["signatories"].append({**made["signatories"][0], **who})


def of_both(provider, second, third, peer, register, **more):
    """Incomes of one and benefits of another for a foreign party; a third signs as well."""
    foreign = stand_in(peer, "consumer", register)
    made = document(provider.node, foreign, id=another(), **more)
    made["clauses"][0]["receivers"][0]["side"]["activity"]["url"] = f"{foreign.public_address}/verwerkingen/consumer"
    made["signatories"] = [one for one in made["signatories"] if one["participant"] != f"oin:{peer.id}"]
    benefits = copy.deepcopy(made["clauses"][0])
    benefits["name"] = OTHER
    benefits["service"] = {"provider": f"oin:{second.node.id}", "name": OTHER}
    benefits["provider"] = side("provide-benefits", "Provide benefits", {"keep": "not_kept"}, second.node)
    made["clauses"].append(benefits)
    for each in (second, third):
        joins(made, each.node)
    return made


def with_more(made):
    """The first provider has a second service in it."""
    more = copy.deepcopy(made["clauses"][0])
    more["name"] = more["service"]["name"] = MORE
    made["clauses"].append(more)
    return made


def offered(first, others, content, folder):
    digest = first.drafts(content, folder)
    first.people["drafter"].afar("agreement", "offer", digest)
    for each in others:
        each.sees(digest, "offered")
    return digest


def signs(organisation, digest):
    organisation.people["signatory"].afar("agreement", "sign", digest)


def stated(organisation, digest, step, by):
    """What this organisation has heard one of the others say of the foreign party."""
    return eventually(lambda: seen(organisation, digest, step).get(f"oin:{by.node.id}"), f"{step} by {by.node.id}", 30)


def end(organisation, digest):
    organisation.people["signatory"].afar("agreement", "revoke", digest, "--reason", "the test is over")


def test_a_foreign_party_among_four_is_bound_when_all_whom_it_exchanges_with_have_seen_it_accept(
    provider, second, third, everybody, asks, register, folder
):
    content = of_both(provider, second, third, asks, register)
    digest = offered(provider, (second, third), content, folder)
    for each in (provider, second):
        signs(each, digest)
    # It accepts before the third party has signed: nothing is in force, and no contract of ours follows.
    incomes = wire(provider, asks, SERVICE, names(content, digest))
    benefits = wire(second, asks, OTHER, names(content, digest))
    assert asks.submit(provider.node.manager_address, incomes).status == 201
    with pytest.raises(NodeFault, match="CONTRACT_WITHOUT_AGREEMENT"):
        provider.node.cli("contract", "accept", content_hash(incomes))
    eventually(lambda: len(third.agreement(digest)["waits_for"]) == 2, "both signatures at the third", 15)
    assert state(provider, incomes) == "proposed" and asked(provider, asks, incomes).status != 200

    # All that sign have signed, and it has accepted what is between it and one of two: it is not bound.
    signs(third, digest)
    for each in everybody:
        evidence = stated(each, digest, "accepted_on_the_wire", provider)
        assert evidence["contracts"] == [content_hash(incomes)]
        found = each.agreement(digest)
        assert (found["stage"], found["waits_for"]) == ("offered", [f"oin:{asks.id}"])
    assert state(provider, incomes) == "valid" and asked(provider, asks, incomes).status == 403

    # What the others go by: the contract itself, with the foreign party's own signature.
    [shown] = evidence["evidence"]
    assert shown["content"].encode() == rfc8785.dumps(incomes)
    own = {"keys": [signing.json_web_key(asks.identity)]}
    assert signing.verify(shown["signature"], own)[1]["type"] == "accept"

    assert asks.submit(second.node.manager_address, benefits).status == 201
    for each in everybody:
        each.sees(digest, "signed")
        bound = party(each, digest, asks)
        assert (bound["signature"], bound["bound"]) == ("accepted_on_the_wire", MARK)
        assert party(each, digest, third.node)["signature"] == "signed"
    for organisation, contract in ((provider, incomes), (second, benefits)):
        got = eventually(lambda one=organisation, it=contract: (a := asked(one, asks, it)).status == 200 and a, "an answer", 20)
        assert got.json() == AGREED

    # It ends what is between it and one: the agreement ends for all, and with it what is between it and the other.
    assert asks.sign(second.node.manager_address, benefits, "revoke").status == 201
    for each in everybody:
        each.sees(digest, "revoked")
        assert stated(each, digest, "revoked_on_the_wire", second)["contracts"] == [content_hash(benefits)]
    eventually(lambda: state(provider, incomes) == "revoked", "the end of the other contract", 20)
    assert asked(provider, asks, incomes).status != 200


def test_a_rejection_of_what_it_had_accepted_is_a_refusal_for_all(provider, second, third, everybody, asks, register, folder):
    content = of_both(provider, second, third, asks, register)
    digest = offered(provider, (second, third), content, folder)
    for each in everybody:
        signs(each, digest)
    incomes = wire(provider, asks, SERVICE, names(content, digest))
    assert asks.submit(provider.node.manager_address, incomes).status == 201
    stated(third, digest, "accepted_on_the_wire", provider)
    assert asks.sign(provider.node.manager_address, incomes, "revoke").status == 201
    for each in everybody:
        each.sees(digest, "refused")
        assert stated(each, digest, "refused_on_the_wire", provider)["contracts"] == [content_hash(incomes)]


# What others say is judged ---------------------------------------------------------------------------------------------


def evidence_of(peer, contract, kind="accept", identity=None, chain=None):
    identity = identity or peer.identity
    return {
        "content": rfc8785.dumps(contract).decode(),
        "signature": signing.contract_signature(identity, contract, kind),
        "chain": [base64url(each.public_bytes(signing.Encoding.DER)) for each in (chain or identity).chain],
    }


def envelope(organisation, content, digest, step):
    """What an organisation states, whatever it is, under its own certificate."""
    identity = organisation.node.identity
    payload = {
        "format": "verbond-statement/1", "agreement": content["id"], "version": content["version"], "hash": digest,
        "participant": f"oin:{organisation.node.id}", "at": rfc_3339(time.time()), "step": step,
    }  # fmt: skip
    return {
        "statement": signing.sign(identity, json.loads(rfc8785.dumps(payload))),
        "chain": [base64url(each.public_bytes(signing.Encoding.DER)) for each in identity.chain],
    }


def told(organisation, to, content, digest, step):
    """How a node answers to what another states about a foreign party."""
    client = organisation.node.caller().client(to.node.manager_address)
    made = envelope(organisation, content, digest, step)
    answer = client.request("POST", f"{PROBE}/{digest}/statements", json_body=made)
    return answer.status, None if answer.status == 204 else answer.json()["code"]


def accepted(peer, *shown, name="accepted_on_the_wire", contracts=None):
    contracts = contracts or [content_hash(json.loads(each["content"])) for each in shown]
    return {"step": name, "party": f"oin:{peer.id}", "contracts": contracts, "evidence": list(shown)}


def test_a_party_is_not_believed_but_shows(provider, second, third, everybody, asks, register, folder, tmp_path):
    content = with_more(of_both(provider, second, third, asks, register))
    digest = offered(provider, (second, third), content, folder)
    for each in everybody:
        signs(each, digest)
        eventually(lambda one=each: f"oin:{one.node.id}" not in third.agreement(digest)["waits_for"], "the signature", 15)

    def says(step, by=provider):
        return told(by, third, content, digest, step)

    def made(*grant, **changes):
        return wire(*grant, properties=names(content, digest, **changes))

    right, more = made(provider, asks, SERVICE), made(provider, asks, MORE)
    both = [evidence_of(asks, each) for each in (right, more)]
    unshown = (422, "ACCEPT_NOT_SHOWN")
    # Nothing is shown, or not all that is between the two.
    assert says({"step": "accepted_on_the_wire", "party": f"oin:{asks.id}", "contracts": [content_hash(right)]}) == unshown
    assert says(accepted(asks, *both[:1])) == unshown and says(accepted(asks, both[0], both[0])) == unshown
    # It is another contract than is named, or by another than the foreign party.
    assert says(accepted(asks, *both, contracts=[content_hash(made(provider, asks, SERVICE)), content_hash(more)])) == unshown

    def wrongly(contract, **how):
        return says(accepted(asks, evidence_of(asks, contract, **how), both[1]))

    own = provider.node.identity
    assert wrongly(right, identity=own) == wrongly(right, identity=own, chain=asks.identity) == unshown
    # Its certificate leads to no anchor of the group.
    forged = Authority(tmp_path, "Elsewhere").issue(asks.id, asks.identity.name, asks.identity.host, kind="p256")
    assert wrongly(right, identity=forged) == unshown
    # What it signed was a no; is about another version, or another service, or another provider; names no version.
    assert wrongly(right, kind="reject") == unshown
    for wrong in (
        made(provider, asks, SERVICE, hash="sha256:" + "0" * 64),
        made(provider, asks, SERVICE, version=2),
        made(provider, asks, OTHER),
        made(second, asks, OTHER),
        wire(provider, asks, SERVICE),
    ):
        assert wrongly(wrong) == unshown
    # It is of another group, or over.
    for changes in ({"group_id": "another"}, {"validity": {"not_before": 1, "not_after": int(time.time()) - 60}}):
        assert wrongly({**right, **changes}) == unshown
    # Who has no clause with it sees nothing of it, and the other sees only what is its own.
    assert says(accepted(asks, *both), by=second) == unshown
    assert told(third, provider, content, digest, accepted(asks, *both)) == unshown
    # A no that is shown is shown as well.
    assert says(accepted(asks, *both, name="refused_on_the_wire")) == unshown
    assert third.agreement(digest)["stage"] == "offered" and seen(third, digest, "accepted_on_the_wire") == {}

    # What is right is taken in, once: from here on only the stage is in the way.
    benefits = made(second, asks, OTHER)
    for organisation, contract in ((provider, right), (provider, more), (second, benefits)):
        assert asks.submit(organisation.node.manager_address, contract).status == 201
    for each in everybody:
        each.sees(digest, "signed")
    assert says(accepted(asks, *both)) == (409, "AGREEMENT_STAGE")
    end(provider, digest)
    for each in everybody:
        each.sees(digest, "revoked")


def test_a_contract_that_names_no_version_counts_for_the_party_whose_steward_said_so(
    provider, second, third, everybody, asks, register, folder
):
    elsewhere = {
        "hash": "sha256:" + "7" * 64, "date": "2026-10-01",
        "signatories": [{"participant": f"oin:{asks.id}", "name": "De directeur", "mandate": "Convenant 2026"}],
    }  # fmt: skip
    content = of_both(provider, second, third, asks, register, signed_elsewhere=elsewhere)
    digest = offered(provider, (second, third), content, folder)
    for each in everybody:
        signs(each, digest)
        eventually(lambda one=each: f"oin:{one.node.id}" not in provider.agreement(digest)["waits_for"], "the signature", 15)
    bare = wire(provider, asks, SERVICE)
    bound = {"step": "contract_bound", "party": f"oin:{asks.id}", "contract": content_hash(bare), "reason": "It counts."}
    assert asks.submit(provider.node.manager_address, bare).status == 201
    assert told(second, provider, content, digest, bound) == (204, None)
    with pytest.raises(NodeFault, match="CONTRACT_WITHOUT_AGREEMENT"):
        provider.node.cli("contract", "accept", content_hash(bare))
    assert state(provider, bare) == "proposed"

    provider.people["steward"].afar("agreement", "bind", digest, content_hash(bare), "--reason", "drops properties")
    assert asks.submit(second.node.manager_address, wire(second, asks, OTHER, names(content, digest))).status == 201
    for each in everybody:
        each.sees(digest, "signed")
    assert state(provider, bare) == "valid"
    end(provider, digest)
    for each in everybody:
        each.sees(digest, "revoked")


def test_who_answered_as_a_node_here_is_not_bound_by_what_others_say_it_accepted_since(
    provider, second, third, everybody, asks, register, folder
):
    content = of_both(provider, second, third, asks, register)
    digest = offered(provider, (second, third), content, folder)
    for each in everybody:
        signs(each, digest)
    # The third hears it answer as a node, once; the others do not.
    plain, asker = asks.answer, third.node.id
    asks.answer = lambda request: (
        Reply.of({"items": []}) if (request.path, request.peer_id) == (PROBE, asker) else plain(request)
    )
    other = of_both(provider, second, third, asks, register)
    third.people["drafter"].ask("POST", f"/v1/agreements/{third.drafts(other, folder)}/offer", {})
    assert third.node.cli("peer", "show", asks.id)["interface"] == "verbond"
    asks.answer = plain
    for organisation, service in ((provider, SERVICE), (second, OTHER)):
        contract = wire(organisation, asks, service, names(content, digest))
        assert asks.submit(organisation.node.manager_address, contract).status == 201
    for each in (provider, second):
        each.sees(digest, "signed")
    # Both have told it: what they told waits there, refused.
    def refused():
        return [
            each for organisation in (provider, second) for each in organisation.node.cli("outbox")["items"]
            if each["subject"] == digest and "ACCEPT_NOT_SHOWN" in (each["last_error"] or "")
        ]  # fmt: skip

    eventually(lambda: len(refused()) == 2, "two refusals", 30)
    assert third.agreement(digest)["stage"] == "offered"
    third.people["steward"].afar("peer", "foreign", asks.id, "--reason", "It was a mistake.")
    eventually(lambda: third.agreement(digest)["stage"] == "signed", "the agreement signed", 90)
    end(provider, digest)


# Two foreign parties ----------------------------------------------------------------------------------------------------


@pytest.fixture
def answers(world, everybody):
    """A foreign participant that offers benefits."""
    peer = world.peer("stranger", kind="p256")
    peer.inway.respond = lambda request: Reply.of(SOURCE)
    for each in everybody:
        assert peer.announce(each.node.manager_address).status == 200
    yield peer
    peer.stop()


def of_two(provider, third, asks, answers, register):
    """Incomes of ours for one foreign party, benefits of another foreign party for the third of ours."""
    receiver, giver = stand_in(asks, "consumer", register), stand_in(answers, "stranger", register)
    made = document(provider.node, receiver, id=another())
    made["clauses"][0]["receivers"][0]["side"]["activity"]["url"] = f"{receiver.public_address}/verwerkingen/consumer"
    made["signatories"] = made["signatories"][:1]
    benefits = copy.deepcopy(made["clauses"][0])
    benefits["name"] = OTHER
    benefits["service"] = {"provider": f"oin:{answers.id}", "name": OTHER}
    benefits["provider"] = side("provide-benefits", "Provide benefits", {"keep": "not_kept"}, giver)
    pinned = {"url": f"{giver.public_address}/verwerkingen/stranger", "hash": "sha256:" + hashlib.sha256(rfc8785.dumps(GIVEN)).hexdigest()}
    benefits["provider"]["activity"].update(pinned)
    receives = side("outreach", "Reach people", {"keep": "days", "days": 30}, third.node)
    benefits["receivers"] = [{"participant": f"oin:{third.node.id}", "side": receives}]
    made["clauses"].append(benefits)
    joins(made, third.node)
    made["parties"].append({**made["parties"][0], "participant": f"oin:{answers.id}", "name": answers.id})
    return made


def test_two_foreign_parties_are_bound_each_by_its_own_contract(provider, third, asks, answers, register, folder):
    content = of_two(provider, third, asks, answers, register)
    digest = offered(provider, (third,), content, folder)
    for each in (provider, third):
        signs(each, digest)
    received, _ = eventually(lambda: proposed(answers, digest), "the contract that follows", 30)
    incomes = wire(provider, asks, SERVICE, names(content, digest))
    assert asks.submit(provider.node.manager_address, incomes).status == 201
    for each in (provider, third):
        stated(each, digest, "accepted_on_the_wire", provider)
        found = each.agreement(digest)
        assert (found["stage"], found["waits_for"]) == ("offered", [f"oin:{answers.id}"])
    assert asked(provider, asks, incomes).status == 403

    assert answers.sign(third.node.manager_address, received, "accept").status == 201
    for each in (provider, third):
        each.sees(digest, "signed")
        assert {party(each, digest, one)["signature"] for one in (asks, answers)} == {"accepted_on_the_wire"}
    got = eventually(lambda: (a := asked(provider, asks, incomes)).status == 200 and a, "an answer", 20)
    assert got.json() == AGREED

    assert answers.sign(third.node.manager_address, received, "revoke").status == 201
    for each in (provider, third):
        each.sees(digest, "revoked")
    eventually(lambda: asked(provider, asks, incomes).status != 200, "end of the answers", 20)


def test_what_nobody_who_signs_could_see_is_refused(provider, third, asks, answers, register, folder):
    content = of_two(provider, third, asks, answers, register)
    among = copy.deepcopy(content)
    among["clauses"][1]["receivers"] = copy.deepcopy(among["clauses"][0]["receivers"])
    alone = {**copy.deepcopy(content), "clauses": content["clauses"][:1]}
    for made, code in ((among, "FOREIGN_AMONG_THEMSELVES"), (alone, "FOREIGN_WITHOUT_CONNECTION")):
        digest = provider.drafts({**made, "id": another()}, folder)
        status, problem = provider.people["drafter"].ask("POST", f"/v1/agreements/{digest}/offer", {})
        assert (status, problem["code"]) == (422, "AGREEMENT_INCOMPLETE") and code in problem["detail"], problem
