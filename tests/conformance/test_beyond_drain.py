"""SIGTERM: what runs may finish, nothing new is taken, and the process ends when the last exchange has."""

import threading
import time

import pytest

from support.checks import eventually, record_of
from support.servers import Reply
from support.steps import authorised, called
from support.wire import Refused

SERVICE = "inkomens"


def test_a_running_exchange_finishes_and_then_the_process_ends(world, consumer, echo):
    node = world.node("provider")
    node.add_service(SERVICE, echo.url)
    _, _, token, _ = authorised(node, consumer, SERVICE)
    held, go_on = threading.Event(), threading.Event()

    def respond(request):
        if request.path == "/slow":
            held.set()
            go_on.wait(10)
        return Reply.of({"path": request.path})

    echo.respond = respond
    # Connections that stand idle must not hold up the end.
    client = consumer.client(node.manager_address)
    idle = client.open()
    assert client.get("/v1/peer", over=idle).status == 200
    outcome = []
    caller = threading.Thread(target=lambda: outcome.append(called(node, consumer, token, path="/slow")))
    try:
        caller.start()
        assert held.wait(10)
        node.process.terminate()
        time.sleep(0.5)
        assert node.process.poll() is None, "ended under a running exchange"
        with pytest.raises((Refused, OSError)):
            called(node, consumer, token, path="/new")
        go_on.set()
        caller.join(10)
        ended = time.monotonic()
        [(transaction, answer)] = outcome
        assert answer.status == 200 and answer.json()["path"] == "/slow"
        assert node.process.wait(20) == 0
        assert time.monotonic() - ended < 2, "the end waits for idle connections"
        assert echo.received(path="/new") == []
    finally:
        go_on.set()
        echo.respond = None
    node.process = None
    node.start()
    eventually(lambda: record_of(consumer, node, transaction), "record of the exchange that was under way")
