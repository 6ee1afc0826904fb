"""Decisions, permits, completions, and the two sides of an exchange."""

import json

from ..authority import base64url
from .making import HOUR, case, deeper, place, without


@case("P:DECISION_MISSING")
def decision_stripped(world):
    world.busy(3)
    world.exchange(world.agreement, provider_permit={"decision": None})
    world.on(HOUR)
    world.busy(3)


@case("P:DECISION_MISSING")
def decision_and_processing_stripped_but_people_were_named(world):
    world.busy(3)
    world.exchange(world.agreement, provider_permit={"decision": None, "processing": None})
    world.busy(3)


@case("C:DECISION_MISSING")
def decision_and_processing_stripped_but_elements_arrived(world):
    world.busy(3)
    world.exchange(world.agreement, consumer_permit={"decision": None, "processing": None})
    world.busy(3)


@case("P:ENTRY_CHANGED", notes="ONE_SIDE")
def decision_stripped_afterwards(world):
    journal = world.busy().provider.journal
    entry = journal.entries[place(journal, "permit", 1)]
    content = entry.content
    del content["decision"]
    entry.payload = json.dumps(content)


@case("P:DECISION_MISSING")
def decision_is_a_deny(world):
    world.busy(3)
    deny = world.decision("", world.agreement, world.now, reasons=[{"code": "PURPOSE_NOT_AGREED"}])
    transaction = world.exchange(world.agreement, provider_permit={"decision": deny})
    entry = world.provider.journal.entries[place(world.provider.journal, "permit", 0, transaction_id=transaction)]
    deny["attributes"]["adl.fsc.transaction_id"] = transaction
    entry.rewrite(decision=deny)
    deeper(world.provider.journal, entry, 3)
    world.busy(3)


@case("P:DECISION_MISSING")
def decision_about_another_exchange(world):
    world.busy(3)
    world.exchange(world.agreement, provider_permit={"decision": world.decision("019cad8f-ac00-73ba-8ec6-8477587fd280", world.agreement, world.now)})
    world.busy(3)


@case("P:DECISION_MISSING")
def decision_under_no_agreement(world):
    world.busy(3)
    transaction = world.exchange(world.agreement)
    journal = world.provider.journal
    entry = journal.entries[place(journal, "permit", 0, transaction_id=transaction)]
    decision = entry.content["decision"]
    del decision["attributes"]["adl.core.policies"]
    entry.rewrite(decision=decision)
    deeper(journal, entry, 3)
    world.busy(3)


@case("P:NOT_DECLARED_OPEN")
def every_trace_of_the_agreement_stripped(world):
    """Decision, records and elements are left out: what is left looks open, and no act says so."""
    world.busy(3)
    nothing = {"decision": None, "processing": None}
    made = {**world.delivered(), "elements": []}
    world.exchange(world.agreement, people=0, provider_permit=nothing, provider_completion=made, consumer_completion=made)
    world.on(HOUR)
    world.busy(3)


@case("C:NOT_DECLARED_OPEN")
def every_trace_of_the_agreement_stripped_at_the_consumer(world):
    world.busy(3)
    made = {**world.delivered(), "elements": []}
    nothing = {"decision": None, "processing": None}
    world.exchange(world.agreement, consumer_permit=nothing, provider_completion=made, consumer_completion=made)
    world.busy(3)


@case("P:NOT_DECLARED_OPEN", "C:NOT_DECLARED_OPEN")
def exchanged_as_open_after_it_was_declared_governed(world):
    world.busy(4)
    world.declare("files", "governed", world.on())
    world.on()
    world.exchange()
    world.busy(3)


@case("P:NOT_DECLARED_OPEN")
def exchanged_as_open_after_the_service_was_taken_away(world):
    world.busy(4)
    world.provider.journal.act("service.remove", "files", {}, world.on())
    world.on()
    world.exchange()
    world.busy(3)


@case("P:NOT_DECLARED_OPEN")
def exchanged_as_open_after_the_node_had_declared_it_governed(world):
    world.busy(4)
    world.provider.journal.act("service.governed", "files", {"question": "1", "signs": []}, world.on())
    world.on()
    world.exchange()
    world.busy(3)


@case("C:NOT_DECLARED_OPEN")
def exchanged_as_open_by_an_application_that_had_lost_it(world):
    world.busy(4)
    world.consumer.journal.act("application.unbind", "files", {"application": "balie"}, world.on())
    world.on()
    world.exchange()
    world.busy(3)


@case("C:NOT_DECLARED_OPEN")
def exchanged_as_open_by_an_application_that_was_taken_away(world):
    world.busy(4)
    world.consumer.journal.act("application.remove", "balie", {}, world.on())
    world.on()
    world.exchange()
    world.busy(3)


@case("C:NOT_DECLARED_OPEN")
def exchanged_as_open_by_another_application(world):
    world.busy(3)
    world.exchange(consumer_permit={"application": "zaaksysteem"})
    world.busy(3)


@case("P:NOT_DECLARED_OPEN")
def declared_open_long_after_it_was_exchanged(world):
    world.provider.journal.act("service.remove", "files", {}, world.on())
    world.on()
    world.exchange()
    world.declare("files", "open", world.on(), roles=("provider",))
    world.on()
    world.busy(4)


@case("P:DECISION_TWICE")
def decision_twice(world):
    world.busy(3)
    first = world.exchange(world.agreement)
    second = world.exchange(world.agreement)
    journal = world.provider.journal
    one, other = (journal.entries[place(journal, "permit", 0, transaction_id=each)] for each in (first, second))
    decision = {**other.content["decision"], **{name: one.content["decision"][name] for name in ("trace_id", "span_id")}}
    other.rewrite(decision=decision)
    deeper(journal, other, 3)
    world.busy(3)


@case("P:PERMIT_TWICE", "P:DECISION_TWICE")
def permit_twice(world):
    world.busy(3)
    world.exchange(world.agreement)
    journal = world.provider.journal
    entry = journal.entries[place(journal, "permit", -1)]
    journal.append("permit", entry.payload, world.on())
    world.busy(3)


@case("P:PERMIT_TWICE")
def permit_twice_of_an_open_service(world):
    world.busy(3)
    world.exchange()
    journal = world.provider.journal
    journal.append("permit", journal.entries[place(journal, "permit", -1)].payload, world.on())
    world.busy(3)


@case("P:COMPLETION_TWICE")
def completion_twice(world):
    world.busy(3)
    world.exchange(world.agreement)
    journal = world.provider.journal
    journal.append("completion", journal.entries[place(journal, "completion", -1)].payload, world.on())
    world.busy(3)


@case("P:COMPLETION_WITHOUT_PERMIT")
def completion_of_no_permit(world):
    world.busy(3)
    world.exchange(world.agreement, provider_completion={"permit": "019cad8f-ac00-73ba-8ec6-8477587fd280"})
    world.busy(3)


@case("P:COMPLETION_WITHOUT_PERMIT")
def completion_of_the_permit_of_another(world):
    world.busy(3)
    journal = world.provider.journal
    world.exchange(world.agreement, provider_completion={"permit": journal.entries[place(journal, "permit", 0)].id})
    world.busy(3)


@case("P:HALF_MISSING")
def half_missing_at_the_consumer(world):
    world.busy(3)
    world.exchange(world.agreement, sides=("provider",))
    world.busy(3)


@case("C:HALF_MISSING")
def half_missing_at_the_provider(world):
    world.busy(3)
    world.exchange(world.agreement, sides=("consumer",))
    world.busy(3)


@case("C:HALF_MISSING", notes="DECLARED_GAP")
def half_missing_after_a_declared_gap(world):
    """A gap explains what was written in its time, and nothing else."""
    world.busy(3)
    journal = world.provider.journal
    size = len(journal.entries)
    world.exchange(None, sides=("provider",))
    world.checkpoint()
    journal.restore(size, world.on())
    world.busy(3)
    world.exchange(world.agreement, sides=("consumer",))
    world.busy(3)


@case("C:HALF_MISSING")
def half_missing_of_a_delivery_broken_off(world):
    world.busy(3)
    world.exchange(world.agreement, sides=("consumer",), delivery="broken_off")
    world.busy(3)


@case("P:ENTRY_MISSING", notes="ONE_SIDE")
def half_missing_where_entries_are_missing(world):
    """What is missing anyway explains the half: only the first is said."""
    world.busy(3)
    transaction = world.exchange()
    world.busy(3)
    journal = world.provider.journal
    lines = world.lines()
    gone = [place(journal, each, 0, transaction_id=transaction) for each in ("permit", "completion")]
    return without(lines, *[each for each in lines[: len(journal.entries) + 9] if each.get("index") in gone])


def differing(world, **members):
    world.busy(3)
    world.exchange(world.agreement, provider_completion=members)
    world.busy(3)


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_delivery(world):
    differing(world, delivery="broken_off")


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_status(world):
    differing(world, status=206)


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_bytes(world):
    differing(world, request={"bytes": 1, "digest": base64url(bytes(32))})


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_digest(world):
    differing(world, response={"bytes": 45, "digest": base64url(bytes(32))})


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_salt(world):
    differing(world, salt=base64url(bytes(32)))


@case(notes="NOT_ALL_ARRIVED")
def less_arrived_than_was_handed_on(world):
    """The provider cannot know: a connection may have broken behind the last byte."""
    world.busy(3)
    world.exchange(world.agreement, consumer_completion={"delivery": "broken_off"})
    world.busy(3)


@case(notes="NOT_ALL_ARRIVED")
def nothing_arrived_of_what_was_handed_on(world):
    world.busy(3)
    nothing = world.delivered("nothing")
    world.exchange(world.agreement, consumer_completion={**nothing, "status": None, "elements": None})
    journal = world.consumer.journal
    entry = journal.entries[place(journal, "completion", -1)]
    content = {name: value for name, value in entry.content.items() if value is not None}
    entry.payload = json.dumps(content)
    deeper(journal, entry, 3)
    world.busy(3)


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_which_elements_came(world):
    differing(world, elements=[{"path": "$.year", "count": 1}])


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_how_many_elements_came(world):
    differing(world, elements=[{"path": "$.year", "count": 2}, {"path": "$.income.below_minimum", "count": 1}])


def handover(world, later, after="provider", **members):
    """An exchange so long after a version has taken over, under which one side permits it; the other side permits it under the one before."""
    world.busy(3)
    before, begin = world.agreement, world.now + 2 * HOUR
    following = world.version(2, begin=begin, replaces=before.hash).conclude(world.provider, world.consumer, world.on())
    world.agreements.append(following)
    world.now = begin + later
    more = {"elements": [{"path": "$.year", "count": 1}], **members}
    world.exchange(before, under={after: following}, provider_completion=more)
    world.on(HOUR)
    world.busy(3)


@case(notes="AT_HANDOVER")
def elements_of_its_own_version_at_a_handover(world):
    handover(world, 30_000)


@case(notes="AT_HANDOVER")
def elements_of_its_own_version_at_a_handover_that_the_provider_sees_later(world):
    handover(world, 30_000, after="consumer")


@case("C:COMPLETIONS_DIFFER", notes="AT_HANDOVER")
def completions_differ_in_more_than_elements_at_a_handover(world):
    handover(world, 1000, status=206)


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_delivery_at_a_handover(world):
    handover(world, 1000, delivery="broken_off")


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_elements_long_after_a_handover(world):
    """In force at both all the same: clocks may differ by more, but this much is told."""
    handover(world, 90_000)


@case("C:COMPLETIONS_DIFFER")
def completions_differ_in_elements_under_one_version_at_a_handover(world):
    """Neither has switched yet, so that neither names elements of another version."""
    handover(world, 30_000, after="nobody")


MORE = [{"path": "$.income.amount", "count": 1}, {"path": "$.year", "count": 1}]


@case("P:ELEMENT_NOT_AGREED", "C:ELEMENT_NOT_AGREED")
def an_element_crossed_that_is_not_agreed(world):
    """Both tell the same of it, and the agreement does not name it."""
    world.busy(3)
    world.exchange(world.agreement, provider_completion={"elements": MORE}, consumer_completion={"elements": MORE})
    world.busy(3)


@case("C:ELEMENT_NOT_AGREED", notes="ONE_SIDE")
def an_element_arrived_in_part_that_is_not_agreed(world):
    world.busy(3)
    world.exchange(world.agreement, delivery="broken_off", consumer_completion={"elements": MORE})
    world.busy(3)


@case("P:ELEMENT_NOT_AGREED", "C:ELEMENT_NOT_AGREED")
def elements_crossed_by_an_operation_that_the_agreement_does_not_have(world):
    world.busy(3)
    transaction = world.exchange(world.agreement)
    for journal in (world.provider.journal, world.consumer.journal):
        entry = journal.entries[place(journal, "permit", 0, transaction_id=transaction)]
        decision = entry.content["decision"]
        decision["body"]["adl.core.request"]["action"]["name"] = "all-incomes"
        entry.rewrite(decision=decision)
        deeper(journal, entry, 3)
    world.busy(3)
