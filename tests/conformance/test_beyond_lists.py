"""Beyond the suite: anybody can gather the public lists of a coalition and lay them side by side, without a node. The list of the third
party is written here, from docs/adr/0031."""

import copy
import json
import subprocess
import urllib.parse
import urllib.request

import pytest

from support.agreements import SERVICE, conclude, document
from support.between_two import consumer, folder, provider, source  # noqa: F401
from support.checks import eventually
from support.servers import Reply
from support.wire import LOOPBACK

THIRD = "oin:00000099000000077000"
BETWEEN_ALL = "01932f5e-7c00-7000-8000-000000000077"
"""An agreement that the third party shows alone at first."""


class PublicList:
    """A party's public list, as another program would keep it: pages of two."""

    def __init__(self, server):
        self.items, self.server = [], server
        server.respond = self.page

    def page(self, request):
        parts = urllib.parse.urlsplit(request.target)
        if parts.path != "/v1/agreements":
            return Reply.of({"title": "absent"}, 404)
        cursor = urllib.parse.parse_qs(parts.query).get("cursor", [None])[0]
        begin = 0 if cursor is None else 1 + [each["hash"] for each in self.items].index(cursor)
        shown = self.items[begin : begin + 2]
        more = len(self.items) > begin + 2
        return Reply.of({"items": shown, "next": shown[-1]["hash"] if more else None})


@pytest.fixture(scope="module")
def third(world):
    return PublicList(world.echo())


@pytest.fixture(scope="module")
def agreed(provider, consumer, folder):
    digest = consumer.drafts(document(provider.node, consumer.node), folder)
    conclude(consumer, provider, digest)
    return digest


def at(organisation):
    port = organisation.node.public_address.rpartition(":")[2]
    return f"oin:{organisation.node.id}=http://{LOOPBACK}:{port}"


def gathered(provider, *lists, text=False):
    """What the verb says, and its exit status. It is given a data directory that does not exist: it needs none."""
    done = subprocess.run(
        [provider.node.binary, "--data", "/nonexistent", "agreement", "lists", *lists, *([] if text else ["--json"])],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=provider.node.environment,
    )
    return done.returncode, done.stdout if text else json.loads(done.stdout or "null"), done.stderr


def settled(provider, *lists):
    """Until what was signed just now stands in both."""
    return eventually(lambda: (got := gathered(provider, *lists))[0] == 0 and got[1], "lists that say the same", 30)


def items(provider, consumer):
    """The provider's list as it is."""
    with urllib.request.urlopen(at(provider).partition("=")[2] + "/v1/agreements", timeout=10) as answer:
        return json.loads(answer.read())["items"]


def test_lists_that_say_the_same_are_told_so(provider, consumer, agreed):
    got = settled(provider, at(provider), at(consumer))["compared"]
    assert got["differences"] == [] and got["not_gathered"] == []
    assert [(each["shown"], each["in_force"], each["withheld"]) for each in got["lists"]] == [(1, 1, 0)] * 2


def test_what_a_party_does_not_show_is_named_and_where_agreements_meet(provider, consumer, agreed, third):
    settled(provider, at(provider), at(consumer))
    (known,) = items(provider, consumer)
    joint = copy.deepcopy(known)
    joint.update(id=BETWEEN_ALL, hash="sha256:" + "7" * 64)
    joint["parties"] = [{"participant": THIRD, "name": "Derde"}, known["parties"][0], known["parties"][1]]
    joint["clauses"][0]["service"] = {"provider": THIRD, "name": "benefits"}
    third.items[:] = [joint]
    lists = (at(provider), at(consumer), f"{THIRD}={third.server.url}")
    status, got, _ = gathered(provider, *lists)
    assert status == 1
    found = [(each["kind"], each["agreement"], each["shown_by"]) for each in got["compared"]["differences"]]
    assert found == [("not_shown", BETWEEN_ALL, THIRD)] * 2
    assert {each["other"] for each in got["compared"]["differences"]} == {
        f"oin:{each.node.id}" for each in (provider, consumer)
    }
    # Two agreements, seen in the lists of different parties, bring two sources together at one participant.
    (meeting,) = got["compared"]["meetings"]
    assert meeting["receiver"] == f"oin:{consumer.node.id}"
    assert meeting["services"] == sorted([f"{THIRD}/benefits", f"oin:{provider.node.id}/{SERVICE}"])
    assert meeting["agreements"] == sorted([BETWEEN_ALL, known["id"]])
    _, table, _ = gathered(provider, *lists, text=True)
    assert "a party whose list does not show it" in table and "MEET AT" in table


@pytest.mark.parametrize(
    "member, change",
    [
        ("until", lambda one: one.update(until="2031-01-01T00:00:00Z")),
        ("clauses", lambda one: one["clauses"][0].update(activities=["https://elsewhere.example/register"])),
        ("withheld", lambda one: one.update(withheld={"what": "alles", "provision": None, "until": None})),
        (None, lambda one: one.update(hash="sha256:" + "1" * 64)),
    ],
)
def test_what_lists_tell_differently_is_named(provider, consumer, agreed, third, member, change):
    settled(provider, at(provider), at(consumer))
    (other,) = items(provider, consumer)
    change(other)
    third.items[:] = [other]
    # The third list stands for the consumer's: what it would show if it were edited.
    status, got, _ = gathered(provider, at(provider), f"oin:{consumer.node.id}={third.server.url}")
    (difference,) = got["compared"]["differences"]
    assert status == 1 and difference.get("member") == member
    assert difference["kind"] == ("told" if member else "hash")
    withheld = [each["withheld"] for each in got["compared"]["lists"]]
    assert sum(withheld) == (1 if member == "withheld" else 0)


def test_pages_are_followed_to_the_end_and_a_list_in_part_is_none(provider, consumer, agreed, third):
    (one,) = items(provider, consumer)
    third.items[:] = [
        {**one, "id": f"01932f5e-7c00-7000-8000-0000000000{number}", "hash": f"sha256:{number:064}"} for number in range(10, 15)
    ]
    of = f"oin:{consumer.node.id}={third.server.url}"
    status, got, _ = gathered(provider, of)
    assert (status, got["compared"]["lists"][0]["shown"]) == (0, 5)
    assert [each["participant"] for each in got["compared"]["not_gathered"]] == [f"oin:{provider.node.id}"]
    for respond, reason in (
        (lambda request: Reply.of({"title": "gone"}, 503), "503"),
        (lambda request: Reply(200, b"<html>", {"Content-Type": "text/html"}), "no page"),
        (lambda request: Reply.of({"items": [{"id": "x"}], "next": None}), "agreement 1"),
        (lambda request: Reply.of({"items": [], "next": "again"}), "do not end"),
    ):
        third.server.respond = respond
        status, got, _ = gathered(provider, at(provider), of)
        (failure,) = got["failures"]
        assert status == 3 and failure["participant"] == f"oin:{consumer.node.id}" and reason in failure["reason"]
        assert got["compared"]["differences"] == []
    third.server.respond = third.page


def test_what_is_no_address_is_said_before_anything_is_asked(provider):
    status, _, said = gathered(provider, "oin:00000099000000077000")
    assert status == 2 and "PARTICIPANT=ADDRESS" in said
