"""The ports of the standard: 443 and 8443 (Core 4.1.1), on loopback addresses of the suite's own."""

import os
import socket

import pytest

from support.checks import inway_refuses
from support.wire import Client
from support.world import CAST

scenario = pytest.mark.scenario


def ports():
    """8443, and 443 where this user may open it."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.97", 443))
        except OSError:
            return [8443]
    return [8443, 443]


@pytest.fixture(scope="module")
def nodes(world, authority):
    """A node per port; manager and inway each have an address and a name of their own."""
    made = {}
    peer_id, name, host = CAST["provider"]
    inway_host = f"inway.{host}"
    identity = authority.issue(peer_id, name, host, kind="p256", hosts=[inway_host])
    for number, port in enumerate(ports()):
        stem = f"127.{64 + os.getpid() % 128}.{number}"
        made[port] = world.node(
            "provider",
            identity=identity,
            inway_host=inway_host,
            addresses={"manager": (f"{stem}.1", port), "inway": (f"{stem}.2", port)},
            settings={"group": {"ports": [443, 8443]}},
        )
    return made


@scenario("Manager-Port-1")
def test_manager(nodes, cast, authority):
    """When a request goes to the manager on 8443, or on 443; then it answers (Core 4.1.1)."""
    for node in nodes.values():
        client = Client(
            node.manager_address, anchors=authority.anchors, identity=cast("consumer"), dial=node.bind["manager"][0]
        )
        answer = client.get("/v1/peer")
        assert answer.status == 200 and answer.json()["peer_id"] == node.id, answer


@scenario("Inway-Port-1")
def test_inway(nodes, cast, authority):
    """When a request goes to the inway on 8443, or on 443; then it answers, here with the refusal of a request without
    a token (Core 4.1.1)."""
    for node in nodes.values():
        client = Client(
            node.inway_address, anchors=authority.anchors, identity=cast("consumer"), dial=node.bind["inway"][0]
        )
        inway_refuses(client.get("/"), "ERROR_CODE_ACCESS_TOKEN_MISSING")
