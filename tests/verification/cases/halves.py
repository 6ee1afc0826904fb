"""The half of an exchange that was handed to the other party: what that may not know is withheld, and told of."""

import json

from .. import evidence
from ..journal import canonical
from .making import Given, again, alone, case, flipped, line_of, place, without


def halves(world, **wrong):
    """Evidence of the provider, with the half that the consumer handed it behind."""
    world.busy(4)
    transaction = world.exchange(world.agreement, people=3)
    world.busy(4)
    own = evidence.of_exchange(world.provider.journal, transaction, world.agreements)
    return transaction, own, evidence.of_half(world.consumer, world.provider.participant, transaction, world.agreements, **wrong)


@case()
def half_of_the_other_party(world):
    _, own, theirs = halves(world)
    return [*own, *theirs]


@case(notes="ONE_SIDE REVOCATION_UNKNOWN")
def half_by_itself(world):
    return halves(world)[2]


@case()
def half_of_the_provider(world):
    world.busy(4)
    transaction = world.exchange(world.agreement, people=3)
    world.busy(4)
    return [*evidence.of_exchange(world.consumer.journal, transaction, world.agreements),
            *evidence.of_half(world.provider, world.consumer.participant, transaction, world.agreements)]  # fmt: skip


@case(notes="ONE_SIDE")
def half_beside_the_whole_journal(world):
    _, own, theirs = halves(world)
    return Given([[*own, *theirs], alone(world, "consumer")])


@case(notes="NOT_GIVEN ONE_SIDE")
def half_that_could_not_be_had(world):
    _, own, _ = halves(world)
    line = {"type": "not_given", "participant": world.consumer.participant, "at": world.now, "code": "COUNTERPART_UNREACHABLE"}
    return again([*own[:-1], line, own[-1]])


@case("P:FORM")
def half_not_given_of_a_whole_journal(world):
    lines = alone(world.busy(3))
    line = {"type": "not_given", "participant": world.consumer.participant, "at": world.now, "code": "COUNTERPART_UNREACHABLE"}
    return Given([again([*lines[:-1], line, lines[-1]]), alone(world, "consumer")])


@case("C:FORM", notes="ONE_SIDE")
def half_withheld_and_not_told(world):
    _, own, theirs = halves(world)
    return [*own, *without(theirs, line_of(theirs, "told"))]


@case("C:FORM")
def half_told_twice(world):
    _, own, theirs = halves(world)
    told = line_of(theirs, "told")
    return [*own, *again([*theirs[:-1], told, theirs[-1]])]


@case("C:FORM")
def half_told_of_what_is_given(world):
    transaction, own, theirs = halves(world)
    done = place(world.consumer.journal, "completion", transaction_id=transaction)
    told = evidence.told_line(world.consumer, world.provider.participant, done)
    return [*own, *again([*theirs[:-1], told, theirs[-1]])]


@case("C:FORM", "C:SIGNATORY_KEY", "C:STATEMENTS_DIFFER", notes="ONE_SIDE")
def half_withheld_from_nobody(world):
    _, own, theirs = halves(world)
    head = {name: value for name, value in theirs[0].items() if name != "for"}
    return [*own, *without([head, *theirs[1:]], line_of(theirs, "told"))]


@case("C:TOLD", notes="ONE_SIDE")
def half_told_with_another_signature(world):
    _, own, theirs = halves(world)
    told = line_of(theirs, "told")
    told["statement"] = flipped(told["statement"])
    return [*own, *theirs]


@case("C:TOLD", notes="ONE_SIDE")
def half_told_of_another_entry(world):
    _, own, theirs = halves(world, entry="019cad8f-ac00-73ba-8ec6-8477587fd280")
    return [*own, *theirs]


@case("C:TOLD", notes="ONE_SIDE")
def half_told_of_another_commitment(world):
    _, own, theirs = halves(world, commitment="A" * 43)
    return [*own, *theirs]


@case("C:TOLD", notes="ONE_SIDE")
def half_told_to_somebody_else(world):
    _, own, theirs = halves(world, **{"for": "oin:00000099000000030000"})
    return [*own, *theirs]


@case("C:TOLD", notes="ONE_SIDE")
def half_told_by_somebody_else(world):
    _, own, theirs = halves(world, participant=world.provider.participant)
    return [*own, *theirs]


@case("C:TOLD", notes="ONE_SIDE")
def half_told_of_another_kind(world):
    _, own, theirs = halves(world, told=canonical({"kind": "refusal"}))
    return [*own, *theirs]


@case("C:CERTIFICATE")
def half_told_under_the_certificate_of_another(world):
    transaction, own, theirs = halves(world)
    world.consumer.identity, kept = world.provider.identity, world.consumer.identity
    told = line_of(theirs, "told")
    told |= evidence.told_line(world.consumer, world.provider.participant, told["index"])
    world.consumer.identity = kept
    return [*own, *theirs]


@case("C:DECISION_MISSING")
def half_told_without_its_decision(world):
    transaction, own, _ = halves(world)
    index = place(world.consumer.journal, "permit", transaction_id=transaction)
    content = {name: value for name, value in world.consumer.journal.entries[index].content.items() if name not in ("application", "processing", "decision")}
    theirs = evidence.of_half(world.consumer, world.provider.participant, transaction, world.agreements, content=content)
    return [*own, *theirs]


@case("C:TOLD_DIFFERS", notes="ONE_SIDE")
def half_told_otherwise_than_the_journal_says(world):
    transaction, own, theirs = halves(world)
    told = line_of(theirs, "told")
    content = json.loads(json.dumps(world.consumer.journal.entries[told["index"]].content))
    content["decision"]["timestamp"] -= 20_000
    told |= evidence.told_line(world.consumer, world.provider.participant, told["index"], content)
    return Given([[*own, *theirs], alone(world, "consumer")])


def told_of_a_completion(world):
    """As `halves`, with the completion withheld and told of with another status; and the consumer's journal, which says how it was."""
    _, own, theirs = halves(world)
    done = next(each for each in theirs if each.get("kind") == "completion")
    content = {**json.loads(done["payload"]), "status": 204}
    done["withheld"] = True
    del done["payload"], done["salt"]
    told = evidence.told_line(world.consumer, world.provider.participant, done["index"], content)
    at = theirs.index(done) + 1
    given = alone(world, "consumer")
    return [*own, *again([*theirs[:at], told, *theirs[at:]])], given, next(each for each in given if each.get("index") == done["index"])


@case("C:TOLD_DIFFERS", notes="ONE_SIDE")
def half_told_of_a_completion_otherwise(world):
    told, given, _ = told_of_a_completion(world)
    return Given([told, given])


@case("C:TOLD_DIFFERS", notes="ONE_SIDE")
def half_told_otherwise_and_the_entry_given_under_another_id(world):
    told, given, done = told_of_a_completion(world)
    done["id"] = done["id"][:-12] + "0123456789ab"
    return Given([told, given])


@case("C:TOLD_DIFFERS", notes="ONE_SIDE")
def half_told_otherwise_and_the_entry_given_under_another_id_before_it(world):
    told, given, done = told_of_a_completion(world)
    done["id"] = done["id"][:-12] + "0123456789ab"
    return Given([given, told])


@case("C:ENTRY_CHANGED", notes="ONE_SIDE")
def half_told_of_an_entry_of_another_time(world):
    _, own, theirs = halves(world)
    entry = next(each for each in theirs if each.get("withheld"))
    entry["id"] = "0" + entry["id"][1:] if entry["id"][0] != "0" else "1" + entry["id"][1:]
    done = next(each["index"] for each in theirs if each.get("kind") == "completion")
    return [*own, *without(theirs, *[each for each in theirs if each.get("index") == done])]
