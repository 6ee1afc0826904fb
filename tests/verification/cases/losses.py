"""Keys that were lost: declared as it must be, and as a way to hide what somebody destroyed."""

from .. import evidence
from ..journal import DAY, month_of
from .making import HOUR, Given, alone, case, old, place, rewritten


def exchanged(world, exchanges=4):
    """The provider's journal after some exchanges of one month, and the index of its last entry."""
    world.busy(exchanges)
    return world.provider.journal, len(world.provider.journal.entries) - 1


def lost(world, kind_of="exchange", act=True, exchanges=4):
    journal, last = exchanged(world, exchanges)
    said = [each.content for each in journal.entries if each.kind == "act"]
    month = month_of(world.now)
    world.on(HOUR)
    journal.lose(kind_of, month, 0, last, world.now, act=act)
    return journal, said


def said_again(world, journal, said):
    """What lost acts said and a verifier has to know."""
    for each in said:
        if each["action"] == "journal.key":
            journal.certify_again(each, world.on())
    journal.keep(365, world.on())


@case(notes="ONE_SIDE", outcome="losses")
def lost_exchanges_declared(world):
    lost(world)
    world.busy(3)
    return alone(world)


@case(notes="ONE_SIDE", outcome="losses")
def lost_acts_declared_and_said_again(world):
    journal, said = lost(world, "act")
    said_again(world, journal, said)
    world.busy(3)
    return alone(world)


@case(notes="ONE_SIDE", outcome="losses")
def lost_acts_declared_against_a_checkpoint_of_before(world):
    """By the certification that was said again the key of then is known again."""
    journal, said = lost(world, "act")
    said_again(world, journal, said)
    kept = journal.checkpoints[1].note
    world.busy(3)
    return Given([alone(world)], [kept])


@case(notes="ONE_SIDE", outcome="losses")
def lost_acts_and_one_exchange_since(world):
    """That its service had been declared open was said in what is lost: nobody is blamed, and it is told."""
    journal, said = lost(world, "act")
    said_again(world, journal, said)
    transaction = world.exchange(None)
    world.on()
    world.checkpoint()
    journal.checkpoints = journal.checkpoints[-1:]
    return evidence.of_exchange(journal, transaction, world.agreements)


@case(notes="DECLARED_GAP ONE_SIDE", outcome="losses")
def lost_with_a_restore_without_keys(world):
    journal, last = exchanged(world)
    said = [each.content for each in journal.entries if each.kind == "act" and each.content["action"] == "journal.key"]
    world.exchange(None, sides=("provider",))
    world.checkpoint()
    known = journal.checkpoints[-1].note
    journal.checkpoints.pop()
    journal.restore(last + 1, world.on(), last_known=known)
    said_again(world, journal, said)
    for kind_of in ("exchange", "act"):
        journal.lose(kind_of, month_of(world.now), 0, last, world.on())
    world.busy(3)
    return alone(world)


@case(notes="DESTROYED ONE_SIDE", outcome="losses")
def lost_and_destroyed_when_its_time_was_over(world):
    """What is over is destroyed by the rule though nobody could read it; the rest stays lost."""
    journal, _ = lost(world)
    world.on(400 * DAY)
    journal.drop(0, place(journal, "act", action="journal.loss") // 2, 365, world.on())
    world.agreements = [world.version(1, end=world.now + 900 * DAY).conclude(world.provider, world.consumer, world.on())]
    world.on(HOUR)
    world.busy(3)
    return alone(world)


@case(notes="ONE_SIDE", outcome="losses")
def lost_after_its_time_was_over(world):
    last = old(world)
    journal = world.provider.journal
    journal.lose("exchange", month_of(journal.entries[last].at), 0, last, world.on())
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def lost_and_not_declared(world):
    lost(world, act=False)
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def lost_one_entry_while_its_key_opens_others(world):
    """Nobody loses a key for one entry."""
    journal, _ = exchanged(world)
    only = place(journal, "processing", 2)
    journal.entries[only].destroy()
    month = month_of(journal.entries[only].at)
    world.on(HOUR)
    journal.declare_loss("exchange", month, only, only, world.now)
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def lost_more_than_was_declared(world):
    journal, _ = lost(world)
    world.busy(3)
    journal.entries[place(journal, "processing", -1)].destroy()
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def lost_exchanges_declared_as_acts(world):
    journal, last = exchanged(world)
    world.on(HOUR)
    journal.lose("exchange", month_of(world.now), 0, last, world.now, act=False)
    journal.declare_loss("act", month_of(world.now), 0, last, world.now)
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def lost_of_another_month_than_was_declared(world):
    journal, last = exchanged(world)
    world.on(HOUR)
    journal.lose("exchange", month_of(world.now), 0, last, world.now, act=False)
    journal.declare_loss("exchange", month_of(world.now) + 1, 0, last, world.now)
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def lost_later_than_the_act_that_declares_it(world):
    journal, last = exchanged(world)
    world.on(HOUR)
    journal.declare_loss("exchange", month_of(world.now), 0, last + 40, world.now)
    world.busy(3)
    for each in journal.entries:
        if each.kind in ("permit", "refusal", "processing", "completion"):
            each.destroy()
    return alone(world)


@case("P:DESTROYED_UNDER_HOLD", notes="ONE_SIDE")
def lost_under_a_hold(world):
    journal, last = exchanged(world)
    journal.hold("case 12", 0, None, world.on(HOUR))
    journal.lose("exchange", month_of(world.now), 0, last, world.on())
    world.busy(3)
    return alone(world)


@case("P:JOURNAL_KEY", notes="ONE_SIDE")
def lost_acts_declared_and_the_key_not_said_again(world):
    lost(world, "act")
    world.busy(3)
    return alone(world)


@case("P:CHECKPOINT_SIGNATURE", notes="ONE_SIDE")
def lost_acts_declared_and_another_key_said_again(world):
    """The key of before cannot be exchanged for one that suits somebody."""
    journal, _ = lost(world, "act")
    journal.certify(world.on())
    world.busy(3)
    return alone(world)


@case("P:LEAF_DIFFERS", notes="ONE_SIDE")
def lost_and_something_else_put_in_its_place(world):
    journal, last = exchanged(world)
    entry = rewritten(world, depth=2)
    world.on(HOUR)
    journal.lose("exchange", month_of(world.now), 0, last, world.now)
    assert entry.payload is None
    world.busy(3)
    return alone(world)


@case("P:FORM", notes="ONE_SIDE")
def loss_of_no_known_class(world):
    journal, last = exchanged(world)
    journal.declare_loss("everything", 202603, 0, last, world.on())
    world.busy(3)
    return alone(world)
