"""Beyond the suite: what an operator and an auditor do by docs/operations.md and docs/account.md. The account is held against what
the workload did; a tampered copy names its place; the power goes, yesterday's backup is put back, and verifiers say what is gone and
nothing else.

The workload is counted by the source and by whoever asked, never by the nodes.
"""

import json
import shutil
import sqlite3
import subprocess

import pytest

from support.agreements import SERVICE, ask
from support.between_two import consumer, folder, provider, source, token, working  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from verification import verifiers
from verification.note import Checkpoint

OTHER = {"Verbond-Purpose": "enforcement"}


@pytest.fixture(scope="module")
def settings():
    return {"journal": {"checkpoint_seconds": 1}}


def head(node):
    return node.cli("journal", "show")


def handed_over(organisation, file):
    """Evidence over all that the node has now."""
    size = head(organisation.node)["size"]
    eventually(lambda: (head(organisation.node)["checkpoint"] or {"size": 0})["size"] >= size, "a checkpoint over all", 30)
    organisation.officer().afar("account", "evidence", "--out", str(file))
    return str(file)


@pytest.fixture(scope="module")
def officers(provider, consumer):
    """Before any backup, or that would not know them."""
    return provider.officer(), consumer.officer()


@pytest.fixture(scope="module")
def workload(working, officers, token, consumer, source):
    """What was asked, by the status that came back, and how often the source was."""
    answers = [ask(consumer, token).status for _ in range(7)]
    answers += [ask(consumer, token, **OTHER).status for _ in range(2)]
    answers += [ask(consumer, token, f"/{SERVICE}/other").status]
    assert answers == [200] * 7 + [403] * 3
    return answers, len(source.requests)


def test_the_account_is_what_the_workload_did(workload, consumer, provider, officers, authority, tmp_path):
    _, asked = workload

    def listed(officer):
        """What has been decided stands in the listing within a second."""
        items = officer.afar("account", "exchanges", "--limit", "1000")["items"]
        return items if sum(each["permitted"] for each in items) >= asked else None

    transactions = [eventually(lambda officer=officer: listed(officer), "the listing", 10) for officer in officers]
    permitted = [{each["transaction_id"] for each in items if each["permitted"]} for items in transactions]
    assert permitted[0] == permitted[1] and len(permitted[0]) == asked
    files = [handed_over(each, tmp_path / f"{each.node.id}.jsonl") for each in (provider, consumer)]
    report = verifiers.agreed(files, str(authority.anchors))
    assert report["outcome"] == "clean", report["alarms"]
    assert [each["permits"] for each in report["participants"]] == [asked, asked]
    assert report["exchanges"] == {"both_sides": asked, "agree": asked}
    # Refused at the consumer's own node: the provider never heard of them.
    assert [each["refusals"] for each in report["participants"]] == [0, len([each for each in transactions[1] if not each["permitted"]])]


def test_whoever_is_shown_a_part_is_told_so(workload, consumer):
    command = [consumer.node.binary, "--data", str(consumer.node.folder), "record", "list", "--limit", "3"]
    environment = consumer.node.environment | {"LC_ALL": "C"}

    def says_so():
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        assert shown.returncode == 0, shown
        return "there are more than these" in shown.stdout + shown.stderr

    # What has been decided stands in the listing within a second.
    eventually(says_so, "a part of the listing")
    command[-1] = "1000"
    assert not says_so()


def test_a_tampered_copy_names_its_place(workload, provider, authority, tmp_path):
    lines = open(handed_over(provider, tmp_path / "whole.jsonl")).read().splitlines()
    [*_, place] = [number for number, line in enumerate(lines) if '"kind":"completion"' in line]
    entry = json.loads(lines[place])
    lines[place] = json.dumps(entry | {"payload": entry["payload"].replace('"status":200', '"status":404')})
    file = tmp_path / "tampered.jsonl"
    file.write_text("\n".join([*lines, ""]))
    report = verifiers.agreed([str(file)], str(authority.anchors))
    assert [(each["code"], each["index"]) for each in report["alarms"]] == [("ENTRY_CHANGED", entry["index"])]


def run(node, *words, folder=None):
    command = [node.binary, "--data", str(folder or node.folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=node.environment | {"LC_ALL": "C"})


@pytest.fixture(scope="module")
def restored(workload, working, provider, consumer, token, folder, tmp_path_factory):
    """The provider's node after the power went and yesterday's backup was put back: what it had, what it has, what was said."""
    node = provider.node
    made = node.cli("backup")
    before = head(node)["size"]
    for _ in range(6):
        assert ask(consumer, token).status == 200
    old, new = node.folder, folder / "new"
    kept = old / "journal-head"
    # A permit and a completion each.
    eventually(lambda: Checkpoint.parse(kept.read_text()).size >= before + 12, "a checkpoint over all", 60)
    node.kill()
    had = Checkpoint.parse(kept.read_text()).size
    put = run(node, "restore", made["data"], "--keys", made["keys"], folder=new)
    assert put.returncode == 0 and "journal continue" in put.stdout + put.stderr, put
    shutil.copy(old / "key.pem", new / "key.pem")
    node.authority.write_lists(new)
    node.folder = new
    with pytest.raises(NodeFault, match="JOURNAL_RESTORED"):
        node.start()
    # The directory of before can still be read: it says best how far the journal had come.
    done = run(node, "journal", "continue", "--reason", "the power went", "--checkpoint", str(kept), "--json")
    assert done.returncode == 0, done
    return had, json.loads(done.stdout), tmp_path_factory.mktemp("copies"), kept


def test_the_first_checkpoint_of_an_epoch_is_over_what_opens_it(restored, provider, consumer):
    """Whichever of both is first at a start, signing or giving places: tried on copies of the node as it is now."""
    _, said, copies, _ = restored
    node = provider.node
    kept = node.folder
    # Nobody must see these copies: each goes on by itself.
    consumer.node.stop()
    try:
        for number in range(5):
            node.folder = copies / str(number)
            shutil.copytree(kept, node.folder)
            node.start()
            eventually(lambda: head(node)["checkpoint"]["note"].splitlines()[0].endswith("/journal/2"), "a checkpoint of the epoch", 30)
            node.kill()
            with sqlite3.connect(node.database) as database:
                [(first,)] = database.execute("SELECT MIN(size) FROM journal_checkpoint WHERE epoch = 2")
            assert first > said["entries"], number
    finally:
        node.kill()
        node.folder = kept
        consumer.node.start()


def test_after_a_restore_verifiers_say_what_is_gone_and_nothing_else(restored, provider, consumer, token, authority, tmp_path):
    had, said, _, kept = restored
    assert said["last_known"] == had > said["entries"]
    provider.node.start()
    eventually(lambda: ask(consumer, token).status == 200, "an answer in the new epoch", 60)
    files = [handed_over(each, tmp_path / f"{each.node.id}.jsonl") for each in (provider, consumer)]
    # Whoever kept a checkpoint of the last moment finds nothing that was not declared.
    report = verifiers.agreed(files, str(authority.anchors), [kept])
    assert report["outcome"] == "clean", report["alarms"]
    gap = {note["code"]: (note["participant"], note["count"]) for note in report["notes"]}["DECLARED_GAP"]
    assert gap == (f"oin:{provider.node.id}", had - said["entries"])
    assert Checkpoint.parse(kept.read_text()).size == had


def test_what_went_with_the_gap_the_other_party_still_tells(restored, provider, consumer):
    """By it the operator learns which exchanges these were."""
    told = run(provider.node, "account", "reconcile", f"oin:{consumer.node.id}", "--after", "2026-01-01T00:00:00Z", "--json")
    found = json.loads(told.stdout)["findings"]
    assert {each["kind"] for each in found} == {"missing_here"} and len(found) == 6
