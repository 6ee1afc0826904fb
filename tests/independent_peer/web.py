"""HTTP/1.1 over mutual TLS on the standard library: server and client (Core 4.1, 4.1.6)."""

import http.client
import http.server
import json
import socket
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from . import signing

TIMEOUT = 15
LARGEST_BODY = 4 * 1024 * 1024
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


@dataclass
class Response:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


def json_response(status: int, value, **headers: str) -> Response:
    listed = [("Content-Type", "application/json")]
    listed += [(name.replace("_", "-"), text) for name, text in headers.items()]
    return Response(status, listed, json.dumps(value).encode())


class PeerMismatch(Exception):
    """The server is in the group, but it is not the peer that was called."""


class Server:
    """Accepts connections of certificates of the group only, and hands each request to `handle(handler)`."""

    def __init__(self, credential_files: tuple[Path, Path], anchors: Path, handle, port: int = 0):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(anchors)
        context.load_cert_chain(*credential_files)
        self._open: set[socket.socket] = set()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = TIMEOUT
            # Headers and body leave in separate writes; Nagle's algorithm would hold the second for the peer's delayed ACK.
            disable_nagle_algorithm = True

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return lambda: handle(self)
                raise AttributeError(name)

            def log_message(self, *_):
                pass

            @property
            def target(self) -> str:
                """The request target as sent; `path` of the base class is already normalised."""
                return self.requestline.split(" ")[1]

            @property
            def peer_certificate(self) -> x509.Certificate:
                return x509.load_der_x509_certificate(self.connection.getpeercert(binary_form=True))

            def answer(self, response: Response) -> None:
                self.send_response_only(response.status)
                for name, value in response.headers:
                    self.send_header(name, value)
                if response.header("Content-Length") is None and response.status not in (204, 304):
                    self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(response.body)

        class Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True
            request_queue_size = 64

            def finish_request(self, request, client_address):
                request.settimeout(TIMEOUT)
                # The handshake is done in the connection's thread, so that a slow one holds up nobody else.
                secured = context.wrap_socket(request, server_side=True)
                server._open.add(secured)
                try:
                    Handler(secured, client_address, self)
                finally:
                    server._open.discard(secured)
                    secured.close()

            def handle_error(self, request, client_address):
                pass

        self._listener = Listener(("127.0.0.1", port), Handler)
        self.port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def read_body(handler) -> bytes:
    """The request body, plain or chunked, up to the bound of this peer."""
    if "chunked" in handler.headers.get("Transfer-Encoding", "").lower():
        body = b""
        while True:
            size = int(handler.rfile.readline(32).split(b";")[0], 16)
            if len(body) + size > LARGEST_BODY:
                raise ValueError("body too large")
            body += handler.rfile.read(size)
            handler.rfile.readline(4)
            if size == 0:
                return body
    length = int(handler.headers.get("Content-Length", "0"))
    if not 0 <= length <= LARGEST_BODY:
        raise ValueError("body too large")
    return handler.rfile.read(length)


def end_to_end(headers, without=frozenset()) -> list[tuple[str, str]]:
    """What a proxy passes on: not the headers of this one connection (RFC 9110 section 7.6.1)."""
    headers = list(headers)
    named = {part.strip().lower() for name, value in headers if name.lower() == "connection" for part in value.split(",")}
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP | named | set(without)]


class Dialer:
    """Calls other components of the group with one own certificate. `hosts` maps names to addresses."""

    def __init__(self, credential_files: tuple[Path, Path], anchors: Path, hosts: dict[str, str]):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.load_verify_locations(anchors)
        self._context.load_cert_chain(*credential_files)
        self._hosts = hosts

    def connect(self, address: str, expected_peer_id: str) -> http.client.HTTPConnection:
        """A connection to `address`, proven by host name (RFC 6125) and PeerID."""
        parts = urlsplit(address)
        if parts.scheme != "https" or parts.port is None:
            raise PeerMismatch(f"{address} is no https address with a port")
        plain = socket.create_connection((self._hosts.get(parts.hostname, parts.hostname), parts.port), TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            secured = self._context.wrap_socket(plain, server_hostname=parts.hostname)
        except OSError:
            plain.close()
            raise
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))
        if signing.peer_id(certificate) != expected_peer_id:
            secured.close()
            raise PeerMismatch(f"{address} is peer {signing.peer_id(certificate)}, not {expected_peer_id}")
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
        connection.sock = secured
        return connection

    def request(
        self, address: str, expected_peer_id: str, method: str, target: str, headers=None, body: bytes | None = None
    ) -> Response:
        connection = self.connect(address, expected_peer_id)
        try:
            return exchange(connection, method, target, headers or {}, body)
        finally:
            connection.close()


def exchange(connection, method: str, target: str, headers, body: bytes | None = None) -> Response:
    """One request with exactly the given headers besides Host and Content-Length."""
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    named = {name.lower() for name, _ in pairs}
    connection.putrequest(method, target, skip_host="host" in named, skip_accept_encoding=True)
    for name, value in pairs:
        connection.putheader(name, value)
    if body is not None and "content-length" not in named:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return Response(answer.status, answer.getheaders(), answer.read())
