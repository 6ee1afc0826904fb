"""A journal in memory, as docs/formats/journal.md describes it: honest by its methods, and open to whoever wants to tamper."""

import datetime
import hashlib
import json
from dataclasses import dataclass

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import merkle, note
from .authority import base64url

DAY = 86_400_000


def uuid7(at, chance):
    """RFC 9562 section 5.7."""
    value = at << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def commitment(salt, payload):
    return hashlib.sha256(salt + payload.encode()).digest()


def month_of(at):
    begin = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=at)
    return begin.year * 100 + begin.month


def leaf(at, kind, committed):
    return f'{{"at":{at},"commitment":"{base64url(committed)}","kind":"{kind}"}}'.encode()


@dataclass
class Entry:
    id: str
    at: int
    kind: str
    payload: str | None
    salt: bytes | None
    commitment: bytes
    leaf: bytes

    @property
    def content(self):
        return json.loads(self.payload)

    # How far somebody goes who changes an entry: the payload only, the commitment too, the hash in the tree too.

    def rewrite(self, **members):
        self.payload = json.dumps({**self.content, **members}, separators=(",", ":"))

    def commit(self):
        self.commitment = commitment(self.salt, self.payload)

    def hash(self):
        self.leaf = merkle.leaf_hash(leaf(self.at, self.kind, self.commitment))

    def destroy(self):
        self.payload = self.salt = None


@dataclass
class Signed:
    """A checkpoint that was signed, and when."""

    epoch: int
    size: int
    at: int
    note: str


class Journal:
    """Entries and the checkpoints over them. `identity` is the participant's, which certifies the journal's keys."""

    def __init__(self, participant, identity, chance, at):
        self.participant, self.identity, self.chance = participant, identity, chance
        self.entries, self.checkpoints, self.keys = [], [], {}
        self.revocation_lists = []  # that its participant holds
        self.epoch = 1
        self.certify(at)

    @property
    def origin(self):
        return f"{self.participant}/journal/{self.epoch}"

    @property
    def key(self):
        return self.keys[self.epoch]

    def append(self, kind, payload, at):
        text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
        salt = self.chance.randbytes(32)
        committed = commitment(salt, text)
        hashed = merkle.leaf_hash(leaf(at, kind, committed))
        self.entries.append(Entry(uuid7(at, self.chance), at, kind, text, salt, committed, hashed))
        return len(self.entries) - 1

    def act(self, action, subject, detail, at):
        made = {"kind": "act", "author": {"kind": "node", "rule": "journal"}, "action": action, "subject": subject, "detail": detail}
        return self.append("act", made, at)

    # Keys, checkpoints and epochs.

    def certify(self, at, identity=None, **wrong):
        """A new key for the current epoch and the act that certifies it. `wrong` replaces members of its statement."""
        identity = self.identity = identity or self.identity
        self.keys[self.epoch] = Ed25519PrivateKey.from_private_bytes(self.chance.randbytes(32))
        verifier_key = str(note.VerifierKey.of(self.origin, self.key))
        statement = {"at": at, "format": "verbond-journal-key/1", "origin": self.origin, "participant": self.participant,
                     "verifier_key": verifier_key, **wrong}  # fmt: skip
        detail = {"origin": self.origin, "verifier_key": verifier_key, **identity.states(statement)}
        return self.act("journal.key", self.origin, detail, at)

    def roll(self, at):
        """Another key: the last checkpoint before is by the old one, the first that includes the act by the new one."""
        self.checkpoint(at)
        self.certify(at)
        self.checkpoint(at)

    def root(self, size=None):
        edge = merkle.Frontier()
        for each in self.entries[:size]:
            edge.append(each.leaf)
        return edge.root()

    def checkpoint(self, at):
        size = len(self.entries)
        made = note.checkpoint(self.origin, size, self.root(), self.key)
        self.checkpoints.append(Signed(self.epoch, size, at, made))
        return made

    def sign_again(self):
        """What whoever holds the journal's key can do: every checkpoint over the entries as they are now.

        Keys of before a rotation are gone; they are not needed, since the current key was certified as well.
        """
        edge, due = merkle.Frontier(), {each.size: each for each in self.checkpoints}
        for each in self.entries:
            edge.append(each.leaf)
            if edge.size in due:
                signed = due.pop(edge.size)
                signed.note = note.checkpoint(self.origin, edge.size, edge.root(), self.key)
        self.checkpoints = [each for each in self.checkpoints if each.size <= len(self.entries)]

    def restore(self, size, at, last_known=None, says=()):
        """A backup of `size` entries is put back, and the journal goes on as another epoch; `says` replaces what the act says."""
        last_known = last_known or self.checkpoints[-1].note
        previous = self.origin
        del self.entries[size:]
        self.epoch += 1
        detail = {"origin": self.origin, "previous_origin": previous, "size": size, "last_known": last_known,
                  "reason": "Restored from the backup of the night.", **dict(says)}  # fmt: skip
        self.act("journal.continue", self.origin, detail, at)
        self.certify(at)

    # Retention.

    def keep(self, days, at):
        return self.act("journal.retention", "journal", {"keep_days": days}, at)

    def hold(self, name, begin, until, at):
        return self.act("journal.hold", name, {"from": begin, "until": until, "reason": "Request of a court."}, at)

    def release(self, name, at):
        return self.act("journal.release", name, {}, at)

    def drop(self, first, last, keep_days, at, written_before=None, kinds=("permit", "refusal", "processing", "completion"), act=True):
        """Destroys what entries of these kinds hold; other kinds among them stay."""
        written_before = at - keep_days * DAY if written_before is None else written_before
        for each in self.entries[first : last + 1]:
            if each.kind in kinds:
                each.destroy()
        if act:
            detail = {"first_index": first, "last_index": last, "kinds": list(kinds), "keep_days": keep_days,
                      "written_before": written_before, "copies_gone_at": at + 30 * DAY}  # fmt: skip
            self.act("journal.drop", "journal", detail, at)

    def lose(self, kind_of, month, first, last, at, act=True):
        """What a key sealed up to an entry is lost with it, and said to be: entries of one class and month of UTC."""
        kinds = ("act", "witness") if kind_of == "act" else ("permit", "refusal", "processing", "completion")
        for each in self.entries[: last + 1]:
            if each.kind in kinds and month_of(each.at) == month:
                each.destroy()
        if act:
            self.declare_loss(kind_of, month, first, last, at)

    def declare_loss(self, kind_of, month, first, last, at):
        """Says that entries are lost, whether they are or not."""
        detail = {"class": kind_of, "month": month, "first_index": first, "last_index": last, "reason": "Restored without keys."}
        self.act("journal.loss", f"{kind_of}-{month}", detail, at)

    def certify_again(self, act, at):
        """Says once more what a lost act said of a key."""
        self.act("journal.key", act["subject"], act["detail"], at)

    def tree(self):
        return merkle.Tree(each.leaf for each in self.entries)

    def leaves(self):
        return [leaf(each.at, each.kind, each.commitment) for each in self.entries]


def canonical(value):
    return rfc8785.dumps(value).decode()
