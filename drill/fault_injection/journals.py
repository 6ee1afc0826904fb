"""What stands in the journal of each party, read from its database with means of our own."""

import base64
import json
import sqlite3
import uuid
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

import lz4.block
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DICTIONARY = (Path(__file__).parents[2] / "crates/store/src/content/dictionary-1.txt").read_bytes()


class Journal:
    """One party's, read on from where it was read last. Retention is not looked for: a drill is shorter than a day."""

    def __init__(self, site):
        self.site = site
        self.position = 0
        self.seen: set[bytes] = set()
        self.keys: dict[int, AESGCM] = {}
        self.permits: dict[str, int] = defaultdict(int)
        self.completions: dict[str, list[str]] = defaultdict(list)
        self.people: dict[str, set[str]] = defaultdict(set)
        self.actions: dict[str, int] = defaultdict(int)

    def read(self) -> None:
        """Takes in what is new. Positions follow each other, so that all up to the last one seen has been seen."""
        rows = self._rows()
        for position, number, key, payload in rows:
            if position is not None:
                self.position = max(self.position, position)
            if number in self.seen:
                self.seen.discard(number)
                if position is None:
                    self.seen.add(number)
                continue
            if position is None:
                self.seen.add(number)
            self._take(json.loads(self._opened(number, key, payload)))

    def _opened(self, number: bytes, key: int, payload: bytes) -> bytes:
        """What lies sealed, opened (AES-256-GCM; before it 12 bytes of nonce, in it 32 bytes of salt before the payload, which is JSON, or
        1, the length of the JSON, and the JSON as an LZ4 block)."""
        if key not in self.keys:
            wrapping = AESGCM(unpadded(json.loads((self.site.side.data / "wrapping-key.json").read_text())["key"]))
            for name, kind, month, wrapped in self._month_keys():
                of = f"verbond month key {kind} {month}".encode()
                self.keys[name] = AESGCM(wrapping.decrypt(wrapped[:12], wrapped[12:], of))
        lying = self.keys[key].decrypt(payload[:12], payload[12:], number)[32:]
        if lying[:1] != b"\x01":
            return lying
        return lz4.block.decompress(lying[5:], uncompressed_size=int.from_bytes(lying[1:5], "little"), dict=DICTIONARY)

    def _month_keys(self) -> list[tuple[int, str, int, bytes]]:
        if self.site.server:
            text = self.site.server.query("SELECT id, class, month, encode(wrapped, 'hex') FROM month_key")
            cells = (line.split("|") for line in text)
            return [(int(name), kind, int(month), bytes.fromhex(wrapped)) for name, kind, month, wrapped in cells]
        return self._sqlite("SELECT id, class, month, wrapped FROM month_key")

    def _rows(self) -> list[tuple[int | None, bytes, int, bytes]]:
        if self.site.server:
            text = self.site.server.query("SELECT coalesce(position, 0), encode(id, 'hex'), key_id, encode(payload, 'hex') "
                                          f"FROM journal_entry WHERE position > {self.position} OR position IS NULL")
            cells = (line.split("|") for line in text)
            return [(int(position) or None, bytes.fromhex(number), int(key), bytes.fromhex(payload))
                    for position, number, key, payload in cells]
        return self._sqlite("SELECT position, id, key_id, payload FROM journal_entry WHERE position > ?", self.position)

    def _sqlite(self, statement: str, *values) -> list[tuple]:
        place = quote(str(self.site.side.data / "verbond.sqlite"))
        database = sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(statement, values).fetchall()
        finally:
            database.close()

    def _take(self, entry: dict) -> None:
        transaction = entry.get("transaction_id")
        if transaction is None:
            return
        transaction = str(uuid.UUID(transaction))
        match entry["kind"]:
            case "permit":
                self.permits[transaction] += 1
                for record in entry.get("processing", []):
                    self._person(transaction, record)
            case "processing":
                self._person(transaction, entry["record"])
            case "completion":
                self.completions[transaction].append(entry["delivery"])

    def _person(self, transaction: str, record: dict) -> None:
        whom = json.dumps(record)
        found = next((value for name, value in flat(record) if name.endswith("data_subject_id") or name.endswith("data_subject")), None)
        self.actions[transaction] += 1
        if found:
            self.people[transaction].add(found)
        elif "data_subject" in whom:
            raise RuntimeError(f"a processing record of another form: {whom}")


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def flat(value, name: str = ""):
    if isinstance(value, dict):
        for key, below in value.items():
            yield from flat(below, key)
    elif value is not None:
        yield name, value
