"""Beyond the suite: a database is brought to this version after a look and a backup; what was destroyed does not come back with a backup,
whose keys expire; and with PostgreSQL `doctor` says which promise is lost when its standbys are asynchronous."""

import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from support.checks import eventually, records_of
from support.clock import shifted
from support.contract import connection, contract
from support.hashing import content_hash, grant_hash
from support.node import NodeFault, merge, toml
from support.postgres import IS_MISSING, REASON, SERVER, empty_database, psql
from support.wire import free_port
from support.steps import called
from support.world import CAST

DAY = 86400
SERVICE = "inkomens"


def run(node, *arguments, environment=None):
    return subprocess.run(
        [node.binary, "--data", str(node.folder), *arguments, "--json"],
        capture_output=True, text=True, timeout=120, env=os.environ | (environment or {}),
    )  # fmt: skip


def answer(node, *arguments, environment=None):
    done = run(node, *arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Keys and months -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(world, authority, echo):
    """A node whose group keeps exchanges for one day, with a certificate that outlives the journey in time."""
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=90)
    identity = authority.issue(*CAST["provider"], kind="p256", hosts=("localhost",), not_after=ends)
    settings = {"group": {"retention_days": 1}, "backup": {"key_days": 50}, "journal": {"checkpoint_seconds": 1}}
    made = world.node("provider", identity=identity, settings=settings)
    made.add_service(SERVICE, echo.url)
    return made


@pytest.fixture(scope="module")
def made(node, consumer):
    """An exchange, and a backup of after it."""
    content = contract(connection(consumer.identity, node.id, SERVICE))
    assert consumer.submit(node.manager_address, content).status == 201
    node.accept(content_hash(content))
    node.in_force()
    token = consumer.token(node.manager_address, grant_hash(content)).json()["access_token"]
    transaction, reply = called(node, consumer, token)
    assert reply.status == 200, reply
    eventually(lambda: records_of(consumer, node, transaction), "the record")
    time.sleep(1)
    backup = node.cli("backup")
    node.stop()
    return backup


def another(node, made, folder, environment, keys=None):
    """The node from the backup, later."""
    other = object.__new__(type(node))
    other.__dict__ = node.__dict__ | {"folder": folder, "environment": os.environ | environment, "process": None}
    done = subprocess.run(
        [node.binary, "--data", str(folder), "restore", made["data"], "--keys", str(keys or made["keys"])],
        capture_output=True, text=True, timeout=60, env=other.environment,
    )  # fmt: skip
    if done.returncode:
        raise NodeFault(done.stderr)
    (folder / "key.pem").write_bytes((node.folder / "key.pem").read_bytes())
    (folder / "key.pem").chmod(0o600)
    node.authority.write_lists(folder)
    return other


def exchange_keys(node):
    with sqlite3.connect(f"file:{node.database}?mode=ro", uri=True) as database:
        return database.execute("SELECT COUNT(*) FROM month_key WHERE class = 'exchange'").fetchone()[0]


def there(node):
    with sqlite3.connect(f"file:{node.database}?mode=ro", uri=True) as database:
        return database.execute("SELECT COUNT(*) FROM journal_entry WHERE kind = 'permit' AND length(payload) > 0").fetchone()[0]


def test_what_was_destroyed_does_not_come_back(node, made, tmp_path):
    later = shifted(35 * DAY)
    back = another(node, made, tmp_path / "back", later)
    # As a file that was put back it has both still; it is not served.
    assert (exchange_keys(back), there(back)) == (1, 1)
    with pytest.raises(NodeFault, match="JOURNAL_RESTORED"):
        back.start()
    said = answer(back, "journal", "continue", "--reason", "moved", environment=later)
    assert said["destroyed"] >= 1 and said["month_keys_destroyed"] == 1
    assert (exchange_keys(back), there(back)) == (0, 0)


def test_keys_expire(node, made, tmp_path):
    late = shifted(51 * DAY)
    with pytest.raises(NodeFault, match="BACKUP_KEYS_EXPIRED"):
        another(node, made, tmp_path / "late", late)
    assert not (tmp_path / "late").exists()
    listed = answer(node, "backup", "list", environment=late)["items"]
    assert [(each["holds"], each["expired"]) for each in listed] == [("data", False), ("keys", True)]
    assert answer(node, "backup", "list")["items"][1]["expired"] is False
    # The next backup takes them away by itself.
    kept = tmp_path / "kept"
    shutil.copytree(Path(made["keys"]).parent, kept)
    again = answer(node, "backup", environment=late)
    assert again["expired"] == [made["keys"]] and not Path(made["keys"]).exists() and Path(again["keys"]).exists()
    assert Path(made["data"]).exists()
    pruned = answer(node, "backup", "prune", "--keys-to", str(kept), environment=late)["items"]
    assert len(pruned) == 1 and list(kept.iterdir()) == []


def test_nothing_is_left_of_a_backup_that_fails(node, made):
    node.start()
    try:
        with node.full_disk(), pytest.raises(NodeFault, match="BACKUP_NOT_MADE|DATABASE_UNAVAILABLE"):
            node.cli("backup")
        time.sleep(0.5)
        left = [each.name for each in (node.folder / "backups").iterdir()]
        assert not [each for each in left if ".part" in each], left
        assert node.cli("backup")["entries"] > 0
    finally:
        node.stop()


# Upgrade -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def older(world, authority):
    """A node whose database lacks a migration."""
    made = world.node("publisher", settings={"journal": {"checkpoint_seconds": 1}})
    eventually(lambda: (made.folder / "journal-head").exists(), "a checkpoint", 20)
    made.stop()
    with sqlite3.connect(made.database) as database:
        database.execute("DROP TABLE restored_backup")
        database.execute("DELETE FROM _sqlx_migrations WHERE version = 16")
    yield made
    made.stop()


def has_migration(node):
    with sqlite3.connect(f"file:{node.database}?mode=ro", uri=True) as database:
        return database.execute("SELECT COUNT(*) FROM _sqlx_migrations WHERE version = 16").fetchone()[0] == 1


def test_an_upgrade_looks_backs_up_and_says_what_it_did(older, tmp_path):
    looked = answer(older, "upgrade", "--check")
    assert (looked["done"], looked["backup"], looked["migrations"]) == (False, None, ["16 restored backup"])
    assert not has_migration(older)
    done = answer(older, "upgrade")
    assert done["done"] and has_migration(older)
    again = answer(older, "upgrade")
    assert again["migrations"] == [] and not again["done"] and again["backup"] is None

    # The backup is of before, and comes back with this program too.
    back = another(older, done["backup"], tmp_path / "back", {})
    assert has_migration(back)
    # Over the last entries no checkpoint may have been signed yet: that takes the journal's own key.
    shutil.copy(older.folder / "journal-key.pem", back.folder / "journal-key.pem")
    assert answer(back, "journal", "continue", "--reason", "rolled back")["epoch"] == 2
    older.start()
    with pytest.raises(NodeFault, match="NODE_RUNS"):
        older.cli("upgrade")


def test_a_database_of_a_later_version_is_refused(older):
    answer(older, "upgrade", "--no-backup")
    assert not (older.folder / "backups").exists()
    with sqlite3.connect(older.database) as database:
        row = database.execute("SELECT * FROM _sqlx_migrations WHERE version = 16").fetchone()
        database.execute(f"INSERT INTO _sqlx_migrations VALUES ({', '.join('?' * len(row))})", (9999, *row[1:]))
    refused = run(older, "upgrade")
    assert refused.returncode and "DATABASE_NEWER" in refused.stderr and "9999" in refused.stderr
    assert "verbond restore" in run(older, "doctor").stdout
    with pytest.raises(NodeFault, match="DATABASE_NEWER"):
        older.start()


# Replicated PostgreSQL -------------------------------------------------------------------------------------------------


def as_server(*command):
    """PostgreSQL does not run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*prefix, *map(str, command)], check=True, capture_output=True, text=True, timeout=120, cwd="/")


def sql(statement):
    subprocess.run([psql(), SERVER, "-qc", statement], check=True, capture_output=True)


@pytest.fixture(scope="module")
def standby():
    """A streaming replica of the PostgreSQL of the tests."""
    directory = Path(os.environ["VERBOND_TEST_POSTGRES_DIR"]) / "standby"
    binaries = Path(sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))[-1]).parent
    port = free_port()
    connection_info = SERVER + "?application_name=reserve"
    as_server(binaries / "pg_basebackup", "--pgdata", directory, "--dbname", connection_info, "--write-recovery-conf", "--checkpoint=fast")
    options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory} -c dynamic_shared_memory_type=mmap -c max_connections=300"
    start = (binaries / "pg_ctl", "--pgdata", directory, "--log", directory / "standby.log", "--options", options, "--wait", "start")
    as_server(*start)
    yield lambda: as_server(binaries / "pg_ctl", "--pgdata", directory, "--mode", "immediate", "--wait", "stop")
    sql("ALTER SYSTEM RESET synchronous_standby_names")
    sql("SELECT pg_reload_conf()")
    if (directory / "postmaster.pid").exists():
        as_server(binaries / "pg_ctl", "--pgdata", directory, "--mode", "immediate", "--wait", "stop")
    shutil.rmtree(directory)


def found(node):
    finding = next(each for each in node.diagnosis()["checks"] if each["check"] == "replication")
    return finding["status"], finding["detail"]


@pytest.mark.skipif(IS_MISSING or not os.environ.get("VERBOND_TEST_POSTGRES_DIR"), reason=REASON)
def test_doctor_says_which_promise_is_lost_on_replicated_postgresql(world, request):
    with empty_database() as address:
        node = world.node("delegator", settings={"database": address})
        status, detail = found(node)
        assert status == "ok" and "one copy" in detail
        stop_standby = request.getfixturevalue("standby")
        status, detail = eventually(lambda: (lambda told: told if "reserve" in told[1] else None)(found(node)), "the standby", 20)
        assert status == "warn" and "asynchronous" in detail and "does not survive the loss of the primary" in detail
        sql("ALTER SYSTEM SET synchronous_standby_names = 'reserve'")
        sql("SELECT pg_reload_conf()")
        status, detail = eventually(lambda: (lambda told: told if "synchronous (" in told[1] else None)(found(node)), "synchronous", 20)
        assert status == "ok" and "reserve" in detail
        sql("ALTER SYSTEM SET synchronous_commit = 'remote_write'")
        sql("SELECT pg_reload_conf()")
        try:
            eventually(lambda: found(node)[0] == "warn" and "remote_write" in found(node)[1], "remote_write", 20)
        finally:
            sql("ALTER SYSTEM RESET synchronous_commit")
            sql("SELECT pg_reload_conf()")
        stop_standby()
        status, detail = eventually(lambda: (lambda told: told if told[0] == "fail" else None)(found(node)), "no standby", 20)
        assert "every exchange is refused" in detail
        sql("ALTER SYSTEM RESET synchronous_standby_names")
        sql("SELECT pg_reload_conf()")
        node.stop()
