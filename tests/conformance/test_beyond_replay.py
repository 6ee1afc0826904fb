"""Beyond the suite: decisions of a period are taken again one after the other, in memory that does not grow with their number; those that
found no agreement are held to the agreements that stood then, as the acts in the journal say."""

import copy
import hashlib
import json
import os
import sqlite3
import subprocess
import time
import uuid

import pytest

from support import journal
from support.agreements import BSN, SERVICE, conclude, document
from support.between_two import consumer, folder, provider, source, token  # noqa: F401
from support.checks import eventually
from support.node import NodeFault

MANY = 20_000


@pytest.fixture(scope="module")
def auditor(consumer):
    return consumer.enrols("controleur", "auditor")


def ask(consumer, token, **headers):
    answer = consumer.node.outway(f"/{SERVICE}/incomes/{BSN}", token, headers=headers)
    return answer, answer.headers["Fsc-Transaction-Id"]


@pytest.fixture(scope="module")
def before(consumer, token):
    """An exchange that was refused when there was no agreement."""
    answer, transaction = ask(consumer, token)
    assert answer.json()["code"] == "AGREEMENT_MISSING"
    return transaction


@pytest.fixture(scope="module")
def signed(consumer, provider, folder, token, before):
    digest = consumer.drafts(document(provider.node, consumer.node), folder)
    conclude(consumer, provider, digest)
    return digest


@pytest.fixture(scope="module")
def permitted(consumer, token, signed):
    return eventually(lambda: (found := ask(consumer, token))[0].status == 200 and found, "an answer", 20)[1]


def replayed(person, transaction):
    def probe():
        try:
            return person.afar("decision", "replay", transaction)["items"]
        except NodeFault:
            return None

    (one,) = eventually(probe, "the decision")
    return one


def test_what_found_no_agreement_is_held_to_those_that_stood_then(auditor, consumer, token, before, permitted, signed):
    """The agreement of later does not count; one that was asked for by name and never was here neither."""
    assert replayed(auditor, before)["outcome"] == "same"
    answer, named = ask(consumer, token, **{"Verbond-Agreement": "01932f5e-7c00-7000-8000-00000000000f"})
    assert answer.json()["code"] == "AGREEMENT_MISSING"
    assert replayed(auditor, named)["outcome"] == "same"


def test_a_refusal_that_denies_that_there_was_an_agreement_differs(auditor, consumer, token, permitted, signed):
    """The record of a refusal is changed behind the node's back: it would have found no agreement, and there was one."""
    _, refused = ask(consumer, token, **{"Verbond-Agreement": "01932f5e-7c00-7000-8000-00000000000f"})
    entry = replayed(auditor, refused)["id"]
    (payload,) = [line["payload"] for line in journal.entries(consumer.node, "refusal") if line["id"] == entry]
    database = sqlite3.connect(consumer.node.database, isolation_level=None, timeout=10)

    def with_change(change):
        changed = copy.deepcopy(payload)
        change(changed["decision"])
        journal.say(database, entry, changed)
        status, answer = auditor.ask("GET", f"/v1/decisions/{entry}/replay")
        assert status == 200
        return answer["items"][0]

    def unnamed(decision, later=0):
        del decision["body"]["adl.core.request"]["context"]["agreement"]
        decision["timestamp"] += later

    try:
        # So soon after the offer it is not known whether what was decided on held it.
        soon = with_change(unnamed)
        assert soon["outcome"] == "not_possible" and "thirty seconds" in soon["why"] and signed in soon["why"]
        late = with_change(lambda decision: unnamed(decision, 60_000))
        assert late["outcome"] == "differs" and signed in late["why"]
        other = with_change(lambda decision: decision["body"]["adl.core.response"]["context"].update(reasons=[]))
        assert other["outcome"] == "differs"
        # A version that was taken out of the database stands in the journal's acts.
        row = database.execute("SELECT document FROM agreement_version WHERE hash = ?", (signed,)).fetchone()
        database.execute("UPDATE agreement_version SET document = '{}' WHERE hash = ?", (signed,))
        try:
            gone = with_change(lambda decision: unnamed(decision, 60_000))
            assert gone["outcome"] == "not_possible" and "text" in gone["why"] and signed in gone["why"]
        finally:
            database.execute("UPDATE agreement_version SET document = ? WHERE hash = ?", (*row, signed))
    finally:
        journal.say(database, entry, payload)
        database.close()


@pytest.fixture(scope="module")
def long_ago(consumer, auditor, permitted, signed):
    """Tens of thousands of permits in the consumer's journal, written two hours ago; gives the first moment, and the middle one's id."""
    (decision,) = auditor.afar("decision", "show", permitted)["items"]
    (payload,) = [line["payload"] for line in journal.entries(consumer.node, "permit") if line["id"] == decision["id"]]
    begun = (int(time.time()) - 7200) * 1000
    rows, names = [], []
    for number in range(MANY):
        at = begun + number
        identifier, transaction = seventh(at), seventh(at)
        changed = {**payload, "transaction_id": str(transaction)}
        content, salt = json.dumps(changed).encode(), os.urandom(32)
        commitment = hashlib.sha256(salt + content).digest()
        rows.append((identifier.bytes, "permit", at, salt, commitment, content))
        names.append((str(identifier), str(transaction), changed))
    with sqlite3.connect(consumer.node.database, timeout=30) as database:
        database.executemany(
            "INSERT INTO journal_entry (id, kind, at_millis, salt, commitment, key_id, payload) VALUES (?, ?, ?, ?, ?, 0, ?)", rows
        )
    database.close()
    last = f"/v1/decisions?agreement={signed}&transactionId={names[-1][1]}"
    eventually(lambda: auditor.ask("GET", last)[1]["items"], "the last of them in the views", 240)
    return begun, names


def seventh(at):
    """A UUID of version 7 (RFC 9562) of this millisecond."""
    value = (at << 80) | (7 << 76) | (int.from_bytes(os.urandom(2), "big") & 0xFFF) << 64 | (2 << 62)
    return uuid.UUID(int=value | int.from_bytes(os.urandom(8), "big") >> 2)


def moment(millis):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(millis // 1000))


def measured(person, *arguments):
    """Runs a verb; its lines, its exit status, and the most memory that it took while it wrote them, in KiB."""
    lines, most = [], 0
    with subprocess.Popen(person.command(*person.way(), *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as running:  # fmt: skip
        for line in running.stdout:
            lines.append(json.loads(line))
            if len(lines) % 250 == 0:
                most = peak(running) or most
        status = running.wait(60)
    return lines, status, most


def peak(process):
    """In KiB; 0 when it has just ended."""
    with open(f"/proc/{process.pid}/status") as told:
        found = [line for line in told if line.startswith("VmHWM")]
    return int(found[0].split()[1]) if found else 0


def begin_peak(process):
    """The most memory is counted from now on."""
    with open(f"/proc/{process.pid}/clear_refs", "w") as told:
        told.write("5")
    return peak(process)


def test_a_period_is_taken_again_in_memory_that_does_not_grow(auditor, consumer, long_ago):
    begun, _ = long_ago
    period = ("--after", moment(begun), "--before", moment(begun + MANY + 1000))
    # Once, so that what is made once is there.
    (*lines, counted), status, few = measured(auditor, "decision", "replay", "--after", moment(begun), "--before", moment(begun + 1000))
    assert (status, len(lines), counted["same"]) == (0, 1000, 1000)
    at_first = begin_peak(consumer.node.process)
    (*lines, counted), status, many = measured(auditor, "decision", "replay", *period)
    assert counted == {"same": MANY, "differs": 0, "not_possible": 0} and len(lines) == MANY and status == 0
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    grown = peak(consumer.node.process) - at_first
    assert many - few < 8 * 1024, (few, many)
    assert grown < 32 * 1024, (at_first, grown)


def test_one_that_was_changed_is_found_among_all(auditor, consumer, long_ago):
    begun, names = long_ago
    identifier, transaction, payload = names[MANY // 2]
    changed = copy.deepcopy(payload)
    changed["decision"]["body"]["adl.core.response"]["context"]["delivered"] = ["$.year"]
    database = sqlite3.connect(consumer.node.database, isolation_level=None, timeout=10)
    period = ("--after", moment(begun), "--before", moment(begun + MANY + 1000))
    try:
        journal.say(database, identifier, changed)
        (*lines, counted), status = auditor.lines("decision", "replay", *period)
        assert (status, counted["differs"], counted["same"]) == (1, 1, MANY - 1)
        assert [line["id"] for line in lines if line["outcome"] == "differs"] == [identifier]
        table = subprocess.run(auditor.command(*auditor.way(), "decision", "replay", *period)[:-1], capture_output=True, text=True,
                               stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        assert table.returncode == 1 and transaction in table.stdout and len(table.stdout.splitlines()) == 2
    finally:
        journal.say(database, identifier, payload)
        database.close()


def test_only_what_is_asked_for_is_taken_again(auditor, consumer, provider, long_ago, permitted, signed, before):
    begun, _ = long_ago
    period = ("--after", moment(begun), "--before", moment(begun + 2000))

    def counted(*words):
        *lines, last = auditor.lines("decision", "replay", *period, *words)[0]
        return len(lines), last["same"]

    (one,) = auditor.afar("decision", "show", permitted)["items"]
    agreement = one["decision"]["attributes"]["adl.core.policies"]["agreement"]
    fits = {
        "--agreement": (agreement["id"], f"{agreement['id']}/{agreement['version']}", signed),
        "--service": (SERVICE,),
        "--peer": (f"oin:{provider.node.id}",),
    }
    for option, values in fits.items():
        for value in values:
            assert counted(option, value) == (2000, 2000), option
    assert counted(*(part for option, values in fits.items() for part in (option, values[-1]))) == (2000, 2000)
    for option, value in (("--agreement", f"{agreement['id']}/2"), ("--service", "other"), ("--peer", f"oin:{consumer.node.id}"),
                          ("--agreement", "01932f5e-7c00-7000-8000-00000000000f")):  # fmt: skip
        assert counted(option, value) == (0, 0), option
    for wrong in ("nonsense", "sha256:" + "0" * 64, f"{agreement['id']}/x"):
        with pytest.raises(NodeFault, match="AGREEMENT_UNKNOWN"):
            auditor.lines("decision", "replay", "--agreement", wrong)
    # What found no agreement rests on none.
    *lines, _ = auditor.lines("decision", "replay", "--agreement", signed, "--after", moment(begun + MANY + 1000))[0]
    assert permitted in [line["transaction_id"] for line in lines] and before not in [line["transaction_id"] for line in lines]


def test_an_answer_without_its_last_line_is_not_whole(auditor, consumer, long_ago):
    """The node's connection is cut while it answers: the verb fails instead of counting what came."""
    begun, _ = long_ago
    command = auditor.command(*auditor.way(), "decision", "replay", "--after", moment(begun))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as running:  # fmt: skip
        assert json.loads(running.stdout.readline())["outcome"] == "same"
        consumer.node.kill()
        rest = running.stdout.read()
        assert running.wait(30) != 0 and "broke off" in running.stderr.read()
        assert "not_possible\":0}" not in rest.splitlines()[-1]
