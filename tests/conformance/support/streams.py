"""Answers that go on until they are told to end, and whoever reads them while they come. Fixtures as in `between_two`."""

import http.client
import json
import threading
import time

import pytest

from .agreements import SERVICE, SOURCE, element
from .servers import Reply


class Lines:
    """A source that gives one line after another, until it is told to end."""

    def __init__(self):
        self.go_on = threading.Event()

    def __iter__(self):
        yield b"["
        number = 0
        while not self.go_on.is_set():
            yield (b"," if number else b"") + json.dumps({"year": number, "name": "A. Voorbeeld"}).encode()
            number += 1
            time.sleep(0.05)
        yield b"]"


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def source(world, lines):
    echo = world.echo()

    def respond(request):
        if request.path != "/years":
            return Reply.of(SOURCE)
        lines.append(Lines())
        return Reply(200, lines[-1], {"Content-Type": "application/json"})

    echo.respond = respond
    yield echo
    for each in lines:
        each.go_on.set()


class Stream:
    """An answer that is read while it comes."""

    def __init__(self, consumer, token):
        host, port = consumer.node.bind["outway"]
        self.connection = http.client.HTTPConnection(host, port, timeout=30)
        self.connection.request("GET", f"/{SERVICE}/years", headers={"Authorization": f"Bearer {token}"})
        self.answer = self.connection.getresponse()
        self.text, self.whole = b"", None
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        try:
            while part := self.answer.read1(65536):
                self.text += part
            self.whole = True
        except (http.client.HTTPException, OSError):
            self.whole = False


def with_years(content):
    """The same agreement with an operation whose answer is a long list."""
    operation = {
        "name": "years",
        "method": "GET",
        "path": "/years",
        "content_type": "application/json",
        "record": "$[*]",
        "delivered": [element("$[*].year", "integer", "not_personal")],
    }
    content["clauses"][0]["operations"].append(operation)
    return content
