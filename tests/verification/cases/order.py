"""Entries dropped, inserted, reordered and back-dated; the tail, and other histories."""

from .. import note
from ..maker import MINUTE
from .making import HOUR, Given, again, alone, case, line_of, place, rewritten, without, witnesses_only


@case("P:ENTRY_MISSING")
def dropped_line(world):
    lines = alone(world.busy())
    return without(lines, line_of(lines, "entry", place(world.provider.journal, "processing", 2)))


@case("P:ENTRY_MISSING")
def dropped_last_line(world):
    lines = alone(world.busy())
    return without(lines, line_of(lines, "entry", -1))


@case("P:ENTRY_MISSING", "P:ROOT_DIFFERS")
def dropped_and_numbered_again(world):
    journal = world.busy().provider.journal
    del journal.entries[place(journal, "processing", 2)]
    return alone(world)


@case("P:TWO_HISTORIES")
def dropped_with_every_checkpoint(world):
    """The number of entries that the last checkpoint was over came back in the meantime."""
    world.busy()
    earlier = world.provider.journal.checkpoints[2].note
    del world.provider.journal.entries[place(world.provider.journal, "processing", 2)]
    world.provider.journal.sign_again()
    return Given([alone(world)], [earlier])


@case("P:TRUNCATED")
def dropped_with_every_checkpoint_and_the_last_one_held(world):
    world.busy()
    earlier = world.provider.journal.checkpoints[-1].note
    del world.provider.journal.entries[place(world.provider.journal, "processing", 2)]
    world.provider.journal.sign_again()
    return Given([alone(world)], [earlier])


@case("P:ROOT_DIFFERS")
def inserted(world):
    journal = world.busy().provider.journal
    journal.act("service.put", "incomes", {}, world.now)
    journal.entries.insert(10, journal.entries.pop())
    entry = journal.entries[10]
    entry.at = journal.entries[9].at
    entry.id = journal.entries[9].id[:14] + entry.id[14:]
    entry.hash()
    return alone(world)


@case("P:TWO_HISTORIES")
def inserted_with_every_checkpoint(world):
    inserted(world)
    world.provider.journal.sign_again()


@case("P:ENTRY_MISSING")
def line_twice(world):
    lines = alone(world.busy())
    at = lines.index(line_of(lines, "entry", 9))
    return again([*lines[: at + 1], lines[at], *lines[at + 1 :]])


@case("P:ENTRY_MISSING")
def lines_reordered(world):
    lines = alone(world.busy())
    at = lines.index(line_of(lines, "entry", 9))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return lines


@case("P:ROOT_DIFFERS")
def entries_reordered(world):
    entries = world.busy().provider.journal.entries
    at = place(world.provider.journal, "processing", 3)
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    return alone(world)


@case("P:ROOT_DIFFERS", "P:BACK_DATED")
def entries_reordered_far(world):
    entries = world.busy().provider.journal.entries
    first, second = (place(world.provider.journal, "processing", each) for each in (1, 5))
    entries[first], entries[second] = entries[second], entries[first]
    return alone(world)


def back_dated(world, depth, by=HOUR):
    journal = world.busy().provider.journal
    entry = journal.entries[place(journal, "processing", 4)]
    entry.at -= by
    if depth > 1:
        entry.id = f"{entry.at:012x}"[:8] + "-" + f"{entry.at:012x}"[8:] + entry.id[13:]
    if depth > 2:
        entry.hash()
    if depth > 3:
        journal.sign_again()


@case("P:ENTRY_CHANGED", "P:LEAF_DIFFERS", "P:BACK_DATED")
def back_dated_in_time_only(world):
    back_dated(world, 1)
    return alone(world)


@case("P:LEAF_DIFFERS", "P:BACK_DATED")
def back_dated_with_identifier(world):
    back_dated(world, 2)
    return alone(world)


@case("P:ROOT_DIFFERS", "P:BACK_DATED")
def back_dated_with_leaf(world):
    back_dated(world, 3)
    return alone(world)


@case("P:BACK_DATED")
def back_dated_with_every_checkpoint(world):
    back_dated(world, 4)
    return alone(world)


@case("P:BACK_DATED", "P:TWO_HISTORIES")
def back_dated_with_every_checkpoint_and_witnessed(world):
    back_dated(world, 4)


@case(notes="ONE_SIDE")
def clean_with_clock_set_back_ten_minutes(world):
    journal = world.busy().provider.journal
    journal.act("service.put", "incomes", {}, journal.entries[-1].at - 10 * MINUTE)
    world.checkpoint()
    return alone(world)


@case("P:BACK_DATED", notes="ONE_SIDE")
def written_a_moment_more_than_ten_minutes_back(world):
    journal = world.busy().provider.journal
    journal.act("service.put", "incomes", {}, journal.entries[-1].at - 10 * MINUTE - 1)
    world.checkpoint()
    return alone(world)


# The tail, and other histories.


def truncated(world):
    """The journal loses its tail with the checkpoints over it, and goes on as if nothing had been."""
    world.busy()
    journal = world.provider.journal
    earlier = journal.checkpoints[-1].note
    del journal.entries[-6:]
    journal.checkpoints = [each for each in journal.checkpoints if each.size <= len(journal.entries)]
    world.on(HOUR)
    journal.act("service.put", "incomes", {}, world.now)
    journal.checkpoint(world.now)
    return earlier


@case("P:TRUNCATED", notes="ONE_SIDE")
def truncated_and_an_earlier_checkpoint(world):
    earlier = truncated(world)
    return Given([alone(world)], [earlier])


@case("P:TRUNCATED", notes="ONE_SIDE")
def truncated_and_witnessed(world):
    world.busy()
    world.consumer.witness(world.provider, world.on())
    world.consumer.journal.checkpoint(world.on())
    journal = world.provider.journal
    keep = journal.checkpoints[1].size
    del journal.entries[keep:], journal.checkpoints[2:]
    world.on(HOUR)
    journal.act("service.put", "incomes", {}, world.now)
    journal.checkpoint(world.now)
    # The other party's exchanges of that time are not what this case is about.
    return Given([alone(world), witnesses_only(world)])


@case("P:TWO_HISTORIES", notes="WITHHELD ONE_SIDE")
def two_histories_shown_to_two(world):
    world.busy()
    journal = world.provider.journal
    other = journal.entries[:10]
    key, size = journal.key, journal.checkpoints[-1].size
    shown = alone(world)
    journal.entries = [*other]
    while len(journal.entries) < size:
        journal.act("service.put", "another", {}, world.now)
    made = note.checkpoint(journal.origin, size, journal.root(), key)
    journal.checkpoints[-1].note = made
    world.consumer.witness(world.provider, world.on())
    world.consumer.journal.checkpoint(world.on(HOUR))
    return Given([shown, witnesses_only(world)])


@case("P:TWO_HISTORIES", notes="ONE_SIDE")
def two_sections_of_two_histories(world):
    first = alone(world.busy())
    rewritten(world, depth=4)
    return Given([first, alone(world)])


@case("P:ROOT_DIFFERS", notes="ONE_SIDE")
def last_checkpoint_of_another_root(world):
    journal = world.busy().provider.journal
    last = journal.checkpoints[-1]
    last.note = note.checkpoint(journal.origin, last.size, bytes(32), journal.key)
    return alone(world)


@case("P:TRUNCATED", "P:FORM")
def checkpoint_over_more_than_the_section_says(world):
    world.busy()
    lines = alone(world)
    size = world.provider.journal.checkpoints[-2].size
    head = {**lines[0], "size": size}
    return again([head, *[each for each in lines[1:] if each.get("index", -1) < size]])
