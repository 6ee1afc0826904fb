"""Evidence of a period from both sides: the own journal, and pages of the other party's halves."""

from .. import evidence
from .making import again, alone, case, line_of, without


def both_sides(world, pages=((0, 3), (3, 6)), left_out=(), **alter):
    """Six exchanges in a period; gives the period, the other party's pages, and the own journal of the period."""
    world.busy(4)
    world.on()
    begin = world.now
    made = [world.exchange(world.agreement if number != 2 else None) for number in range(5)]
    made.append(world.exchange(world.agreement, **alter))
    end = world.on()
    world.busy(4)
    period = (begin, end)
    receiver = world.provider.participant
    given = [
        evidence.of_period(world.consumer, receiver, [each for each in made[first:last] if made.index(each) not in left_out], period, world.agreements)
        for first, last in pages
    ]  # fmt: skip
    return period, given, alone(world, period=period)


@case(notes="WITHHELD")
def clean_of_a_period_from_both_sides(world):
    _, pages, own = both_sides(world)
    return [*(line for page in pages for line in page), *own]


@case(notes="WITHHELD ONE_SIDE NOT_GIVEN")
def clean_of_a_period_from_both_sides_with_a_page_that_could_not_be_had(world):
    _, pages, own = both_sides(world)
    end = own.pop()
    own.append({"type": "not_given", "participant": world.consumer.participant, "at": world.now, "code": "COUNTERPART_UNREACHABLE"})
    return [*pages[0], *again([*own, end])]


@case(notes="WITHHELD")
def clean_of_a_period_without_exchanges(world):
    world.busy(4)
    period = (world.on(), world.on())
    page = evidence.of_period(world.consumer, world.provider.participant, [], period)
    return [*page, *alone(world.busy(3), period=period)]


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_a_period(world):
    _, pages, own = both_sides(world, consumer_completion={"salt": "A" * 43})
    return [*(line for page in pages for line in page), *own]


@case("C:ENTRY_CHANGED", "C:COMPLETION_WITHOUT_PERMIT")
def period_with_an_entry_of_another_time(world):
    _, pages, own = both_sides(world)
    entry = next(each for each in pages[0] if each.get("withheld"))
    entry["id"] = "1" + entry["id"][1:]
    return [*(line for page in pages for line in page), *own]


@case("C:ROOT_DIFFERS")
def period_with_a_proof_changed(world):
    _, pages, own = both_sides(world)
    line = line_of(pages[1], "inclusion", 2)
    line["hashes"][0] = "A" * 43
    return [*(line for page in pages for line in page), *own]


@case("C:TOLD")
def period_told_to_somebody_else(world):
    _, pages, own = both_sides(world)
    told = line_of(pages[0], "told")
    index = told["index"]
    told |= evidence.told_line(world.consumer, "oin:00000099000000030000", index)
    return [*(line for page in pages for line in page), *own]


@case("C:FORM", notes="ONE_SIDE")
def period_of_single_entries_for_nobody(world):
    _, pages, _ = both_sides(world)
    head = {name: value for name, value in pages[0][0].items() if name != "for"}
    return [*pages[1], head, *pages[0][1:]]


@case("C:FORM")
def period_and_transaction_in_one(world):
    _, pages, own = both_sides(world)
    head = {**pages[1][0], "transaction_id": "019cad8f-ac00-73ba-8ec6-8477587fd280"}
    return [*pages[0], head, *pages[1][1:], *own]


@case("C:FORM", notes="WITHHELD")
def period_with_a_processing_record_withheld(world):
    """Of a half only permits, refusals and completions may be withheld, whatever its period."""
    _, pages, own = both_sides(world)
    end = pages[1].pop()
    entry = next(each for each in pages[1] if each["type"] == "entry" and each["kind"] == "completion")
    proof = next(each for each in pages[1] if each["type"] == "inclusion" and each["index"] == entry["index"])
    page = without([*pages[1], end])
    for line in page:
        if line is entry:
            line.pop("salt"), line.pop("payload")
            line["withheld"] = True
    assert proof
    return [*pages[0], *page, *own]
