"""The group's trust anchors change while the node runs: `verbond reload` swaps them."""

import threading
import time
from pathlib import Path

import pytest

from support.checks import cut_off, eventually
from support.node import NodeFault
from support.steps import authorised, called
from support.wire import Client, Refused

SERVICE = "inkomens"


@pytest.fixture
def node(world, echo, foreign_authority):
    """A node that has the revocation lists of a second authority, but not its anchor."""
    made = world.node(
        "provider",
        settings={"group": {"revocation": {"lists": ["root.crl", "intermediate.crl", "f/root.crl", "f/intermediate.crl"]}}},
        start=False,
    )
    (made.folder / "f").mkdir()
    foreign_authority.write_lists(made.folder / "f")
    made.start()
    made.add_service(SERVICE, echo.url)
    yield made
    made.stop()


@pytest.fixture
def put(node, authority, foreign_authority):
    """Puts the anchors of these authorities in the file."""

    def write(*authorities):
        text = b"".join(Path(each.anchors).read_bytes() for each in authorities)
        (node.folder / "trust-anchors.pem").write_bytes(text)

    write.own, write.other = authority, foreign_authority
    return write


def test_an_authority_comes_and_goes_and_no_connection_of_others_drops(node, put, consumer, authority, foreign_authority):
    newcomer = foreign_authority.issue("00000099000000000077", "Gemeente Nieuw", "nieuw.test", kind="p256")
    stranger = Client(node.manager_address, anchors=authority.anchors, identity=newcomer)
    cut_off(lambda: stranger.get("/v1/peer"))

    # Calls on standing connections all the while, over manager and inway.
    _, _, token, _ = authorised(node, consumer, SERVICE)
    client = consumer.client(node.manager_address)
    kept, failures, end = client.open(), [], threading.Event()

    def work():
        while not end.is_set():
            try:
                answers = client.get("/v1/peer", over=kept), called(node, consumer, token)[1]
                failures.extend(str(each) for each in answers if each.status != 200)
            except (Refused, OSError) as fault:
                failures.append(repr(fault))

    client.get("/v1/peer", over=kept)
    socket = kept.sock
    thread = threading.Thread(target=work)
    thread.start()
    try:
        time.sleep(0.2)
        put(put.own, put.other)
        answer = node.cli("reload")
        assert answer["trust_anchors_changed"] is True and answer["restart_needed_for"] == [], answer
        assert node.cli("reload")["trust_anchors_changed"] is False
        theirs = stranger.open()
        assert stranger.get("/v1/peer", over=theirs).status == 200
        put(put.own)
        assert node.cli("reload")["trust_anchors_changed"] is True

        # Its standing connection ends as well, within the bound.
        def is_cut():
            try:
                return stranger.get("/v1/peer", over=theirs).status >= 400
            except (Refused, OSError):
                return True

        eventually(is_cut, "end of a connection under an anchor that is gone", seconds=2)
        cut_off(lambda: stranger.get("/v1/peer"))
        time.sleep(0.2)
    finally:
        end.set()
        thread.join()
    assert failures == [] and kept.sock is socket


def test_anchors_that_cut_the_node_itself_off_are_not_taken(node, put, consumer):
    for text, code in (
        (Path(put.other.anchors).read_bytes(), "CERTIFICATE_REFUSED"),
        (b"no certificate", "TRUST_ANCHORS_UNUSABLE"),
        (Path(node.identity.certificate_file).read_bytes(), "TRUST_ANCHORS_UNUSABLE"),
    ):
        (node.folder / "trust-anchors.pem").write_bytes(text)
        with pytest.raises(NodeFault, match=code):
            node.cli("reload")
        assert consumer.client(node.manager_address).get("/v1/peer").status == 200
    put(put.own)
    assert node.cli("reload")["trust_anchors_changed"] is False
