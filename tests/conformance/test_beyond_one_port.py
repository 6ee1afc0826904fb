"""Manager and inway of a node behind one port, told apart by the name that is asked for in the handshake (SNI)."""

import socket
import ssl

import pytest

from support.checks import eventually, fsc_error, inway_refuses, manager_refuses, record_of
from support.wire import LOOPBACK, Client, Refused, free_port, tls_context
from support.world import CAST

SERVICE = "inkomens"
ROLES = ("provider", "consumer")


def inway_name(role):
    return f"inway.{CAST[role][2]}"


@pytest.fixture(scope="module")
def nodes(world, authority, echo):
    """Two nodes with one port each; the provider is the group's directory as well."""
    made = {}
    for role in ROLES:
        peer_id, name, host = CAST[role]
        place = (LOOPBACK, free_port())
        made[role] = world.node(
            role,
            identity=authority.issue(peer_id, name, host, kind="p256", hosts=[inway_name(role)]),
            inway_host=inway_name(role),
            addresses={"manager": place, "inway": place},
            directories=[made["provider"]] if made else [],
            directory_role=not made,
            accept=True,
            settings={"hosts": {inway_name(each): LOOPBACK for each in ROLES}},
        )
    provider, consumer = made.values()
    consumer.cli("peer", "announce")
    provider.add_service(SERVICE, echo.url)
    return made


def test_a_call_goes_through_one_port_at_either_side(nodes, echo):
    """Contract, signatures and token go to the managers, the call to the inway, all over the shared ports."""
    provider, consumer = nodes.values()
    assert provider.bind["manager"] == provider.bind["inway"]
    proposed = consumer.propose(provider.id, SERVICE)
    eventually(lambda: consumer.cli("contract", "show", proposed["hash"])["state"] == "valid", "valid contract")
    token = consumer.add_application("balie")
    consumer.allow("balie", provider.id, SERVICE, "inkomens")
    answer = consumer.outway("/inkomens/p-1?x=1", token)
    assert answer.status == 200 and answer.json()["target"] == "/p-1?x=1", answer
    transaction = answer.headers["Fsc-Transaction-Id"]
    for holder in (provider, consumer):
        record_of(consumer.caller(), holder, transaction)


def test_the_name_in_the_handshake_decides(nodes, cast, authority):
    """Not the Host header: what a connection was opened for, it stays for."""
    provider, _ = nodes.values()
    identity = cast("stranger")
    manager, inway = (
        Client(address, anchors=authority.anchors, identity=identity)
        for address in (provider.manager_address, provider.inway_address)
    )
    assert manager.get("/v1/peer").status == 200
    inway_refuses(inway.get("/v1/peer"), "ERROR_CODE_ACCESS_TOKEN_MISSING")
    other = {"Host": f"{inway_name('provider')}:{provider.bind['inway'][1]}"}
    assert manager.get("/v1/peer", headers=other).status == 200
    manager_refuses(manager.get("/", headers=other))
    other = {"Host": f"{CAST['provider'][2]}:{provider.bind['manager'][1]}"}
    assert fsc_error(inway.get("/v1/peer", headers=other), "ERROR_DOMAIN_INWAY") == "ERROR_CODE_ACCESS_TOKEN_MISSING"


@pytest.mark.parametrize("name", ["elders.test", None])
def test_another_name_or_none_gets_no_answer(nodes, cast, authority, name):
    provider, _ = nodes.values()
    context = tls_context(authority.anchors, cast("stranger"))
    context.check_hostname = False
    with pytest.raises((ssl.SSLError, ConnectionError, Refused)):
        raw = socket.create_connection(provider.bind["inway"], 10)
        with context.wrap_socket(raw, server_hostname=name) as connection:
            connection.sendall(b"GET /v1/peer HTTP/1.1\r\nHost: inway\r\nConnection: close\r\n\r\n")
            if not connection.recv(1):
                raise Refused("closed without an answer")
