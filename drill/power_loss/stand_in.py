#!/usr/bin/env python3
"""A stand-in for `verbond` with which the drill proves itself: it obeys the same commands, without TLS or contracts.

It records on SQLite and can be told to be wrong, by STAND_IN_FAULT: `early` forwards before its record is synced,
`lazy` never syncs (synchronous=OFF), `twice` accepts a transaction id again.
"""

import http.client
import json
import os
import socketserver
import sqlite3
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULT = os.environ.get("STAND_IN_FAULT", "")
LOCAL = threading.local()


def initialise(data: Path, words: list[str]) -> None:
    data.mkdir(parents=True)
    (data / "node.json").write_text(json.dumps({"base": int(words[words.index("--base-port") + 1])}))
    (data / "verbond.toml").write_text('database = "sqlite"\n')


def remember(data: Path, **values) -> None:
    place = data / "node.json"
    known = {**json.loads(place.read_text()), **values}
    with open(place, "w") as out:
        out.write(json.dumps(known))
        out.flush()
        os.fsync(out.fileno())


class Journal:
    def __init__(self, place: Path):
        self.lock = threading.Lock()
        self.connection = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(f"PRAGMA synchronous = {'OFF' if FAULT == 'lazy' else 'FULL'}")
        self.connection.execute("CREATE TABLE IF NOT EXISTS record (direction TEXT, id TEXT, UNIQUE (direction, id))")

    def append(self, direction: str, transaction: str) -> bool:
        with self.lock:
            verb = "INSERT OR IGNORE" if FAULT == "twice" else "INSERT"
            try:
                self.connection.execute(f"{verb} INTO record VALUES (?, ?)", (direction, transaction))
                return True
            except sqlite3.IntegrityError:
                return False

    def has(self, transaction: str) -> list:
        with self.lock:
            return self.connection.execute("SELECT direction FROM record WHERE id = ?", (transaction,)).fetchall()


def gateway(journal: Journal, direction: str, data: Path, target: str, strip: int):
    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self, transaction: str, body: bytes) -> tuple[int, bytes]:
            if not hasattr(LOCAL, "line"):
                port = json.loads((data / "node.json").read_text())[target]
                LOCAL.line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                # As long as a real request with its token, so that the test takes it for one.
                LOCAL.line.request(self.command, self.path[strip:], body or None,
                                   {"Fsc-Transaction-Id": transaction, "Fsc-Authorization": "x" * 300})
                answer = LOCAL.line.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                LOCAL.line.close()
                return 502, b"unreachable"

        def do_GET(self):
            transaction = self.headers.get("Fsc-Transaction-Id") or str(uuid.uuid4())
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if FAULT == "early":
                status, answer = self.forward(transaction, body)
                journal.append(direction, transaction)
            elif journal.append(direction, transaction):
                status, answer = self.forward(transaction, body)
            else:
                status, answer = 409, b"used before"
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *_):
            pass
    return Gateway


def serve(data: Path) -> None:
    node = json.loads((data / "node.json").read_text())
    journal = Journal(data / "verbond.sqlite")
    doors = []
    doors.append(ThreadingHTTPServer(("127.0.0.1", node["base"]), gateway(journal, "outgoing", data, "inway", len("/records"))))
    doors.append(ThreadingHTTPServer(("127.0.0.1", node["base"] + 1), gateway(journal, "incoming", data, "upstream", 0)))

    class Administration(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            found = journal.has(self.path.split("transaction_id=")[1].split("&")[0])
            body = json.dumps({"items": found}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self):
            return "local"

        def log_message(self, *_):
            pass

    place = data / "administration.sock"
    place.unlink(missing_ok=True)
    os.chdir(data)
    doors.append(socketserver.ThreadingUnixStreamServer("administration.sock", Administration))
    for door in doors:
        door.daemon_threads = True
        threading.Thread(target=door.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


def main() -> None:
    data, words = Path(sys.argv[2]), sys.argv[3:]
    match words[:2]:
        case ["init", *_]:
            initialise(data, words)
        case ["serve", *_]:
            serve(data)
        case ["service", "add"]:
            remember(data, upstream=int(words[words.index("--upstream") + 1].rsplit(":", 1)[1]))
        case ["application", "add"]:
            print(json.dumps({"token": "none"}))
        case ["contract", "propose"]:
            # The provider's ports follow the consumer's (world.py).
            remember(data, inway=json.loads((data / "node.json").read_text())["base"] + 9)


if __name__ == "__main__":
    main()
