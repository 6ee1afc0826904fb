"""The cast of a test: identities, fake peers, nodes and sources, and their end."""

import itertools

from .node import Node
from .peer import Peer
from .servers import Echo

CAST = {
    "provider": ("00000099000000000001", "Inkomensregister Noord", "inkomen.test"),
    "consumer": ("00000099000000000002", "Gemeente Voorbeeld", "gemeente.test"),
    "delegator": ("00000099000000000003", "Pensioenbureau Zuid", "pensioen.test"),
    "publisher": ("00000099000000000004", "Dienst Bronbeheer", "bron.test"),
    "stranger": ("00000099000000000005", "Waterschap Elders", "waterschap.test"),
    "directory": ("00000099000000000010", "Gids van de groep", "gids.test"),
}
"""Participant id, name and host of each role; fictional, with the prefix of test numbers."""


class Cast:
    """The identities of a session: one key and certificate per role and kind of key, made when first asked."""

    def __init__(self, authority):
        self.authority = authority
        self._made = {}

    def __call__(self, role, kind="rsa"):
        if (role, kind) not in self._made:
            self._made[role, kind] = self.authority.issue(*CAST[role], kind=kind)
        return self._made[role, kind]


class World:
    """Starts what a module needs and stops it at the end."""

    def __init__(self, binary, folder, authority, cast):
        self.binary = binary
        self.folder = folder
        self.authority = authority
        self.cast = cast
        self._nodes = []
        self._others = []
        self._count = itertools.count(1)

    def peer(self, role, *, kind="rsa", identity=None, **more):
        peer = Peer(identity or self.cast(role, kind), self.authority.anchors, **more)
        self._others.append(peer)
        return peer

    def echo(self):
        echo = Echo()
        self._others.append(echo)
        return echo

    def node(self, role, *, identity=None, start=True, **more):
        """A node of the role; knows the names of the whole cast."""
        names = [host for _, _, host in CAST.values()]
        folder = self.folder / f"node-{next(self._count)}-{role}"
        node = Node(self.binary, folder, self.authority, identity or self.cast(role), names=names, **more)
        self._nodes.append(node)
        return node.start() if start else node

    def close(self):
        for each in self._nodes:
            each.stop()
        for each in self._others:
            each.stop()
