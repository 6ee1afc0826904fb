"""Evidence of one exchange, judged by the acts that it holds: which service was open, and whose keys signed and advised."""

from .. import evidence
from ..agreement import advised
from ..authority import make_key
from ..journal import DAY
from .making import HOUR, again, case


def of_exchange(world, role="provider", agreement=None, **more):
    """Evidence of an exchange of one party, with others before and behind it."""
    world.busy(4)
    transaction = world.exchange(agreement, **more)
    world.busy(4)
    return evidence.of_exchange(getattr(world, role).journal, transaction, world.agreements)


def without_acts(lines, *actions):
    """Without the acts of these kinds, and their proofs."""
    gone = {each["index"] for each in lines if each.get("kind") == "act" and evidence.action_of(each) in actions}
    assert gone
    return again([each for each in lines if each.get("index") not in gone])


@case(notes="ONE_SIDE")
def clean_of_one_open_exchange(world):
    return of_exchange(world)


@case(notes="ONE_SIDE")
def clean_of_one_open_exchange_at_the_consumer(world):
    return of_exchange(world, "consumer")


@case(notes="ONE_SIDE")
def clean_of_one_open_exchange_declared_governed_afterwards(world):
    world.busy(4)
    transaction = world.exchange()
    world.on(HOUR)
    world.declare("files", "governed", world.now)
    world.on(HOUR)
    world.checkpoint()
    return evidence.of_exchange(world.provider.journal, transaction, world.agreements)


@case("P:NOT_DECLARED_OPEN", notes="ONE_SIDE")
def of_one_exchange_every_trace_of_the_agreement_stripped(world):
    nothing, made = {"decision": None, "processing": None}, {**world.delivered(), "elements": []}
    return of_exchange(world, agreement=world.agreement, people=0, provider_permit=nothing, provider_completion=made, consumer_completion=made)


@case("C:NOT_DECLARED_OPEN", notes="ONE_SIDE")
def of_one_exchange_as_open_by_an_application_that_had_lost_it(world):
    world.busy(3)
    world.consumer.journal.act("application.unbind", "files", {"application": "balie"}, world.on())
    world.on(HOUR)
    transaction = world.exchange()
    world.checkpoint()
    return evidence.of_exchange(world.consumer.journal, transaction, world.agreements)


@case("P:NOT_DECLARED_OPEN", notes="ONE_SIDE")
def of_one_exchange_the_act_that_declared_it_open_left_out(world):
    return without_acts(of_exchange(world), "service.put")


def signed_anew(world):
    """An exchange under a version that is concluded a while after what went before."""
    world.on(HOUR)
    world.agreements = [world.version(1).conclude(world.provider, world.consumer, world.now)]
    world.on(HOUR)
    return of_exchange(world, agreement=world.agreement)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def of_one_exchange_signed_with_a_key_that_was_nobodys(world):
    world.provider.signatory = make_key(world.chance)
    return signed_anew(world)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def of_one_exchange_signed_by_a_signatory_who_had_left(world):
    world.provider.journal.act("person.disable", "directeur", {}, world.on())
    return signed_anew(world)


@case("P:SIGNATORY_KEY", notes="ONE_SIDE")
def of_one_exchange_the_act_that_enrolled_the_signatory_left_out(world):
    return without_acts(signed_anew(world), "person.enrol")


@case(notes="ONE_SIDE")
def clean_of_one_exchange_with_others_enrolled(world):
    for number in range(3):
        world.provider.enrol(f"medewerker-{number}", make_key(world.chance), world.on(), "signatory")
    lines = signed_anew(world)
    subjects = [each["payload"] for each in lines if each.get("kind") == "act"]
    assert not any("medewerker" in each for each in subjects), "of people who did not sign nothing is handed over"
    return lines


def advised_anew(world, enrol):
    key = make_key(world.chance)
    if enrol:
        world.provider.enrol("fg", key, world.on(), "data_protection_officer")
    world.on(HOUR)
    document = advised(world.version(1, begin=world.now - DAY).content, world.provider, key, world.now)
    world.agreements = [world.agree(document).conclude(world.provider, world.consumer, world.now)]
    world.on(HOUR)
    return of_exchange(world, agreement=world.agreement)


@case(notes="ONE_SIDE")
def clean_of_one_exchange_with_advice(world):
    return advised_anew(world, True)


@case("P:OFFICER_KEY", notes="ONE_SIDE")
def of_one_exchange_advice_by_a_key_that_was_nobodys(world):
    return advised_anew(world, False)


@case()
def half_of_a_party_whose_people_are_not_handed_over(world):
    """By a half neither services nor people of the other party are judged: who they are is its own."""
    world.consumer.signatory = make_key(world.chance)
    world.on(HOUR)
    world.agreements = [world.version(1).conclude(world.provider, world.consumer, world.now)]
    world.on(HOUR)
    transaction = world.exchange(world.agreement)
    world.busy(2)
    own = evidence.of_exchange(world.provider.journal, transaction, world.agreements)
    return [*own, *evidence.of_half(world.consumer, world.provider.participant, transaction, world.agreements)]


def with_proof(lines, kind="completion"):
    """Where an entry of this kind stands, and its proof behind it."""
    place = next(number for number, each in enumerate(lines) if each.get("kind") == kind)
    assert lines[place + 1]["type"] == "inclusion"
    return place


@case("P:FORM", notes="ONE_SIDE")
def of_one_exchange_an_entry_and_its_proof_twice(world):
    lines = of_exchange(world, agreement=world.agreement)
    place = with_proof(lines)
    return again([*lines[: place + 2], *lines[place : place + 2], *lines[place + 2 :]])


@case("P:FORM", notes="ONE_SIDE")
def of_one_exchange_a_proof_before_its_entry(world):
    lines = of_exchange(world, agreement=world.agreement)
    place = with_proof(lines)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    return lines
