"""(a) Follows the system calls of both nodes and demands a finished sync between record and first byte proxied.

For every exchange, on both sides: the record is written to the journal's database; then a sync of that file begins and
ends well (SQLite), or the server syncs and its word that the transaction is committed arrives (PostgreSQL); only then
the first byte of the request goes on, to the source (inway) or to the inway (outway).

What the inway sends to its source is in the clear and carries the transaction id. What the outway sends to the inway is
encrypted: in the sequential part nothing as large as a request may leave to the inway before the
sync has ended, and in the concurrent part the provider may not have written anything of the transaction before it. Each
sync is held back for a moment (strace's delay), so that one who does not wait for it is certain to be seen.
"""

import random
import threading
import uuid
from dataclasses import dataclass

from .load import Client, version_7
from .trace import READS, SYNCS, WRITES, Event, Trace

CONTROL_MESSAGE = 150       # bytes; TLS records of HTTP/2's own messages are smaller, a request with its token is larger


@dataclass
class Watched:
    """One side in the trace: its processes, the directory of its database, its database server if any."""

    name: str
    processes: set[int]
    data: str
    servers: set[int]


def forms(transaction: str) -> tuple[bytes, bytes]:
    """How a transaction id can stand in a record: as text or as its sixteen bytes."""
    return transaction.encode(), uuid.UUID(transaction).bytes


def carries(event: Event, transaction: str) -> bool:
    return any(form in event.data for form in forms(transaction))


def durable_from(events: list[Event], side: Watched, transaction: str) -> tuple[int | None, str]:
    """The line at which the record of this transaction was durable, or None and what is missing."""
    if side.servers:
        return committed_from(events, side, transaction)
    record = next((e for e in events if e.process in side.processes and e.call in WRITES and e.result > 0
                   and e.handle.startswith(side.data) and carries(e, transaction)), None)
    if record is None:
        return None, "no record was written"
    ends = [e.end for e in events if e.process in side.processes and e.call in SYNCS and e.handle == record.handle
            and e.result == 0 and e.begin > record.end]
    if not ends:
        return None, "its record was written and never synced"
    return min(ends), ""


def committed_from(events: list[Event], side: Watched, transaction: str) -> tuple[int | None, str]:
    record = next((e for e in events if e.process in side.processes and e.call in WRITES and e.result > 0
                   and e.handle.startswith("UNIX") and carries(e, transaction)), None)
    if record is None:
        return None, "no record was sent to the database server"
    # ReadyForQuery with status I: no transaction is open any more (PostgreSQL documentation, 55.7). It may come in parts,
    # and may be read before the write's own return has been seen; what is read after the write began is the answer to it.
    word, said = None, b""
    for event in events:
        if event.process == record.process and event.call in READS and event.handle == record.handle and event.begin > record.begin:
            said += event.data
            if b"Z\0\0\0\x05I" in said:
                word = event
                break
    if word is None:
        return None, "the database server never said that the record is committed"
    if b"ROLLBACK\0" in said:
        return None, "the record's database transaction was rolled back"
    if not any(e.process in side.servers and e.call in SYNCS and e.result == 0 and e.begin > record.begin and e.end < word.end
               and "pg_wal" in e.handle for e in events):
        return None, "the database server said committed and had not synced its log"
    return word.end, ""


def to_port(event: Event, port: int) -> bool:
    return event.call in WRITES and event.result > 0 and event.handle.startswith("TCP") and event.handle.endswith(f":{port}]")


def judge(events: list[Event], transactions: list[str], sequential: set[str], consumer: Watched, provider: Watched,
          source_port: int, inway_port: int) -> list[str]:
    """What is wrong, a sentence each."""
    faults = []
    outgoing = [e for e in events if e.process in consumer.processes and to_port(e, inway_port)
                and e.result >= CONTROL_MESSAGE]
    to_source = [e for e in events if e.process in provider.processes and to_port(e, source_port)]
    for transaction in transactions:
        def fault(where: str, what: str) -> None:
            faults.append(f"{transaction} {where}: {what}")

        durable, missing = durable_from(events, provider, transaction)
        sent = next((e for e in to_source if carries(e, transaction)), None)
        if sent is None:
            fault("inway", "was not seen going to the source")
        elif durable is None:
            fault("inway", missing)
        elif sent.begin < durable:
            fault("inway", f"went to the source (line {sent.begin}) before its record was durable (line {durable})")

        durable, missing = durable_from(events, consumer, transaction)
        if durable is None:
            fault("outway", missing)
            continue
        arrived = next((e for e in events if e.process in consumer.processes and e.call in READS and carries(e, transaction)), None)
        if arrived is None:
            fault("outway", "was not seen arriving")
            continue
        first = next((e for e in outgoing if e.begin > arrived.begin), None)
        if transaction in sequential and first is None:
            fault("outway", "was not seen going to the inway")
        elif transaction in sequential and first.begin < durable:
            fault("outway", f"{first.result} bytes went to the provider (line {first.begin}) before its record was durable (line {durable})")
        known = next((e for e in events if e.process in provider.processes | provider.servers and carries(e, transaction)), None)
        if known is not None and known.moment < durable:
            fault("outway", f"the provider knew of it (line {known.moment}) before its record was durable (line {durable})")
    return faults


def exchange_all(port: int, headers: dict[str, str], alias: str, count: int, at_once: int) -> tuple[list[str], set[str], list[str]]:
    """Half one after the other, half `at_once` at a time. Gives all transactions, the sequential ones, what failed."""
    transactions, failures = [], []
    client = Client(port, headers, alias)
    for number in range(count // 2):
        transaction = version_7()
        status, answer = client.exchange(transaction, random.randbytes(3000) if number % 4 == 3 else None)
        transactions.append(transaction)
        if status != 200:
            failures.append(f"{transaction}: {status} {answer[:200]!r}")
    client.close()
    sequential = set(transactions)
    waiting = [version_7() for _ in range(count - count // 2)]
    transactions += waiting

    def work() -> None:
        mine = Client(port, headers, alias)
        while waiting:
            try:
                transaction = waiting.pop()
            except IndexError:
                break
            try:
                status, answer = mine.exchange(transaction)
                if status != 200:
                    failures.append(f"{transaction}: {status} {answer[:200]!r}")
            except Exception as error:      # every way to fail is a finding
                failures.append(f"{transaction}: {error!r}")
        mine.close()

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return transactions, sequential, failures


def follow(pair, source_port: int, consumer: Watched, provider: Watched, log, count: int, at_once: int,
           sync_delay: float) -> dict:
    """Runs `count` exchanges under strace and judges them."""
    everyone = consumer.processes | provider.processes
    servers = {process for side in (consumer, provider) for process in side.servers}
    trace = Trace(sorted(everyone | servers), log, sync_delay)
    try:
        transactions, sequential, failures = exchange_all(pair.consumer.outway_port, pair.headers(), "records", count, at_once)
    finally:
        events = trace.stop()
    failed = {failure.split(":")[0] for failure in failures}
    faults = judge(events, [t for t in transactions if t not in failed], sequential, consumer, provider, source_port,
                   pair.provider.inway_port)
    syncs = {side.name: sum(e.call in SYNCS and e.result == 0 and e.process in side.processes | side.servers for e in events)
             for side in (consumer, provider)}
    return {"exchanges": len(transactions), "sequential": len(sequential), "failed_exchanges": failures[:20],
            "faults_found": len(faults), "faults": faults[:20],
            "calls_seen": len(events), "syncs": syncs, "ok": not faults and not failures}
