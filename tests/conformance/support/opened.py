"""A backup as whoever has both its files can read it, from docs/formats/backup.md: every payload of the journal in the clear."""

import base64
import json
import sqlite3
import tarfile
from pathlib import Path

import lz4.block
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE, SALT = 12, 32
DICTIONARY = (Path(__file__).parents[3] / "crates/store/src/content/dictionary-1.txt").read_bytes()


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def members(file):
    with tarfile.open(file) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive.getmembers()}


def unsealed(key, sealed, associated):
    return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], associated)


def payload_of(content):
    """What stands behind the salt: JSON, or 1, the length of the JSON, and the JSON as an LZ4 block."""
    payload = content[SALT:]
    if payload[:1] != b"\x01":
        return payload
    length = int.from_bytes(payload[1:5], "little")
    return lz4.block.decompress(payload[5:], uncompressed_size=length, dict=DICTIONARY)


def payloads(data, keys, folder):
    """What each entry of the journal says, by its kind, and the members of both files."""
    held, secret = members(data), members(keys)
    wrapping = unpadded(json.loads(secret["wrapping-key.json"])["key"])
    months = {
        int(each["id"]): unsealed(wrapping, unpadded(each["wrapped"]), f"verbond month key {each['class']} {each['month']}".encode())
        for each in json.loads(secret["month-keys.json"])["keys"]
    }
    file = folder / "opened.sqlite"
    file.write_bytes(held["database.sqlite"])
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT kind, id, key_id, payload FROM journal_entry ORDER BY position").fetchall()
    found = [(kind, payload_of(unsealed(months[key], payload, identifier))) for kind, identifier, key, payload in rows]
    return found, {**held, **secret}
