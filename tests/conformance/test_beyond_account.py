"""Beyond the suite: after the last byte each side writes down what crossed, and the two accounts can be compared.

What crossed is counted here by a tap between the two nodes; digests are made with Python's own means.
"""

import base64
import hashlib
import json
import re
import sqlite3
import subprocess
import time

import pytest

from support.agreements import AGREED, BSN, PURPOSE, SERVICE, SOURCE, ask, conclude, document
from support.between_two import consumer, folder, token  # noqa: F401
from support.caller import Caller
from support.checks import eventually
from support.journal import position_of
from support.node import NodeFault
from support.servers import Reply
from support.streams import Stream, lines, source, with_years  # noqa: F401
from support.tapped import provider, tap  # noqa: F401
from support.world import CAST

BEGUN = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))


@pytest.fixture(scope="module")
def working(consumer, provider, folder, token, tap, authority):
    """Two nodes that exchange under an agreement, through the tap."""
    tap.between(consumer.node, provider.node, authority.anchors)
    digest = consumer.drafts(with_years(document(provider.node, consumer.node)), folder)
    conclude(consumer, provider, digest)
    eventually(lambda: ask(consumer, token).status == 200, "an answer under the agreement", 20)
    return digest


def completions(organisation):
    lines = organisation.node.cli("record", "journal", "--kind", "completion", "--limit", "1000")["items"]
    return {line["payload"]["transaction_id"]: line["payload"] for line in lines}


def completed(organisation, transaction):
    return eventually(lambda: completions(organisation).get(transaction), "the completion")


def transaction_of(answer):
    return answer.headers["Fsc-Transaction-Id"]


def body_in(raw):
    """The content of the last response in what a tap holds: by its length, or in chunks."""
    head, _, rest = raw.rpartition(b"HTTP/1.1 200")[2].partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return rest
    content = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return content
        content, rest = content + rest[:length], rest[length + 2 :]
    return content


def digest_of(salt, content):
    raw = base64.urlsafe_b64decode(salt + "=")
    return base64.urlsafe_b64encode(hashlib.sha256(raw + content).digest()).rstrip(b"=").decode()


def reconcile(organisation, other, *, status=0):
    """What comes of comparing; the program's exit status says whether the accounts disagree."""
    time.sleep(6)  # what is younger may still be going on
    node = organisation.node
    done = subprocess.run(
        [node.binary, "--data", str(node.folder), "account", "reconcile", f"oin:{other.node.id}", "--after", BEGUN, "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=node.environment,
    )  # fmt: skip
    assert done.returncode == status, done
    return json.loads(done.stdout)


def test_both_sides_write_down_what_crossed(consumer, provider, token, working, tap):
    tap.forget()
    answer = ask(consumer, token)
    assert answer.json() == AGREED
    salt = re.search(rb"(?i)verbond-digest-salt: ([\w-]{43})\r\n", tap.asked)[1].decode()
    crossed = body_in(tap.answered)
    assert json.loads(crossed) == AGREED
    halves = [completed(each, transaction_of(answer)) for each in (consumer, provider)]
    for half in halves:
        assert (half["delivery"], half["status"], half["salt"]) == ("whole", 200, salt)
        assert half["response"] == {"bytes": len(crossed), "digest": digest_of(salt, crossed)}
        assert half["request"] == {"bytes": 0, "digest": digest_of(salt, b"")}
        assert half["elements"] == [{"path": "$.income.below_minimum", "count": 1}, {"path": "$.year", "count": 1}] or \
            half["elements"] == [{"path": "$.year", "count": 1}, {"path": "$.income.below_minimum", "count": 1}]  # fmt: skip
    assert halves[0]["elements"] == halves[1]["elements"]
    assert [half["direction"] for half in halves] == ["outgoing", "incoming"]
    # Each names the permit that it completes.
    for organisation, half in zip((consumer, provider), halves, strict=True):
        permits = organisation.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
        permit = next(line for line in permits if line["id"] == half["permit"])
        assert permit["payload"]["transaction_id"] == half["transaction_id"]


def test_the_source_and_the_application_see_no_salt(consumer, token, working, source):
    source.forget()
    answer = ask(consumer, token)
    assert [each for each in source.received() if "verbond-digest-salt" in map(str.lower, each.headers)] == []
    assert "verbond-digest-salt" not in map(str.lower, answer.headers)


def test_what_came_to_nothing_is_no_delivery(consumer, provider, token, working, source):
    before = source.respond
    source.respond = lambda request: Reply.of({"fault": True}, status=500)
    try:
        answer = ask(consumer, token)
    finally:
        source.respond = before
    assert answer.status >= 500
    half = completed(provider, transaction_of(answer))
    assert (half["delivery"], half["response"]["bytes"]) == ("nothing", 0) and half["code"]
    assert completed(consumer, transaction_of(answer))["delivery"] == "nothing"


def test_a_stream_that_is_broken_off_is_not_whole(consumer, provider, token, working, lines, source):
    stream = Stream(consumer, token)
    eventually(lambda: stream.text.count(b"year") > 5, "some lines")
    transaction = stream.answer.headers["Fsc-Transaction-Id"]
    stream.connection.sock.shutdown(2)
    stream.reader.join(10)
    half = completed(consumer, transaction)
    assert half["delivery"] == "broken_off"
    lines[-1].go_on.set()
    assert completed(provider, transaction)["delivery"] == "broken_off"


def test_two_honest_accounts_are_the_same(consumer, provider, token, working):
    answers = [ask(consumer, token).status for _ in range(5)]
    assert answers == [200] * 5
    for organisation, other in ((consumer, provider), (provider, consumer)):
        came = reconcile(organisation, other)
        assert came["counts"] == {} and came["findings"] == [], came
        assert came["compared"] == came["same"] >= 8
    # That it was compared stands in the journal.
    acts = consumer.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
    act = [line["payload"] for line in acts if line["payload"]["action"] == "account.reconcile"]
    assert act and act[-1]["subject"] == f"oin:{provider.node.id}"


def test_exchanges_are_listed_by_what_they_were_for(consumer, provider, token, working):
    permitted, refused = ask(consumer, token), ask(consumer, token, f"/{SERVICE}/secrets/1")
    assert (permitted.status, refused.status) == (200, 403)
    completed(consumer, transaction_of(permitted)), completed(provider, transaction_of(permitted))
    for organisation, other, direction in ((consumer, provider, "outgoing"), (provider, consumer, "incoming")):
        def listed(*words, officer=organisation.officer()):
            return officer.afar("account", "exchanges", *words, "--limit", "1000")["items"]

        def only(*words, transaction=transaction_of(permitted), listed=listed):
            found = eventually(lambda: listed("--transaction", transaction, *words), "the exchange")
            assert len(found) == 1
            return found[0]

        found = only()
        assert (found["direction"], found["counterpart"], found["service"]) == (direction, f"oin:{other.node.id}", SERVICE)
        assert (found["permitted"], found["code"], found["decision"], found["purpose"]) == (True, None, True, PURPOSE)
        assert (found["agreement"]["hash"], found["agreement"]["version"]) == (working, 1)
        assert found["activity"].startswith(organisation.node.public_address)
        assert (found["completion"]["delivery"], found["completion"]["people"]) == ("whole", 1)
        by = {
            "--agreement": (working, found["agreement"]["id"], f"{found['agreement']['id']}/1"),
            "--activity": (found["activity"],),
            "--purpose": (PURPOSE,),
            "--counterpart": (f"oin:{other.node.id}",),
            "--service": (SERVICE,),
            "--after": (BEGUN,),
            "--before": ("2099-01-01T00:00:00Z",),
        }
        for option, values in by.items():
            for value in values:
                assert only(option, value)["transaction_id"] == transaction_of(permitted), option
        transaction = ("--transaction", transaction_of(permitted))
        for option, value in (("--agreement", f"{found['agreement']['id']}/2"), ("--activity", "https://nobody.test/1"), ("--purpose", "other"),
                              ("--counterpart", f"oin:{organisation.node.id}"), ("--service", "other"), ("--before", BEGUN)):  # fmt: skip
            assert listed(*transaction, option, value) == [], option
    # What is refused has a code, and nothing became of it.
    found = eventually(lambda: [each for each in consumer.officer().afar("account", "exchanges", "--limit", "1000")["items"]
                                if not each["permitted"]], "the refusal")[-1]  # fmt: skip
    assert found["code"] and found["completion"] is None and found["decision"] is False
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        consumer.node.cli("account", "exchanges")
    with pytest.raises(NodeFault):
        consumer.people["drafter"].afar("account", "exchanges")


def change(organisation, statement, *values):
    """Whoever has the database can change it: without asking the node."""
    with sqlite3.connect(organisation.node.database, timeout=10) as database:
        assert database.execute(statement, values).rowcount == 1
    database.close()


def test_what_one_party_changes_or_hides_the_other_finds(consumer, provider, token, working):
    changed, hidden, forgotten = (transaction_of(ask(consumer, token)) for _ in range(3))
    for transaction in (changed, hidden, forgotten):
        completed(provider, transaction), completed(consumer, transaction)
    time.sleep(1)
    # The provider says that something else left,
    position, said = position_of(provider.node, changed, "completion")
    said["response"]["digest"] = digest_of(said["salt"], b"something else")
    said["elements"] = said["elements"][:1]
    unsealed = "UPDATE journal_entry SET payload = ?, salt = zeroblob(32), key_id = 0 WHERE position = ?"
    change(provider, unsealed, json.dumps(said).encode(), position)
    # that nothing was ever asked,
    position, _ = position_of(provider.node, hidden, "permit")
    change(provider, "DELETE FROM transaction_record WHERE position = ?", position)
    # and the consumer does not know what became of something.
    position, _ = position_of(consumer.node, forgotten, "completion")
    change(consumer, "DELETE FROM completion_record WHERE position = ?", position)

    found = {each["transaction_id"]: each for each in reconcile(consumer, provider, status=1)["findings"]}
    assert found.keys() == {changed, hidden, forgotten}
    assert (found[changed]["kind"], found[changed]["members"]) == ("differs", ["elements", "response.digest"])
    assert found[hidden]["kind"] == "missing_there"
    assert found[forgotten]["kind"] == "unknown_here"
    assert all(each["direction"] == "outgoing" and each["service"] == SERVICE for each in found.values())
    # The provider's own comparison names the same, the other way round.
    found = {each["transaction_id"]: each["kind"] for each in reconcile(provider, consumer, status=1)["findings"]}
    assert found == {changed: "differs", hidden: "missing_here", forgotten: "unknown_there"}


def test_a_cut_leaves_a_permit_that_reads_unknown(consumer, provider, token, working, lines, source):
    stream = Stream(consumer, token)
    eventually(lambda: stream.text.count(b"year") > 5, "some lines")
    transaction = stream.answer.headers["Fsc-Transaction-Id"]
    consumer.node.kill()
    stream.reader.join(10)
    lines[-1].go_on.set()
    consumer.node.start()
    came = eventually(
        lambda: [each for each in reconcile(consumer, provider, status=1)["findings"]
                 if each["transaction_id"] == transaction], "the finding", 30)  # fmt: skip
    assert [each["kind"] for each in came] == ["unknown_here"]


def test_no_person_is_named_in_an_account(consumer, provider, token, working):
    for organisation in (consumer, provider):
        told = json.dumps(list(completions(organisation).values()))
        assert BSN not in told and SOURCE["name"] not in told


@pytest.fixture(scope="module")
def third(world, authority, folder, provider):
    """A participant that had no part in any of it."""
    identity = authority.issue(*CAST["publisher"], kind="p256")
    return Caller(identity, authority.anchors, "https://nobody.test:443")


def test_others_see_nothing_of_it(consumer, provider, authority, third, working):
    query = "/verbond/v1/exchanges?fromMillis=0&untilMillis=4000000000000"
    own = Caller(consumer.node.identity, authority.anchors, consumer.node.manager_address)
    address = provider.node.manager_address
    assert own.client(address).get(query).json()["items"]
    answer = third.client(address).get(query)
    assert (answer.status, answer.json()) == (200, {"items": []})
    for wrong in ("", "?fromMillis=1", "?fromMillis=x&untilMillis=2", "?fromMillis=0&untilMillis=1&peer=oin:1",
                  "?fromMillis=0&untilMillis=1&cursor=x"):  # fmt: skip
        answer = third.client(address).get("/verbond/v1/exchanges" + wrong)
        assert answer.status == 400 and answer.json()["code"], wrong
