"""A PostgreSQL server for the drill: its own cluster, reached over a Unix socket, killed with all its processes."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path


def programs() -> Path | None:
    """The newest installed server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _as_server_user() -> dict:
    """PostgreSQL refuses to run as root: then it runs as the user `postgres`."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def children_of(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        return [int(c) for t in tasks for c in Path(f"/proc/{pid}/task/{t}/children").read_text().split()]
    except OSError:
        return []


class Postgres:
    """`data` is the cluster's directory (made by `initialise`), `room` holds its socket and log."""

    def __init__(self, data: Path, room: Path, environment: dict[str, str] | None = None, settings: dict | None = None):
        self.data, self.room = data, room
        self.environment = environment or {}
        self.settings = settings or {}
        self.process: subprocess.Popen | None = None
        room.mkdir(parents=True, exist_ok=True)
        room.chmod(0o777)

    @property
    def url(self) -> str:
        return f"postgres:///verbond?host={self.room}&user=verbond"

    def initialise(self) -> None:
        self.data.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
        self.data.chmod(0o700)
        subprocess.run([programs() / "initdb", "-D", self.data, "-A", "trust", "-U", "verbond", "-E", "UTF8",
                        "--locale=C", "--wal-segsize=1"], check=True, capture_output=True, cwd="/",
                       env={**os.environ, **self.environment}, **_as_server_user())

    def start(self) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": self.room, "max_connections": 60,
                    # Segments in /dev/shm would outlive a kill; those in the cluster are cleared at the next start.
                    "dynamic_shared_memory_type": "mmap",
                    # After a cut all that is left is durable already, so the sync of every file at the start may be short.
                    "recovery_init_sync_method": "syncfs", "shared_buffers": "32MB", "max_wal_size": "64MB", "log_min_messages": "warning", **self.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.room / "postgres.log", "ab") as log:
            self.process = subprocess.Popen([programs() / "postgres", "-D", self.data, *options], stdout=log, stderr=log,
                                            cwd="/", env={**os.environ, **self.environment}, **_as_server_user())
        deadline = time.monotonic() + 60
        while subprocess.run([programs() / "psql", "-h", self.room, "-U", "verbond", "-qAtc", "select 1", "postgres"],
                             capture_output=True).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self.room / 'postgres.log'}")
            time.sleep(0.02)

    def create_database(self) -> None:
        subprocess.run([programs() / "createdb", "-h", self.room, "-U", "verbond", "verbond"], check=True, capture_output=True)

    def query(self, text: str) -> list[str]:
        return subprocess.run([programs() / "psql", "-h", self.room, "-U", "verbond", "-qAtc", text, "verbond"], check=True,
                              capture_output=True, text=True).stdout.splitlines()

    def processes(self) -> list[int]:
        return [self.process.pid, *children_of(self.process.pid)] if self.process else []

    def kill(self) -> None:
        """kill -9 of the server and every process it made; returns when they are gone."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGSTOP)    # so that it makes no further ones
        family = self.processes()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        while any(_alive(pid) for pid in family):
            time.sleep(0.002)
        self.process = None

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
                self.process = None
            except subprocess.TimeoutExpired:
                self.kill()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
