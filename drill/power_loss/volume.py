"""A place for data that can lose its power."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import fuse

HERE = Path(__file__).resolve().parent


def build_preload(into: Path) -> Path:
    """Compiles preload.c; it needs nothing but a C compiler."""
    library = into / "preload.so"
    if not library.exists():
        compiler = shutil.which("cc")
        if not compiler:
            raise SystemExit("missing: a C compiler (apt-get install gcc libc6-dev)")
        subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", library, HERE / "preload.c"], check=True)
    return library


class Volume:
    """A directory whose unsynced writes are lost on a cut. `path` is where the processes work."""

    def __init__(self, room: Path, kind: str, delay: float = 0.0):
        self.kind = kind
        self.delay = delay
        self.room = room
        self.live = room / "live"
        self.platter = room / "platter"
        self.socket = room / "disk.sock"
        self.path = room / "mounted" if kind == "fuse" else self.live
        for directory in {room, self.live, self.path}:
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o755)
        self.environment: dict[str, str] = {}
        if kind == "preload":
            self.environment = {"LD_PRELOAD": str(build_preload(room.parent)), "POWER_LOSS_DISK": str(self.socket)}
        self.keeper: subprocess.Popen | None = None
        self.syncs = 0

    def on(self, swallow: bool = False) -> None:
        """Gives power. All that is there counts as synced."""
        self.socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "power_loss.shim", self.kind, "--live", self.live, "--platter", self.platter,
                   "--point", self.path, "--socket", self.socket, "--delay", str(self.delay)]
        self.keeper = subprocess.Popen(command + ["--swallow"] * swallow, cwd=HERE.parent, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True, start_new_session=True)
        if not self.keeper.stdout.readline():
            raise RuntimeError(f"the shim for {self.room} did not start")

    def cut(self, kind: str, seed: int) -> dict:
        """Takes the power away; every process that worked here must be dead already. Gives what was lost."""
        return self._end({"cut": kind, "seed": seed})

    def off(self) -> None:
        """An orderly end: everything stays."""
        if self.keeper:
            self._end({"keep": True})

    def _end(self, order: dict) -> dict:
        if self.kind == "fuse":
            unmount_when_free(self.path)
        answer, _ = self.keeper.communicate(json.dumps(order) + "\n", timeout=60)
        if self.keeper.returncode != 0 or not answer:
            raise RuntimeError(f"the shim for {self.room} failed")
        self.keeper = None
        result = json.loads(answer)
        self.syncs += result["syncs"]
        return result


def unmount_when_free(point: Path) -> None:
    for attempt in range(200):
        try:
            return fuse.unmount(point)
        except (OSError, subprocess.CalledProcessError) as error:
            if attempt == 199:
                raise RuntimeError(f"{point} is still in use: {error}") from error
            time.sleep(0.01)
