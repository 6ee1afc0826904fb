"""Two nodes of a throw-away group, ready to exchange: a consumer with an outway, a provider with an inway and a source.

Shared by `drill/power-loss` and `bench/exchange`. Everything is driven through the program's own commands and its
administration socket; nothing here knows the inside of the node.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

CONSUMER = ("00000099000000030001", "Gemeente Voorbeeld", "consumer.test")
PROVIDER = ("00000099000000030002", "Register Voorbeeld", "provider.test")
SERVICE = "records"
ALIAS = "records"
APPLICATION = "drill"


class Fault(Exception):
    """The system under test did not do what it must."""


FIRST_PORT = "DRILL_FIRST_PORT"


def free_base_port(count: int = 8) -> int:
    """A port from which `count` ports are free on loopback; not before FIRST_PORT, by which drills beside each other keep apart."""
    for base in range(int(os.environ.get(FIRST_PORT) or 20000 + os.getpid() % 4000 * 2), 32000, count):
        doors = []
        try:
            for port in range(base, base + count):
                doors.append(socket.socket())
                doors[-1].bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for door in doors:
                door.close()
    raise RuntimeError("no free ports")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float = 10):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        # The path may be longer than a socket address holds.
        directory = os.open(os.path.dirname(self.path), os.O_PATH)
        try:
            self.sock.connect(f"/proc/self/fd/{directory}/{os.path.basename(self.path)}")
        finally:
            os.close(directory)


@dataclass
class Process:
    """One `verbond serve`, with all roles or with some."""

    name: str
    directory: Path
    roles: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    handle: subprocess.Popen | None = None
    started_in: float = 0.0

    def start(self, program: Path, log: Path, timeout: float = 15.0) -> None:
        command = [str(program), "--data", str(self.directory), "serve"] + (["--roles", self.roles] if self.roles else [])
        begun = time.monotonic()
        with open(log, "ab") as out:
            self.handle = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out, start_new_session=True,
                                           env={**os.environ, **self.environment})
        deadline = begun + timeout
        os.set_blocking(self.handle.stdout.fileno(), False)
        said = b""
        while b"ready" not in said:
            if self.handle.poll() is not None:
                raise Fault(f"{self.name} ended with {self.handle.returncode} instead of serving; log {log}")
            if time.monotonic() > deadline:
                raise Fault(f"{self.name} was not ready after {timeout} s; log {log}")
            said += self.handle.stdout.read() or b""
            time.sleep(0.002)
        self.started_in = time.monotonic() - begun

    def told(self, path: str) -> tuple[int, str]:
        """What it answers on its own administration socket."""
        line = UnixConnection(sorted(self.directory.glob("administration*.sock"))[0])
        try:
            line.request("GET", path)
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()

    def kill(self) -> None:
        if self.handle:
            self.handle.kill()
            self.handle.wait()
            self.handle.stdout.close()
            self.handle = None

    def stop(self, patience: float = 10.0) -> None:
        if self.handle:
            self.handle.send_signal(signal.SIGTERM)
            try:
                self.handle.wait(patience)
            except subprocess.TimeoutExpired:
                pass
            self.kill()


class Side:
    """One organisation: its data directory and its processes."""

    def __init__(self, program: Path, room: Path, data: Path, identity: tuple[str, str, str], base_port: int,
                 authority: Path, environment: dict[str, str] | None = None):
        self.program, self.room, self.data, self.authority = program, room, data, authority
        self.number, self.title, self.host = identity
        self.base_port = base_port
        self.environment = environment or {}
        self.settings = ""      # more of the configuration file
        self.processes: list[Process] = []
        room.mkdir(parents=True, exist_ok=True)

    @property
    def outway_port(self) -> int:
        return self.base_port

    @property
    def inway_port(self) -> int:
        return self.base_port + 1

    @property
    def manager_address(self) -> str:
        return f"https://{self.host}:{self.base_port + 2}"

    def command(self, *arguments: str) -> str:
        """Runs a verb; with split roles it speaks to the manager's process."""
        directory = self.processes[0].directory if self.processes else self.data
        done = subprocess.run([str(self.program), "--data", str(directory), *arguments], capture_output=True,
                              text=True, env={**os.environ, **self.environment}, timeout=60)
        if done.returncode != 0:
            raise Fault(f"verbond {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def initialise(self, directory: tuple[str, str] | None, database: str | None = None) -> None:
        """`directory` is (id, manager address) of the group's directory, or None when this node is it."""
        role = ["--directory-role"] if directory is None else ["--directory", f"{directory[0]}={directory[1]}"]
        self.command("init", "--test-group", str(self.authority), "--id", self.number, "--name", self.title, "--host", self.host,
                     "--host", "localhost", "--base-port", str(self.base_port), *role)
        place = self.data / "verbond.toml"
        text = place.read_text()
        if database:
            text = re.sub(r"(?m)^database\s*=.*\n", f"database = {json.dumps(database)}\n", text)
        place.write_text(f"{text.rstrip()}\n\n[log]\nlevel = \"warn\"\n{self.settings}")

    def serve(self) -> None:
        for process in self.processes:
            if process.handle is None:
                process.start(self.program, self.room / f"{process.name}.log")

    def ask(self, method: str, path: str, body: object = None, line: UnixConnection | None = None) -> object:
        """One call of the administration API over its Unix socket."""
        connection = line or UnixConnection(self.administration_socket())
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": "application/json"} if payload else {})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise Fault(f"{method} {path} at {self.host}: {answer.status} {text[:300]!r}")
            return json.loads(text) if text else None
        except (OSError, http.client.HTTPException) as error:
            raise Fault(f"{method} {path} at {self.host}: {error!r}") from error
        finally:
            if not line:
                connection.close()

    def administration_socket(self) -> Path:
        return self.processes[0].directory / "administration.sock"

    def has_records(self, transactions: set[str]) -> set[str]:
        """Which of these transactions this side has a record of."""
        line = UnixConnection(self.administration_socket())
        try:
            return {transaction for transaction in transactions
                    if self.ask("GET", f"/v1/records?transactionId={transaction}&limit=5", line=line)["items"]}
        finally:
            line.close()

    def stop(self) -> None:
        for process in self.processes:
            process.stop()

    def kill(self) -> None:
        for process in self.processes:
            process.kill()


class Pair:
    """Consumer and provider. `begin` makes them; `token` is the application's."""

    def __init__(self, program: Path, room: Path, consumer: Side, provider: Side, upstream: str, probe: str = "hello"):
        self.program, self.room, self.upstream = program, room, upstream
        self.consumer, self.provider, self.probe = consumer, provider, probe
        self.token = ""

    def agree(self, between: str = "http1") -> None:
        """Service, contract and application; both sides must be serving. `between` is the protocol of the two."""
        peer = f"{PROVIDER[0]}/{SERVICE}"
        why = ["--class", "open", "--steward", "Drill", "--reason", "synthetic data of a drill"]
        self.provider.command("service", "add", SERVICE, "--upstream", self.upstream, "--protocol", between, *why)
        # The provider is the directory too; from its listing the outway learns the protocol of the service.
        self.provider.command("service", "publish", SERVICE)
        self.consumer.command("peer", "announce")
        self.consumer.command("contract", "propose", peer)
        said = self.consumer.command("application", "add", APPLICATION, "--token", "--json")
        self.token = json.loads(said)["token"]
        self.consumer.command("application", "allow", APPLICATION, peer, "--alias", ALIAS, *why)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def wait_until_it_works(self, timeout: float = 20.0) -> float:
        """Exchanges until one succeeds; gives the seconds that took."""
        begun = time.monotonic()
        last = "nothing"
        while time.monotonic() - begun < timeout:
            connection = http.client.HTTPConnection("127.0.0.1", self.consumer.outway_port, timeout=5)
            try:
                connection.request("GET", f"/{ALIAS}/{self.probe}", headers=self.headers())
                answer = connection.getresponse()
                last = f"{answer.status} {answer.read()[:300]!r}"
                if answer.status == 200:
                    return time.monotonic() - begun
            except OSError as error:
                last = str(error)
            finally:
                connection.close()
            time.sleep(0.02)
        raise Fault(f"no exchange within {timeout} s; last answer: {last}")


def need(*programs: tuple[str, str]) -> None:
    """Ends with a sentence if a program is missing; pairs of (program, Debian package)."""
    missing = [package for program, package in programs if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    if missing:
        sys.exit(f"missing: apt-get install {' '.join(sorted(set(missing)))}")


def default_program(profiles: tuple[str, ...] = ("release", "debug")) -> Path:
    """The newest built binary of these profiles, where cargo and this repository's scripts put it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    roots = [os.environ.get("CARGO_TARGET_DIR"), cache / "verbond" / "target", Path(__file__).resolve().parents[1] / "target"]
    places = [Path(root) / profile / "verbond" for profile in profiles for root in roots if root]
    return max((place for place in places if place.exists()), key=lambda place: place.stat().st_mtime, default=places[0])
