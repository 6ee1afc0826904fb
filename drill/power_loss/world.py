"""Sets up what a drill needs: source, two organisations on volumes or plain directories, agreement between them."""

import shutil
from pathlib import Path

from pair import CONSUMER, PROVIDER, Pair, Process, Side, free_base_port

from .load import Source
from .postgres import Postgres
from .volume import Volume

ROLES = {"consumer": ("manager", "outway"), "provider": ("manager", "inway")}


class Site:
    """One organisation with the disks its processes write on.

    With SQLite one process and one disk. With PostgreSQL the database server on its disk, and one process per role
    (`split`) or one for all, each with its own copy of the data directory (keys, configuration) on a plain directory:
    those keep nothing.
    """

    def __init__(self, name: str, program: Path, room: Path, identity, base_port: int, authority: Path, database: str,
                 shim: str | None, delay: float, split: bool):
        self.name, self.room, self.split = name, room, split
        room.mkdir()
        room.chmod(0o755)
        self.volume = Volume(room / "disk", shim, delay) if shim else None
        place = self.volume.path if self.volume else room / "plain"
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
        self.disk_environment = self.volume.environment if self.volume else {}
        self.server: Postgres | None = None
        if database == "postgresql":
            self.server = Postgres(place / "cluster", room / "run", self.disk_environment)
            data = room / "node"
        else:
            data = place / "node"
        self.side = Side(program, room, data, identity, base_port, authority)

    def found(self, directory) -> None:
        """Makes keys, configuration and database; ends with nothing running and everything on disk."""
        if self.volume:
            self.volume.on()
        url = None
        if self.server:
            self.server.initialise()
            self.server.start()
            self.server.create_database()
            url = self.server.url
        self.side.initialise(directory, url)
        if self.server and self.split:
            for role in ROLES[self.name]:
                copy = self.room / role
                shutil.copytree(self.side.data, copy, symlinks=True)
                self.side.processes.append(Process(f"{self.name}-{role}", copy, role))
        else:
            own = {} if self.server else self.disk_environment
            self.side.processes.append(Process(self.name, self.side.data, environment=dict(own)))
        if self.server:
            self.server.stop()
        if self.volume:
            self.volume.off()

    def power_on(self, swallow: bool = False) -> None:
        if self.volume:
            self.volume.on(swallow)
        if self.server:
            self.server.start()

    def stop(self) -> None:
        self.side.stop()
        if self.server:
            self.server.stop()
        if self.volume and self.volume.keeper:
            self.volume.off()

    def kill(self) -> None:
        self.side.kill()
        if self.server:
            self.server.kill()

    def cut(self, kind: str, seed: int) -> dict:
        """The power of the whole organisation goes."""
        self.kill()
        lost = self.volume.cut(kind, seed)
        for process in self.side.processes:
            (process.directory / "administration.sock").unlink(missing_ok=True)
        return lost


class World:
    """Both sites and the source, in a room that is removed at the end."""

    def __init__(self, program: Path, room: Path, database: str, shim: str | None, delay: float,
                 split: bool = True):
        self.room = room
        room.chmod(0o755)
        self.source = Source()
        authority = room / "authority"
        base = free_base_port(16)
        self.consumer = Site("consumer", program, room / "consumer", CONSUMER, base, authority, database, shim, delay, split)
        self.provider = Site("provider", program, room / "provider", PROVIDER, base + 8, authority, database, shim, delay, split)
        self.sites = [self.provider, self.consumer]
        self.pair = Pair(program, room, self.consumer.side, self.provider.side, f"http://127.0.0.1:{self.source.port}")

    def found(self, between: str) -> None:
        """Two organisations that have agreed and exchanged once; then everything is stopped in good order."""
        self.provider.found(None)
        self.consumer.found((f"oin:{PROVIDER[0]}", self.provider.side.manager_address))
        self.start()
        self.pair.agree(between)
        self.pair.wait_until_it_works()
        for site in self.sites:
            site.stop()

    def start(self, swallow: bool = False) -> None:
        for site in self.sites:
            site.power_on(swallow)
        for site in self.sites:
            site.side.serve()

    def end(self) -> None:
        """Ends whatever still runs, whatever state it is in."""
        for site in self.sites:
            try:
                site.kill()
                if site.volume and site.volume.keeper:
                    site.volume.off()
            except (RuntimeError, OSError) as error:
                print(f"clearing up: {error}")
        self.source.stop()
