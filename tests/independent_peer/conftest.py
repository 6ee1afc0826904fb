"""The group of a run: an authority, a web server, a directory and a node under test, and Python peers on demand."""

import os
from pathlib import Path

import pytest

from .agreements import STEWARD, wait_for
from .authority import Authority
from .contract import STRING
from .node import Node
from .peer import Peer, accept_everything
from .web_server import WebServer

GROUP = "proefgroep/onafhankelijk"
DIRECTORY_ID, NODE_ID, PYTHON_DIRECTORY_ID = (f"0000009900000{number}0000" for number in ("010", "011", "012"))


class Group:
    """What every participant of the run shares."""

    def __init__(self, directory: Path):
        self.directory, self.hosts = directory, {}
        self.authority = Authority(directory / "authority")
        self._numbers = iter(range(100, 1000))

    def peer(self, host: str, *, kind="P-256", algorithm=None, reading=STRING, decide=accept_everything) -> Peer:
        """A new organisation with an identifier of its own, not started."""
        number = next(self._numbers)
        return Peer(
            self.directory / f"{host}-{number}",
            self.authority,
            GROUP,
            f"0000009900000{number}0000",
            f"Onafhankelijke peer {number}",
            f"{host}-{number}.test",
            kind=kind,
            algorithm=algorithm,
            reading=reading,
            decide=decide,
            hosts=self.hosts,
        )


@pytest.fixture(scope="session")
def group(tmp_path_factory):
    return Group(tmp_path_factory.mktemp("group"))


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    server = WebServer(tmp_path_factory.mktemp("files"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def binary():
    path = Path(os.environ.get("VERBOND_BIN", "target/debug/verbond")).resolve()
    if not path.exists():
        pytest.fail(f"there is no binary {path}; set VERBOND_BIN")
    return path


@pytest.fixture(scope="session")
def python_directory(group):
    """A Python peer as second directory of the group."""
    with Peer(
        group.directory / "python-directory",
        group.authority,
        GROUP,
        PYTHON_DIRECTORY_ID,
        "Onafhankelijke directory",
        "python-directory.test",
        kind="P-256",
        hosts=group.hosts,
    ) as peer:
        yield peer


@pytest.fixture(scope="session")
def directory(group, binary, tmp_path_factory):
    """A node with the directory role and a key on P-384."""
    node = Node(
        binary,
        tmp_path_factory.mktemp("directory"),
        group.authority,
        GROUP,
        DIRECTORY_ID,
        "Directory van de groep",
        "directory.test",
        kind="P-384",
        hosts=group.hosts,
        directories=[],
        directory_role=True,
    )
    node.settings["group"]["directories"] = [{"id": f"oin:{node.id}", "manager_address": node.manager_address}]
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def node(group, binary, directory, python_directory, files, tmp_path_factory):
    """The node under test, with an RSA key, a service before the web server, and an application."""
    node = Node(
        binary,
        tmp_path_factory.mktemp("node"),
        group.authority,
        GROUP,
        NODE_ID,
        "Gemeente Voorbeeld",
        "gemeente.test",
        kind="RSA-2048",
        hosts=group.hosts,
        directories=[
            (directory.id, directory.manager_address),
            (python_directory.id, python_directory.manager_address),
        ],
    )
    node.start()
    wait_for(lambda: node.id in str(directory.run("peer", "list")), "the node has announced itself to the directory")
    node.run("service", "add", "bestanden", "--upstream", files.url, *STEWARD)
    yield node
    node.stop()


@pytest.fixture
def new_peer(group, directory):
    """Makes started Python peers that know the directory, and stops them."""
    started = []

    def make(host: str, **options) -> Peer:
        peer = group.peer(host, **options)
        peer.directories.append((directory.id, directory.manager_address))
        started.append(peer.start())
        peer.announce(directory.id, directory.manager_address)
        return peer

    yield make
    for peer in started:
        peer.stop()
