"""Evidence of every feature, as it should be."""

from .. import evidence
from ..authority import base64url
from ..journal import DAY
from ..maker import MINUTE
from .making import HOUR, Given, again, alone, case, old, place


@case()
def clean_of_both_parties(world):
    world.busy()


@case()
def clean_in_two_files(world):
    world.busy()
    return Given([alone(world), alone(world, "consumer")])


@case(notes="ONE_SIDE")
def clean_of_one_party(world):
    return alone(world.busy())


@case(notes="NO_ANCHORS")
def clean_without_anchors(world):
    return Given([world.busy().lines()], anchors=False)


@case(notes="WITHHELD ONE_SIDE")
def clean_of_a_period(world):
    begin = world.now
    world.busy(6)
    middle = world.now
    world.busy(6)
    return alone(world, period=(begin, middle))


@case(notes="WITHHELD ONE_SIDE")
def clean_of_a_period_from_one_entry_to_another(world):
    journal = world.busy().provider.journal
    begin, end = (journal.entries[place(journal, "permit", each)].at for each in (2, 5))
    return alone(world, period=(begin, end))


@case(notes="WITHHELD ONE_SIDE")
def clean_of_a_period_at_one_party_and_whole_at_the_other(world):
    world.busy(6)
    middle = world.now
    world.busy(6)
    return [*alone(world, period=(middle, world.now)), *alone(world, "consumer")]


@case()
def clean_of_one_exchange(world):
    world.busy(4)
    transaction = world.exchange(world.agreement, people=3)
    world.busy(4)
    return [*evidence.of_exchange(world.provider.journal, transaction, world.agreements),
            *evidence.of_exchange(world.consumer.journal, transaction, world.agreements)]  # fmt: skip


@case(notes="ONE_SIDE")
def clean_of_one_exchange_at_one_party(world):
    world.busy(4)
    transaction = world.exchange(world.agreement)
    world.busy(4)
    return evidence.of_exchange(world.provider.journal, transaction, world.agreements)


@case()
def clean_of_one_refusal(world):
    world.busy(4)
    transaction = world.refused("provider")
    world.busy(4)
    return evidence.of_exchange(world.provider.journal, transaction, world.agreements)


@case()
def clean_of_open_exchanges_only(world):
    for _ in range(6):
        world.exchange()
    world.on(HOUR)
    world.checkpoint()


@case()
def clean_with_open_exchange_just_after_it_was_declared_governed(world):
    """What is decided on follows an act, and clocks of processes differ."""
    world.busy(4)
    world.declare("files", "governed", world.now)
    world.on(MINUTE // 2)
    world.exchange()
    world.busy(3)


@case()
def clean_with_open_exchange_as_somebody_else_decided(world):
    world.busy(3)
    world.provider.journal.act("service.governed", "files", {"question": "1", "signs": []}, world.on())
    world.on()
    world.provider.journal.act("service.class-decided", "files", {"question": "1", "class": "open"}, world.on())
    world.exchange()
    world.busy(4)


@case()
def clean_with_open_service_under_two_names(world):
    """One name that an application has for a service is taken away; it may be used by the other."""
    world.busy(3)
    detail = {"application": "balie", "service": f"{world.provider.participant}/files", "class": "open"}
    world.consumer.journal.act("application.bind", "bestanden", detail, world.on())
    world.consumer.journal.act("application.unbind", "files", {"application": "balie"}, world.on())
    world.on()
    world.exchange()
    world.on(HOUR)
    world.checkpoint()


@case()
def clean_with_elements_spelt_and_ordered_otherwise(world):
    """A path may be written in several ways, and a list of elements has no order that counts."""
    world.busy(3)
    made = [{"path": "$.year", "count": 1}, {"path": "$['income'][\"below_minimum\"]", "count": 1}]
    world.exchange(world.agreement, provider_completion={"elements": made}, consumer_completion={"elements": made[::-1]})
    world.busy(3)


@case()
def clean_with_key_rotation(world):
    world.busy(4)
    world.provider.journal.roll(world.on())
    world.busy(4)


@case()
def clean_with_certificate_renewed(world):
    world.busy(4)
    renewed = world.authority.issue(world.provider.oin, world.provider.host, begin=world.now - DAY)
    world.provider.journal.checkpoint(world.on())
    world.provider.journal.certify(world.on(), renewed)
    world.busy(4)


@case()
def clean_with_certificate_that_ended_since(world):
    world.provider.identity = world.authority.issue(world.provider.oin, world.provider.host, end=world.now + 2 * HOUR)
    world.agreements = [world.version(1).conclude(world.provider, world.consumer, world.on())]
    world.on(HOUR)
    world.busy(6)
    world.on(10 * DAY)
    world.busy(3)


@case()
def clean_with_certificates_apart(world):
    world.busy(4)
    lines = world.lines()
    for each in lines:
        for statement in each.get("statements", []):
            given = statement["chain"].pop()
    return again([line for each in lines for line in ([{"type": "certificate", "der": given}, each] if each["type"] == "end" else [each])])


@case(notes="DECLARED_GAP")
def clean_with_declared_gap(world):
    world.busy(4)
    journal = world.provider.journal
    size = len(journal.entries)
    for _ in range(2):
        world.exchange(None, sides=("provider",))
    world.checkpoint()
    world.consumer.witness(world.provider, world.on())
    journal.restore(size, world.on())
    world.busy(4)


@case(notes="DECLARED_GAP ONE_SIDE")
def clean_with_exchange_that_the_declared_gap_took(world):
    """The consumer's half is there and the provider's went with what was lost: nobody hides it."""
    world.busy(4)
    journal = world.provider.journal
    size = len(journal.entries)
    world.exchange(world.agreement)
    world.checkpoint()
    journal.restore(size, world.on())
    world.busy(4)


@case(notes="DECLARED_GAP ONE_SIDE")
def clean_of_one_exchange_after_a_declared_gap(world):
    world.busy(3)
    journal = world.provider.journal
    size = len(journal.entries)
    world.exchange(None, sides=("provider",))
    world.checkpoint()
    journal.restore(size, world.on())
    world.checkpoint()
    world.on()
    transaction = world.exchange(world.agreement)
    world.busy(3)
    lines = evidence.of_exchange(journal, transaction, world.agreements)
    key = place(journal, "act", 0, action="journal.key")
    proof = [base64url(each) for each in journal.tree().inclusion(key, journal.checkpoints[-1].size)]
    at = next(number for number, each in enumerate(lines) if each["type"] == "entry")
    first = [evidence.entry_line(key, journal.entries[key]), {"type": "inclusion", "index": key, "hashes": proof}]
    return again([*lines[:at], *first, *lines[at:]])


def handed_over_before_and_after(world):
    """What the provider hands over before its restore, which holds more entries than the next epoch comes to, and what both hand over after it."""
    world.busy(3)
    journal = world.provider.journal
    size = len(journal.entries)
    world.busy(9)
    before = alone(world)
    journal.restore(size, world.on())
    world.busy(2)
    world.checkpoint()
    world.consumer.witness(world.provider, world.on())
    assert journal.checkpoints[-1].size < int(before[0]["size"])
    return before, alone(world), alone(world, "consumer")


@case(notes="DECLARED_GAP")
def clean_with_evidence_of_before_the_declared_gap(world):
    return Given(list(handed_over_before_and_after(world)))


@case(notes="ONE_SIDE")
def clean_with_evidence_of_before_the_declared_gap_and_witnesses_of_after_it(world):
    before, _, consumer = handed_over_before_and_after(world)
    return Given([before, consumer])


@case()
def clean_with_epoch_without_gap(world):
    world.busy(4)
    world.provider.journal.restore(len(world.provider.journal.entries), world.on())
    world.busy(4)


@case(notes="DESTROYED ONE_SIDE")
def clean_with_lawful_destruction(world):
    last = old(world)
    world.provider.journal.drop(0, last, 365, world.on())
    world.busy(4)


@case(notes="DESTROYED ONE_SIDE")
def clean_with_one_entry_destroyed(world):
    old(world)
    journal = world.provider.journal
    only = place(journal, "processing", 1)
    journal.drop(only, only, 365, world.on())
    return alone(world.busy(4))


@case(notes="DESTROYED ONE_SIDE")
def clean_with_shorter_rule_since(world):
    last = old(world, days=40)
    world.provider.journal.keep(30, world.on())
    world.provider.journal.drop(0, last, 30, world.on())
    world.busy(4)


@case(notes="DESTROYED ONE_SIDE")
def clean_with_hold_released(world):
    last = old(world)
    journal = world.provider.journal
    journal.hold("case 12", 0, None, world.on())
    journal.release("case 12", world.on())
    journal.drop(0, last, 365, world.on())
    world.busy(4)


@case(notes="DESTROYED ONE_SIDE")
def clean_with_hold_on_others(world):
    last = old(world)
    journal = world.provider.journal
    journal.hold("case 12", world.now - DAY, None, world.on())
    journal.drop(0, last, 365, world.on())
    world.busy(4)


@case(notes="DESTROYED ONE_SIDE")
def clean_with_hold_until_the_first_of_them(world):
    last = old(world)
    journal = world.provider.journal
    first = journal.entries[place(journal, "permit")].at
    journal.hold("case 12", 0, first, world.on())
    journal.drop(0, last, 365, world.on())
    return alone(world.busy(4))


@case(notes="DESTROYED ONE_SIDE")
def clean_with_second_act_lawful(world):
    """The first act destroyed nothing of it: it was not lawful then, and says so of itself only."""
    last = old(world, days=300)
    world.provider.journal.drop(0, last, 365, world.on(), kinds=())
    world.on(200 * DAY)
    world.provider.journal.drop(0, last, 365, world.on())
    world.busy(4)


@case(notes="DELIVERY_UNKNOWN")
def clean_with_delivery_unknown(world):
    world.busy(3)
    world.exchange(world.agreement, completed=("consumer",))
    world.busy(3)


@case()
def clean_with_request_that_did_not_arrive(world):
    world.busy(3)
    world.exchange(world.agreement, delivery="nothing", sides=("consumer",))
    world.busy(3)


@case()
def clean_with_broken_off_at_both(world):
    world.busy(3)
    one = world.delivered("broken_off", 400)
    world.exchange(world.agreement, delivery="broken_off", consumer_completion={"response": one["response"]})
    world.busy(3)


@case()
def clean_with_suspension_that_ended(world):
    world.busy(3)
    world.agreement.states(world.consumer, "suspended", world.on(HOUR), reason="We look into something.")
    world.agreement.states(world.consumer, "resumed", world.on(HOUR))
    world.on(HOUR)
    world.busy(3)


@case()
def clean_with_revocation_after_the_last(world):
    world.busy(3)
    world.agreement.states(world.consumer, "revoked", world.on(HOUR), reason="No longer needed.")
    world.refused("consumer", "AGREEMENT_ENDED")
    world.checkpoint()


@case()
def clean_with_next_version(world):
    world.busy(3)
    begin = world.now + 2 * HOUR
    following = world.version(2, begin=begin, replaces=world.agreement.hash).conclude(world.provider, world.consumer, world.on())
    world.exchange(world.agreement)
    world.agreements.append(following)
    world.on(4 * HOUR)
    world.busy(3)


@case()
def clean_with_next_version_ended_before_its_moment(world):
    world.busy(3)
    begin = world.now + 2 * HOUR
    following = world.version(2, begin=begin, replaces=world.agreement.hash).conclude(world.provider, world.consumer, world.on())
    following.states(world.consumer, "revoked", world.on(HOUR // 2), reason="After all not.")
    world.on(4 * HOUR)
    world.busy(3)
    world.agreements.append(following)


@case()
def clean_with_party_accepted_on_the_wire(world):
    made = world.version(1, signatories=[world.provider])
    made.states(world.provider, "offered", world.on())
    made.states(world.provider, made.signature(world.provider, world.on()), world.now)
    made.states(world.provider, "accepted_on_the_wire", world.on(), party=world.consumer.participant, contracts=["$1$1$made-up"])
    world.agreements = [made]
    world.on(HOUR)
    world.busy(4)


@case()
def clean_against_an_earlier_checkpoint(world):
    world.busy(4)
    earlier = world.provider.journal.checkpoints[-1].note
    world.busy(4)
    return Given([world.lines()], [earlier])


@case()
def clean_against_earlier_evidence(world):
    world.busy(4)
    earlier = world.lines()
    world.busy(4)
    return Given([world.lines()], [earlier])


@case(notes="ONE_SIDE")
def clean_older_than_what_was_witnessed(world):
    world.busy(4)
    before = alone(world)
    world.busy(4)
    return [*before, *alone(world, "consumer")]
