"""Beyond the suite: a source that speaks beside its answer. HTTP has more places to write in than header and body; what stands
there goes to nobody. The source here is written byte by byte, since no server library writes all of it."""

import contextlib
import json
import socket
import threading

import pytest

from support.agreements import AGREED, BSN, SERVICE, SOURCE, ask, conclude, document
from support.between_two import consumer, folder, provider, token  # noqa: F401
from support.checks import eventually
from support.own_end import Wire
from support.wire import LOOPBACK


SECRET = b"Bakkerij-Voorbeeld"
BODY = json.dumps(SOURCE).replace("Bakkerij Voorbeeld", "Werkgever").encode()


class Source:
    """Answers each request with the bytes that it was told, and closes."""

    def __init__(self):
        self.says, self.asked = plain(), []
        self.listening = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self.listening.accept()
                threading.Thread(target=self.answer, args=(raw,), daemon=True).start()

    def answer(self, raw):
        with contextlib.suppress(OSError), raw:
            raw.settimeout(20)
            head = b""
            while b"\r\n\r\n" not in head:
                part = raw.recv(65536)
                if not part:
                    return
                head += part
            self.asked.append(head)
            raw.sendall(self.says)

    def stop(self):
        self.listening.close()


def plain(status=b"200 OK", content_type=b"application/json", body=BODY, more=b""):
    return (b"HTTP/1.1 " + status + b"\r\nContent-Type: " + content_type + b"\r\nConnection: close\r\n" + more
            + b"Content-Length: %d\r\n\r\n" % len(body) + body)  # fmt: skip


def chunked(content_type=b"application/json", body=BODY):
    """In chunks that carry extensions, with fields announced and not announced behind the last."""
    half = len(body) // 2
    chunks = b"".join(
        b"%x;note=%s;other=\"%s\"\r\n%s\r\n" % (len(part), SECRET, SECRET, part) for part in (body[:half], body[half:])
    )
    return (b"HTTP/1.1 200 OK\r\nContent-Type: " + content_type + b"\r\nConnection: close\r\nTrailer: X-Note\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0;last=" + SECRET + b"\r\nX-Note: " + SECRET
            + b"\r\nX-Other: " + SECRET + b"\r\nFsc-Transaction-Id: " + SECRET + b"\r\n\r\n")  # fmt: skip


def early(status, more=b""):
    return b"HTTP/1.1 " + status + b"\r\nLink: </" + SECRET + b">\r\nX-Note: " + SECRET + b"\r\n" + more + b"\r\n"


@pytest.fixture(scope="module")
def source():
    made = Source()
    yield made
    made.stop()


def with_whole(content):
    """A second operation, that goes out whole."""
    whole = {"reasoning": "XML cannot be taken apart.", "categories": ["income"], "sensitivity": "personal"}
    operations = content["clauses"][0]["operations"]
    operations.append({**operations[0], "name": "whole", "path": "/whole/{person}", "content_type": "application/xml",
                       "delivered": [], "whole_document": whole})  # fmt: skip
    return content


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token):
    conclude(consumer, provider, consumer.drafts(with_whole(document(provider.node, consumer.node)), folder))
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 30)


@pytest.fixture(autouse=True)
def as_before(source):
    source.says = plain()


SAID = {
    "early hints": early(b"103 Early Hints") + plain(),
    "many of them": early(b"100 Continue") + early(b"102 Processing") + early(b"103 Early Hints") * 3 + plain(),
    "a status of its own": early(b"199 " + SECRET) + plain(),
    "chunk extensions and trailers": chunked(),
    "early hints, extensions and trailers": early(b"103 Early Hints") + chunked(),
    "a reason phrase": plain(b"200 " + SECRET),
    "behind the end": plain() + early(b"200 OK") + SECRET,
}


@pytest.mark.parametrize("way", SAID)
def test_what_a_source_says_beside_its_answer_goes_to_nobody(consumer, provider, authority, token, working, source, way):
    source.says = SAID[way]
    sent = Wire(consumer, provider, authority).ask(BSN)
    assert b" 200 " in sent.split(b"\r\n")[0] and b'"below_minimum":true' in sent.replace(b" ", b""), sent
    assert SECRET not in sent and b"HTTP/1.1 1" not in sent and b"X-Other" not in sent, sent
    answer = ask(consumer, token)
    assert (answer.status, answer.json()) == (200, AGREED) and SECRET.decode() not in str(answer.headers), answer


def test_nothing_stands_behind_a_document_that_goes_out_whole(consumer, provider, authority, token, working, source):
    body = b"<income><year>2026</year></income>"
    source.says = early(b"103 Early Hints") + chunked(b"application/xml", body)
    sent = Wire(consumer, provider, authority).send("GET", f"/whole/{BSN}")
    assert body[:10] in sent and SECRET not in sent, sent
    answer = ask(consumer, token, f"/{SERVICE}/whole/{BSN}")
    assert (answer.status, answer.body) == (200, body) and SECRET.decode() not in str(answer.headers), answer


@pytest.mark.parametrize("upgrade", [b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b""])
def test_a_source_that_wants_to_speak_something_else_is_not_heard(consumer, token, working, source, upgrade):
    source.says = early(b"101 Switching Protocols", upgrade) + SECRET
    answer = ask(consumer, token)
    assert answer.status == 502 and SECRET not in answer.body and SECRET.decode() not in str(answer.headers), answer
