"""Path (b): client -> outway -> mutual TLS -> inway -> source, one process per party, durable records on both sides."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "drill"))

from pair import ALIAS, CONSUMER, PROVIDER, Pair, Process, Side  # noqa: E402
from power_loss.postgres import Postgres  # noqa: E402

from .paths import Keys, Path_  # noqa: E402


class NodePath:
    """Two nodes and, with PostgreSQL, a server for each."""

    def __init__(self, program: Path, room: Path, base_port: int, source: int, database: str, between: str):
        room.mkdir()
        room.chmod(0o755)
        self.room, self.database, self.between = room, database, between
        authority = room / "authority"
        self.consumer = Side(program, room / "logs", room / "consumer", CONSUMER, base_port, authority)
        self.provider = Side(program, room / "logs", room / "provider", PROVIDER, base_port + 8, authority)
        self.servers = {}
        if database == "PostgreSQL":
            self.servers = {side.host: Postgres(room / f"{side.host}-cluster", room / f"{side.host}-run")
                            for side in (self.consumer, self.provider)}
        self.pair = Pair(program, room, self.consumer, self.provider, f"http://127.0.0.1:{source}", probe="1k")

    def start(self) -> Path_:
        for side, directory in ((self.provider, None), (self.consumer, (f"oin:{PROVIDER[0]}", self.provider.manager_address))):
            server = self.servers.get(side.host)
            if server:
                server.initialise()
                server.start()
                server.create_database()
            side.initialise(directory, server.url if server else None)
            side.processes.append(Process(side.host, side.data))
            side.serve()
        self.pair.agree({"HTTP/1.1": "http1", "HTTP/2": "http2"}[self.between])
        self.pair.wait_until_it_works()
        nodes = [side.processes[0].handle.pid for side in (self.consumer, self.provider)]
        return Path_(f"verbond, {self.database}", self.between, self.consumer.outway_port, f"/{ALIAS}", self.pair.headers(), nodes,
                     [server.process.pid for server in self.servers.values()], self.provider.inway_port)

    def keys(self) -> tuple[Keys, Keys]:
        """The parties' own certificates, for the baselines."""
        made = []
        for side in (self.consumer, self.provider):
            made.append(Keys(side.data / "certificate.pem", side.data / "key.pem", side.data / "trust-anchors.pem", side.host))
        return made[0], made[1]

    def end(self) -> None:
        for side in (self.consumer, self.provider):
            side.stop()
        for server in self.servers.values():
            server.stop()
