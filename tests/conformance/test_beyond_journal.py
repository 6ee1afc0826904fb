"""Beyond the suite: the journal is a transparency log that others can read, counterparts witness each other, and a node
that has lost entries says so or does not start.

Read here with Python's own means, from docs/formats/journal.md and the C2SP formats; nothing of the program is used.
"""

import base64
import hashlib
import json
import shutil
import sqlite3
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import load_der_x509_certificate

from support.agreements import ask
from support.between_two import consumer, folder, provider, source, token, working  # noqa: F401
from support.checks import eventually
from support.node import NodeFault
from verification import merkle, verifiers
from verification.note import Checkpoint, VerifierKey
from verification.tiles import PublishedTiles

SETTINGS = {"journal": {"checkpoint_seconds": 1, "tiles": "tiles"}}


@pytest.fixture(scope="module")
def settings():
    return SETTINGS


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def entries(node):
    """Every entry of the database, in the order of its place: kind, time, commitment."""
    with sqlite3.connect(f"file:{node.database}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT kind, at_millis, commitment FROM journal_entry ORDER BY position")
        return rows.fetchall()


def leaf(kind, at, commitment):
    encoded = base64.urlsafe_b64encode(commitment).rstrip(b"=").decode()
    return f'{{"at":{at},"commitment":"{encoded}","kind":"{kind}"}}'.encode()


def tree(node):
    return merkle.Tree(merkle.leaf_hash(leaf(*entry)) for entry in entries(node))


def head(node):
    return node.cli("journal", "show")


def newest(node):
    return Checkpoint.parse(eventually(lambda: head(node)["checkpoint"], "a checkpoint")["note"])


def key_of(node):
    return VerifierKey.parse(head(node)["verifier_keys"][-1])


def settled(node):
    """The newest checkpoint, once it is over everything that is there."""
    return eventually(lambda: (lambda one: one if one.size == len(entries(node)) else None)(newest(node)), "a checkpoint of all", 15)


def test_the_checkpoint_is_the_root_of_what_stands_in_the_database(working, provider):
    checkpoint = settled(provider.node)
    assert tree(provider.node).root(checkpoint.size) == checkpoint.root
    assert checkpoint.note.signed_by(key_of(provider.node))
    assert checkpoint.origin == f"oin:{provider.node.id}/journal/1"


def test_the_first_entry_certifies_the_key_by_the_certificate(working, provider, folder):
    # Salt and payload lie sealed in the database: an officer has them handed over.
    file = folder / "first-entry.jsonl"
    provider.officer().afar("account", "evidence", "--out", str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    first = next(line for line in lines if line.get("index") == 0 and "payload" in line)
    kind, at, payload = first["kind"], first["at"], first["payload"].encode()
    salt, commitment = unpadded(first["salt"]), unpadded(first["commitment"])
    assert entries(provider.node)[0] == (kind, at, commitment)
    assert hashlib.sha256(salt + payload).digest() == commitment
    act = json.loads(payload)
    assert (kind, act["action"]) == ("act", "journal.key")
    detail = act["detail"]
    header, body, signature = detail["statement"].split(".")
    certificate = load_der_x509_certificate(unpadded(detail["chain"][0]))
    raw = unpadded(signature)
    half = len(raw) // 2
    encoded = encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
    certificate.public_key().verify(encoded, f"{header}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    statement = json.loads(unpadded(body))
    assert unpadded(body) == json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    assert statement | {"at": 0} == {
        "at": 0, "format": "verbond-journal-key/1", "origin": f"oin:{provider.node.id}/journal/1",
        "participant": f"oin:{provider.node.id}", "verifier_key": detail["verifier_key"],
    }  # fmt: skip
    assert abs(statement["at"] - at) < 5000
    assert json.loads(unpadded(header))["x5t#S256"] == base64.urlsafe_b64encode(
        hashlib.sha256(unpadded(detail["chain"][0])).digest()
    ).rstrip(b"=").decode()


def test_tiles_are_those_of_the_standard(working, provider, consumer, token):
    for _ in range(150):
        assert ask(consumer, token).status == 200
    checkpoint = settled(provider.node)
    assert checkpoint.size > 256
    published = provider.node.folder / "tiles"
    eventually(lambda: Checkpoint.parse((published / "checkpoint").read_text()).size >= checkpoint.size, "the tiles", 15)
    # Reads every tile and bundle, and demands that they lead to the signed root.
    directory = PublishedTiles(published, key_of(provider.node))
    assert directory.size >= checkpoint.size
    leaves = [leaf(*entry) for entry in entries(provider.node)]
    assert directory.verify_all() == directory.size
    read = [each for number in range(-(-directory.size // 256)) for each in directory.leaves(number)]
    assert read == leaves[: directory.size]
    proof = directory.consistency(checkpoint.size)
    assert merkle.consistent(checkpoint.size, checkpoint.root, directory.size, directory.checkpoint.root, proof)


def seen_of(who, whom):
    """What one has seen of the other's journal."""
    items = who.node.cli("journal", "witnessed")["items"]
    return [each for each in items if each["counterpart"] == f"oin:{whom.node.id}"]


def test_counterparts_witness_each_other(working, provider, consumer, token):
    for one, other in ((provider, consumer), (consumer, provider)):
        own = settled(other.node)
        ask(consumer, token)
        ask(consumer, token)
        seen = eventually(lambda: (lambda of: of and of[0]["size"] >= own.size and of[0])(seen_of(one, other)), "the checkpoint", 20)  # noqa: B023
        note = Checkpoint.parse(seen["note"])
        assert note.note.signed_by(key_of(other.node))
        assert tree(other.node).root(note.size) == note.root
    # What was seen stands in the journal of whoever saw it, with the key's certification at the first time.
    lines = provider.node.cli("record", "journal", "--kind", "witness", "--limit", "1000")["items"]
    first, last = lines[-1]["payload"], lines[0]["payload"]
    assert first["counterpart"] == f"oin:{consumer.node.id}" and first["key"]["statement"].count(".") == 2
    assert "key" not in last and Checkpoint.parse(last["note"]).size > Checkpoint.parse(first["note"]).size


def test_the_header_goes_from_node_to_node_and_no_further(working, consumer, token, source):
    forged = base64.urlsafe_b64encode(b"forged").decode()
    answer = ask(consumer, token, **{"Verbond-Checkpoint": forged})
    assert answer.status == 200
    assert "verbond-checkpoint" not in {name.lower() for name in answer.headers}
    assert "verbond-checkpoint" not in {name.lower() for name in source.requests[-1].headers}


def copied(node, target):
    """A backup of the database, as an operator would make it."""
    with sqlite3.connect(node.database) as database, sqlite3.connect(target) as backup:
        database.backup(backup)


def restored(node, backup):
    for old in node.folder.glob("verbond.sqlite*"):
        old.unlink()
    shutil.copy(backup, node.database)


def go_on(node, *more):
    return subprocess.run(
        [node.binary, "--data", str(node.folder), "journal", "continue", "--reason", "the disk failed", "--json", *more],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_node_that_has_lost_entries_does_not_start_until_the_gap_is_declared(working, provider, consumer, token, tmp_path):
    backup = tmp_path / "backup.sqlite"
    copied(provider.node, backup)
    for _ in range(3):
        assert ask(consumer, token).status == 200
    lost = settled(provider.node)
    eventually(lambda: (ask(consumer, token), seen_of(consumer, provider))[1][0]["size"] >= lost.size, "the witness", 20)
    provider.node.stop()
    restored(provider.node, backup)
    with pytest.raises(NodeFault, match="JOURNAL_BEHIND"):
        provider.node.start()

    # Without what the node itself kept and published, the counterpart's word stops it, and is kept.
    (provider.node.folder / "journal-head").unlink()
    shutil.rmtree(provider.node.folder / "tiles")
    try:
        provider.node.start()
        eventually(lambda: provider.node.process.poll() is not None, "the node to stop", 40)
        provider.node.process = None
    except NodeFault as fault:
        assert "JOURNAL_BEHIND" in str(fault)
    held = Checkpoint.parse((provider.node.folder / "journal-head").read_text())
    assert held.size >= lost.size
    with pytest.raises(NodeFault, match="JOURNAL_(BEHIND|DIFFERS)"):
        provider.node.start()

    declared = go_on(provider.node)
    assert declared.returncode == 0 and json.loads(declared.stdout)["epoch"] == 2, declared.stderr
    again = go_on(provider.node)
    assert again.returncode != 0 and "CHECKPOINT_OF_ANOTHER_JOURNAL" in again.stdout + again.stderr
    provider.node.start()
    eventually(lambda: ask(consumer, token).status == 200, "an answer in the new epoch", 60)
    act = next(
        line["payload"] for line in provider.node.cli("record", "journal", "--kind", "act", "--limit", "1000")["items"]
        if line["payload"]["action"] == "journal.continue"
    )  # fmt: skip
    detail = act["detail"]
    assert detail["reason"] == "the disk failed" and Checkpoint.parse(detail["last_known"]) == held
    assert detail["previous_origin"].endswith("/journal/1") and detail["origin"].endswith("/journal/2")
    assert settled(provider.node).origin.endswith("/journal/2")
    ask(consumer, token)
    origins = lambda: {each["origin"] for each in consumer.node.cli("journal", "witnessed")["items"]}  # noqa: E731
    eventually(lambda: {detail["origin"], detail["previous_origin"]} <= (ask(consumer, token), origins())[1], "both epochs", 20)


def test_a_database_that_was_edited_is_found_at_the_start(working, provider, consumer):
    settled(provider.node)
    provider.node.stop()
    with sqlite3.connect(provider.node.database) as database:
        hashes_of_tile = bytearray(database.execute("SELECT hashes FROM journal_tile WHERE level = 0 AND place = 0").fetchone()[0])
        kept = bytes(hashes_of_tile)
        hashes_of_tile[40] ^= 1
        # The edge of the tree is computed from level 1 on where the first tile is full: both are edited.
        upper = database.execute("SELECT hashes FROM journal_tile WHERE level = 1 AND place = 0").fetchone()[0]
        database.execute("UPDATE journal_tile SET hashes = ? WHERE level = 0 AND place = 0", (bytes(hashes_of_tile),))
        database.execute("UPDATE journal_tile SET hashes = ? WHERE level = 1 AND place = 0", (b"\1" * 32 + upper[32:],))
    with pytest.raises(NodeFault, match="JOURNAL_DIFFERS"):
        provider.node.start()
    with sqlite3.connect(provider.node.database) as database:
        database.execute("UPDATE journal_tile SET hashes = ? WHERE level = 0 AND place = 0", (kept,))
        database.execute("UPDATE journal_tile SET hashes = ? WHERE level = 1 AND place = 0", (upper,))
    provider.node.start()
    time.sleep(1)
    assert head(provider.node)["size"] > 0


# Evidence -----------------------------------------------------------------------------------------------------------


def handed_over(organisation, file, *more):
    organisation.officer().afar("account", "evidence", "--out", str(file), *more)
    return file


@pytest.fixture(scope="module")
def evidence(working, provider, consumer, token, tmp_path_factory):
    """The whole journal of both, after all that the tests before this did."""
    folder = tmp_path_factory.mktemp("evidence")
    for _ in range(5):
        assert ask(consumer, token).status == 200
    assert ask(consumer, token, **{"Verbond-Purpose": "enforcement"}).status >= 400
    time.sleep(2)
    return [handed_over(each, folder / f"{each.node.id}.jsonl") for each in (provider, consumer)]


def both_verifiers(files, authority, *more):
    """What the program and the one in Python say, which must be the same."""
    return verifiers.agreed([str(file) for file in files], str(authority.anchors), *more)


def test_both_verifiers_find_the_evidence_of_both_parties_clean(evidence, authority):
    report = both_verifiers(evidence, authority)
    assert report["outcome"] == "clean" and report["alarms"] == [], report["alarms"][:5]
    assert "DECLARED_GAP" in {note["code"] for note in report["notes"]}
    # Of an exchange in the moment of the backup the completion may have been lost with the database.
    assert report["exchanges"]["both_sides"] > 150 and report["exchanges"]["agree"] >= report["exchanges"]["both_sides"] - 2
    assert all(each["witnessed"] > 0 and each["permits"] > 150 for each in report["participants"])


def test_one_exchange_is_evidence_by_itself_and_with_the_other_half(working, provider, consumer, token, authority, tmp_path):
    transaction = ask(consumer, token).headers["Fsc-Transaction-Id"]
    complete = lambda each: any(  # noqa: E731
        line["payload"]["transaction_id"] == transaction
        for line in each.node.cli("record", "journal", "--kind", "completion", "--limit", "20")["items"]
    )
    for each in (provider, consumer):
        eventually(lambda: complete(each), "the completion")  # noqa: B023
    time.sleep(1)
    ask(consumer, token)
    halves = [
        handed_over(each, tmp_path / f"{each.node.id}.jsonl", "--transaction", transaction) for each in (provider, consumer)
    ]
    joined_file = tmp_path / "exchange.jsonl"
    joined_file.write_bytes(b"".join(file.read_bytes() for file in halves))
    report = both_verifiers([joined_file], authority)
    assert report["outcome"] == "clean", report["alarms"][:5]
    assert report["exchanges"] == {"both_sides": 1, "agree": 1}
    assert joined_file.stat().st_size < 200_000


def test_a_period_withholds_the_rest_and_is_proved_all_the_same(working, provider, authority, tmp_path):
    file = handed_over(provider, tmp_path / "period.jsonl", "--after", "2026-01-01T00:00:00Z", "--before", "2026-01-02T00:00:00Z")
    report = both_verifiers([file], authority)
    assert report["outcome"] == "clean", report["alarms"][:5]
    assert next(note["count"] for note in report["notes"] if note["code"] == "WITHHELD") > 300


EDITS = {
    "back-dated": ("UPDATE journal_entry SET at_millis = at_millis - 86400000 WHERE position = {position}", "LEAF_DIFFERS"),
    "another commitment": ("UPDATE journal_entry SET commitment = zeroblob(32) WHERE position = {position}", "LEAF_DIFFERS"),
    "another kind": ("UPDATE journal_entry SET kind = 'refusal' WHERE position = {position}", "LEAF_DIFFERS"),
    "dropped": ("DELETE FROM journal_entry WHERE position = {position}", "ENTRY_MISSING"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_database_hands_over_evidence_that_names_the_edit(edit, working, provider, authority, tmp_path):
    statement, code = EDITS[edit]
    with sqlite3.connect(f"file:{provider.node.database}?mode=ro", uri=True) as database:
        position = database.execute("SELECT max(position) - 40 FROM journal_entry WHERE kind = 'completion'").fetchone()[0]
        row = database.execute("SELECT * FROM journal_entry WHERE position = ?", (position,)).fetchone()
    with sqlite3.connect(provider.node.database) as database:
        database.execute(statement.format(position=position))
    try:
        file = handed_over(provider, tmp_path / "edited.jsonl")
    finally:
        with sqlite3.connect(provider.node.database) as database:
            database.execute(f"REPLACE INTO journal_entry VALUES ({', '.join('?' * len(row))})", row)
    report = both_verifiers([file], authority)
    assert report["outcome"] == "alarms"
    assert (code, position - 1) in {(each["code"], each.get("index")) for each in report["alarms"]}, report["alarms"][:5]


def test_who_may_hand_over_evidence(working, provider, tmp_path):
    """The socket and a drafter may not: evidence tells whose data was processed."""
    with pytest.raises(NodeFault, match="NOT_PERMITTED"):
        provider.node.cli("account", "evidence", "--out", str(tmp_path / "socket.jsonl"))
    assert not (tmp_path / "socket.jsonl").exists()


def test_an_exchange_that_is_not_known_is_a_precise_refusal(working, provider, tmp_path):
    with pytest.raises(NodeFault, match="EXCHANGE_UNKNOWN"):
        handed_over(provider, tmp_path / "none.jsonl", "--transaction", "01890a5d-ac96-774b-bcce-b302099a8057")
    assert not (tmp_path / "none.jsonl").exists()
