"""Signatures, journal keys, certificates and epochs."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .. import note
from ..authority import Authority, make_key
from ..journal import DAY
from .making import HOUR, Given, alone, case, deeper, flipped, line_of, rewritten, witnesses_only


@case("P:CHECKPOINT_SIGNATURE", notes="ONE_SIDE")
def checkpoint_signature_flipped(world):
    lines = alone(world.busy())
    line = line_of(lines, "checkpoint", 1)
    text, _, signature = line["note"].rpartition(" ")
    raw = bytearray(base64.b64decode(signature.strip()))
    raw[20] ^= 1
    line["note"] = f"{text} {base64.b64encode(raw).decode()}\n"
    return lines


@case("P:CHECKPOINT_SIGNATURE", notes="ONE_SIDE")
def checkpoint_by_another_key(world):
    journal = world.busy().provider.journal
    last = journal.checkpoints[-1]
    last.note = note.checkpoint(journal.origin, last.size, journal.root(last.size), world.consumer.journal.key)
    return alone(world)


@case("P:CHECKPOINT_SIGNATURE", notes="ONE_SIDE")
def checkpoint_by_the_key_of_before_a_rotation(world):
    world.busy(3)
    journal = world.provider.journal
    before = journal.key
    journal.roll(world.on())
    last = journal.checkpoints[-1]
    last.note = note.checkpoint(journal.origin, last.size, journal.root(last.size), before)
    return alone(world)


@case("P:CHECKPOINT_SIGNATURE", notes="ONE_SIDE")
def key_rolled_without_an_act(world):
    world.busy(3)
    journal = world.provider.journal
    journal.certify(world.on())
    journal.entries.pop()
    world.busy(3)
    return alone(world)


@case("C:CHECKPOINT_SIGNATURE")
def witnessed_checkpoint_not_by_its_key(world):
    world.busy(3)
    theirs = world.provider.journal.checkpoints[-1]
    good = theirs.note
    theirs.note = note.checkpoint(world.provider.journal.origin, theirs.size, world.provider.journal.root(theirs.size), world.consumer.journal.key)
    world.consumer.witness(world.provider, world.on())
    theirs.note = good
    world.busy(3)


@case("C:CHECKPOINT_SIGNATURE")
def witnessed_checkpoint_by_a_key_that_nobody_certified(world):
    """The consumer makes a key up, to show another history of the provider."""
    world.busy(3)
    origin, size = world.provider.journal.origin, 3
    key = world.consumer.journal.key
    made = {"kind": "witness", "counterpart": world.provider.participant, "note": note.checkpoint(origin, size, bytes(32), key),
            "verifier_key": str(note.VerifierKey.of(origin, key))}  # fmt: skip
    world.consumer.journal.append("witness", made, world.on())
    world.busy(3)


@case("P:TWO_HISTORIES")
def witnessed_checkpoint_by_a_key_that_its_owner_certified_elsewhere(world):
    world.busy(3)
    origin, key, now = world.provider.journal.origin, make_note_key(world), world.on()
    verifier_key = str(note.VerifierKey.of(origin, key))
    statement = {"at": now, "format": "verbond-journal-key/1", "origin": origin, "participant": world.provider.participant, "verifier_key": verifier_key}
    made = {"kind": "witness", "counterpart": world.provider.participant, "note": note.checkpoint(origin, 3, bytes(32), key),
            "verifier_key": verifier_key, "key": world.provider.identity.states(statement)}  # fmt: skip
    world.consumer.journal.append("witness", made, now)
    world.busy(3)


def make_note_key(world):
    return Ed25519PrivateKey.from_private_bytes(world.chance.randbytes(32))


@case("P:CHECKPOINT_SIGNATURE", notes="ONE_SIDE")
def earlier_checkpoint_forged(world):
    world.busy(4)
    journal = world.provider.journal
    return Given([alone(world)], [note.checkpoint(journal.origin, 3, bytes(32), world.consumer.journal.key)])


def first_key(world, **wrong):
    """The provider's journal begins anew, its key certified wrongly."""
    journal = world.provider.journal
    identity = wrong.pop("identity", None)
    keep = journal.entries[1:]
    journal.entries = []
    own = journal.identity
    journal.certify(keep[0].at, identity, **wrong)
    journal.identity = own
    journal.entries += keep
    journal.sign_again()
    world.busy(3)
    return alone(world)


@case("P:JOURNAL_KEY", notes="ONE_SIDE")
def journal_key_never_certified(world):
    journal = world.busy(3).provider.journal
    del journal.entries[0]
    journal.sign_again()
    return alone(world)


@case("P:JOURNAL_KEY", notes="ONE_SIDE")
def journal_key_of_another_origin(world):
    return first_key(world, origin="oin:00000099000000010000/journal/2")


@case("P:JOURNAL_KEY", notes="ONE_SIDE")
def journal_key_of_another_participant(world):
    return first_key(world, participant="oin:00000099000000020000")


@case("P:JOURNAL_KEY", notes="ONE_SIDE")
def journal_key_of_another_format(world):
    return first_key(world, format="verbond-statement/1")


@case("P:JOURNAL_KEY", notes="ONE_SIDE")
def journal_key_another_than_stated(world):
    return first_key(world, verifier_key=str(note.VerifierKey.of("oin:00000099000000010000/journal/1", make_note_key(world))))


@case("P:JOURNAL_KEY", notes="ONE_SIDE")
def journal_key_statement_flipped(world):
    journal = world.busy(3).provider.journal
    entry = journal.entries[0]
    detail = entry.content["detail"]
    entry.rewrite(detail={**detail, "statement": flipped(detail["statement"])})
    deeper(journal, entry, 4)
    return alone(world)


@case("P:CERTIFICATE", notes="ONE_SIDE")
def journal_key_certified_by_somebody_else(world):
    return first_key(world, identity=world.consumer.identity)


@case(notes="ONE_SIDE NO_ANCHORS")
def journal_key_certified_by_somebody_else_without_anchors(world):
    return Given([first_key(world, identity=world.consumer.identity)], anchors=False)


@case("P:CERTIFICATE", notes="ONE_SIDE")
def journal_key_under_an_expired_certificate(world):
    begin = world.provider.journal.entries[0].at
    return first_key(world, identity=world.authority.issue(world.provider.oin, world.provider.host, begin=begin - 2 * DAY, end=begin - DAY))


@case("P:CERTIFICATE", notes="ONE_SIDE")
def journal_key_under_a_certificate_that_has_not_begun(world):
    begin = world.provider.journal.entries[0].at
    return first_key(world, identity=world.authority.issue(world.provider.oin, world.provider.host, begin=begin + DAY))


@case("P:CERTIFICATE", notes="ONE_SIDE")
def journal_key_under_another_authority(world):
    other = Authority(world.chance, "Elders", begin=world.authority.begin)
    return first_key(world, identity=other.issue(world.provider.oin, world.provider.host))


@case("P:CERTIFICATE", notes="ONE_SIDE")
def journal_key_under_a_certificate_that_issues_none(world):
    """Signed by a participant's certificate, which is no authority."""
    under = world.consumer.identity
    key = make_key(world.chance)
    made = world.authority.certify(world.authority.named("inkomen.test", world.provider.oin), key, under.chain[0].subject, under.key)
    identity = type(under)(key, [made, *under.chain])
    return first_key(world, identity=identity)


# Epochs.


def restored(world):
    """A journal that loses two checkpoints to a backup: journal, size, and the checkpoints that were known."""
    world.busy(4)
    journal = world.provider.journal
    size = len(journal.entries)
    world.exchange(None, sides=("provider",))
    world.checkpoint()
    world.exchange(None, sides=("provider",))
    world.checkpoint()
    known = [each.note for each in journal.checkpoints]
    return journal, size, known


@case("P:TRUNCATED", notes="DECLARED_GAP ONE_SIDE")
def gap_larger_than_declared(world):
    journal, size, known = restored(world)
    journal.restore(size, world.on(), last_known=known[-2])
    world.busy(3)
    return alone(world)


@case("P:TRUNCATED", notes="DECLARED_GAP ONE_SIDE")
def gap_larger_than_declared_to_whoever_held_a_checkpoint(world):
    journal, size, known = restored(world)
    journal.restore(size, world.on(), last_known=known[-2])
    journal.checkpoints = [each for each in journal.checkpoints if each.note != known[-1]]
    world.busy(3)
    return Given([alone(world)], [known[-1]])


@case("P:TRUNCATED", notes="ONE_SIDE")
def gap_not_declared(world):
    journal, size, known = restored(world)
    del journal.entries[size:]
    journal.checkpoints = [each for each in journal.checkpoints if each.size <= size]
    journal.act("service.put", "incomes", {}, world.on())
    journal.checkpoint(world.on(HOUR))
    return Given([alone(world)], [known[-1]])


@case("P:TRUNCATED", notes="ONE_SIDE")
def gap_declared_with_another_size(world):
    journal, size, known = restored(world)
    journal.restore(size, world.on(), says={"size": size - 1})
    journal.checkpoints = [each for each in journal.checkpoints if each.size <= size]
    world.checkpoint()
    return Given([alone(world)], [known[-1]])


@case("P:TRUNCATED", notes="DECLARED_GAP ONE_SIDE")
def gap_larger_than_declared_to_whoever_saw_it_a_moment_before(world):
    """The journal goes on within a minute of what the counterpart saw, and names less."""
    journal, size, known = restored(world)
    world.consumer.witness(world.provider, world.on())
    world.consumer.journal.checkpoint(world.now)
    journal.restore(size, world.now + 1000, last_known=known[-2])
    journal.checkpoints = [each for each in journal.checkpoints if each.note != known[-1]]
    journal.checkpoint(world.now + 2000)
    return Given([alone(world), witnesses_only(world)])


@case("P:TRUNCATED", notes="ONE_SIDE")
def epoch_kept_silent(world):
    """What was handed over before the next epoch began, though somebody has kept a checkpoint of that epoch."""
    journal, size, known = restored(world)
    before = alone(world)
    journal.restore(size, world.on())
    world.checkpoint()
    assert journal.checkpoints[-1].size < int(before[0]["size"])
    return Given([before], [alone(world)])


@case("P:CHECKPOINT_SIGNATURE", notes="DECLARED_GAP ONE_SIDE")
def gap_declared_with_a_forged_checkpoint(world):
    journal, size, known = restored(world)
    forged = note.checkpoint(journal.origin, size + 9, bytes(32), world.consumer.journal.key)
    journal.restore(size, world.on(), last_known=forged)
    world.busy(3)
    return alone(world)


@case("P:JOURNAL_KEY", notes="DECLARED_GAP ONE_SIDE")
def epoch_without_a_key(world):
    journal, size, known = restored(world)
    journal.restore(size, world.on())
    journal.entries.pop()
    world.busy(3)
    return alone(world)


@case("P:TWO_HISTORIES", notes="DECLARED_GAP ONE_SIDE")
def what_stood_before_the_gap_is_changed_too(world):
    journal, size, known = restored(world)
    journal.restore(size, world.on())
    before = [each for each in journal.checkpoints if each.size <= size]
    journal.checkpoints = [each for each in journal.checkpoints if each.size > size][-1:]
    rewritten(world, number=1, depth=3)
    key = journal.keys[1]
    for each in before:
        each.note = note.checkpoint(f"{journal.participant}/journal/1", each.size, journal.root(each.size), key)
    journal.checkpoints = before + journal.checkpoints
    world.busy(3)
    return Given([alone(world)], [known[1]])
