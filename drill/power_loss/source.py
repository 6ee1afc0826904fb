"""The provider's source: answers every request and says on standard output which transactions reached it.

    python -m power_loss.source            prints its port, then a transaction id per request
"""

import asyncio
import json
import os
import re

TRANSACTION = re.compile(rb"(?im)^fsc-transaction-id:\s*([0-9a-f-]{36})")
LENGTH = re.compile(rb"(?im)^content-length:\s*(\d+)")
PATH = re.compile(rb"\A\S+ (\S+)")
PEOPLE = 4
PAUSE = 0.02      # between the two halves of an answer about several people
CHUNKED = re.compile(rb"(?im)^transfer-encoding:\s*chunked")


class Answering(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.data = b""
        self.missing: int | None = None     # bytes of the request's body still to come; -1 while a chunked one runs

    def data_received(self, data):
        self.data += data
        while self.data:
            if self.missing is None:
                head, gap, rest = self.data.partition(b"\r\n\r\n")
                if not gap:
                    return
                found = TRANSACTION.search(head)
                self.transaction = found[1] if found else b"none"
                self.path = PATH.search(head)[1].decode()
                os.write(1, self.transaction + b"\n")       # before the answer: it has reached us, whatever follows
                length = LENGTH.search(head)
                self.missing = -1 if CHUNKED.search(head) else int(length[1]) if length else 0
                self.data = rest
            if self.missing == -1:
                _, end, rest = self.data.partition(b"0\r\n\r\n")
                if not end:
                    return
                self.data, self.missing = rest, 0
            taken = min(self.missing, len(self.data))
            self.data, self.missing = self.data[taken:], self.missing - taken
            if self.missing:
                return
            self.missing = None
            self.answer(about(self.path, self.transaction.decode()))

    def answer(self, body: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        if not self.path.startswith("/people"):
            self.transport.write(body)
            return
        half = len(body) // 2
        self.transport.write(body[:half])
        asyncio.get_running_loop().call_later(PAUSE, self.transport.write, body[half:])


def person(number: int) -> dict:
    return {"year": 2026, "number": str(941_735_000 + 1237 * number), "income": {"amount": 14250, "below_minimum": True}}


def about(path: str, transaction: str) -> bytes:
    """`/incomes/…` is about the person that the path names, `/people` about several, all else about nobody."""
    if path.startswith("/incomes/"):
        return json.dumps(person(0)).encode()
    if path.startswith("/people"):
        first = int(transaction[-4:], 16)
        return json.dumps([person(first + number) for number in range(PEOPLE)]).encode()
    return b'{"source":"drill","transaction":"' + transaction.encode() + b'"}'


async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=512)
    os.write(1, b"%d\n" % server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
