"""Two organisations with an open and a governed service between them, on processes that can meet with misfortune.

The provider's ports are reached through a network that can be in trouble. With PostgreSQL there are two outways and two inways, and
that network takes the inways in turn, as whatever stands before two of them would."""

import re
import shutil
import struct
import subprocess
import time
from pathlib import Path

from governed import agree
from pair import ALIAS, APPLICATION, PROVIDER, Fault, Process, Side
from power_loss.postgres import Postgres
from power_loss.world import Site, World

from .application import Volley, ask
from .network import Network
from .points import arrange

GOVERNED = "incomes"
WHY = ["--steward", "Drill", "--reason", "synthetic data of a drill"]
# Short, so that a round is short; and tokens that are fetched often, since that is on the way too.
SETTINGS = """
[limits]
append_timeout_ms = 500
connect_timeout_ms = 1000
drain_seconds = 1

[group.rules]
token_lifetime_seconds = 10
"""


def element(path: str, kind: str, sensitivity: str, **more) -> dict:
    return {"path": path, "type": kind, "category": "income", "sensitivity": sensitivity, "meaning": f"what stands at {path}", **more}


PEOPLE = {
    "name": "people", "method": "GET", "path": "/people", "content_type": "application/json", "record": "$[*]",
    "delivered": [element("$[*].number", "string", "personal", identifies="national_number"),
                  element("$[*].income.below_minimum", "boolean", "sensitive")],
    "people": [{"at": {"place": "response", "path": "$[*].number"}, "identifies": "national_number"}],
}


class Misfortune:
    """What misfortune.c reads: an error for the disk, and how far the clock is off."""

    def __init__(self, library: Path, page: Path):
        self.page = page
        self.environment = {"LD_PRELOAD": str(library), "MISFORTUNE": str(page)}
        self.set()

    def set(self, error: int = 0, clock: float = 0.0) -> None:
        data = struct.pack("<qq", error, int(clock * 1e9))
        with open(self.page, "r+b" if self.page.exists() else "wb") as file:
            file.write(data)
        self.page.chmod(0o644)


def build(into: Path) -> Path:
    compiler = shutil.which("cc")
    if not compiler:
        raise SystemExit("missing: a C compiler (apt-get install gcc libc6-dev)")
    library = into / "misfortune.so"
    source = Path(__file__).with_name("misfortune.c")
    subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


class FaultWorld(World):
    """`begin` makes it and leaves it running."""

    def __init__(self, program: Path, room: Path, database: str, seed: int = 0):
        super().__init__(program, room, database, None, 0.0)
        self.database, self.seed = database, seed
        self.network: Network | None = None
        self.outway_ports = [self.consumer.side.outway_port]
        self.misfortunes: dict[int, Misfortune] = {}
        self.restarted = 0
        for site in self.sites:
            site.side.settings = SETTINGS

    def begin(self) -> None:
        self.found("http1")
        self._between()
        library = build(self.room)
        for site in self.sites:
            for process in site.side.processes:
                process.environment.update(self._misfortune(library, process, process.name).environment)
                process.environment["FAILPOINTS_SOCKET"] = str(self.socket(process))
            if site.server:
                site.server.environment.update(self._misfortune(library, site.server, f"{site.name}-server").environment)
        self.start()
        self._agree()

    def _between(self) -> None:
        """Has the provider's ports reached through the network, and gives a node of several processes its second gateways."""
        provider, consumer = self.provider.side, self.consumer.side
        inways, manager = [provider.base_port + 5, provider.base_port + 6], provider.base_port + 7
        if not self.provider.server:
            del inways[1:]
        else:
            self.second(self.consumer, "outway", consumer.base_port + 5)
            self.outway_ports.append(consumer.base_port + 5)
            self.second(self.provider, "inway", inways[1])
        for process in provider.processes:
            if not process.name.endswith("-2"):
                listen(process, "inway", inways[0])
            listen(process, "manager", manager)
        self.network = Network({provider.inway_port: inways, provider.base_port + 2: [manager]}, self.seed)

    def second(self, site: Site, role: str, port: int) -> None:
        """One more process with this role, on a port of its own."""
        first = self.with_role(site, role)[0]
        directory = first.directory.with_name(f"{role}-2")
        shutil.copytree(first.directory, directory, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
        process = Process(f"{first.name}-2", directory, role)
        listen(process, role, port)
        site.side.processes.append(process)

    def _misfortune(self, library: Path, of: Process | Postgres, name: str) -> Misfortune:
        made = self.misfortunes[id(of)] = Misfortune(library, self.room / f"{name}.misfortune")
        return made

    def misfortune(self, of: Process | Postgres) -> Misfortune:
        return self.misfortunes[id(of)]

    def socket(self, process: Process) -> Path:
        return self.room / f"{process.name}.points"

    def arrange(self, process: Process, point: str, action: str) -> None:
        arrange(self.socket(process), point, action)

    def _agree(self) -> None:
        pair, peer = self.pair, f"{PROVIDER[0]}/{GOVERNED}"
        pair.wait_until_it_works()
        pair.provider.command("service", "add", GOVERNED, "--upstream", pair.upstream, "--protocol", "http1", "--class", "governed", *WHY)
        agree(pair, self.room, GOVERNED, PEOPLE)
        pair.consumer.command("application", "allow", APPLICATION, peer, "--alias", GOVERNED, "--class", "governed", *WHY)
        assert ALIAS == "records"
        self.wait_until_all_works(60)

    def wait_until_all_works(self, timeout: float, supervised: bool = False) -> tuple[float, list]:
        """Asks until an exchange of each kind succeeds; gives the seconds that took, and all answers. What ends meanwhile is started
        again where there is a supervisor: a server that was to recover on a disk without room ends some time after there is room again."""
        begun, answers = time.monotonic(), []
        for port, kind in ((port, kind) for port in self.outway_ports for kind in ("open", "person", "people")):
            while True:
                answer = ask(port, self.pair.token, kind, 10)
                answers.append(answer)
                if answer.delivered and answer.whole:
                    break
                if time.monotonic() - begun > timeout:
                    raise Fault(f"no exchange of kind {kind} within {timeout} s; last answer: {answer.said} {answer.trouble} {answer.content[:300]!r}")
                if supervised:
                    self.revive()
                time.sleep(0.02)
        return time.monotonic() - begun, answers

    def volley(self, threads: int, each: int, bound: float) -> Volley:
        return Volley(self.outway_ports, self.pair.token, threads, each, bound)

    def with_role(self, site: Site, role: str) -> list[Process]:
        """The processes of an organisation that have this role."""
        return [process for process in site.side.processes if process.roles in (None, role)]

    def side_of(self, process: Process) -> Side:
        return next(site.side for site in self.sites if process in site.side.processes)

    def revive(self) -> None:
        """Starts what has ended, as a supervisor would."""
        for site in self.sites:
            if site.server and (site.server.process is None or site.server.process.poll() is not None):
                site.server.process = None
                site.server.start()
                self.restarted += 1
            for process in site.side.processes:
                if process.handle is None or process.handle.poll() is not None:
                    process.kill()
                    self.restarted += 1
        for site in self.sites:
            site.side.serve()

    def end(self) -> None:
        if self.network:
            self.network.end()
        super().end()


def listen(process: Process, part: str, port: int) -> None:
    """Has a part of the node listen on this port; what others dial stays as it is."""
    place = process.directory / "verbond.toml"
    text, count = re.subn(rf'(?m)(^\[{part}\]\n(?:[^\[]*\n)?listen = "[^"]*:)\d+"', rf'\g<1>{port}"', place.read_text())
    assert count == 1, f"{place}: [{part}] has no address to listen on"
    place.write_text(text)
