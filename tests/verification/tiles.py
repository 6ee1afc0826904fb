"""C2SP tlog-tiles in a directory or at an address: read and held against the checkpoint; and written, in a directory.

    python3 -m verification.tiles DIRECTORY_OR_ADDRESS VERIFIER_KEY      verifies everything that is published there
"""

import struct
import sys
import urllib.error
import urllib.request
from pathlib import Path

from . import merkle
from .note import Checkpoint, Wrong

WIDTH = 256
HASH = 32


def tile_path(level, number, width=WIDTH):
    """Where a tile stands; `level` is a number or `entries`."""
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == WIDTH else f".p/{width}")


def bundle(leaves):
    return b"".join(struct.pack(">H", len(each)) + each for each in leaves)


def fetched(place, path):
    """A file in a directory or below an address; None when it is not there."""
    if not str(place).startswith(("http://", "https://")):
        file = Path(place) / path
        return file.read_bytes() if file.is_file() else None
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{place}/{path}", timeout=10) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


class PublishedTiles:
    """What a participant publishes, as far as a checkpoint by `verifier_key` vouches for it."""

    def __init__(self, place, verifier_key):
        self.place = place
        raw = fetched(place, "checkpoint")
        if raw is None:
            raise Wrong("there is no checkpoint")
        self.checkpoint = Checkpoint.parse(raw.decode())
        if self.checkpoint.origin != verifier_key.name or not self.checkpoint.note.signed_by(verifier_key):
            raise Wrong("the checkpoint is not signed by this key")
        self.size = self.checkpoint.size
        self.tiles = {}
        if merkle.subtree(self.stored, 0, self.size) != self.checkpoint.root:
            raise Wrong("the tiles do not lead to the root of the checkpoint")

    def width(self, level, number):
        """How many hashes the tile has in a tree of this size."""
        return min(max((self.size >> (8 * level)) - number * WIDTH, 0), WIDTH)

    def read(self, level, number, width):
        """The tile's bytes; the full tile, cut, where the partial one is gone (it may be, says tlog-tiles)."""
        for each in (width, WIDTH):
            raw = fetched(self.place, tile_path(level, number, each))
            if raw is not None:
                return raw
        raise Wrong(f"{tile_path(level, number, width)} is missing")

    def tile(self, level, number):
        """The hashes of a tile."""
        if (level, number) not in self.tiles:
            width = self.width(level, number)
            raw = self.read(level, number, width)
            if width == 0 or len(raw) not in (width * HASH, WIDTH * HASH):
                raise Wrong(f"{tile_path(level, number, width)} has {len(raw)} bytes")
            self.tiles[level, number] = merkle.Tree(raw[at : at + HASH] for at in range(0, width * HASH, HASH))
        return self.tiles[level, number]

    def stored(self, level, position):
        """The hash of a complete subtree of 2^level leaves."""
        row, within = divmod(level, 8)
        span = WIDTH >> within
        return self.tile(row, position // span).stored(within, position % span)

    def leaves(self, number):
        """The leaves of a bundle, each held against its hash."""
        width = self.width(0, number)
        raw, found = self.read("entries", number, width), []
        while raw and len(found) < width:
            (length,) = struct.unpack(">H", raw[:2]) if len(raw) > 1 else (len(raw),)
            leaf, raw = raw[2 : 2 + length], raw[2 + length :]
            if len(leaf) != length or merkle.leaf_hash(leaf) != self.tile(0, number).stored(0, len(found)):
                raise Wrong(f"entry {number * WIDTH + len(found)} does not hash to its tile")
            found.append(leaf)
        if len(found) != width:
            raise Wrong(f"{tile_path('entries', number, width)} is cut off")
        return found

    def verify_all(self):
        """Every bundle against its tile and every tile against the one above; the number of entries."""
        level = 0
        while self.size >> (8 * level):
            for number in range(-(-(self.size >> (8 * level)) // WIDTH)):
                tile = self.tile(level, number)
                if tile.size == WIDTH and tile.root() != self.stored(8 * (level + 1), number):
                    raise Wrong(f"{tile_path(level, number)} is not what the tile above holds")
                if level == 0:
                    self.leaves(number)
            level += 1
        return self.size

    def inclusion(self, index, size=None):
        return merkle.inclusion_proof(self.stored, index, self.size if size is None else size)

    def consistency(self, old, new=None):
        return merkle.consistency_proof(self.stored, old, self.size if new is None else new)

    def root(self, size):
        return merkle.subtree(self.stored, 0, size)


def write(folder, leaves, note, sizes=()):
    """Publishes leaves: every full tile, and the partial ones of the trees of these sizes and of the whole."""
    folder = Path(folder)

    def put(path, raw):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)

    hashes = merkle.Tree(merkle.leaf_hash(each) for each in leaves)
    for size in {*sizes, len(leaves)}:
        level = 0
        while size >> (8 * level):
            count = size >> (8 * level)
            for number in range(-(-count // WIDTH)):
                begin, end = number * WIDTH, min((number + 1) * WIDTH, count)
                row = hashes.levels[8 * level][begin:end]
                put(tile_path(level, number, end - begin), b"".join(row))
                if level == 0:
                    put(tile_path("entries", number, end - begin), bundle(leaves[begin:end]))
            level += 1
    put("checkpoint", note.encode())


def main(place, key):
    from .note import VerifierKey

    try:
        read = PublishedTiles(place, VerifierKey.parse(key))
        print(f"{read.checkpoint.origin}: {read.verify_all()} entries, as the checkpoint says")
    except (Wrong, OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
