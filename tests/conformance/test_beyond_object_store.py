"""Beyond the suite: the tree of the journal is published in an object store that speaks S3's protocol (docs/adr/0040), where
others read it with their own tools; and nothing about the store can hold up, mislead or expose the node.

The store is a real one that verifies signatures; the readers are Python's own and, where Go is installed, the libraries of the Go
checksum database.
"""

import shutil
import sqlite3
import subprocess
import time

import pytest

from support.checks import eventually
from support.node import NodeFault, merge
from support.object_store import BUCKET, HOST, KEY, SECRET, ObjectStore, Relay
from support.servers import Recorder, Reply
from support.wire import LOOPBACK
from verification import merkle, readers
from verification.note import Checkpoint, VerifierKey
from verification.tiles import PublishedTiles


@pytest.fixture(scope="module")
def store(authority, tmp_path_factory):
    made = ObjectStore(tmp_path_factory.mktemp("objects") / "store", authority.issue(None, "Objecten", HOST, kind="p256")).start()
    yield made
    made.stop()


@pytest.fixture
def mortal(authority, tmp_path):
    """A store of a test's own, to be killed."""
    made = ObjectStore(tmp_path / "store", authority.issue(None, "Objecten", HOST, kind="p256")).start()
    yield made
    made.stop()


def key_file(node, secret=SECRET):
    file = node.folder / "object-store-key"
    file.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {secret}\n")
    file.chmod(0o600)


def publishing(world, settings, role="provider", secret=SECRET, **more):
    node = world.node(role, settings=settings, start=False, **more)
    key_file(node, secret)
    return node.start()


def writes(node, acts=1):
    """Entries in the journal: the operator's acts."""
    for _ in range(acts):
        answer = node.administration("PUT", "/applications/clerk", {"credential": {"kind": "token"}})
        assert answer.status in (200, 201), answer


def journal(node):
    return node.cli("journal", "show")


def place(node):
    """What the node says of publishing in the store."""
    return journal(node)["published"][-1]


def code(node):
    return (place(node)["problem"] or {}).get("code")


def settled(node):
    """The newest checkpoint, once it is over everything that is there."""

    def all_signed():
        told = journal(node)
        return told["checkpoint"] and told["checkpoint"]["size"] == told["size"] and told["checkpoint"]["note"]

    time.sleep(0.6)
    return Checkpoint.parse(eventually(all_signed, "a checkpoint of all", 20))


def caught_up(node, seconds=20):
    newest = settled(node)
    everywhere = lambda: all((each["size"] or 0) >= newest.size for each in journal(node)["published"])  # noqa: E731
    eventually(everywhere, "the newest checkpoint where it is published", seconds)
    return newest


def key_of(node):
    return VerifierKey.parse(journal(node)["verifier_keys"][-1])


def standing(store, prefix):
    raw = store.get(f"{prefix}/checkpoint")
    return raw and Checkpoint.parse(raw.decode())


def warnings(node):
    return [line for line in node.stderr if "the journal's tree is not published there" in line]


def everything_told(node):
    """What people and machines can see of the node: its log, its tables, its JSON, its figures, its doctor."""
    plain = subprocess.run([node.binary, "--data", str(node.folder), "journal", "show"], capture_output=True, text=True, timeout=60)
    metrics = node.administration("GET", "/../metrics").body
    return "\n".join([*node.stderr, plain.stdout, plain.stderr, str(journal(node)), str(node.diagnosis()), str(metrics)])


# Reading ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(world, store):
    return publishing(world, store.settings("first/node"))


def test_others_read_and_verify_the_tree_from_the_bucket(node, store):
    writes(node)
    early = caught_up(node)
    writes(node, 300)
    late = caught_up(node)
    assert late.size > 256 + 44
    read = PublishedTiles(f"{store.plain}/{BUCKET}/first/node", key_of(node))
    assert read.verify_all() == read.size >= late.size
    proof = read.consistency(early.size)
    assert merkle.consistent(early.size, early.root, read.size, read.checkpoint.root, proof)
    with sqlite3.connect(f"file:{node.database}?mode=ro", uri=True) as database:
        (kind,) = database.execute("SELECT kind FROM journal_entry WHERE position = 300").fetchone()
    leaves = [each for number in range(-(-read.size // 256)) for each in read.leaves(number)]
    assert f'"kind":"{kind}"'.encode() in leaves[299]


@pytest.mark.skipif(readers.why_not() is not None, reason=str(readers.why_not()))
def test_the_libraries_of_the_go_checksum_database_read_the_bucket(node, store, tmp_path):
    writes(node, max(0, 280 - settled(node).size))
    newest = caught_up(node)
    program = readers.built(tmp_path)
    words = [program, f"{store.plain}/{BUCKET}/first/node", str(key_of(node)), "270", "100"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= newest.size
    assert subprocess.run([*words[:2], "wrong", *words[3:]], capture_output=True, timeout=60).returncode == 1


def test_what_never_changes_may_be_kept_and_the_checkpoint_may_not(node, store):
    writes(node, max(0, 260 - settled(node).size))
    caught_up(node)
    for path in ("tile/0/000", "tile/entries/000"):
        headers, _ = store.answer(f"first/node/{path}")
        assert "immutable" in headers["Cache-Control"] and headers["Content-Type"] == "application/octet-stream"
    headers, _ = store.answer("first/node/checkpoint")
    assert headers["Cache-Control"] == "no-cache" and headers["Content-Type"] == "text/plain; charset=utf-8"


def needed(size):
    """The files of a tree of less than 65,536 entries."""
    full, rest = divmod(size, 256)
    paths = {f"tile/{level}/{number:03}" for level in ("0", "entries") for number in range(full)}
    paths |= {f"tile/{level}/{full:03}.p/{rest}" for level in ("0", "entries") if rest}
    return paths | ({f"tile/1/000.p/{full}"} if full else set())


def test_the_checkpoint_comes_after_all_that_it_covers(world, store):
    relay = Relay(store.ports["http"])
    node = publishing(world, store.settings("order", address=f"http://{LOOPBACK}:{relay.port}", anchors=None))
    writes(node, 280)
    caught_up(node)
    # Twice over more than a full tile, so that the level above it stands already.
    writes(node, 5)
    newest = caught_up(node)
    before, sizes = [], []
    for path, size in relay.put("order"):
        if path == "checkpoint":
            sizes.append(size)
            assert needed(size) <= set(before), f"the checkpoint over {size} entries came before all that it covers"
        else:
            before.append(path)
    assert sizes == sorted(set(sizes)) and sizes[-1] >= newest.size > 256
    # Nothing that stands already is put again.
    assert len(before) == len(set(before))
    node.stop()
    relay.stop()


# A store that fails -------------------------------------------------------------------------------------------------


def test_a_store_that_dies_holds_up_nothing_is_told_of_once_and_gets_everything_later(world, mortal):
    node = publishing(world, mortal.settings("mortal"))
    writes(node)
    before = caught_up(node)
    mortal.kill()
    writes(node, 20)
    after = settled(node)
    assert after.size >= before.size + 20
    eventually(lambda: code(node) == "TILES_UNREACHABLE", "word of it", 20)
    eventually(lambda: place(node)["failures"] >= 3, "more tries", 30)
    told = place(node)
    assert told["size"] == before.size and told["failing_since"] and len(warnings(node)) == 1
    findings = [each for each in node.diagnosis()["checks"] if each["check"] == "tiles"]
    assert findings and all(each["status"] == "fail" for each in findings)
    mortal.start()
    caught_up(node, 70)
    assert PublishedTiles(f"{mortal.plain}/{BUCKET}/mortal", key_of(node)).verify_all() >= after.size
    assert code(node) is None
    assert sum("published there again" in line for line in node.stderr) == 1
    findings = [each for each in node.diagnosis()["checks"] if each["check"] == "tiles"]
    assert [each["status"] for each in findings] == ["ok"]
    node.stop()


def test_a_store_that_never_answers_holds_up_nothing(world, store):
    relay = Relay(store.ports["http"])
    node = publishing(
        world, store.settings("silent", address=f"http://{LOOPBACK}:{relay.port}", anchors=None, timeout_ms=60_000)
    )
    caught_up(node)
    relay.silent = True
    for _ in range(3):
        before = settled(node).size
        writes(node, 5)
        assert settled(node).size >= before + 5
    assert node.stop() == 0
    relay.stop()


def test_a_store_that_is_full_is_told_of_by_its_status_and_nothing_of_its_words(world, store):
    class Full(Recorder):
        def answer(self, request):
            words = f"<Error><Code>QuotaExceeded</Code><Message>{KEY} has no space</Message></Error>"
            return Reply(404 if request.method == "GET" else 507, words.encode())

    full = Full()
    node = publishing(world, store.settings("full", address=f"http://{LOOPBACK}:{full.port}", anchors=None))
    eventually(lambda: code(node) == "TILES_NOT_TAKEN", "word of it", 20)
    assert "status 507 (QuotaExceeded)" in place(node)["problem"]["detail"]
    assert KEY not in everything_told(node)
    node.stop()
    full.stop()


def test_a_bucket_that_is_not_there_is_told_of(world, store):
    node = publishing(world, store.settings("lost", bucket="elsewhere"))
    eventually(lambda: code(node) == "TILES_NOT_TAKEN", "word of it", 20)
    assert "no such bucket" in place(node)["problem"]["detail"]
    node.stop()


# Keys ---------------------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_refused_shown_nowhere_and_replaced_without_a_restart(world, store):
    wrong = "another-secret-that-is-not-it"
    assert not store.put("anything", b"", secret=wrong), "the store takes requests that are signed with another secret"
    settings = merge(store.settings("refused"), {"log": {"level": "trace"}})
    node = publishing(world, settings, secret=wrong)
    eventually(lambda: code(node) == "TILES_REFUSED", "word of it", 20)
    assert "status 403 (SignatureDoesNotMatch)" in place(node)["problem"]["detail"]
    assert standing(store, "refused") is None
    told = everything_told(node)
    key_file(node)
    caught_up(node, 70)
    told += everything_told(node)
    for secret in (KEY, SECRET, wrong, "Signature="):
        assert secret not in told
    node.stop()


def test_the_key_may_stand_in_the_environment(world, store):
    settings = store.settings("environment", credentials_file=None)
    with pytest.raises(NodeFault, match="OBJECT_STORE_UNUSABLE.*AWS_ACCESS_KEY_ID is not set"):
        world.node("consumer", settings=settings)
    node = world.node("consumer", settings=settings, environment={"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET})
    caught_up(node)
    told = everything_told(node)
    assert KEY not in told and SECRET not in told
    node.stop()


def test_a_certificate_of_another_authority_is_refused(world, store, tmp_path):
    from support.authority import Authority

    stranger = Authority(tmp_path / "stranger", "stranger")
    node = publishing(world, store.settings("stranger", anchors=[stranger.anchors]))
    eventually(lambda: code(node) == "TILES_UNREACHABLE", "word of it", 20)
    assert "certificate" in place(node)["problem"]["detail"]
    assert standing(store, "stranger") is None
    node.stop()


@pytest.mark.parametrize("member, value", [
    ("address", "http://objecten.test:9000"), ("address", "https://key:secret@objecten.test"), ("address", "https://objecten.test/path"),
    ("prefix", "../other"), ("prefix", "a//b"), ("bucket", ""), ("region", "a b"), ("timeout_ms", 1),
])  # fmt: skip
def test_a_section_that_cannot_be_right_is_refused_at_the_start(world, store, member, value):
    settings = merge(store.settings("wrong"), {"journal": {"object_store": {member: value}}})
    with pytest.raises(NodeFault, match=f"journal.object_store.{member}") as fault:
        publishing(world, settings)
    assert "key:secret" not in str(fault.value)


# What stands there --------------------------------------------------------------------------------------------------


def test_what_another_node_publishes_is_never_overwritten(world, store):
    first = publishing(world, store.settings("shared"))
    caught_up(first)
    first.stop()
    before = store.get("shared/checkpoint"), store.get("shared/tile/0/000.p/1")
    other = publishing(world, store.settings("shared"), role="consumer")
    writes(other, 5)
    eventually(lambda: code(other) == "TILES_OF_ANOTHER_JOURNAL", "a refusal", 20)
    settled(other)
    assert (store.get("shared/checkpoint"), store.get("shared/tile/0/000.p/1")) == before
    other.stop()


@pytest.mark.parametrize("where", ["bucket", "directory"])
def test_a_tile_that_is_another_is_not_overwritten(world, store, where):
    prefix = f"tile-{where}"
    settings = store.settings(prefix) if where == "bucket" else {"journal": {"checkpoint_seconds": 1, "tiles": "tiles"}}
    node = publishing(world, settings)
    caught_up(node)
    forged = bytes(8192)
    file = node.folder / "tiles/tile/0/000"
    assert store.put(f"{prefix}/tile/0/000", forged) if where == "bucket" else file.write_bytes(forged)
    writes(node, 260)
    eventually(lambda: code(node) == "TILES_DIFFER", "a refusal", 20)
    read = store.get(f"{prefix}/tile/0/000") if where == "bucket" else file.read_bytes()
    assert read == forged
    node.stop()


def restored(node, backup):
    for old in node.folder.glob("verbond.sqlite*"):
        old.unlink()
    shutil.copy(backup, node.database)


def copied(node, target):
    with sqlite3.connect(node.database) as database, sqlite3.connect(target) as backup:
        database.backup(backup)


def go_on(node, *more):
    words = [node.binary, "--data", str(node.folder), "journal", "continue", "--reason", "the disk failed", *more]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def test_what_was_lost_is_found_in_the_bucket_and_the_next_epoch_stands_beside_it(world, store, tmp_path):
    node = publishing(world, merge(store.settings("restored"), {"journal": {"tiles": "tiles"}}))
    caught_up(node)
    copied(node, tmp_path / "backup.sqlite")
    writes(node, 280)
    lost = caught_up(node)
    tiles = node.folder / "tiles"
    assert Checkpoint.parse((tiles / "checkpoint").read_text()).size >= lost.size
    node.stop()
    restored(node, tmp_path / "backup.sqlite")
    # Nobody else knows what there was: not the data directory, no counterpart.
    (node.folder / "journal-head").unlink()
    shutil.rmtree(tiles)
    published = standing(store, "restored")
    old = {path: store.get(f"restored/{path}") for path in ("checkpoint", "tile/0/000", "tile/entries/000")}
    try:
        node.start()
        eventually(lambda: node.process.poll() is not None, "the node to stop", 30)
        node.process = None
    except NodeFault as fault:
        assert "JOURNAL_BEHIND" in str(fault)
    assert Checkpoint.parse((node.folder / "journal-head").read_text()).size == published.size
    done = go_on(node)
    assert done.returncode == 0, done.stderr
    node.start()
    writes(node, 5)
    newest = caught_up(node)
    assert newest.origin.endswith("/journal/2") and newest.size < published.size
    key = key_of(node)
    for where in (f"{store.plain}/{BUCKET}/restored/epoch-2", tiles / "epoch-2"):
        assert PublishedTiles(where, key).verify_all() >= newest.size
    assert {path: store.get(f"restored/{path}") for path in old} == old
    assert place(node)["epoch"] == 2
    node.stop()
