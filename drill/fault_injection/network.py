"""The network between the nodes: passes TCP on, and loses, delays, halves and resets it when told to.

A process of its own, so that the drill's threads do not slow it down. What it listens on and passes on to stands in its argument, as JSON:
`{"port": [port, ...]}`; connections to one port go to its targets in turn, past those that do not answer. Each line on standard input is
a trouble that holds from then on; an empty one ends it."""

import asyncio
import json
import random
import socket
import struct
import subprocess
import sys
from pathlib import Path

TROUBLES = {
    "lose": "nothing comes through, until it is over and all comes late",
    "delay": "each piece comes up to 200 ms late",
    "halve": "connections end in the middle of a piece",
    "reset": "connections are reset in between",
    "refuse": "new connections are reset at once",
}
ONE_IN = 4          # pieces that are halved or reset
LATE = 0.2          # seconds at most


class Network:
    """The drill's hand on that process."""

    def __init__(self, ports: dict[int, list[int]], seed: int):
        self.process = subprocess.Popen([sys.executable, "-m", "fault_injection.network", json.dumps(ports), str(seed)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[1], start_new_session=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("the network between the nodes did not start")

    def trouble(self, what: str = "") -> None:
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        # Until it has answered, what comes next could still meet what was before.
        self.process.stdout.readline()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Passing:
    def __init__(self, ports: dict[str, list[int]], seed: int):
        self.ports, self.random, self.trouble = ports, random.Random(seed), ""
        self.clear = asyncio.Event()
        self.clear.set()
        self.turn = 0
        self.running: set[asyncio.Task] = set()

    def takes(self, reader, writer, targets: list[int]) -> None:
        """The loop itself holds a task too weakly to keep it from being collected while it waits."""
        task = asyncio.create_task(self.connection(reader, writer, targets))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def run(self) -> None:
        for port, targets in self.ports.items():
            await asyncio.start_server(lambda reader, writer, targets=targets: self.takes(reader, writer, targets), "127.0.0.1", int(port))
        print("ready", flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            self.trouble = line.decode().strip()
            self.clear.clear() if self.trouble == "lose" else self.clear.set()
            print("ok", flush=True)

    async def connection(self, reader, writer, targets: list[int]) -> None:
        if self.trouble == "refuse":
            return reset(writer)
        await self.clear.wait()
        onward = await self.onward(targets)
        if onward is None:
            return reset(writer)
        both = (writer, onward[1])
        ways = [asyncio.create_task(self.way(*pair, both)) for pair in ((reader, onward[1]), (onward[0], writer))]
        await asyncio.gather(*ways)
        for end in both:
            end.close()

    async def onward(self, targets: list[int]):
        self.turn += 1
        for step in range(len(targets)):
            try:
                return await asyncio.open_connection("127.0.0.1", targets[(self.turn + step) % len(targets)])
            except OSError:
                continue
        return None

    async def way(self, reader, writer, both) -> None:
        """One direction, until it ends."""
        try:
            while piece := await reader.read(65536):
                await self.clear.wait()
                if self.trouble == "delay":
                    await asyncio.sleep(self.random.uniform(0, LATE))
                elif self.trouble in ("halve", "reset") and self.random.randrange(ONE_IN) == 0:
                    if self.trouble == "halve":
                        writer.write(piece[:len(piece) // 2])
                        for end in both:
                            end.close()
                    else:
                        for end in both:
                            reset(end)
                    return
                writer.write(piece)
                await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):
            for end in both:
                reset(end)


def reset(writer) -> None:
    """Ends a connection as one that the other end knows nothing of."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() != -1:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


if __name__ == "__main__":
    asyncio.run(Passing(json.loads(sys.argv[1]), int(sys.argv[2])).run())
