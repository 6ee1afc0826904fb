"""The consumer's application under load, and the record of what it was given."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path


def version_7() -> str:
    """A UUID version 7 (RFC 9562, section 5.7)."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(3 << 62) | 2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Source:
    """The source in its own process; `reached` counts per transaction how often it arrived."""

    def __init__(self):
        self.reached: dict[str, int] = {}
        self.process = subprocess.Popen([sys.executable, "-m", "power_loss.source"], stdout=subprocess.PIPE, text=True,
                                        cwd=Path(__file__).resolve().parents[1], start_new_session=True)
        self.port = int(self.process.stdout.readline())
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            transaction = line.strip()
            self.reached[transaction] = self.reached.get(transaction, 0) + 1

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()


class Client:
    """One connection of the application to the outway."""

    def __init__(self, port: int, headers: dict[str, str], alias: str):
        self.port, self.headers, self.alias = port, headers, alias
        self.connection: http.client.HTTPConnection | None = None

    def exchange(self, transaction: str, body: bytes | None = None) -> tuple[int, bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            self.connection.request("GET" if body is None else "POST", f"/{self.alias}/persons/{transaction[-6:]}", body,
                                    {**self.headers, "Fsc-Transaction-Id": transaction})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None


def told(status: int, answer: bytes) -> str:
    """A refusal in short: the status and the code of the error object."""
    try:
        return f"{status} {json.loads(answer)['code']}"
    except (ValueError, KeyError, TypeError):
        return f"{status} {answer[:100].decode(errors='replace')}"


class Load:
    """Threads that exchange without pause until stopped. What was not answered in full was not delivered."""

    def __init__(self, port: int, headers: dict[str, str], alias: str, threads: int):
        self.port, self.headers, self.alias = port, headers, alias
        self.delivered: list[str] = []
        self.refused: dict[str, int] = {}
        self.broken = 0
        self.paused = threading.Event()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self, number: int) -> None:
        client = Client(self.port, self.headers, self.alias)
        count = 0
        while not self.ended.is_set():
            if self.paused.is_set():
                client.close()
                time.sleep(0.01)
                continue
            transaction = version_7()
            count += 1
            try:
                status, answer = client.exchange(transaction, os.urandom(2048) if (count + number) % 4 == 0 else None)
            except (OSError, http.client.HTTPException):
                self.broken += 1
                time.sleep(0.01)
                continue
            if status == 200 and transaction.encode() in answer:
                self.delivered.append(transaction)
            else:
                said = told(status, answer)
                self.refused[said] = self.refused.get(said, 0) + 1
                time.sleep(0.01)

    def stop(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()
