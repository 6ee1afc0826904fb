"""Beyond the suite: what other managers write otherwise, or later versions will; and what was missed, fetched by GET.

The texts define neither what an absent map looks like nor that a listing holds nothing new; programs that write `null`
for an empty list or map are common.
"""

import pytest

from support import signing
from support.checks import eventually, transaction_id
from support.contract import connection, contract, peers_of
from support.hashing import content_hash
from support.servers import Reply
from support.steps import authorised, called

SERVICE = "inkomens"


class Otherwise:
    """Answers of a fake manager replaced by path; the rest as it was."""

    def __init__(self, peer):
        self.peer = peer
        self.replies = {}
        self.asked = []
        before = peer.answer

        def answer(request):
            if request.method == "GET" and request.path in self.replies:
                self.asked.append(request)
                return Reply.of(self.replies[request.path](request))
            return before(request)

        peer.answer = answer


@pytest.fixture(scope="module")
def directory(world):
    return world.peer("directory")


@pytest.fixture(scope="module")
def node(world, echo, directory):
    made = world.node("provider", directories=[directory])
    made.add_service(SERVICE, echo.url)
    return made


def listed(name, **data):
    peer = {"id": "00000099000000000004", "name": "Dienst Bronbeheer", "manager_address": "https://bron.test:8443"}
    data = {"type": "SERVICE_TYPE_SERVICE", "peer": peer, "name": name, "protocol": "PROTOCOL_TCP_HTTP_1.1", **data}
    return {"data": data}


def found(node):
    items = node.cli("service", "find")
    items = items["items"] if isinstance(items, dict) else items
    return [each["name"] for each in items]


def test_a_listing_with_entries_of_a_later_version(node, directory):
    """manager.yaml, serviceListing: `type` and `protocol` are enumerations that grow; what is known is shown."""
    otherwise = Otherwise(directory)
    entries = [
        listed("eerste"),
        listed("nieuwe-soort", type="SERVICE_TYPE_REGULATED_SERVICE"),
        listed("nieuw-protocol", protocol="PROTOCOL_QUIC_HTTP_3"),
        {"data": None},
        listed("laatste", properties=None, more={"a": 1}),
    ]
    otherwise.replies["/v1/services"] = lambda request: {"services": entries, "pagination": {"next_cursor": ""}}
    assert found(node) == ["eerste", "laatste"]


def test_an_empty_listing_may_be_null(node, directory):
    otherwise = Otherwise(directory)
    for empty in ({"services": None, "pagination": {"next_cursor": ""}}, {"services": [], "pagination": None}, {}):
        otherwise.replies["/v1/services"] = lambda request, empty=empty: empty
        assert found(node) == []


def test_a_cursor_after_the_last_page(node, directory):
    """A manager that gives a cursor with every page that holds anything: the end is an empty page."""
    otherwise = Otherwise(directory)

    def page(request):
        asked = request.query.get("cursor", [""])[0]
        names = {"": ["a1a", "b2b"], "1": ["c3c"]}.get(asked, [])
        return {
            "services": [listed(each) for each in names] or None,
            "pagination": {"next_cursor": {"": "1", "1": "2"}.get(asked)},
        }

    otherwise.replies["/v1/services"] = page
    assert found(node) == ["a1a", "b2b", "c3c"]
    assert [each.query.get("cursor", [""])[0] for each in otherwise.asked] == ["", "1", "2"]


SHAPES = {
    "null maps": lambda held: {**held, "signatures": {"accept": held["signatures"]["accept"], "reject": None}},
    "no signatures": lambda held: {"content": held["content"]},
    "null signatures": lambda held: {**held, "signatures": None, "more": 1},
    "a signature that is none": lambda held: {
        **held, "signatures": {"accept": {**held["signatures"]["accept"], "00000099000000000009": None}},
    },
    "no content": lambda held: {"content": None, "signatures": held["signatures"]},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_contracts_are_compared_with_a_manager_that_writes_otherwise(world, node, shape):
    """After a start nothing passes before contracts have been compared by GET /contracts (Core 4.4.1.5): an answer that
    is odd in form must not shut its sender out."""
    consumer = world.peer("consumer")
    content, _, token, _ = authorised(node, consumer, SERVICE)
    otherwise = Otherwise(consumer)
    otherwise.replies["/v1/contracts"] = lambda request: {
        "contracts": [SHAPES[shape](each) for each in consumer.contracts.values()],
        "pagination": None,
    }
    node.stop()
    node.start()
    eventually(lambda: called(node, consumer, token)[1].status == 200, "answer after the comparison")
    assert otherwise.asked
    consumer.sign(node.manager_address, content, "revoke")


@pytest.mark.parametrize("kind", ["accept", "revoke"])
def test_what_was_missed_is_fetched(world, node, echo, kind):
    """Core 4.4.1.5: a contract that the counterpart shows, and a signature on it that never arrived, are taken over
    after a start, before anything passes."""
    consumer = world.peer("consumer")
    content, _, token, _ = authorised(node, consumer, SERVICE)
    node.stop()
    missed = content
    if kind == "accept":
        missed = contract(connection(consumer.identity, node.id, SERVICE))
    signature = signing.contract_signature(consumer.identity, missed, kind)
    consumer.keep(missed)["signatures"][kind][consumer.id] = signature
    node.start()
    wanted = content_hash(missed)

    def taken():
        held = consumer.contract_at(node.manager_address, wanted)
        return held and held["signatures"][kind].get(consumer.id) == signature

    if kind == "revoke":
        echo.forget()
        assert called(node, consumer, token, transaction=transaction_id())[1].status >= 400
        assert echo.received() == []
    eventually(taken, "the signature that was missed", 10)
    assert peers_of(missed) == {consumer.id, node.id}
