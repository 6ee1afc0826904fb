"""Beyond the suite: what a node publishes is read with a client for C2SP tlog-tiles that others wrote (torchwood, in Go), by the key and the checkpoints
that docs/account.md tells to hand out: each entry, its inclusion, what goes on from what was kept, and that it is what the evidence holds."""

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from support.agreements import ask
from support.between_two import consumer, folder, provider, source, token, working  # noqa: F401
from support.checks import eventually
from verification import readers

pytestmark = pytest.mark.skipif(readers.why_not() is not None, reason=str(readers.why_not()))


@pytest.fixture(scope="module")
def settings():
    return {"journal": {"checkpoint_seconds": 1, "tiles": "tiles"}}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return readers.built(tmp_path_factory.mktemp("go"), "./whole")


def keeps(node, file):
    """`verbond journal checkpoint > FILE`; how many entries it is over."""
    done = subprocess.run([node.binary, "--data", str(node.folder), "journal", "checkpoint"], capture_output=True, timeout=60, check=True)
    Path(file).write_bytes(done.stdout)
    return int(done.stdout.decode().splitlines()[1])


def keeps_more(node, file, than):
    return eventually(lambda: (lambda size: size if size > than else None)(keeps(node, file)), f"a checkpoint over more than {than}", 30)


def published_size(node, place=""):
    file = node.folder / "tiles" / place / "checkpoint"
    return int(file.read_text().splitlines()[1]) if file.exists() else 0


def leaf(line):
    """The log entry of an entry that evidence holds (docs/formats/journal.md, Leaf)."""
    return f'{{"at":{line["at"]},"commitment":"{line["commitment"]}","kind":"{line["kind"]}"}}'


def evidence_of(organisation, file):
    organisation.officer().afar("account", "evidence", "--out", str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line for line in lines if line["type"] == "entry"]


def certified(entries):
    """The keys that the journal certifies, by origin, as a reader of evidence finds them."""
    acts = [json.loads(line["payload"]) for line in entries if line["kind"] == "act" and "payload" in line]
    return {act["detail"]["origin"]: act["detail"]["verifier_key"] for act in acts if act["action"] == "journal.key"}


def test_all_of_it_is_read_and_proved(working, provider, consumer, token, client, tmp_path):
    node = provider.node
    first = keeps(node, tmp_path / "first")
    for _ in range(160):
        assert ask(consumer, token).status == 200
    second = keeps_more(node, tmp_path / "second", max(first, 300))
    key = node.cli("journal", "show")["verifier_keys"][-1]
    eventually(lambda: published_size(node) >= second, "the tiles", 20)
    entries = evidence_of(provider, tmp_path / "journal.jsonl")
    with readers.served(node.folder / "tiles") as address:
        tree, read = readers.whole(client, address, key, tmp_path / "first", tmp_path / "second")
    assert tree[0] == f"oin:{node.id}/journal/1" and int(tree[1]) == len(read) >= second > first
    both = min(len(read), len(entries))
    assert both >= second and read[:both] == [leaf(each) for each in entries[:both]]
    assert certified(entries) == {tree[0]: key}


def test_a_new_epoch_is_a_log_of_its_own(working, provider, consumer, token, client, tmp_path):
    node = provider.node
    before = keeps(node, tmp_path / "before")
    copy = tmp_path / "copy.sqlite"
    with sqlite3.connect(node.database) as database, sqlite3.connect(copy) as target:
        database.backup(target)
    for _ in range(5):
        assert ask(consumer, token).status == 200
    lost = keeps_more(node, tmp_path / "lost", before + 10)
    eventually(lambda: published_size(node) >= lost, "the tiles", 20)
    node.stop()
    for old in node.folder.glob("verbond.sqlite*"):
        old.unlink()
    shutil.copy(copy, node.database)
    done = subprocess.run([node.binary, "--data", str(node.folder), "journal", "continue", "--reason", "the disk failed"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    node.start()
    eventually(lambda: ask(consumer, token).status == 200, "an answer in the new epoch", 60)
    eventually(lambda: published_size(node, "epoch-2") > before, "the tiles of the new epoch", 30)
    entries = evidence_of(provider, tmp_path / "journal.jsonl")
    keys = certified(entries)
    (gap,) = (json.loads(line["payload"])["detail"]["size"] for line in entries if "journal.continue" in line.get("payload", ""))
    assert list(keys) == [f"oin:{node.id}/journal/{epoch}" for epoch in (1, 2)]
    assert [*keys.values()] == node.cli("journal", "show")["verifier_keys"]
    for place, (origin, key) in zip(("", "epoch-2"), keys.items(), strict=True):
        kept = [tmp_path / "before", tmp_path / "lost"] if place == "" else []
        with readers.served(node.folder / "tiles" / place) as address:
            tree, read = readers.whole(client, address, key, *kept)
        assert tree[0] == origin and int(tree[1]) == len(read) >= before
        # Both epochs have what was there when the second began; what was lost stands in the first only.
        both = gap if place == "" else min(len(read), len(entries))
        assert both >= before and read[:both] == [leaf(each) for each in entries[:both]]
    # What was kept of the first epoch does not vouch for the second.
    with readers.served(node.folder / "tiles" / "epoch-2") as address, pytest.raises(ValueError, match="before"):
        readers.whole(client, address, keys[f"oin:{node.id}/journal/2"], tmp_path / "before")
