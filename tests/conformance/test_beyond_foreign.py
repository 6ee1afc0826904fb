"""Beyond the suite: agreements with a participant that runs another program. It has no interface among nodes, and is bound
by what it accepts on the wire; it is never said to have signed."""

import json

import pytest

from support.agreements import (
    ACTIVITIES,
    AGREED,
    BSN,
    SERVICE,
    SOURCE,
    Organisation,
    activity,
    document,
    joined,
)
from support.between_two import folder, source  # noqa: F401
from support.checks import eventually
from support.foreign import MARK, PROBE, PROPERTY, another, asked, names, party, proposed, stand_in, state, wire
from support.hashing import content_hash
from support.node import NodeFault
from support.servers import Reply
from support.world import CAST


@pytest.fixture(scope="module")
def helper(world, authority, folder):
    """Another node of the coalition, and the directory of all."""
    return Organisation(world, authority, "publisher", folder, directory_role=True)


def ours(world, authority, folder, helper, role):
    made = joined(world, authority, folder, helper, role=role)
    made.enrols("steward", "steward")
    return made


@pytest.fixture(scope="module")
def provider(world, authority, folder, helper, source):
    made = ours(world, authority, folder, helper, "provider")
    made.offers(source)
    return made


@pytest.fixture(scope="module")
def consumer(world, authority, folder, helper):
    return ours(world, authority, folder, helper, "consumer")


@pytest.fixture(scope="module")
def register(world):
    """Where foreign participants publish: some server on the web, with addresses of its own making."""
    echo = world.echo()
    echo.respond = lambda request: Reply.of(activity(ACTIVITIES[request.path.rsplit("/", 1)[1]]))
    return echo


@pytest.fixture
def asks(world, provider):
    """A foreign participant that asks."""
    peer = world.peer("consumer", kind="p256")
    assert peer.announce(provider.node.manager_address).status == 200
    yield peer
    forget(provider, peer)


@pytest.fixture
def answers(world, consumer):
    """A foreign participant that offers incomes; the agreement is accepted when the test says so."""
    peer = world.peer("provider", kind="p256")
    peer.inway.respond = lambda request: Reply.of(SOURCE)
    assert peer.announce(consumer.node.manager_address).status == 200
    yield peer
    peer.stop()


def forget(organisation, peer):
    """Ends what still runs with the peer, so that the next test begins afresh."""
    for each in organisation.people["signatory"].afar("agreement", "list")["items"]:
        if each["stage"] in ("offered", "signed") and any(one["participant"] == f"oin:{peer.id}" for one in each["parties"]):
            verb = "revoke" if each["stage"] == "signed" else "withdraw"
            who = "signatory" if verb == "revoke" else "drafter"
            organisation.people[who].afar("agreement", verb, each["hash"], "--reason", "the test is over")
    peer.stop()


def draft(left, right, foreign, register, **more):
    """An agreement in which the foreign party's activity stands at an address of its own making."""
    made = document(left, right, id=another(), **more)
    clause = made["clauses"][0]
    side = clause["provider"] if foreign.role == "provider" else clause["receivers"][0]["side"]
    side["activity"]["url"] = f"{foreign.public_address}/over-ons/verwerkingen/{foreign.role}"
    # Nobody signs for who takes part over the protocol alone.
    made["signatories"] = [one for one in made["signatories"] if one["participant"] != f"oin:{foreign.id}"]
    return made


def with_consumer(provider, peer, register, **more):
    foreign = stand_in(peer, "consumer", register)
    return draft(provider.node, foreign, foreign, register, **more)


def with_provider(consumer, peer, register, **more):
    foreign = stand_in(peer, "provider", register)
    return draft(foreign, consumer.node, foreign, register, **more)


def offered_and_signed(organisation, content, folder):
    """All that our side does."""
    digest = organisation.drafts(content, folder)
    organisation.people["drafter"].afar("agreement", "offer", digest)
    organisation.people["signatory"].afar("agreement", "sign", digest)
    return digest


def acts(organisation, action):
    lines = organisation.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    return [each for each in lines if action in json.dumps(each)]


# The foreign party asks -----------------------------------------------------------------------------------------------


def test_a_foreign_consumer_is_bound_by_the_contract_that_it_submits_and_by_nothing_less(provider, asks, register, folder):
    content = with_consumer(provider, asks, register)
    digest = offered_and_signed(provider, content, folder)
    seen = provider.agreement(digest)
    assert (seen["stage"], seen["waits_for"]) == ("offered", [f"oin:{asks.id}"])

    # It reads what it is about to accept, with its own certificate.
    read = asks.client(provider.node.manager_address).request("GET", f"{PROBE}/{digest}")
    assert read.status == 200 and read.json() == content | {"signatories": content["signatories"]}

    bare, wrong = wire(provider, asks, SERVICE), wire(provider, asks, SERVICE, names(content, "sha256:" + "0" * 64))
    other = wire(provider, asks, SERVICE, names(content, digest, version=2))
    for each in (bare, wrong, other):
        assert asks.submit(provider.node.manager_address, each).status == 201
    right = wire(provider, asks, SERVICE, names(content, digest))
    assert asks.submit(provider.node.manager_address, right).status == 201
    provider.sees(digest, "signed")

    bound = party(provider, digest, asks)
    assert (bound["signature"], bound["bound"]) == ("accepted_on_the_wire", MARK)
    own = party(provider, digest, provider.node)
    assert own["signature"] == "signed"
    last = provider.agreement(digest)["statements"][-1]
    assert last["step"] == "accepted_on_the_wire" and last["signatory"] is None
    evidence = last["on_the_wire"].pop("evidence")
    assert last["on_the_wire"] == {"party": f"oin:{asks.id}", "contracts": [content_hash(right)]}
    assert [json.loads(each["content"]) for each in evidence] == [right]
    assert [state(provider, each) for each in (bare, wrong, other, right)] == ["proposed"] * 3 + ["valid"]

    answer = eventually(lambda: (a := asked(provider, asks, right)).status == 200 and a, "an answer", 10)
    assert answer.json() == AGREED

    assert asks.sign(provider.node.manager_address, right, "revoke").status == 201
    eventually(lambda: asked(provider, asks, right).status != 200, "end of the answers", 5)
    provider.sees(digest, "revoked")
    assert provider.agreement(digest)["statements"][-1]["step"] == "revoked_on_the_wire"


def test_a_contract_that_follows_waits_for_our_own_signature(provider, asks, register, folder):
    content = with_consumer(provider, asks, register)
    digest = provider.drafts(content, folder)
    provider.people["drafter"].afar("agreement", "offer", digest)
    early = wire(provider, asks, SERVICE, names(content, digest))
    assert asks.submit(provider.node.manager_address, early).status == 201
    with pytest.raises(NodeFault, match="CONTRACT_WITHOUT_AGREEMENT"):
        provider.node.cli("contract", "accept", content_hash(early))
    assert provider.agreement(digest)["stage"] == "offered" and state(provider, early) == "proposed"
    provider.people["signatory"].afar("agreement", "sign", digest)
    provider.sees(digest, "signed")
    assert state(provider, early) == "valid"


# The foreign party answers --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def token(consumer):
    made = consumer.node.add_application("balie")
    consumer.node.cli("application", "allow", "balie", f"{CAST['provider'][0]}/{SERVICE}", "--alias", SERVICE,
                      "--class", "governed", "--steward", "S. Voorbeeld", "--reason", "incomes of people")  # fmt: skip
    return made


def test_a_foreign_provider_is_bound_by_its_accept_and_its_revocation_ends_the_agreement(
    consumer, answers, register, folder, token
):
    content = with_provider(consumer, answers, register)
    digest = offered_and_signed(consumer, content, folder)
    received, properties = eventually(lambda: proposed(answers, digest), "the contract that follows", 15)
    assert len(json.dumps(properties, separators=(",", ":"))) <= 512
    named = properties[PROPERTY]
    assert (named["id"], named["version"], named["hash"]) == (content["id"], 1, digest)
    assert named["url"] == f"{consumer.node.manager_address}{PROBE}/{digest}"
    assert consumer.agreement(digest)["stage"] == "offered"
    refused = consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token)
    assert refused.status == 403 and answers.inway.requests == []

    assert answers.sign(consumer.node.manager_address, received, "accept").status == 201
    consumer.sees(digest, "signed")
    assert party(consumer, digest, answers)["bound"] == MARK
    got = eventually(
        lambda: (a := consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token)).status == 200 and a, "an answer", 15
    )
    assert got.json() == AGREED

    # A refusal is not projected, so that it could hold anything: its code and words go on, bounded, and nothing else.
    told = {"detail": f"Nobody has {BSN}; ask again from 2027-01-01T00:00:00Z.", "record": SOURCE, "code": "NO_SUCH_PERSON"}
    for code, shown in (("NO_SUCH_PERSON", "NO_SUCH_PERSON"), (f"P{BSN}", "REFUSED_BY_PROVIDER")):
        fields = {"Fsc-Error-Code": code, "X-Note": SOURCE["name"], "Retry-After": "60"}
        answers.inway.respond = lambda request, fields=fields: Reply.of(told, 404, **fields)
        refused = consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token)
        said = refused.body.decode() + str(refused.headers)
        assert (refused.status, refused.json()["code"], refused.headers["Fsc-Error-Code"]) == (404, shown, shown)
        assert not [one for one in (BSN, SOURCE["name"], SOURCE["income"]["employer"]) if one in said], said
        assert refused.headers["Fsc-Transaction-Id"] and refused.json()["user"]
        if code == shown:
            assert "from 2027-01-01T00:00:00Z" in refused.json()["detail"] and refused.headers["Retry-After"] == "60"
    answers.inway.respond = lambda request: Reply(503, b"x" * 100_000, {"Fsc-Error-Code": "BUSY"})
    assert consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token).json()["code"] == "BUSY"

    assert answers.sign(consumer.node.manager_address, received, "revoke").status == 201
    eventually(lambda: consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token).status != 200, "end of the answers", 5)
    consumer.sees(digest, "revoked")
    assert len([each for each in answers.contracts.values() if "properties" in json.dumps(each["content"])]) == 1


def test_a_foreign_provider_that_rejects_the_contract_refuses_the_agreement(consumer, answers, register, folder):
    digest = offered_and_signed(consumer, with_provider(consumer, answers, register), folder)
    received, _ = eventually(lambda: proposed(answers, digest), "the contract that follows", 15)
    assert answers.sign(consumer.node.manager_address, received, "reject").status == 201
    consumer.sees(digest, "refused")
    assert consumer.agreement(digest)["statements"][-1]["step"] == "refused_on_the_wire"


# Who is foreign -------------------------------------------------------------------------------------------------------


def test_who_answered_before_is_not_foreign_until_a_steward_says_so(consumer, answers, register, folder):
    plain, speaks = answers.answer, True

    def answer(request):
        if request.path == PROBE and speaks:
            return Reply.of({"items": []})
        return plain(request)

    answers.answer = answer
    # Away or broken says nothing either way; an answer is remembered.
    digest = consumer.drafts(with_provider(consumer, answers, register), folder)
    people = consumer.people
    people["drafter"].ask("POST", f"/v1/agreements/{digest}/offer", {})
    assert consumer.node.cli("peer", "show", answers.id)["interface"] == "verbond"

    speaks = False
    status, problem = people["drafter"].ask("POST", f"/v1/agreements/{digest}/offer", {})
    assert (status, problem["code"]) == (409, "PEER_ANSWERED_BEFORE"), problem
    assert consumer.node.cli("peer", "show", answers.id)["interface"] == "verbond"

    path, body = f"/v1/peers/oin:{answers.id}/foreign", {"reason": "moved to another product"}
    for role in ("drafter", "signatory"):
        assert people[role].ask("POST", path, body)[0] == 403
    people["steward"].afar("peer", "foreign", answers.id, "--reason", "moved to another product")
    assert consumer.node.cli("peer", "show", answers.id)["interface"] == "foreign"
    assert acts(consumer, "peer.foreign")
    people["drafter"].afar("agreement", "offer", digest)
    assert consumer.agreement(digest)["stage"] == "offered"

    speaks = True
    people["signatory"].ask("POST", f"/v1/agreements/{digest}/signature", {"signature": "x"})
    people["drafter"].afar("agreement", "withdraw", digest, "--reason", "the test is over")
    # For the tests that follow it is what it was.
    answers.answer = plain
    people["steward"].afar("peer", "foreign", answers.id, "--reason", "the test is over")


@pytest.mark.parametrize("reply", [Reply(500), Reply(403), Reply(close=True), Reply(200)])
def test_what_is_no_404_makes_nobody_foreign(world, provider, register, folder, reply):
    peer = world.peer("delegator", kind="p256")
    plain = peer.answer
    peer.answer = lambda request: reply if request.path == PROBE else plain(request)
    assert peer.announce(provider.node.manager_address).status == 200
    content = with_consumer(provider, peer, register)
    digest = provider.drafts(content, folder)
    status, problem = provider.people["drafter"].ask("POST", f"/v1/agreements/{digest}/offer", {})
    assert (status, problem["code"]) == (422, "AGREEMENT_INCOMPLETE")
    assert provider.node.cli("peer", "show", peer.id)["interface"] is None
    peer.stop()


# A contract that names no agreement ------------------------------------------------------------------------------------


def elsewhere(peer, *activities):
    who = {"participant": f"oin:{peer.id}", "name": "De directeur", "mandate": "Convenant 2026"}
    more = {"activities": list(activities)} if activities else {}
    return {"hash": "sha256:" + "7" * 64, "date": "2026-10-01", "signatories": [who], **more}


def test_a_bare_contract_binds_a_foreign_party_only_by_an_act_and_what_it_signed_elsewhere(
    provider, asks, register, folder
):
    steward = provider.people["steward"]
    content = with_consumer(provider, asks, register)
    digest = offered_and_signed(provider, content, folder)
    bare = wire(provider, asks, SERVICE)
    assert asks.submit(provider.node.manager_address, bare).status == 201
    path, body = f"/v1/agreements/{digest}/contracts", {"contract": content_hash(bare), "reason": "drops properties"}
    assert steward.ask("POST", path, body)[1]["code"] == "AGREEMENT_SIGNED_NOWHERE"
    assert (provider.agreement(digest)["stage"], state(provider, bare)) == ("offered", "proposed")
    provider.people["drafter"].afar("agreement", "withdraw", digest, "--reason", "once more")

    # `check` says it beforehand, once it is known of the party.
    steward.afar("peer", "foreign", asks.id, "--without-properties", "--reason", "drops properties")
    refused = provider.drafts(with_consumer(provider, asks, register), folder)
    status, problem = provider.people["drafter"].ask("POST", f"/v1/agreements/{refused}/offer", {})
    assert status == 422 and "SIGNED_ELSEWHERE_MISSING" in problem["detail"]

    content = with_consumer(provider, asks, register, signed_elsewhere=elsewhere(asks))
    digest = offered_and_signed(provider, content, folder)
    named = wire(provider, asks, SERVICE, names(content, "sha256:" + "0" * 64))
    assert asks.submit(provider.node.manager_address, named).status == 201
    path = f"/v1/agreements/{digest}/contracts"
    for role in ("drafter", "signatory"):
        assert provider.people[role].ask("POST", path, body)[0] == 403
    assert steward.ask("POST", path, {**body, "contract": content_hash(named)})[1]["code"] == "CONTRACT_NOT_BOUND"
    assert (provider.agreement(digest)["stage"], state(provider, bare)) == ("offered", "proposed")
    steward.afar("agreement", "bind", digest, content_hash(bare), "--reason", "drops properties")
    provider.sees(digest, "signed")
    assert party(provider, digest, asks)["bound"] == MARK
    assert state(provider, bare) == "valid" and acts(provider, "agreement.contract_bound")
    answer = eventually(lambda: (a := asked(provider, asks, bare)).status == 200 and a, "an answer", 10)
    assert answer.json() == AGREED
    for options, words in (((), MARK["nl"]), (("--english",), MARK["en"])):
        text = provider.people["drafter"].afar("agreement", "text", digest, *options)
        assert f"**{asks.id}: {words}.**" in text and "sha256:" + "7" * 64 in text


def test_an_own_activity_that_nobody_read_counts_when_the_document_signed_elsewhere_names_it(
    consumer, answers, register, folder, helper
):
    content = with_provider(consumer, answers, register)
    pinned = content["clauses"][0]["receivers"][0]["side"]["activity"]["hash"]
    helper.node.stop()
    try:
        digest = consumer.drafts(content, folder)
        status, problem = consumer.people["drafter"].ask("POST", f"/v1/agreements/{digest}/offer", {})
        assert status == 422 and "ACTIVITY_NOT_PUBLISHED" in problem["detail"], (status, problem)
        named = {**content, "id": another(), "signed_elsewhere": elsewhere(answers, pinned)}
        digest = consumer.drafts(named, folder)
        consumer.people["drafter"].afar("agreement", "offer", digest)
        consumer.people["drafter"].afar("agreement", "withdraw", digest, "--reason", "the test is over")
    finally:
        helper.node.start()
