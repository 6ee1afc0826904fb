"""HTTP/1.1 clients: mutual TLS to a peer, plain to the outway, a Unix socket to the administration."""

import contextlib
import http.client
import itertools
import json
import os
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

LOOPBACK = "127.0.0.1"
TIMEOUT = 15


class Refused(Exception):
    """The other side broke off the TLS handshake, or the connection before it answered."""


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.headers.get('Fsc-Error-Code', '')} {self.body[:300]!r}"


class _TlsConnection(http.client.HTTPSConnection):
    """Dials an address of its own choice and names the host in SNI, Host and certificate check."""

    def __init__(self, host, port, dial, context, timeout):
        super().__init__(host, port, context=context, timeout=timeout)
        self._dial = dial
        self._tls = context

    def connect(self):
        raw = socket.create_connection((self._dial, self.port), self.timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def tls_context(anchors, identity=None, *, server=False):
    """A context for mutual TLS, 1.2 and up; a server demands a certificate that chains to the anchors."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(anchors)
    if server:
        context.verify_mode = ssl.CERT_REQUIRED
    if identity is not None:
        context.load_cert_chain(identity.certificate_file, identity.key_file)
    return context


def _exchange(connection, method, target, headers, body):
    try:
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine) as fault:
        raise Refused(str(fault)) from fault


def _prepare(headers, body, json_body, form):
    headers = dict(headers or {})
    if json_body is not None:
        body = json.dumps(json_body).encode()
        headers.setdefault("Content-Type", "application/json")
    if form is not None:
        body = urlencode(form).encode()
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    return headers, body


class Client:
    """One caller at one address; by default a new connection per request."""

    def __init__(self, address, *, anchors=None, identity=None, dial=LOOPBACK, timeout=TIMEOUT):
        self.address = urlsplit(address)
        self.dial = dial
        self.timeout = timeout
        self._context = tls_context(anchors, identity) if anchors else None

    def open(self):
        """A connection that the caller keeps and closes."""
        if self._context is None:
            return http.client.HTTPConnection(self.dial, self.address.port, timeout=self.timeout)
        return _TlsConnection(self.address.hostname, self.address.port, self.dial, self._context, self.timeout)

    def request(self, method, target, *, headers=None, body=None, json_body=None, form=None, over=None):
        """Sends and reads one exchange; `over` is a connection of `open`. Raises Refused when cut off."""
        headers, body = _prepare(headers, body, json_body, form)
        if over is not None:
            return _exchange(over, method, target, headers, body)
        connection = self.open()
        try:
            return _exchange(connection, method, target, headers, body)
        finally:
            connection.close()

    def get(self, target, **more):
        return self.request("GET", target, **more)


class UnixClient:
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=TIMEOUT):
        self.path = str(path)
        self.timeout = timeout

    def request(self, method, target, *, headers=None, body=None, json_body=None):
        headers, body = _prepare(headers, body, json_body, None)
        connection = _UnixConnection(self.path, self.timeout)
        try:
            return _exchange(connection, method, target, headers, body)
        finally:
            connection.close()


_candidates = itertools.cycle(range(10_000, 20_000))
for _ in range(os.getpid() * 97 % 10_000):
    next(_candidates)


def free_port(host=LOOPBACK):
    """A port that nobody listens on at this moment; below those that the kernel gives to connections going out, any of which could
    take it before it is listened on, and no other one than was given out shortly before."""
    for port in _candidates:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port
