"""Signed notes (C2SP signed-note) with Ed25519, and the checkpoints that are written as such (C2SP tlog-checkpoint)."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
LONGEST = 65536
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Wrong(ValueError):
    """What was read is not of the form, or its signature does not hold."""


def from_base64(text):
    try:
        found = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Wrong(f"not base64: {error}") from error
    if base64.b64encode(found).decode() != text:
        raise Wrong("base64 with bits left over")
    return found


def key_id(name, key):
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + key).digest()[:4]


@dataclass(frozen=True)
class VerifierKey:
    """An Ed25519 key and the name for which it signs."""

    name: str
    key: bytes

    @classmethod
    def of(cls, name, private):
        return cls(name, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @classmethod
    def parse(cls, text):
        name, plus, rest = text.partition("+")
        given, plus_too, encoded = rest.partition("+")
        if not (plus and plus_too and name) or re.search(r"\s", name):
            raise Wrong("not a verifier key")
        raw = from_base64(encoded)
        if len(raw) != 33 or raw[:1] != ED25519:
            raise Wrong("not a verifier key of type Ed25519")
        found = cls(name, raw[1:])
        if given != found.id.hex():
            raise Wrong("the verifier key does not have the identifier that it names")
        return found

    @property
    def id(self):
        return key_id(self.name, self.key)

    def __str__(self):
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.key).decode()}"


@dataclass(frozen=True)
class Note:
    """A note: its text with the last line end, and (key name, key id, signature) of each signature line."""

    text: str
    signatures: tuple

    @classmethod
    def parse(cls, raw):
        if len(raw) > LONGEST:
            raise Wrong("the note is too long")
        if any(ord(each) < 0x20 and each != "\n" for each in raw):
            raise Wrong("a control character in the note")
        text, empty, lines = raw.rpartition("\n\n")
        if not empty or not lines.endswith("\n"):
            raise Wrong("the note has no signature lines")
        signatures = []
        for line in lines[:-1].split("\n"):
            mark, name, encoded = (*line.split(" "), "", "")[:3]
            if mark != "\u2014" or not name or "+" in name or line.count(" ") != 2:
                raise Wrong("not a signature line")
            signature = from_base64(encoded)
            if len(signature) < 5:
                raise Wrong("a signature that is too short")
            signatures.append((name, signature[:4], signature[4:]))
        return cls(text + "\n", tuple(signatures))

    def signed_by(self, verifier):
        """Whether the key signed it. A signature that names the key and is wrong counts against it."""
        found = False
        for name, identifier, signature in self.signatures:
            if (name, identifier) == (verifier.name, verifier.id):
                try:
                    Ed25519PublicKey.from_public_bytes(verifier.key).verify(signature, self.text.encode())
                except InvalidSignature:
                    return False
                found = True
        return found


@dataclass(frozen=True)
class Checkpoint:
    """Origin, number of entries and root, and the note that says so."""

    origin: str
    size: int
    root: bytes
    note: Note

    @classmethod
    def parse(cls, raw):
        note = Note.parse(raw)
        lines = note.text[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise Wrong("a checkpoint has three lines")
        if not SIZE.fullmatch(lines[1]):
            raise Wrong("the second line of a checkpoint is a number")
        root = from_base64(lines[2])
        if len(root) != 32:
            raise Wrong("a root has 32 bytes")
        return cls(lines[0], int(lines[1]), root, note)


def sign(text, name, private):
    """The text as a note, signed."""
    signature = key_id(name, VerifierKey.of(name, private).key) + private.sign(text.encode())
    return f"{text}\n\u2014 {name} {base64.b64encode(signature).decode()}\n"


def checkpoint(origin, size, root, private):
    return sign(f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n", origin, private)
