"""The TransactionLog: records that are on disk before anything is sent on (Logging 2.1, 3.1)."""

import json
import os
import secrets
import threading
import time
import uuid
from pathlib import Path

INCOMING, OUTGOING = "DIRECTION_INCOMING", "DIRECTION_OUTGOING"


class LogWriteError(Exception):
    """The record is not persisted; the request must be denied (Logging 3.3.1.1, 3.4.1.1)."""


def new_transaction_id() -> str:
    """UUID version 7 (RFC 9562 section 5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def is_transaction_id(text: str) -> bool:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return str(parsed) == text.lower() and parsed.version == 7


def record_of(claims: dict, transaction_id: str, direction: str) -> dict:
    """Logging 3.1.1. The delegator is read from `act.sub`: the claim `cdi` that is named there is not in Core 4.3.1."""
    source = {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": claims["sub"]}
    delegator = claims.get("act", {}).get("sub")
    if delegator:
        source = {**source, "type": "SOURCE_TYPE_DELEGATED_SOURCE", "delegator_peer_id": delegator}
    destination = {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": claims["iss"]}
    if claims.get("pdi"):
        destination = {
            **destination,
            "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
            "delegator_peer_id": claims["pdi"],
        }
    return {
        "transaction_id": transaction_id,
        "direction": direction,
        "grant_hash": claims["gth"],
        "source": source,
        "destination": destination,
        "service_name": claims["svc"],
        "created_at": int(time.time()),
    }


def involves(record: dict, peer_id: str) -> bool:
    """Logging 3.2.1.1."""
    return peer_id in (
        record["source"]["outway_peer_id"],
        record["destination"]["service_peer_id"],
        record["source"].get("delegator_peer_id"),
        record["destination"].get("delegator_peer_id"),
    )


class TransactionLog:
    """One JSON record per line."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def append(self, record: dict) -> None:
        line = json.dumps(record).encode() + b"\n"
        try:
            with self._lock, open(self.path, "ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LogWriteError("the record could not be written") from error

    def records(self) -> list[dict]:
        with self._lock:
            return [json.loads(line) for line in self.path.read_bytes().splitlines()]
