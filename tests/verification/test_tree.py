"""Tree, notes and tiles against the definitions in the standards, read once more."""

import hashlib
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verification import merkle, note, tiles

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "oin:00000099000000010000/journal/1"


def naive_root(hashes):
    """RFC 9162 section 2.1.1, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\x01" + naive_root(hashes[:half]) + naive_root(hashes[half:])).digest()


def leaves(count):
    return [f"leaf {each}".encode() for each in range(count)]


def hashes(count):
    return [merkle.leaf_hash(each) for each in leaves(count)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 31, 33, 64, 100])
def test_roots_and_proofs_of_all_indexes_hold(size):
    tree, edge = merkle.Tree(hashes(size)), merkle.Frontier()
    for each in hashes(size):
        edge.append(each)
    root = tree.root()
    assert root == edge.root() == naive_root(hashes(size))
    for index, leaf in enumerate(hashes(size)):
        path = tree.inclusion(index, size)
        assert merkle.root_of_inclusion(leaf, index, size, path) == root
        assert merkle.root_of_inclusion(merkle.leaf_hash(b"other"), index, size, path) != root
        assert merkle.root_of_inclusion(leaf, index, size, [*path, root]) is None
        assert not path or merkle.root_of_inclusion(leaf, index, size, path[:-1]) != root
    for old in range(size + 1):
        path = tree.consistency(old, size)
        assert merkle.consistent(old, tree.root(old), size, root, path)
        assert not merkle.consistent(old, merkle.leaf_hash(b"other"), size, root, path)
        assert not path or not merkle.consistent(old, tree.root(old), size, root, path[:-1])
        assert not merkle.consistent(old, tree.root(old), size, root, [*path, root])


def test_the_example_of_signed_note_holds():
    key = note.VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    signature = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    raw = f"This is an example message.\n\n\u2014 example.com/foo {signature}\n"
    assert note.Note.parse(raw).signed_by(key)
    assert not note.Note.parse(raw.replace("example message", "other message")).signed_by(key)
    assert str(key) == "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


@pytest.mark.parametrize(
    "raw",
    [
        "", "a\n", "a\n\n", "a\n\n\u2014 name\n", "a\n\n\u2014 name AAAA\n", "a\n\n- name AAAAAAA=\n", "a\n\n\u2014 na+me AAAAAAA=\n",
        "a\t\n\n\u2014 name AAAAAAA=\n", "a\n\n\u2014 name AAAAAAA=", "a\n\n\u2014 name AAAAAAB=\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(raw):
    with pytest.raises(note.Wrong):
        note.Note.parse(raw)


@pytest.mark.parametrize("text", ["a\n01\nAA==\n", "a\n1\n", "a\n-1\nAA==\n", "a\n1\nAA==\n", "a\n\n1\n", "a\n\u0661\nAA==\n"])
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(note.Wrong):
        note.Checkpoint.parse(note.sign(text, "a", KEY))


def test_the_path_of_a_tile():
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.tile_path("entries", 5, 3) == "tile/entries/005.p/3"


def published(folder, size, *sizes):
    root = merkle.Tree(hashes(size)).root()
    tiles.write(folder, leaves(size), note.checkpoint(ORIGIN, size, root, KEY), sizes)
    return note.VerifierKey.of(ORIGIN, KEY)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000, 70000])
def test_tiles_lead_to_the_root_and_give_every_proof(tmp_path, size):
    read = tiles.PublishedTiles(tmp_path, published(tmp_path, size))
    assert read.verify_all() == size
    tree, chance = merkle.Tree(hashes(size)), random.Random(size)
    for _ in range(20):
        index, old = chance.randrange(size), chance.randint(0, size)
        assert read.inclusion(index) == tree.inclusion(index, size)
        assert read.consistency(old) == tree.consistency(old, size)
        assert read.root(old) == tree.root(old)


def test_a_full_tile_takes_the_place_of_a_partial_one(tmp_path):
    published(tmp_path, 300)
    root = merkle.Tree(hashes(200)).root()
    (tmp_path / "checkpoint").write_text(note.checkpoint(ORIGIN, 200, root, KEY))
    assert tiles.PublishedTiles(tmp_path, note.VerifierKey.of(ORIGIN, KEY)).verify_all() == 200


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"])
@pytest.mark.parametrize("how", ["flip", "cut", "gone"])
def test_whatever_is_changed_in_a_tile_is_found(tmp_path, path, how):
    key = published(tmp_path, 300)
    file = tmp_path / path
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.unlink() if how == "gone" else file.write_bytes(raw if how == "flip" else raw[:-1])
    with pytest.raises(note.Wrong):
        tiles.PublishedTiles(tmp_path, key).verify_all()


def test_a_checkpoint_by_another_key_is_refused(tmp_path):
    published(tmp_path, 300)
    with pytest.raises(note.Wrong):
        tiles.PublishedTiles(tmp_path, note.VerifierKey.of(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32))))
