"""Evidence that was tampered with in every way that docs/formats/verification.md names, and evidence of every feature that is clean.

A case is a function that takes a world (`maker.World`), does what it is named after, and gives what a verifier is given. `alarms` are
the codes that it must raise, each with the participant it is about (P the provider, C the consumer), and no others.
"""

import hashlib
from dataclasses import dataclass, field

from .. import evidence
from ..journal import DAY
from ..maker import MINUTE, World

HOUR = 60 * MINUTE
CASES = {}


@dataclass
class Given:
    """What a verifier is given: files of lines (or bytes), earlier checkpoints (notes, or lines), with or without anchors, lists."""

    files: list
    earlier: list = field(default_factory=list)
    anchors: bool = True
    lists: list = field(default_factory=list)  # of revoked certificates, as files


@dataclass
class Case:
    name: str
    make: object
    alarms: set
    notes: set
    outcome: str

    def given(self):
        world = World(int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "big"))
        made = self.make(world) or world.lines()
        return world, made if isinstance(made, Given) else Given([made])

    def write(self, folder):
        """Writes everything; gives evidence, anchors, earlier checkpoints and lists of revoked certificates as paths."""
        world, given = self.given()

        def put(name, content):
            path = folder / name
            if isinstance(content, list):
                return evidence.write(path, content)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            return path

        anchors = [put("anchors.pem", world.authority.anchors)] if given.anchors else []
        files = [put(f"evidence-{number}.jsonl", each) for number, each in enumerate(given.files)]
        earlier = [put(f"earlier-{number}", each) for number, each in enumerate(given.earlier)]
        return files, anchors, earlier, [put(f"list-{number}", each) for number, each in enumerate(given.lists)]


def case(*alarms, notes="", outcome=None):
    """`P:CODE` or `C:CODE` for each alarm; notes by their codes."""

    def taken(make):
        name = make.__name__
        assert name not in CASES
        found = {tuple(each.split(":")) for each in alarms}
        CASES[name] = Case(name, make, found, set(notes.split()), outcome or ("alarms" if alarms else "clean"))
        return make

    return taken


# Finding and changing.


def place(journal, kind, number=0, **members):
    """The index of the n-th entry of a kind with these members."""
    found = [
        index for index, each in enumerate(journal.entries)
        if each.kind == kind and each.payload and all(each.content.get(name) == value for name, value in members.items())
    ]  # fmt: skip
    return found[number]


def rewritten(world, kind="processing", number=2, depth=1, role="provider", **members):
    """Changes what an entry says. Depth 1: the payload; 2: the commitment; 3: the leaf; 4: every checkpoint again."""
    journal = getattr(world, role).journal
    entry = journal.entries[place(journal, kind, number)]
    entry.rewrite(**(members or {"told": "otherwise"}))
    deeper(journal, entry, depth)
    return entry


def deeper(journal, entry, depth):
    for step in (entry.commit, entry.hash, journal.sign_again)[: depth - 1]:
        step()


def alone(world, role="provider", **more):
    """Evidence of one party, so that nobody else's account shows anything."""
    return world.journal_of(getattr(world, role), **more)


def again(lines):
    """Closes sections again after lines were added or taken away."""
    made, begun = [], 0
    for line in lines:
        begun = len(made) if line["type"] == "evidence" else begun
        made.append({**line, "lines": len(made) - begun + 1} if line["type"] == "end" else line)
    return made


def line_of(lines, kind, number=0):
    return [each for each in lines if each["type"] == kind][number]


def without(lines, *gone):
    return again([each for each in lines if not any(each is other for other in gone)])


def flipped(text):
    """base64url with another first bit of its last full group."""
    return text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]


def old(world, days=400, exchanges=4):
    """Some exchanges of long ago, under an agreement that still stands."""
    world.agreements = [world.version(1, end=world.now + 900 * DAY).conclude(world.provider, world.consumer, world.on())]
    world.on(HOUR)
    world.busy(exchanges)
    last = len(world.provider.journal.entries) - 1
    world.on(days * DAY)
    world.checkpoint()
    return last


def witnesses_only(world):
    """Of the consumer: acts and witnesses; the rest is outside the period that it gives."""
    return alone(world, "consumer", period=(0, 1))
