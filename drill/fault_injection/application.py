"""The application: asks, and keeps every byte that it is given, also of what is broken off."""

import http.client
import json
import os
import re
import threading
import time
from dataclasses import dataclass

from power_loss.load import version_7

NUMBER = re.compile(rb'"number"\s*:\s*"?(\d+)')
KINDS = ("open", "open-body", "person", "people")
PATHS = {"open": "/records/items", "open-body": "/records/items", "person": "/incomes/incomes/999990019", "people": "/incomes/people"}
GOVERNED = ("person", "people")


@dataclass
class Answer:
    transaction: str
    kind: str
    status: int = 0             # 0: there was no head
    content: bytes = b""
    whole: bool = False
    seconds: float = 0.0
    until: float = 0.0
    trouble: str = ""

    @property
    def code(self) -> str:
        try:
            return json.loads(self.content)["code"]
        except (ValueError, KeyError, TypeError):
            return ""

    @property
    def delivered(self) -> bool:
        """Something of what the source answered came: a head that says so is enough."""
        return 200 <= self.status < 300

    @property
    def people(self) -> int:
        """How many people it names, as far as it came."""
        return len(set(NUMBER.findall(self.content))) if self.kind == "people" else int(self.kind == "person" and bool(self.content))

    @property
    def said(self) -> str:
        if self.status == 0:
            return "no answer"
        if self.delivered:
            return "whole" if self.whole else "broken off"
        return f"{self.status} {self.code or 'no code'}"


def ask(port: int, token: str, kind: str, bound: float) -> Answer:
    answer = Answer(version_7(), kind)
    body = os.urandom(2048) if kind == "open-body" else None
    headers = {"Authorization": f"Bearer {token}", "Fsc-Transaction-Id": answer.transaction}
    begun = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=bound)
    try:
        connection.request("GET" if body is None else "POST", PATHS[kind], body, headers)
        response = connection.getresponse()
        answer.status = response.status
        while piece := response.read1(65536):
            answer.content += piece
        answer.whole = not response.length
    except http.client.IncompleteRead as error:
        answer.content += error.partial
        answer.trouble = "broken off"
    except (OSError, http.client.HTTPException) as error:
        answer.trouble = repr(error)
    finally:
        connection.close()
    answer.until = time.monotonic()
    answer.seconds = answer.until - begun
    return answer


class Volley:
    """So many requests of all kinds, in threads and at each of the outways; their answers are there after `wait`."""

    def __init__(self, ports: list[int], token: str, threads: int, each: int, bound: float):
        self.answers: list[Answer] = []
        self.waiting: dict[int, tuple[str, float]] = {}

        def run(number: int) -> None:
            for turn in range(each):
                self.waiting[number] = (KINDS[(number + turn) % len(KINDS)], time.monotonic())
                self.answers.append(ask(ports[(number + turn // 2) % len(ports)], token, KINDS[(number + turn) % len(KINDS)], bound))
            self.waiting.pop(number)

        self.threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def stuck(self, seconds: float) -> list[str]:
        """The kinds of those that have been waiting for longer."""
        before = time.monotonic() - seconds
        return [kind for kind, begun in list(self.waiting.values()) if begun < before]

    def wait(self, seconds: float) -> bool:
        """Whether all have been answered, after so long at most."""
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)
