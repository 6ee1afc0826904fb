"""A tap on the mutual TLS between two nodes, with both their keys: what it holds is what went over the wire."""

import contextlib
import select
import socket
import ssl
import threading

from .wire import LOOPBACK, tls_context


class Listening:
    """Takes in connections at a port of its own, and passes each on in a thread (`_pass`)."""

    def __init__(self):
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(near,), daemon=True).start()


class Tap(Listening):
    """Stands where the provider's inway says that it is, and passes on to where it really is."""

    def __init__(self):
        self.asked, self.answered = b"", b""
        self._ends = None
        super().__init__()

    def between(self, consumer, provider, anchors):
        """Gives it the keys of both nodes."""
        self._ends = (
            tls_context(anchors, provider.identity, server=True),
            tls_context(anchors, consumer.identity),
            provider.bind["inway"],
            provider.identity.host,
        )

    def forget(self):
        self.asked, self.answered = b"", b""

    def _pass(self, raw):
        server, client, address, host = self._ends
        with contextlib.suppress(OSError), server.wrap_socket(raw, server_side=True) as near:
            plain = socket.create_connection(address, 15)
            with client.wrap_socket(plain, server_hostname=host) as far:
                while True:
                    waiting = near.pending() or far.pending()
                    select.select([near, far], [], [], 0 if waiting else 15)
                    asked, answered = _read(near), _read(far)
                    self.asked += asked or b""
                    self.answered += answered or b""
                    for part, into in ((asked, far), (answered, near)):
                        if part:
                            into.setblocking(True)
                            into.sendall(part)
                    if b"" in (asked, answered):
                        return


def _read(end):
    """What has come in; None when nothing has, empty at the end."""
    end.setblocking(False)
    try:
        return end.recv(65536)
    except ssl.SSLWantReadError:
        return None
