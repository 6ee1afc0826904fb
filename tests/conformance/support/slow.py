"""Callers that are slow, silent, half-open or greedy, and what the node's process holds meanwhile."""

import contextlib
import os
import select
import socket
import ssl
import time
from pathlib import Path

from .wire import TIMEOUT, tls_context

FACES = ("outway", "inway", "manager", "administration")
"""Everything that answers: the applications' side, the group's two ports, and the operator's socket."""


class Process:
    """What the kernel says of the node's process."""

    def __init__(self, node):
        self.folder = Path("/proc") / str(node.process.pid)

    def resident(self):
        """Resident memory in MiB."""
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the process is gone")

    def open_files(self):
        return len(os.listdir(self.folder / "fd"))


def plain(node, face):
    """A connection to the face before any TLS."""
    if face == "administration":
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        raw.settimeout(TIMEOUT)
        raw.connect(str(node.folder / "administration.sock"))
        return raw
    return socket.create_connection(node.bind[face], TIMEOUT)


def secured(node, face, peer, *, alpn=("http/1.1",)):
    """A connection on which a request can be made: mutual TLS at the group's ports."""
    raw = plain(node, face)
    if face in ("outway", "administration"):
        return raw
    context = tls_context(peer.anchors, peer.identity)
    context.set_alpn_protocols(list(alpn))
    host = node.inway_host if face == "inway" else node.identity.host
    return context.wrap_socket(raw, server_hostname=host)


def head(face, token, *, method="GET", path="/", more=""):
    """The head of a good request to the face, without the empty line that ends it."""
    credential = {
        "outway": f"authorization: Bearer {token}\r\n",
        "inway": f"fsc-authorization: Bearer {token}\r\n",
    }.get(face, "")
    return f"{method} {path} HTTP/1.1\r\nhost: a\r\n{credential}{more}".encode()


def ended_within(raw, seconds):
    """Whether the other end closes the connection in time; what it says before is read and answered with nothing."""
    end = time.monotonic() + seconds
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while (left := end - time.monotonic()) > 0:
            if not getattr(raw, "pending", lambda: 0)() and not select.select([raw], [], [], left)[0]:
                return False
            if not raw.recv(65536):
                return True
        return False
    return True


def drip(raw, data, pause, seconds):
    """Sends the data byte by byte until the other end ends it; whether it did so in time."""
    end = time.monotonic() + seconds
    for each in data:
        if time.monotonic() > end:
            return False
        try:
            raw.sendall(bytes([each]))
            if select.select([raw], [], [], pause)[0] and not raw.recv(65536):
                return True
        except (ConnectionError, ssl.SSLError):
            return True
    return False


@contextlib.contextmanager
def many(make, number):
    """So many connections at once, closed at the end."""
    with contextlib.ExitStack() as all_of_them:
        yield [all_of_them.enter_context(contextlib.closing(make())) for _ in range(number)]


def own_address():
    """An address of this machine beyond loopback, where it has one: nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") or address == "0.0.0.0" else address
