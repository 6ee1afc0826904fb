"""The libraries of the Go checksum database read our tiles and come to the same proofs: our reading of the formats is the common one."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from verification import merkle, note, tiles
from verification.maker import World

PROGRAM = Path(__file__).parent / "go"

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed: its libraries read no tiles here")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The Go program, built."""
    made = tmp_path_factory.mktemp("go") / "tiles"
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", made, "."], cwd=PROGRAM, env=environment, check=True, timeout=300)
    return made


def read(reader, folder, key, index, old):
    return subprocess.run([reader, folder, str(key), str(index), str(old)], capture_output=True, text=True, timeout=60)


def encoded(hashes):
    return [base64.b64encode(each).decode() for each in hashes]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A journal of exchanges, and one of so many leaves that tiles stand above tiles; with the key of each."""
    folder = tmp_path_factory.mktemp("published")
    journal = World(7).busy(12).provider.journal
    tiles.write(folder / "journal", journal.leaves(), journal.checkpoints[-1].note)
    key = note.VerifierKey.of(journal.origin, journal.key)
    leaves = [f'{{"at":{each},"commitment":"","kind":"act"}}'.encode() for each in range(66_000)]
    root = merkle.Tree(merkle.leaf_hash(each) for each in leaves).root()
    tiles.write(folder / "large", leaves, note.checkpoint(journal.origin, len(leaves), root, journal.key))
    return folder, key


@pytest.mark.parametrize("name, index, old", [("journal", 0, 1), ("journal", 11, 20), ("large", 0, 1), ("large", 65_999, 65_536), ("large", 300, 511)])
def test_proofs_are_the_same(reader, published, name, index, old):
    folder, key = published
    done = read(reader, folder / name, key, index, old)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    ours = tiles.PublishedTiles(folder / name, key)
    assert lines[0] == f"{ours.size} {base64.b64encode(ours.root(old)).decode()}"
    assert [line.split()[1] for line in lines if line.startswith("inclusion")] == encoded(ours.inclusion(index))
    assert [line.split()[1] for line in lines if line.startswith("consistency")] == encoded(ours.consistency(old))


def test_a_changed_entry_is_refused(reader, published, tmp_path):
    folder, key = published
    shutil.copytree(folder / "journal", tmp_path / "journal")
    (bundle,) = (tmp_path / "journal/tile/entries").rglob("*.p/*")
    raw = bytearray(bundle.read_bytes())
    raw[10] ^= 1
    bundle.write_bytes(raw)
    assert read(reader, tmp_path / "journal", key, 0, 1).returncode == 1
    assert read(reader, tmp_path / "journal", key, 1, 1).returncode == 0


def test_another_key_is_refused(reader, published):
    folder, key = published
    other = note.VerifierKey(key.name, bytes(32))
    assert read(reader, folder / "journal", other, 0, 1).returncode == 1
