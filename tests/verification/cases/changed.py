"""One entry is changed, at several depths of conceit."""

from .. import note
from ..authority import base64url
from .making import Given, alone, case, place, rewritten


@case("P:ENTRY_CHANGED")
def changed_payload(world):
    rewritten(world.busy())


@case("P:LEAF_DIFFERS")
def changed_payload_and_commitment(world):
    rewritten(world.busy(), depth=2)
    return alone(world)


@case("P:ROOT_DIFFERS", notes="ONE_SIDE")
def changed_with_its_leaf(world):
    rewritten(world.busy(), depth=3)
    return alone(world)


@case("P:ROOT_DIFFERS", "P:TWO_HISTORIES")
def changed_with_its_leaf_and_witnessed(world):
    rewritten(world.busy(), depth=3)


@case(notes="ONE_SIDE")
def changed_with_every_checkpoint_and_nobody_else_there(world):
    """What only somebody else can show: this alone is clean."""
    rewritten(world.busy(), depth=4)
    return alone(world)


@case("P:TWO_HISTORIES")
def changed_with_every_checkpoint_and_witnessed(world):
    rewritten(world.busy(), depth=4)


@case("P:TWO_HISTORIES", notes="ONE_SIDE")
def changed_with_every_checkpoint_and_an_earlier_one(world):
    world.busy()
    earlier = world.provider.journal.checkpoints[-1].note
    rewritten(world, depth=4)
    return Given([alone(world)], [earlier])


@case("P:TWO_HISTORIES", notes="ONE_SIDE")
def changed_with_every_checkpoint_and_earlier_evidence(world):
    earlier = alone(world.busy())
    rewritten(world, depth=4)
    return Given([alone(world)], [earlier])


@case("P:TWO_HISTORIES", "C:COMPLETIONS_DIFFER")
def changed_completion_with_every_checkpoint(world):
    """Both show it: what the other party tells, and what it held."""
    rewritten(world.busy(), "completion", 1, depth=4, elements=[])


@case("P:TWO_HISTORIES", "C:COMPLETIONS_DIFFER")
def changed_bytes_with_every_checkpoint(world):
    response = {"bytes": 99, "digest": base64url(bytes(32))}
    rewritten(world.busy(), "completion", 1, depth=4, response=response)


@case("P:ENTRY_CHANGED")
def changed_act(world):
    rewritten(world.busy(), "act", 1)
    return alone(world)


@case("C:ENTRY_CHANGED")
def changed_witness(world):
    rewritten(world.busy(), "witness", 0, role="consumer", counterpart=world.consumer.participant)


@case("P:ENTRY_CHANGED", notes="ONE_SIDE")
def changed_permit(world):
    rewritten(world.busy(), "permit", 1, service="other")


@case("P:ENTRY_CHANGED")
def changed_salt(world):
    journal = world.busy().provider.journal
    entry = journal.entries[place(journal, "processing")]
    entry.salt = bytes(32)


@case("P:ENTRY_CHANGED")
def changed_kind_in_payload(world):
    journal = world.busy().provider.journal
    entry = journal.entries[place(journal, "processing")]
    entry.rewrite(kind="completion")
    entry.commit()
    entry.hash()
    journal.sign_again()
    return alone(world)


@case("P:LEAF_DIFFERS")
def changed_kind_of_entry(world):
    journal = world.busy().provider.journal
    entry = journal.entries[place(journal, "processing")]
    entry.kind = "witness"
    entry.rewrite(kind="witness", counterpart=world.consumer.participant, note=world.consumer.journal.checkpoints[-1].note,
                  verifier_key=str(note.VerifierKey.of(world.consumer.journal.origin, world.consumer.journal.key)))  # fmt: skip
    entry.commit()
    return alone(world)


@case("P:ENTRY_CHANGED")
def changed_identifier(world):
    journal = world.busy().provider.journal
    entry = journal.entries[place(journal, "processing")]
    entry.id = "0" + entry.id[1:3] + "0" + entry.id[4:]
    return alone(world)


@case("P:LEAF_DIFFERS")
def two_leaves_changed_far_apart(world):
    for number in (0, 4):
        rewritten(world.busy(4), number=number, depth=2)
    return alone(world)
