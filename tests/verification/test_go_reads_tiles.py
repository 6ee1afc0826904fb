"""Programs that others wrote read our tiles and come to the same proofs: our reading of the formats is the common one."""

import base64
import shutil
import subprocess

import pytest

from verification import merkle, note, readers, tiles
from verification.maker import World

pytestmark = pytest.mark.skipif(readers.why_not() is not None, reason=str(readers.why_not()))


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """With the libraries of the Go checksum database."""
    return readers.built(tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """With torchwood."""
    return readers.built(tmp_path_factory.mktemp("go"), "./whole")


def read(reader, folder, key, index, old):
    return subprocess.run([reader, folder, str(key), str(index), str(old)], capture_output=True, text=True, timeout=60)


def encoded(hashes):
    return [base64.b64encode(each).decode() for each in hashes]


def publish(folder, journal, leaves):
    """Leaves published under a journal's key; gives the tree."""
    made = merkle.Tree(merkle.leaf_hash(each) for each in leaves)
    tiles.write(folder, leaves, note.checkpoint(journal.origin, len(leaves), made.root(), journal.key))
    return made


@pytest.fixture(scope="module")
def journal():
    return World(7).busy(12).provider.journal


@pytest.fixture(scope="module")
def key(journal):
    return note.VerifierKey.of(journal.origin, journal.key)


@pytest.fixture(scope="module")
def published(tmp_path_factory, journal):
    """A journal of exchanges, and others of so many leaves that tiles stand above tiles, or that no tile is partial."""
    folder = tmp_path_factory.mktemp("published")
    tiles.write(folder / "journal", journal.leaves(), journal.checkpoints[-1].note)
    for name, size in (("large", 66_000), ("some", 700), ("full", 512)):
        publish(folder / name, journal, [f'{{"at":{each},"commitment":"","kind":"act"}}'.encode() for each in range(size)])
    return folder


@pytest.mark.parametrize("name, index, old", [("journal", 0, 1), ("journal", 11, 20), ("large", 0, 1), ("large", 65_999, 65_536), ("large", 300, 511)])
def test_proofs_are_the_same(reader, published, key, name, index, old):
    done = read(reader, published / name, key, index, old)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    ours = tiles.PublishedTiles(published / name, key)
    assert lines[0] == f"{ours.size} {base64.b64encode(ours.root(old)).decode()}"
    assert [line.split()[1] for line in lines if line.startswith("inclusion")] == encoded(ours.inclusion(index))
    assert [line.split()[1] for line in lines if line.startswith("consistency")] == encoded(ours.consistency(old))


def test_a_changed_entry_is_refused(reader, published, key, tmp_path):
    shutil.copytree(published / "journal", tmp_path / "journal")
    (bundle,) = (tmp_path / "journal/tile/entries").rglob("*.p/*")
    raw = bytearray(bundle.read_bytes())
    raw[10] ^= 1
    bundle.write_bytes(raw)
    assert read(reader, tmp_path / "journal", key, 0, 1).returncode == 1
    assert read(reader, tmp_path / "journal", key, 1, 1).returncode == 0


def test_another_key_is_refused(reader, client, published, key):
    other = note.VerifierKey(key.name, bytes(32))
    assert read(reader, published / "journal", other, 0, 1).returncode == 1
    with readers.served(published / "journal") as address, pytest.raises(ValueError, match="signatur"):
        readers.whole(client, address, other)


@pytest.mark.parametrize("name", ["journal", "some", "full"])
def test_a_client_of_others_reads_each_entry_and_proves_it(client, published, journal, key, tmp_path, name):
    ours = tiles.PublishedTiles(published / name, key)
    kept = []
    for size in (1, ours.size // 2, ours.size):
        kept.append(tmp_path / f"kept-{size}")
        kept[-1].write_text(note.checkpoint(journal.origin, size, ours.root(size), journal.key))
    with readers.served(published / name) as address:
        tree, entries = readers.whole(client, address, key, *kept)
    assert tree == [journal.origin, str(ours.size), base64.b64encode(ours.checkpoint.root).decode()]
    assert [each.encode() for each in entries] == [leaf for number in range(-(-ours.size // 256)) for leaf in ours.leaves(number)]


def test_a_client_of_others_finds_another_history(client, journal, key, published, tmp_path):
    leaves = [f'{{"at":{each},"commitment":"","kind":"act"}}'.encode() for each in range(700)]
    ours = tiles.PublishedTiles(published / "some", key)
    kept = tmp_path / "kept"
    kept.write_text(note.checkpoint(journal.origin, 400, ours.root(400), journal.key))
    leaves[300] = leaves[300].replace(b"act", b"permit")
    publish(tmp_path / "rewritten", journal, leaves)
    with readers.served(tmp_path / "rewritten") as address:
        assert len(readers.whole(client, address, key)[1]) == 700
        with pytest.raises(ValueError, match="kept"):
            readers.whole(client, address, key, kept)
