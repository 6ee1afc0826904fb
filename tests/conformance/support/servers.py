"""Threaded HTTP/1.1 servers that record what they receive: the echo service, and the ground for the fake peer."""

import contextlib
import hashlib
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from .wire import LOOPBACK

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


@dataclass
class Request:
    """One request as it came in; `target` is the request line's, nothing decoded."""

    method: str
    target: str
    headers: object
    body: bytes
    certificate: bytes | None
    at: float = field(default_factory=time.monotonic)

    @property
    def path(self):
        return unquote(urlsplit(self.target).path)

    @property
    def query(self):
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def peer_id(self):
        """The caller's participant id, from the serialNumber of the certificate's subject."""
        if self.certificate is None:
            return None
        subject = x509.load_der_x509_certificate(self.certificate).subject
        return subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value

    def json(self):
        return json.loads(self.body)


@dataclass
class Reply:
    status: int = 200
    body: object = b""
    """Bytes, or an iterable of parts that go out one by one."""
    headers: dict = field(default_factory=dict)
    close: bool = False
    """Cut the connection without an answer."""

    @classmethod
    def of(cls, value, status=200, **headers):
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(10)
            self.request.do_handshake()
        super().setup()

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            read = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                read += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return read
        length = int(self.headers.get("Content-Length", 0))
        read = self.rfile.read(length)
        if len(read) < length:
            raise ConnectionError("the body ended before its length")
        return read

    def _serve(self):
        certificate = None
        if isinstance(self.request, ssl.SSLSocket):
            certificate = self.request.getpeercert(binary_form=True)
        request = Request(self.command, self.path, self.headers, self._body(), certificate)
        self.server.owner.seen(request)
        reply = self.server.owner.answer(request)
        if reply.close:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            for each in value if isinstance(value, list) else [value]:
                self.send_header(name, each)
        whole = isinstance(reply.body, bytes)
        if not whole:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if whole:
            self.wfile.write(reply.body)
            return
        for part in reply.body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


for _method in METHODS:
    setattr(_Handler, f"do_{_method}", _Handler._serve)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address, owner, context):
        self.owner = owner
        self.context = context
        self.open = set()
        super().__init__(address, _Handler)

    def get_request(self):
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.open.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def cut(self):
        """Ends the standing connections, as a process that dies does."""
        for each in list(self.open):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """A caller that breaks off is no fault of the suite; what matters is asserted on what was received."""


def endless():
    """The body of an answer that goes on until somebody ends it."""
    while True:
        yield b"x" * 500
        time.sleep(0.02)


class Recorder:
    """A server with a list of what it received; subclasses answer."""

    def __init__(self, context=None, port=0):
        self.requests = []
        self._lock = threading.Lock()
        self._context = context
        self._server = None
        self.port = port
        self.start()

    def start(self):
        """Opens the port; after `stop` the same one."""
        self._server = _Server((LOOPBACK, self.port), self, self._context)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None

    def seen(self, request):
        with self._lock:
            self.requests.append(request)

    def received(self, method=None, path=None):
        """The requests so far, filtered on method and decoded path."""
        with self._lock:
            return [
                each
                for each in self.requests
                if (method is None or each.method == method) and (path is None or each.path == path)
            ]

    def forget(self):
        with self._lock:
            self.requests.clear()

    def answer(self, request):
        raise NotImplementedError


class Echo(Recorder):
    """A source: answers with what it received, or with what `respond` makes of it."""

    def __init__(self, context=None, port=0):
        self.respond = None
        super().__init__(context, port)

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}"

    def answer(self, request):
        return self.respond(request) if self.respond is not None else self.mirror(request)

    @staticmethod
    def mirror(request):
        """What was received, as JSON."""
        return Reply.of(
            {
                "method": request.method,
                "target": request.target,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "length": len(request.body),
                "sha256": hashlib.sha256(request.body).hexdigest(),
            }
        )
