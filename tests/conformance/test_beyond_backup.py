"""Beyond the suite: a backup is made while exchanges go on, data and keys apart; what is lost after it is declared and not taken for
tampering; what is put back without a word is taken for it; keys expire, and what was destroyed does not come back.

The files are read here with Python's own means, from docs/formats/backup.md.
"""

import base64
import datetime
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import tarfile
import threading
import time
import uuid

import pytest

from support.agreements import Organisation, ask
from support.between_two import consumer, source, token, working  # noqa: F401
from support.checks import eventually
from support.clock import shifted
from support.node import NodeFault, toml
from support.postgres import IS_MISSING, REASON, empty_database
from support.world import CAST
from verification import verifiers
from verification.note import Checkpoint

DAY = 86400


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.skipif(IS_MISSING, reason=REASON))])
def databases(request):
    """Two empty databases of a kind: `None` is the node's own SQLite file."""
    if request.param == "sqlite":
        yield [None, None]
        return
    with empty_database() as one, empty_database() as other:
        yield [one, other]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, databases):
    return tmp_path_factory.mktemp("organisations")


@pytest.fixture(scope="module")
def settings():
    return {"journal": {"checkpoint_seconds": 1}}


@pytest.fixture(scope="module")
def provider(world, authority, folder, source, settings, databases):
    settings = settings | ({"database": databases[0]} if databases[0] else {})
    made = Organisation(world, authority, "provider", folder, settings=settings, directory_role=True)
    made.offers(source)
    # Before the backup, or it would not know them.
    made.officer()
    return made


@pytest.fixture(scope="module")
def under_traffic(working, token, consumer, provider):
    """A backup that was made while exchanges went on, and how many of these there were."""
    answers, stop = [], threading.Event()

    def traffic():
        while not stop.is_set():
            answers.append(ask(consumer, token).status)

    callers = [threading.Thread(target=traffic) for _ in range(4)]
    for caller in callers:
        caller.start()
    begun = head(provider.node)["size"]
    # In the tree too: only then do listings know of it, and without keys they cannot be made later.
    eventually(lambda: len(answers) > 20 and head(provider.node)["size"] > begun + 20, "traffic", 20)
    before = len(answers)
    made = provider.node.cli("backup")
    during = len(answers) - before
    stop.set()
    for caller in callers:
        caller.join()
    assert set(answers) == {200} and during > 0, (len(answers), during)
    return made


def content(file):
    """The manifest and the members of an archive, each held against the manifest."""
    with tarfile.open(file) as archive:
        members = archive.getmembers()
        read = {each.name: archive.extractfile(each).read() for each in members}
    manifest = json.loads(read.pop("manifest.json"))
    assert members[0].name == "manifest.json" and all(each.mode == 0o600 for each in members)
    assert [each["name"] for each in manifest["files"]] == list(read)
    for each in manifest["files"]:
        assert (each["bytes"], each["sha256"]) == (len(read[each["name"]]), hashlib.sha256(read[each["name"]]).hexdigest())
    return manifest, read


def restored(node, made, folder, *, database=None, keys=None, environment=None, more=()):
    """The node from a backup, in another directory, with its key put back by hand; not started."""
    if database:
        folder.mkdir()
        (folder / "verbond.toml").write_text(toml(node.settings | {"database": database}))
    keys = ["--without-keys"] if keys is False else ["--keys", str(keys or made["keys"])]
    done = subprocess.run(
        [node.binary, "--data", str(folder), "restore", made["data"], *keys, "--json", *more],
        capture_output=True, text=True, timeout=120, env=os.environ | (environment or {}),
    )  # fmt: skip
    if done.returncode:
        raise NodeFault(done.stderr)
    (folder / "key.pem").write_bytes((node.folder / "key.pem").read_bytes())
    (folder / "key.pem").chmod(0o600)
    node.authority.write_lists(folder)
    return json.loads(done.stdout)


def head(node):
    return node.cli("journal", "show")


def witnessed(who, whom):
    items = who.node.cli("journal", "witnessed")["items"]
    return max((each["size"] for each in items if each["counterpart"] == f"oin:{whom.node.id}"), default=0)


def handed_over(organisation, file):
    organisation.officer().afar("account", "evidence", "--out", str(file))
    return str(file)


def test_the_backup_is_consistent_and_what_it_says(under_traffic, provider):
    manifest, read = content(under_traffic["data"])
    assert (manifest["format"], manifest["participant"]) == ("verbond-backup-data/1", f"oin:{provider.node.id}")
    assert {"database.sqlite", "verbond.toml", "certificate.pem", "trust-anchors.pem"} <= set(read)
    file = provider.node.folder / "looked-at.sqlite"
    file.write_bytes(read["database.sqlite"])
    with sqlite3.connect(file) as database:
        one = lambda sql: database.execute(sql).fetchone()  # noqa: E731
        assert one("PRAGMA integrity_check") == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        journal = manifest["journal"]
        assert one("SELECT COUNT(*), MAX(position), MIN(position) FROM journal_entry") == (journal["entries"], journal["entries"], 1)
        assert one("SELECT epoch, tree_size FROM journal_head") == (journal["epoch"], journal["size"])
        assert one("SELECT version FROM _sqlx_migrations ORDER BY version DESC LIMIT 1") == (manifest["schema"],)
        assert one("SELECT COUNT(*) FROM month_key") == (0,)
        # What exchanges are looked for by stands for each integrated permit, and for no other.
        missing = "SELECT COUNT(*) FROM journal_entry WHERE kind = 'permit' AND position <= ? AND position NOT IN (SELECT position FROM transaction_record)"
        assert database.execute(missing, (journal["size"],)).fetchone() == (0,)
        assert one("SELECT COUNT(*) FROM agreement_version")[0] == 1
    note = Checkpoint.parse(journal["checkpoint"])
    assert note.size >= journal["entries"] and note.origin == f"oin:{provider.node.id}/journal/1"
    if note.size == journal["size"]:
        assert base64.b64encode(note.root).decode() == journal["root"]


def test_the_data_holds_no_key_and_the_keys_hold_no_data(under_traffic, provider):
    _, data = content(under_traffic["data"])
    manifest, keys = content(under_traffic["keys"])
    assert set(keys) == {"month-keys.json", "wrapping-key.json", "pseudonym-keys.json"} and not manifest["private_keys"]
    assert manifest["expires_at"] - manifest["made_at"] == 30 * DAY * 1000
    secrets = [json.loads(keys["wrapping-key.json"])["key"]]
    secrets += [each["key"] for each in json.loads(keys["pseudonym-keys.json"])["keys"]]
    secrets += [each["wrapped"] for each in json.loads(keys["month-keys.json"])["keys"]]
    assert len(secrets) >= 4
    raw = [base64.urlsafe_b64decode(each + "=" * (-len(each) % 4)) for each in secrets]
    whole = open(under_traffic["data"], "rb").read()
    for each in [*(secret.encode() for secret in secrets), *raw]:
        assert each not in whole
    for name, text in data.items():
        assert b"PRIVATE KEY" not in text, name
    assert b"PRIVATE KEY" not in open(under_traffic["keys"], "rb").read()
    assert os.stat(under_traffic["data"]).st_mode & 0o777 == os.stat(under_traffic["keys"]).st_mode & 0o777 == 0o600
    assert os.path.dirname(under_traffic["data"]) != os.path.dirname(under_traffic["keys"])


def test_private_keys_only_when_asked_for(under_traffic, provider, tmp_path):
    made = provider.node.cli("backup", "--with-private-keys", "--to", str(tmp_path / "data"), "--keys-to", str(tmp_path / "keys"))
    manifest, keys = content(made["keys"])
    assert manifest["private_keys"] and {"key.pem", "journal-key.pem"} <= set(keys)
    assert b"PRIVATE KEY" not in open(made["data"], "rb").read()
    listed = provider.node.cli("backup", "list", "--to", str(tmp_path / "data"), "--keys-to", str(tmp_path / "keys"))["items"]
    assert [(each["holds"], each["expired"]) for each in listed] == [("data", False), ("keys", False)]
    # That there is one is known to whoever reads the journal.
    acts = [line["payload"] for line in provider.node.cli("record", "journal", "--kind", "act", "--limit", "50")["items"]]
    assert [each["detail"]["private_keys"] for each in acts if each["action"] == "backup.made"] == [True, False]


def test_one_that_broke_off_is_in_nobodys_way(under_traffic, provider, tmp_path):
    left = provider.node.folder / "backups" / "broken-off.part"
    left.mkdir()
    (left / "database.sqlite").write_bytes(b"half")
    (left.parent / "broken-off.data.tar.part").write_bytes(b"half")
    made = provider.node.cli("backup", "--to", str(tmp_path / "data"), "--keys-to", str(tmp_path / "keys"))
    assert content(made["data"]) and content(made["keys"])
    assert [each.name for each in left.parent.iterdir() if ".part" in each.name] == []


def test_who_may_make_a_backup(under_traffic, provider):
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        provider.officer().afar("journal", "release", "none")
    socket = provider.node.administration("POST", "/backups", {"directory": "/tmp"})
    assert socket.status == 400, socket


@pytest.fixture(scope="module")
def lost(under_traffic, token, consumer, provider, folder):
    """What was exchanged after the backup, until the power went: how many entries the consumer has seen a checkpoint over."""
    for _ in range(10):
        assert ask(consumer, token).status == 200
    behind = Checkpoint.parse(content(under_traffic["data"])[0]["journal"]["checkpoint"]).size
    # What an auditor has of before: entries that are gone afterwards, and no more than the consumer knows of.
    with open(handed_over(provider, folder / "before.jsonl")) as before:
        had = json.loads(before.readline())["size"]
    known = max(behind + 15, had)
    eventually(lambda: (ask(consumer, token), witnessed(consumer, provider))[1] > known, "the witness", 30)
    provider.node.kill()
    return witnessed(consumer, provider)


@pytest.fixture(scope="module")
def back(lost, under_traffic, provider, folder, databases):
    """The provider's node from the backup, in a directory and a database of its own."""
    old, new = provider.node.folder, folder / "restored"
    report = restored(provider.node, under_traffic, new, database=databases[1])
    assert report["missing"] == [str(new / name) for name in ("key.pem", "root.crl", "intermediate.crl")] and report["keys"]
    provider.node.folder, provider.node.old_folder = new, old
    return report


def go_on(node, *more, environment=None):
    return subprocess.run(
        [node.binary, "--data", str(node.folder), "journal", "continue", "--reason", "the power went", "--json", *more],
        capture_output=True, text=True, timeout=120, env=os.environ | (environment or {}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def declared(back, provider, consumer, token):
    """The gap is declared and the node runs again: what was said on the way there."""
    with pytest.raises(NodeFault) as refused:
        provider.node.start()
    consumer.node.stop()
    silent = go_on(provider.node)
    consumer.node.start()
    done = go_on(provider.node)
    again = go_on(provider.node)
    provider.node.start()
    eventually(lambda: ask(consumer, token).status == 200, "an answer in the new epoch", 60)
    return str(refused.value), silent, done, again


def test_a_restored_node_does_not_start_until_the_gap_is_declared(declared, back, lost, consumer):
    refused, silent, done, again = declared
    assert "JOURNAL_RESTORED" in refused
    assert silent.returncode and "COUNTERPART_SILENT" in silent.stderr, silent
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["epoch"] == 2 and said["last_known"] >= lost > said["entries"] == back["entries"]
    assert f"oin:{consumer.node.id}" in said["asked"]
    assert again.returncode and "CHECKPOINT_OF_ANOTHER_JOURNAL" in again.stderr, again


def test_both_verifiers_find_a_declared_gap_and_no_tampering(declared, provider, consumer, token, authority, folder, tmp_path):
    # So long that what the consumer alone has written down is older than what the provider's evidence covers.
    end = time.time() + 65
    while time.time() < end:
        assert ask(consumer, token).status == 200
        time.sleep(1)
    eventually(lambda: head(provider.node)["checkpoint"]["note"].startswith(f"oin:{provider.node.id}/journal/2"), "a checkpoint", 20)
    files = [handed_over(each, tmp_path / f"{each.node.id}.jsonl") for each in (provider, consumer)]
    report = verifiers.agreed(files, str(authority.anchors))
    assert report["outcome"] == "clean", report["alarms"][:5]
    notes = {note["code"]: note for note in report["notes"]}
    assert notes["DECLARED_GAP"]["participant"] == f"oin:{provider.node.id}" and notes["DECLARED_GAP"]["count"] > 15
    assert report["exchanges"]["both_sides"] > 60
    with_before = verifiers.agreed([str(folder / "before.jsonl"), *files], str(authority.anchors))
    assert with_before["outcome"] == "clean", with_before["alarms"][:5]
    assert with_before["exchanges"]["both_sides"] > report["exchanges"]["both_sides"]
    held = verifiers.agreed(files, str(authority.anchors), [str(folder / "before.jsonl")])
    assert held["outcome"] == "clean", held["alarms"][:5]


def test_what_came_before_the_backup_can_still_be_read(declared, provider, consumer, token):
    lines = provider.node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
    assert lines and all(line["payload"] for line in lines)


def test_a_node_that_runs_is_not_upgraded(declared, provider):
    with pytest.raises(NodeFault, match="NODE_RUNS"):
        provider.node.cli("upgrade")


def changed(source, target, *, manifest=None, flip=None):
    """An archive with something changed in it."""
    with tarfile.open(source) as archive, tarfile.open(target, "w") as made:
        for member in archive.getmembers():
            text = archive.extractfile(member).read()
            if member.name == "manifest.json" and manifest:
                text = json.dumps(json.loads(text) | manifest).encode()
            if member.name == flip:
                text = text[:-1] + bytes([text[-1] ^ 1])
            member.size = len(text)
            made.addfile(member, io.BytesIO(text))
    return str(target)


def refused(node, data, keys, folder, code):
    done = subprocess.run(
        [node.binary, "--data", str(folder), "restore", data, "--keys", keys], capture_output=True, text=True, timeout=60
    )
    assert done.returncode and code in done.stderr, done
    return folder


def test_where_a_restore_broke_off_nothing_begins(under_traffic, provider, tmp_path):
    """All is there but the database: a start would begin another journal under the same name."""
    left, key = tmp_path / "left", next(each for each in provider.node.folder.glob("key.pem"))
    (left / "restoring-x").mkdir(parents=True)
    for name, raw in [*content(under_traffic["data"])[1].items(), *content(under_traffic["keys"])[1].items(), ("key.pem", key.read_bytes())]:
        if name not in ("database.sqlite", "month-keys.json"):
            (left / name).write_bytes(raw)
            (left / name).chmod(0o600)
    there = sorted(left.iterdir())
    again = ["restore", under_traffic["data"], "--keys", under_traffic["keys"]]
    for verb in (["serve"], ["journal", "continue", "--reason", "the power went"], again):
        done = subprocess.run([provider.node.binary, "--data", str(left), *verb], capture_output=True, text=True, timeout=60)
        assert done.returncode and "RESTORE_UNFINISHED" in done.stderr, (verb, done)
    assert sorted(left.iterdir()) == there


def test_what_is_refused_at_a_restore(under_traffic, declared, provider, consumer, databases, tmp_path):
    node, data, keys = provider.node, under_traffic["data"], under_traffic["keys"]
    new = tmp_path / "new"
    newer = changed(data, tmp_path / "newer.data.tar", manifest={"schema": 99})
    assert not refused(node, newer, keys, new, "BACKUP_NEWER").exists()
    for member in ("database.sqlite", "certificate.pem"):
        damaged = changed(data, tmp_path / "damaged.data.tar", flip=member)
        assert list(refused(node, damaged, keys, new, "BACKUP_DAMAGED").iterdir()) == []
    other_root = json.loads(json.dumps(content(data)[0]["journal"])) | {"root": base64.b64encode(bytes(32)).decode()}
    wrong = changed(data, tmp_path / "wrong.data.tar", manifest={"journal": other_root})
    if databases[0] is None:
        assert list(refused(node, wrong, keys, new, "BACKUP_DAMAGED").iterdir()) == []
    refused(node, keys, keys, new, "NOT_A_BACKUP")
    older = changed(keys, tmp_path / "older.keys.tar", manifest={"backup": "another", "made_at": 1})
    refused(node, data, older, new, "BACKUP_KEYS_DO_NOT_FIT")
    theirs = consumer.node.cli("backup")
    refused(node, data, theirs["keys"], new, "BACKUP_KEYS_DO_NOT_FIT")
    as_ours = changed(theirs["keys"], tmp_path / "as-ours.keys.tar", manifest={"participant": f"oin:{node.id}"})
    assert list(refused(node, data, as_ours, new, "BACKUP_KEYS_DO_NOT_FIT").iterdir()) == []
    expired = changed(keys, tmp_path / "expired.keys.tar", manifest={"expires_at": int(time.time() * 1000)})
    refused(node, data, expired, new, "BACKUP_KEYS_EXPIRED")
    refused(node, data, keys, node.old_folder, "RESTORE_NOT_EMPTY")
    if databases[0]:
        used = tmp_path / "used"
        used.mkdir()
        (used / "verbond.toml").write_text(toml(node.settings))
        left = refused(node, data, keys, used, "RESTORE_NOT_EMPTY")
        assert [each.name for each in left.iterdir()] == ["verbond.toml"]


def test_without_keys_it_stays_provable_and_cannot_be_read(under_traffic, declared, provider, consumer, authority, folder, databases):
    if databases[0]:
        pytest.skip("the same on both: shown on SQLite")
    node, kept = provider.node, provider.node.folder
    node.stop()
    new = folder / "without-keys"
    report = restored(node, under_traffic, new, keys=False)
    assert not report["keys"]
    node.folder = new
    # It opens the same epoch a second time, which nobody must see who goes on with the other node.
    consumer.node.stop()
    try:
        done = go_on(node, "--without-silent")
        assert done.returncode == 0, done.stderr
        node.start()
        lines = node.cli("record", "journal", "--kind", "permit", "--limit", "1000")["items"]
        assert lines and not any(line["payload"] for line in lines)
        file = handed_over(provider, folder / "without-keys.jsonl")
        report = verifiers.agreed([file], str(authority.anchors))
        codes = {each["code"] for each in report["alarms"]}
        assert not codes & {"ENTRY_CHANGED", "LEAF_DIFFERS", "ROOT_DIFFERS", "ENTRY_MISSING", "TRUNCATED"}, codes
        # That nobody may have destroyed them is said too.
        assert codes & {"DESTROYED_WITHOUT_ACT", "DESTROYED_EARLY"}
        a_steward_declares_the_loss(provider, authority, folder)
    finally:
        node.stop()
        node.folder = kept
        node.start()
        consumer.node.start()


def a_steward_declares_the_loss(provider, authority, folder):
    """Then verifiers find a loss of another kind than tampering: named, counted, with its date."""
    node, officer = provider.node, provider.officer()
    lost = node.cli("journal", "losses")["items"]
    assert {each["class"] for each in lost} == {"act", "exchange"} and not any(each["declared_at"] for each in lost)
    (named,) = [each for each in node.diagnosis()["checks"] if each["check"] == "losses"]
    assert named["status"] == "warn" and "declare-loss" in named["mend"]
    assert all(f"{each['class']} {each['month']} ({each['entries']})" in named["detail"] for each in lost), named
    for who in (lambda *words: node.cli(*words), lambda *words: officer.afar(*words)):
        with pytest.raises(NodeFault, match="NOT_PERMITTED"):
            who("journal", "declare-loss", "--reason", "mine")
    steward = provider.enrols("beheerder", "steward")
    begun = int(time.time() * 1000)
    said = steward.afar("journal", "declare-loss", "--reason", "the safe with the keys burned")["items"]
    assert [each["entries"] for each in said] == [each["entries"] for each in lost] and all(each["declared_at"] for each in said)
    assert [each for each in node.diagnosis()["checks"] if each["check"] == "losses"] == []
    with pytest.raises(NodeFault, match="NOTHING_LOST"):
        steward.afar("journal", "declare-loss", "--reason", "once more")
    size = head(node)["size"]
    eventually(lambda: head(node)["checkpoint"]["size"] >= size, "a checkpoint over the declaration", 20)
    file = handed_over(provider, folder / "declared.jsonl")
    report = verifiers.agreed([file], str(authority.anchors))
    assert report["outcome"] == "losses" and report["alarms"] == [], report["alarms"][:5]
    found = report["losses"]
    assert [(each["code"], each["class"], each["count"]) for each in found] == [("DECLARED_LOSS", each["class"], each["entries"]) for each in lost]
    # Nobody was to destroy any of it yet.
    assert all(each["early"] == each["count"] and each["at"] >= begun - 1000 for each in found)
    # One exchange of before says so too.
    with sqlite3.connect(f"file:{node.database}?mode=ro", uri=True) as database:
        (first,) = database.execute("SELECT transaction_id FROM transaction_record ORDER BY position LIMIT 1").fetchone()
    transaction = str(uuid.UUID(bytes=first))
    of_one = folder / "one.jsonl"
    officer.afar("account", "evidence", "--transaction", transaction, "--out", str(of_one))
    report = verifiers.agreed([str(of_one)], str(authority.anchors))
    assert report["outcome"] == "losses" and report["alarms"] == [], report


def test_a_backup_that_is_put_in_place_without_a_word_is_named_as_tampering(
    declared, under_traffic, provider, consumer, token, authority, databases, tmp_path
):
    """Whoever puts an old database back by hand, takes away what the node kept of it, and lets nobody tell."""
    if databases[0]:
        pytest.skip("the same on both: shown on SQLite")
    node = provider.node
    with sqlite3.connect(node.database) as database, sqlite3.connect(tmp_path / "copy.sqlite") as copy:
        database.backup(copy)
    eventually(lambda: ask(consumer, token).status == 200, "an answer", 60)
    for _ in range(10):
        assert ask(consumer, token).status == 200
    lost = head(node)["size"]
    eventually(lambda: (ask(consumer, token), witnessed_now(consumer, provider))[1] >= lost, "the witness", 30)
    node.kill()
    consumer.node.stop()
    for file in node.folder.glob("verbond.sqlite*"):
        file.unlink()
    (node.folder / "journal-head").unlink()
    node.database.write_bytes((tmp_path / "copy.sqlite").read_bytes())
    node.start()
    while head(node)["size"] < lost + 20:
        node.add_service("another", "http://127.0.0.1:9")
        node.cli("service", "remove", "another")
    time.sleep(2)
    ours = handed_over(provider, tmp_path / "ours.jsonl")
    consumer.node.start()
    theirs = handed_over(consumer, tmp_path / "theirs.jsonl")
    report = verifiers.agreed([ours, theirs], str(authority.anchors))
    assert report["outcome"] == "alarms"
    found = {(each["code"], each["participant"]) for each in report["alarms"]}
    assert ("TWO_HISTORIES", f"oin:{node.id}") in found, report["alarms"][:5]


def witnessed_now(who, whom):
    items = who.node.cli("journal", "witnessed")["items"]
    own = [each for each in items if each["counterpart"] == f"oin:{whom.node.id}" and each["origin"].endswith("/2")]
    return max((each["size"] for each in own), default=0)
