"""Beyond the suite: what the journal says of exchanges lies sealed, is destroyed when its time is over by the rule that the journal
names, leaves no trace in the files, and stays where a legal hold stands."""

import datetime
import sqlite3
import time
import uuid

import pytest

from support.checks import eventually, records_of
from support.clock import shifted
from support.contract import connection, contract
from support.hashing import content_hash, grant_hash
from support.node import NodeFault, free_port, merge, toml
from support.person import Person, invite
from support.steps import called
from support.world import CAST

SERVICE = "inkomens"
DAY = 86400
# So many days on, the month in which the tests run is over, and so is what was written on its last day.
LATER = 35 * DAY


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def node(world, authority, echo, port):
    """A node whose group keeps exchanges for one day, with a certificate that outlives the tests' journey in time."""
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=90)
    identity = authority.issue(*CAST["provider"], kind="p256", hosts=("localhost",), not_after=ends)
    settings = {"group": {"retention_days": 1}, "administration": {"listen": f"127.0.0.1:{port}"}}
    made = world.node("provider", identity=identity, settings=settings)
    made.add_service(SERVICE, echo.url)
    yield made
    assert not [line for line in made.stderr if "panicked" in line], made.stderr


@pytest.fixture(scope="module")
def people(node, authority, world, port, tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    made = {}
    for role in ("steward", "auditor", "data_protection_officer"):
        made[role] = Person(world.binary, folder / role, port, authority.anchors)
        made[role].enrol(invite(node, role.replace("_", "-"), role))
    return made


@pytest.fixture(scope="module")
def token(node, consumer):
    content = contract(connection(consumer.identity, node.id, SERVICE))
    assert consumer.submit(node.manager_address, content).status == 201
    node.accept(content_hash(content))
    node.in_force()
    return consumer.token(node.manager_address, grant_hash(content)).json()["access_token"]


def exchanged(node, consumer, token):
    """An exchange that has been written down to its end: its transaction id."""
    transaction, answer = called(node, consumer, token)
    assert answer.status == 200, answer
    eventually(lambda: records_of(consumer, node, transaction), "the record")
    completed = lambda: [line for line in journal(node, "completion") if line["payload"]["transaction_id"] == transaction]  # noqa: E731
    eventually(completed, "the completion")
    return transaction


def journal(node, kind):
    lines = node.cli("record", "journal", "--kind", kind, "--limit", "1000")["items"]
    return [line for line in lines if line["payload"] is not None]


def acts(node, action):
    """Details of the acts, the oldest first."""
    return [line["payload"]["detail"] for line in reversed(journal(node, "act")) if line["payload"]["action"] == action]


def lies(node, content):
    """Whether it stands in one of the database's files."""
    return any(content in file.read_bytes() for file in node.folder.glob("verbond.sqlite*"))


def raw(transaction):
    return uuid.UUID(transaction).bytes


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def restarted(node, shift=None, days=1):
    """The node, once more, with its clock so many seconds on."""
    node.stop()
    node.settings = merge(node.settings, {"group": {"retention_days": days}})
    (node.folder / "verbond.toml").write_text(toml(node.settings))
    if shift is not None:
        node.environment = node.environment | shifted(shift)
    node.start()


@pytest.fixture(scope="module")
def held_and_free(node, consumer, token, people):
    """Two exchanges, of which the first is under a hold."""
    first = exchanged(node, consumer, token)
    time.sleep(1.1)
    until = int(time.time())
    second = exchanged(node, consumer, token)
    people["steward"].afar("journal", "hold", "inquiry-1", "--from", moment(until - 3600), "--until", moment(until),
                           "--reason", "inquiry of the supervisor")  # fmt: skip
    return first, second


def test_what_the_journal_says_lies_sealed(node, held_and_free):
    """What people would look for in a stolen file is not in it."""
    for transaction in held_and_free:
        # By its bytes the exchange is looked for; the record itself, in which it stands as text, cannot be read.
        assert lies(node, raw(transaction))
        assert not lies(node, transaction.encode())
        assert not lies(node, f'"transaction_id":"{transaction}'.encode())
    assert not lies(node, b'"kind":"permit"') and not lies(node, b'"kind":"act"')


def test_a_steward_sets_a_hold_and_others_see_it(node, people, held_and_free):
    for role in ("auditor", "data_protection_officer"):
        (hold,) = people[role].afar("journal", "holds")["items"]
        assert (hold["name"], hold["reason"]) == ("inquiry-1", "inquiry of the supervisor")
    period = ("--from", moment(0), "--reason", "none of mine")
    for asks in (people["auditor"].afar, people["data_protection_officer"].afar, node.cli):
        with pytest.raises(NodeFault, match="NOT_PERMITTED"):
            asks("journal", "hold", "mine", *period)
        with pytest.raises(NodeFault, match="NOT_PERMITTED"):
            asks("journal", "release", "inquiry-1")
    steward = people["steward"].afar
    with pytest.raises(NodeFault, match="HOLD_EXISTS"):
        steward("journal", "hold", "inquiry-1", *period)
    with pytest.raises(NodeFault, match="HOLD_EMPTY"):
        steward("journal", "hold", "inquiry-2", *period, "--until", moment(0))
    with pytest.raises(NodeFault, match="HOLD_UNKNOWN"):
        steward("journal", "release", "inquiry-2")
    act = acts(node, "journal.hold")
    assert [each["reason"] for each in act] == ["inquiry of the supervisor"]


def test_what_is_over_is_destroyed_and_what_is_held_stays(node, held_and_free, people):
    held, free = held_and_free
    report = node.cli("journal", "retention")
    assert (report["keep_days"], report["due"], report["held"], report["destroyed"]) == (1, 0, 0, 0)
    restarted(node, LATER)
    eventually(lambda: not lies(node, raw(free)), "the traces of what is over gone", 20)
    assert lies(node, raw(held))
    kept = {line["payload"]["transaction_id"] for line in journal(node, "permit")}
    assert kept == {held}
    report = eventually(lambda: (found := node.cli("journal", "retention"))["proven"] and found, "the proof")
    # Permit and completion of each.
    assert (report["due"], report["held"], report["destroyed"], report["proven"]) == (0, 2, 2, 2)
    assert [each["name"] for each in report["holds"]] == ["inquiry-1"]
    # Both lie sealed under the key of one month, and the hold keeps that for nobody knows how long.
    assert report["copies_gone_at"] is None
    destroyed = acts(node, "journal.drop")
    now = time.time() + LATER
    for each in destroyed:
        assert each["keep_days"] == 1 and set(each["kinds"]) <= {"permit", "completion"}
        assert each["written_before"] <= (now - DAY) * 1000 and each["first_index"] <= each["last_index"]
    # Nothing that stays lies between what an act names.
    with sqlite3.connect(node.database, timeout=10) as database:
        lines = database.execute("SELECT position - 1, kind, length(payload) FROM journal_entry").fetchall()
    database.close()
    covered = lambda index, kind: any(  # noqa: E731
        each["first_index"] <= index <= each["last_index"] and kind in each["kinds"] for each in destroyed)  # fmt: skip
    assert {index for index, _, length in lines if length == 0} == {i for i, kind, _ in lines if covered(i, kind)}


def test_what_is_released_goes_and_its_key_with_it(node, held_and_free, people):
    held, _ = held_and_free
    assert months(node, "exchange")
    people["steward"].afar("journal", "release", "inquiry-1")
    restarted(node)
    eventually(lambda: not lies(node, raw(held)), "the traces of what was held gone", 20)
    eventually(lambda: not months(node, "exchange"), "the key of the month gone")
    assert journal(node, "permit") == [] and months(node, "act")
    assert node.cli("journal", "holds")["items"] == []
    last = acts(node, "journal.drop")[-1]
    thirty_days_after = (time.time() + LATER + 30 * DAY) * 1000
    assert abs(last["copies_gone_at"] - thirty_days_after) < 120_000
    # Acts are still there, from the first one on.
    assert acts(node, "journal.retention") == [{"keep_days": 1}]


def test_another_rule_is_written_down(node):
    restarted(node, days=2)
    eventually(lambda: acts(node, "journal.retention") == [{"keep_days": 1}, {"keep_days": 2}], "the new rule")
    restarted(node, days=2)
    time.sleep(1)
    assert len(acts(node, "journal.retention")) == 2


def test_without_its_wrapping_key_a_node_does_not_start(node):
    """It would write what nobody can read, or begin anew beside what it cannot read."""
    file = node.folder / "wrapping-key.json"
    text = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    node.stop()
    file.unlink()
    with pytest.raises(NodeFault, match=r"wrapping-key\.json is missing"):
        node.start()
    assert not file.exists()
    file.write_text('{"key":"' + "A" * 43 + '"}')
    with pytest.raises(NodeFault, match="not the one that this database notes"):
        node.start()
    file.write_text(text)
    node.start()


def months(node, kind):
    with sqlite3.connect(node.database, timeout=10) as database:
        found = database.execute("SELECT month FROM month_key WHERE class = ?", (kind,)).fetchall()
    database.close()
    return found
