"""Statements that were dated back, came late, or stand by an agreement and in no journal."""

from .. import evidence
from ..journal import DAY
from .making import HOUR, alone, case
from .one_exchange import of_exchange, without_acts
from .revocation import certificate_of, revoked


def concluded(world, waits):
    """A version that was concluded by now, and taken in so much later; and some exchanges under it, when it was."""
    world.on(HOUR)
    made = world.version(1)
    made.conclude(world.provider, world.consumer, world.now, world.now + waits)
    world.agreements = [made]
    world.on(waits + HOUR)
    world.busy(3)
    return alone(world)


@case("P:SHOWN_TOO_LATE", "C:SHOWN_TOO_LATE")
def statements_dated_back_by_a_key_that_was_revoked(world):
    revoked(world, (certificate_of(world.consumer), world.now + DAY, None))
    concluded(world, 3 * DAY)


@case("P:SHOWN_TOO_LATE", notes="ONE_SIDE")
def statements_dated_back_by_a_key_that_was_compromised_meanwhile(world):
    revoked(world, (certificate_of(world.consumer), world.now + 9 * DAY, world.now + DAY))
    return concluded(world, 3 * DAY)


@case("P:SHOWN_TOO_LATE", notes="ONE_SIDE")
def statements_shown_long_after_their_certificate_had_ended(world):
    world.consumer.identity = world.authority.issue(world.consumer.oin, world.consumer.host, end=world.now + DAY)
    return concluded(world, 9 * DAY)


@case("P:SHOWN_TOO_LATE", notes="ONE_SIDE")
def signed_by_a_signatory_who_had_left_and_dated_back(world):
    """No certificate was stolen: the participant itself has somebody sign who may not any more."""
    world.on(HOUR)
    at = world.now
    world.provider.journal.act("person.disable", "directeur", {}, world.on(HOUR))
    world.agreements = [world.version(1)]
    world.agreement.conclude(world.provider, world.consumer, at, world.on(HOUR))
    world.on(HOUR)
    return alone(world.busy(3))


def waiting(world):
    """What the consumer states its own journal holds at once, and the provider's when its certificate has been revoked."""
    revoked(world, (certificate_of(world.consumer), world.now + DAY, None))
    world.on(HOUR)
    made = world.version(1)
    made.holders = [world.consumer]
    made.conclude(world.provider, world.consumer, world.now)
    world.agreements, made.holders = [made], [world.provider]
    world.on(3 * DAY)
    for each in made.statements:
        made.taken_in(each, world.now)
    world.on(HOUR)
    return world.busy(3)


@case("P:SHOWN_TOO_LATE", notes="ONE_SIDE")
def statements_of_which_only_the_late_journal_is_given(world):
    return alone(waiting(world))


@case()
def clean_with_statements_that_the_other_journal_held_in_time(world):
    waiting(world)


@case(notes="ONE_SIDE")
def clean_with_statements_that_waited(world):
    return concluded(world, 3 * DAY)


@case(notes="ONE_SIDE")
def clean_with_statements_that_waited_while_their_certificate_ended(world):
    world.consumer.identity = world.authority.issue(world.consumer.oin, world.consumer.host, end=world.now + 2 * DAY)
    revoked(world, begin=world.now, end=world.now + 30 * DAY)
    return concluded(world, 3 * DAY)


@case(notes="ONE_SIDE")
def clean_with_statements_that_waited_and_a_certificate_revoked_afterwards(world):
    revoked(world, (certificate_of(world.consumer), world.now + 9 * DAY, None))
    return concluded(world, 3 * DAY)


@case("P:AGREEMENT_NOT_IN_FORCE", "C:AGREEMENT_NOT_IN_FORCE")
def permitted_before_what_was_dated_back(world):
    """Both parties say afterwards that they had agreed before."""
    world.on(HOUR)
    world.agreements, begun = [world.version(1)], world.now
    world.on(2 * HOUR)
    world.exchange(world.agreement)
    world.agreement.conclude(world.provider, world.consumer, begun, world.on(HOUR))
    world.on(HOUR)
    world.busy(3)


@case()
def clean_with_revocation_dated_back(world):
    """Who ends an agreement as of long ago puts nobody in the wrong who could not know it."""
    begun = world.now
    world.on(HOUR)
    world.busy(3)
    world.agreement.states(world.consumer, "revoked", begun, world.on(2 * DAY), reason="As if it had never been.")
    world.on(HOUR)
    world.checkpoint()


@case()
def clean_with_revocation_by_a_certificate_that_was_revoked_meanwhile(world):
    """What ends something is taken in however late it comes."""
    begun = world.now
    revoked(world, (certificate_of(world.consumer), world.now + DAY, None))
    world.on(HOUR)
    world.busy(3)
    world.agreement.states(world.consumer, "revoked", begun + HOUR, world.on(2 * DAY), reason="No longer needed.")
    world.on(HOUR)
    world.checkpoint()


@case("P:STATEMENTS_DIFFER", "C:STATEMENTS_DIFFER")
def signature_put_there_afterwards(world):
    """Versions stand in no tree: who has the consumer's key could sign for it whenever that is needed."""
    world.on(HOUR)
    made = world.version(1)
    at = world.now
    made.states(world.consumer, "offered", at)
    made.states(world.provider, made.signature(world.provider, at), at)
    world.agreements = [made]
    world.on(HOUR)
    world.busy(3)
    made.statements.append(made.statement(world.consumer, made.signature(world.consumer, at), at))


def held_up(world):
    """Held up and let go, and then held up for good; what is exchanged after that is not permitted."""
    for step in ("suspended", "resumed", "suspended"):
        more = {} if step == "resumed" else {"reason": "We look into something."}
        world.agreement.states(world.consumer, step, world.on(HOUR), **more)
    world.on(HOUR)
    world.busy(3)
    return world.agreement.statements


@case("P:AGREEMENT_NOT_IN_FORCE", notes="ONE_SIDE")
def permitted_while_it_was_held_up_again(world):
    held_up(world)
    return alone(world)


@case("P:STATEMENTS_DIFFER", notes="ONE_SIDE")
def suspension_left_out(world):
    held_up(world).pop()
    return alone(world)


@case("P:STATEMENTS_DIFFER", notes="ONE_SIDE")
def suspension_moved_before_the_signatures(world):
    """There it may not follow, and changes nothing."""
    statements = held_up(world)
    statements.insert(0, statements.pop())
    return alone(world)


@case("P:STATEMENTS_DIFFER", notes="ONE_SIDE")
def resumption_repeated(world):
    statements = held_up(world)
    statements.append(statements[-2])
    return alone(world)


@case("P:STATEMENTS_DIFFER", notes="ONE_SIDE")
def of_one_exchange_the_act_that_took_a_signature_in_left_out(world):
    return without_acts(of_exchange(world, agreement=world.agreement), "agreement.signed")


@case("P:SHOWN_TOO_LATE", "C:SHOWN_TOO_LATE")
def half_under_statements_that_the_receivers_journal_took_in_too_late(world):
    """A half holds no acts about agreements: when these came the receiver's own section tells."""
    revoked(world, (certificate_of(world.consumer), world.now + DAY, None))
    concluded(world, 3 * DAY)
    world.consumer.identity = world.authority.issue(world.consumer.oin, world.consumer.host)
    transaction = world.exchange(world.agreement)
    world.busy(2)
    own = evidence.of_exchange(world.provider.journal, transaction, world.agreements)
    return [*own, *evidence.of_half(world.consumer, world.provider.participant, transaction, world.agreements)]
