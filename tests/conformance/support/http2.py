"""HTTP/2 (RFC 9113) at both ends of a mutual TLS connection: a client that shows what matters, and an inway."""

import contextlib
import http.client
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from .servers import Echo, Request
from .wire import LOOPBACK, TIMEOUT, Refused, Response, tls_context

READ = 64 * 1024
FRAME_HEADER = 9


def _message(fields):
    """Fields as the HTTP/1.1 half of the suite has them."""
    message = http.client.HTTPMessage()
    for name, value in fields:
        message[name] = value
    return message


@dataclass
class Stream:
    """One exchange as the caller sees it."""

    fields: list = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    """The other end said that this was all."""
    reset: int | None = None
    """The code with which the other end broke the stream off."""

    @property
    def status(self):
        return int(dict(self.fields).get(":status", 0))

    def answer(self):
        return Response(self.status, _message(pair for pair in self.fields if pair[0][0] != ":"), bytes(self.body))


class Connection:
    """One HTTP/2 connection of a caller; everything happens in `until`."""

    def __init__(self, address, *, anchors, identity, dial=LOOPBACK):
        self.address = urlsplit(address)
        self.streams = {}
        self.goaway = None
        """The code with which the other end took leave of the whole connection."""
        self.closed = False
        self._received = b""
        context = tls_context(anchors, identity)
        context.set_alpn_protocols(["h2"])
        try:
            raw = socket.create_connection((dial, self.address.port), TIMEOUT)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = context.wrap_socket(raw, server_hostname=self.address.hostname)
        except (ssl.SSLError, ConnectionError) as fault:
            raise Refused(str(fault)) from fault
        assert self._socket.selected_alpn_protocol() == "h2", "the other end does not speak HTTP/2"
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._http.initiate_connection()
        self._send()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _send(self):
        data = self._http.data_to_send()
        try:
            self._socket.sendall(data)
        except (ssl.SSLError, ConnectionError):
            self.closed = True

    def open(self, method, path, headers=None, *, more=False):
        """Begins an exchange; with `more` its body follows by `write`. Answers the stream's number."""
        number = self._http.get_next_available_stream_id()
        authority = f"{self.address.hostname}:{self.address.port}"
        fields = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        fields += [(name.lower(), value) for name, value in (headers or {}).items()]
        self._http.send_headers(number, fields, end_stream=not more)
        self.streams[number] = Stream()
        self._send()
        return number

    def reset(self, number):
        """Gives an exchange up at once."""
        self._http.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self._send()

    def write(self, number, data, *, last=False, seconds=TIMEOUT):
        """Sends a part of a body, as the other end makes room for it."""
        view = memoryview(data)
        while view:
            room = min(self._http.local_flow_control_window(number), self._http.max_outbound_frame_size)
            if room == 0:
                self.until(lambda: self._http.local_flow_control_window(number) > 0, seconds)
                continue
            self._http.send_data(number, view[:room])
            view = view[room:]
            self._send()
        if last:
            self._http.end_stream(number)
            self._send()

    def until(self, met, seconds=TIMEOUT):
        """Takes in what comes until the condition holds; an assertion error when time or connection is over."""
        end = time.monotonic() + seconds
        while not met():
            left = end - time.monotonic()
            assert left > 0 and not self.closed, f"not within {seconds} s, closed: {self.closed}, {self.streams}"
            if not self._socket.pending() and not select.select([self._socket], [], [], min(left, 1))[0]:
                continue
            try:
                data = self._socket.recv(READ)
            except (ssl.SSLError, ConnectionError):
                data = b""
            if not data:
                self.closed = True
                continue
            self._received += data
            for frame in self._frames():
                for event in self._http.receive_data(frame):
                    self._take(event)
            self._send()

    def _frames(self):
        """Whole frames (RFC 9113 4.1): with more in its hands the library would take what follows a GOAWAY amiss."""
        while len(self._received) >= FRAME_HEADER:
            length = FRAME_HEADER + int.from_bytes(self._received[:3])
            if len(self._received) < length:
                return
            frame, self._received = self._received[:length], self._received[length:]
            yield frame

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None), Stream())
        match event:
            case h2.events.ResponseReceived():
                stream.fields = list(event.headers)
            case h2.events.DataReceived():
                stream.body += event.data
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                stream.ended = True
            case h2.events.StreamReset():
                stream.reset = event.error_code
            case h2.events.ConnectionTerminated():
                self.goaway = event.error_code
                # Streams that were begun go on after it (RFC 9113 6.8); to the library it is the end of the connection.
                self._http.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN

    def finish(self, number, seconds=TIMEOUT):
        """The answer, read whole; Refused when it was broken off."""
        stream = self.streams[number]
        self.until(lambda: stream.ended or stream.reset is not None or self.closed, seconds)
        if not stream.ended:
            raise Refused(f"stream broken off: {stream.reset}, connection closed: {self.closed}")
        return stream.answer()

    def request(self, method, path, *, headers=None, body=None):
        """One exchange from beginning to end."""
        number = self.open(method, path, headers, more=body is not None)
        if body is not None:
            self.write(number, body, last=True)
        return self.finish(number)


class _Server:
    """One accepted connection of an inway, in a thread of its own."""

    def __init__(self, owner, raw):
        self.owner = owner
        self.socket = raw
        self.http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.requests = {}
        self.replies = {}

    def run(self):
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            self.socket.settimeout(TIMEOUT)
            self.socket.do_handshake()
            self.http.initiate_connection()
            while True:
                self.socket.sendall(self.http.data_to_send())
                wait = 0.01 if self.replies else 0.2
                if self.socket.pending() or select.select([self.socket], [], [], wait)[0]:
                    data = self.socket.recv(READ)
                    if not data:
                        break
                    for event in self.http.receive_data(data):
                        self.take(event)
                self.answer_on()
        with self.owner.lock:
            self.owner.ends.extend(("connection", number) for number in self.replies)
            self.owner.open.discard(self)
        self.socket.close()

    def take(self, event):
        match event:
            case h2.events.RequestReceived():
                self.requests[event.stream_id] = (dict(event.headers), bytearray())
            case h2.events.DataReceived():
                self.requests[event.stream_id][1].extend(event.data)
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.begin(event.stream_id)
            case h2.events.StreamReset():
                self.requests.pop(event.stream_id, None)
                if self.replies.pop(event.stream_id, None) is not None:
                    with self.owner.lock:
                        self.owner.ends.append(("stream", event.stream_id))

    def begin(self, number):
        fields, body = self.requests.pop(number)
        headers = _message(pair for pair in fields.items() if pair[0][0] != ":")
        certificate = self.socket.getpeercert(binary_form=True)
        request = Request(fields[":method"], fields[":path"], headers, bytes(body), certificate)
        self.owner.seen(request)
        reply = self.owner.answer(request)
        head = [(":status", str(reply.status))]
        head += [(name.lower(), value) for name, value in reply.headers.items()]
        self.http.send_headers(number, head)
        self.replies[number] = [b"", iter([reply.body] if isinstance(reply.body, bytes) else reply.body)]

    def room(self, number, wanted):
        return min(wanted, self.http.local_flow_control_window(number), self.http.max_outbound_frame_size)

    def answer_on(self):
        """What there is room for of the answers that are at hand, and a part of each that is made as it goes."""
        for number, held in list(self.replies.items()):
            held[0] = held[0] or next(held[1], b"")
            if not held[0]:
                self.http.end_stream(number)
                del self.replies[number]
                continue
            while room := self.room(number, len(held[0])):
                self.http.send_data(number, held[0][:room])
                held[0] = held[0][room:]


class Http2Inway(Echo):
    """An inway that speaks HTTP/2 only. A reply's body may be an iterator of parts. `connections` counts what was
    accepted; `ends` says which answers were broken off, and by what."""

    def __init__(self, context):
        self.lock = threading.Lock()
        self.open = set()
        self.ends = []
        self.connections = 0
        self._listener = None
        context.set_alpn_protocols(["h2"])
        super().__init__(context)

    def start(self):
        self._listener = socket.create_server((LOOPBACK, self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                raw, _ = listener.accept()
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                raw = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
                served = _Server(self, raw)
                with self.lock:
                    self.connections += 1
                    self.open.add(served)
                threading.Thread(target=served.run, daemon=True).start()

    def stop(self):
        if self._listener is None:
            return
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = None
        with self.lock:
            standing = list(self.open)
        for each in standing:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each.socket, socket.SHUT_RDWR)
