"""What a node's journal says, changed behind its back. Entries lie sealed, so that they are read by asking the node; one that lies
unsealed, as all did once, is read as it lies."""

import json
import sqlite3


def entries(node, kind):
    """The newest entries of a kind, as the node shows them."""
    return node.cli("record", "journal", "--kind", kind, "--limit", "1000")["items"]


def position_of(node, transaction, kind):
    """Where an entry of a transaction stands in the database, and what it says."""
    for line in entries(node, kind):
        if (line["payload"] or {}).get("transaction_id") == transaction:
            with sqlite3.connect(node.database, timeout=10) as database:
                found = database.execute("SELECT position FROM journal_entry WHERE id = ?", (key(line["id"]),))
                (position,) = found.fetchone()
            database.close()
            return position, line["payload"]
    raise AssertionError("no such entry")


def key(identifier):
    """An entry's identifier as the database has it."""
    return bytes.fromhex(identifier.replace("-", ""))


def say(database, identifier, content):
    """Has an entry say something else."""
    statement = "UPDATE journal_entry SET payload = ?, salt = zeroblob(32), key_id = 0 WHERE id = ?"
    return database.execute(statement, (json.dumps(content).encode(), key(identifier)))
