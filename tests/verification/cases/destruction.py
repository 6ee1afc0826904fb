"""Destroyed too early, under a hold, or without an act."""

from ..journal import DAY
from .making import HOUR, alone, case, line_of, old, place


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def destroyed_without_an_act(world):
    last = old(world)
    world.provider.journal.drop(0, last, 365, world.on(), act=False)
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE")
def destroyed_one_entry_without_an_act(world):
    world.busy()
    world.provider.journal.entries[place(world.provider.journal, "processing", 3)].destroy()
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE DESTROYED")
def destroyed_more_kinds_than_the_act_names(world):
    last = old(world)
    journal = world.provider.journal
    journal.drop(0, last, 365, world.on(), kinds=("permit", "completion"))
    for each in journal.entries[:last]:
        if each.kind == "processing":
            each.destroy()
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE DESTROYED")
def destroyed_beyond_the_range_of_the_act(world):
    old(world)
    journal = world.provider.journal
    inner, beyond = place(journal, "completion", 1), place(journal, "processing", 2)
    journal.drop(0, inner, 365, world.on())
    journal.entries[beyond].destroy()
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_WITHOUT_ACT", notes="ONE_SIDE DESTROYED")
def destroyed_later_than_the_act_that_names_it(world):
    last = old(world)
    journal = world.provider.journal
    journal.drop(0, last + 40, 365, world.on(), written_before=world.now - 365 * DAY)
    world.busy(3)
    journal.entries[place(journal, "processing", -1)].destroy()
    return alone(world)


@case("P:DESTROYED_EARLY", notes="ONE_SIDE")
def destroyed_by_another_rule(world):
    last = old(world, days=40)
    world.provider.journal.drop(0, last, 30, world.on())
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_EARLY", notes="ONE_SIDE")
def destroyed_before_the_days_were_over(world):
    last = old(world, days=40)
    world.provider.journal.drop(0, last, 365, world.on(), written_before=world.now)
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_EARLY", notes="ONE_SIDE")
def destroyed_later_entries_than_the_act_says(world):
    last = old(world, days=40)
    world.provider.journal.drop(0, last, 365, world.on())
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_EARLY", notes="ONE_SIDE")
def destroyed_by_a_rule_that_keeps_for_ever(world):
    last = old(world)
    world.provider.journal.keep(0, world.on())
    world.provider.journal.drop(0, last, 0, world.on(), written_before=world.now)
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_EARLY", notes="ONE_SIDE")
def destroyed_by_a_rule_that_came_after(world):
    last = old(world, days=40)
    world.provider.journal.drop(0, last, 30, world.on())
    world.provider.journal.keep(30, world.on())
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_EARLY", notes="ONE_SIDE DESTROYED")
def destroyed_a_witness(world):
    last = old(world)
    world.provider.journal.drop(0, last, 365, world.on(), kinds=("permit", "refusal", "processing", "completion", "witness"))
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_UNDER_HOLD", notes="ONE_SIDE")
def destroyed_under_a_hold(world):
    last = old(world)
    journal = world.provider.journal
    journal.hold("case 12", 0, None, world.on())
    journal.drop(0, last, 365, world.on())
    world.busy(3)
    return alone(world)


@case("P:DESTROYED_UNDER_HOLD", notes="ONE_SIDE")
def destroyed_under_a_hold_that_another_release_does_not_end(world):
    last = old(world)
    journal = world.provider.journal
    journal.hold("case 12", 0, world.now - DAY, world.on())
    journal.release("case 13", world.on())
    journal.drop(0, last, 365, world.on())
    journal.release("case 12", world.on())
    world.busy(3)
    return alone(world)


@case("P:FORM", notes="ONE_SIDE")
def destroyed_and_told_as_withheld(world):
    world.busy()
    lines = alone(world)
    line = line_of(lines, "entry", place(world.provider.journal, "processing", 3))
    del line["payload"], line["salt"]
    line["withheld"] = True
    return lines


@case("P:FORM", notes="ONE_SIDE WITHHELD")
def withheld_at_the_first_moment_of_the_period(world):
    journal = world.busy().provider.journal
    begin = place(journal, "processing", 2)
    lines = alone(world, period=(journal.entries[begin].at, world.now))
    line = line_of(lines, "entry", begin)
    del line["payload"], line["salt"]
    line["withheld"] = True
    return lines


@case("P:FORM", notes="ONE_SIDE WITHHELD")
def act_withheld_outside_the_period(world):
    begin = world.on(HOUR)
    world.busy()
    lines = alone(world, period=(begin + HOUR // 2, world.now))
    line = line_of(lines, "entry", 1)
    del line["payload"], line["salt"]
    line["withheld"] = True
    return lines
