"""The Merkle tree of RFC 9162 section 2.1 with SHA-256: roots, inclusion and consistency proofs, and their verification."""

import hashlib

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(leaf):
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(count):
    """The largest power of two smaller than `count` (RFC 9162 section 2.1.1)."""
    return 1 << ((count - 1).bit_length() - 1)


# The proofs below ask for the hashes of complete subtrees by `stored(level, position)`: the subtree of 2^level leaves that
# begins with leaf position * 2^level. Where these come from (a list in memory, tiles on a disk) is no concern of theirs.


def subtree(stored, begin, end):
    """MTH(D[begin:end]) for ranges as the definitions in RFC 9162 make them: `begin` is a multiple of the left half."""
    count = end - begin
    if count == 0:
        return EMPTY
    if count & (count - 1) == 0:
        return stored(count.bit_length() - 1, begin // count)
    middle = begin + split(count)
    return node_hash(subtree(stored, begin, middle), subtree(stored, middle, end))


def inclusion_proof(stored, index, size):
    """PATH(index, D[0:size]) of RFC 9162 section 2.1.3.1, from the leaf up."""
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + split(end - begin)
        if index < middle:
            path.append(subtree(stored, middle, end))
            end = middle
        else:
            path.append(subtree(stored, begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(stored, old, new):
    """PROOF(old, D[0:new]) of RFC 9162 section 2.1.4.1."""
    begin, end, path = 0, new, []
    whole = True
    if old in (0, new):
        return []
    while end != old:
        middle = begin + split(end - begin)
        if old <= middle:
            path.append(subtree(stored, middle, end))
            end = middle
        else:
            path.append(subtree(stored, begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(subtree(stored, begin, end))
    return path[::-1]


def root_of_inclusion(leaf, index, size, path):
    """The root to which an inclusion proof leads (RFC 9162 section 2.1.3.2); None when its length is wrong."""
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return found if last == 0 else None


def consistent(old, old_root, new, new_root, path):
    """Whether a consistency proof holds (RFC 9162 section 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY
    if not path:
        return False
    if old & (old - 1) == 0:
        path = [old_root, *path]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(each, first), node_hash(each, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, each)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class Tree:
    """A tree in memory to which leaves are added."""

    def __init__(self, hashes=()):
        self.levels = [[]]
        for each in hashes:
            self.append(each)

    @property
    def size(self):
        return len(self.levels[0])

    def append(self, leaf):
        level, found = 0, leaf
        while True:
            if level == len(self.levels):
                self.levels.append([])
            row = self.levels[level]
            row.append(found)
            if len(row) & 1:
                return
            found = node_hash(row[-2], row[-1])
            level += 1

    def stored(self, level, position):
        return self.levels[level][position]

    def root(self, size=None):
        return subtree(self.stored, 0, self.size if size is None else size)

    def inclusion(self, index, size):
        return inclusion_proof(self.stored, index, size)

    def consistency(self, old, new):
        return consistency_proof(self.stored, old, new)


class Frontier:
    """The right edge of a tree: its root after each leaf, in memory that grows with the height only."""

    def __init__(self):
        self.size, self.edge = 0, []

    def append(self, leaf):
        count, found = self.size, leaf
        while count & 1:
            found = node_hash(self.edge.pop(), found)
            count >>= 1
        self.edge.append(found)
        self.size += 1

    def root(self):
        if not self.edge:
            return EMPTY
        found = self.edge[-1]
        for each in self.edge[-2::-1]:
            found = node_hash(each, found)
        return found
