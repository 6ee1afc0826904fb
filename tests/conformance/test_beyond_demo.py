"""`verbond demo` as somebody at a terminal uses it: interrupted at any moment, and kept to try things."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from support.checks import eventually

DEMO_SECONDS = 120


class Demo:
    """A demonstration in a process group of its own, as a shell starts it, with its own directory for temporary files."""

    def __init__(self, binary, folder, *arguments):
        self.folder = folder
        self.lines = []
        self.process = subprocess.Popen(
            # Of its own, so that another run on this machine does not take its ports between looking and listening.
            [binary, "demo", "--port-base", str(21400 + os.getpid() % 100 * 60), *arguments],
            env={**os.environ, "TMPDIR": str(folder), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said = [self._follow(self.process.stdout), self._follow(self.process.stderr)]

    def _follow(self, stream):
        def read():
            for line in stream:
                self.lines.append(line.rstrip("\n"))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def has_said(self, text):
        ended = self.process.poll() is not None
        return any(text in line for line in list(self.lines)) or ended

    def wait_for(self, text):
        eventually(lambda: self.has_said(text), f"line with {text!r}", seconds=DEMO_SECONDS)
        assert self.process.poll() is None, self.told()

    def told(self):
        """One text, which is shown whole."""
        return "\n".join(self.lines)

    def interrupt(self, *, group):
        """Ctrl-C reaches everything in the terminal's foreground; `kill -INT` reaches one process."""
        if group:
            os.killpg(self.process.pid, signal.SIGINT)
        else:
            self.process.send_signal(signal.SIGINT)

    def end(self):
        status = self.process.wait(30)
        for thread in self.said:
            thread.join(5)
        return status

    def processes(self):
        """Command lines of processes that have to do with this demonstration's directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if str(self.folder) in line:
                    found.append(line)
        return found

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def place():
    """A short path: a Unix socket's has a hundred characters at most."""
    with tempfile.TemporaryDirectory(prefix="v-demo-") as made:
        yield Path(made)


@pytest.fixture
def demo(binary, place):
    made = []

    def start(*arguments):
        made.append(Demo(binary, place, *arguments))
        return made[-1]

    yield start
    for each in made:
        each.kill()


MOMENTS = {
    "at once": (None, 0.1),
    "while the nodes start": (None, 0.6),
    "between the steps": ("✔ publish", 0.0),
    "under load": ("✔ smuggled grant", 0.7),
    "while a download runs": ("✔ renewed under load", 0.15),
    "while a node is down": ("✔ revoked while downloading", 0.2),
}


@pytest.mark.parametrize(
    ("moment", "group"), [*((each, True) for each in MOMENTS), ("at once", False), ("under load", False)]
)
def test_ctrl_c_leaves_no_process_and_no_directory(demo, place, moment, group):
    line, seconds = MOMENTS[moment]
    running = demo()
    if line:
        running.wait_for(line)
    time.sleep(seconds)
    running.interrupt(group=group)
    assert running.end() != 0, running.told()
    eventually(lambda: not running.processes(), "end of every process", seconds=10)
    assert list(place.iterdir()) == []


def test_ctrl_c_removes_a_directory_that_was_asked_for(demo, place):
    asked = place / "a place"
    running = demo("--directory", str(asked))
    running.wait_for("✔ join")
    running.interrupt(group=True)
    assert running.end() != 0
    eventually(lambda: not running.processes(), "end of every process", seconds=10)
    assert not asked.exists()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("more", [(), ("--json", "--directory", "a place")], ids=["plain", "json in a place with spaces"])
def test_what_keep_prints_works_as_it_stands(demo, place, more):
    """Each printed line is given to a shell as it stands, from a directory of its own without `verbond` on the path."""
    more = [str(place / each) if each == "a place" else each for each in more]
    running = demo("--keep", *more)
    running.wait_for("Ctrl-C ends them")
    commands = [line.strip() for line in running.lines if line.startswith("  ") and " " in line.strip()]
    commands = [line for line in commands if line.startswith("curl ") or " --data " in line]
    assert sum(line.startswith("curl ") for line in commands) >= 4 and len(commands) >= 6, running.told()
    for line in commands:
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
        assert done.returncode == 0 and done.stdout.strip(), (line, done)
    assert any("P-0001" in line for line in commands)
    running.interrupt(group=True)
    assert running.end() == 0, running.told()
    eventually(lambda: not running.processes(), "end of every process", seconds=10)
    assert list(place.iterdir()) == []


def test_the_result_in_json_is_one_object(binary, place):
    """Also when it is interrupted."""
    process = subprocess.Popen(
        [binary, "demo", "--json", "--port-base", str(21400 + os.getpid() % 100 * 60)],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    report = json.loads(output)
    assert report["ok"] is False and process.returncode != 0
    assert {"ok", "steps", "records", "anchor", "verify"} == report.keys()
    assert report["anchor"] is None and report["verify"] is None


def test_people_are_found_and_no_income_moves(binary, place):
    """The whole run, as one object."""
    done = subprocess.run(
        [binary, "demo", "--json", "--port-base", str(21400 + os.getpid() % 100 * 60)],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEMO_SECONDS,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["ok"] is True, report["steps"][-1]
    assert report["anchor"]["asked"] >= 2000 and report["anchor"]["incomes_moved"] == 0
    assert 0 < report["anchor"]["found"] < report["anchor"]["asked"]
    assert {"asked", "found", "incomes_moved"} == report["anchor"].keys()
    last = report["steps"][-7:]
    assert [step["name"] for step in last] == [
        "refused for enforcement", "amended while in use", "ground withdrawn", "accounts agree",
        "witnessed by the counterpart", "evidence verified", "tampering named",
    ]  # fmt: skip
    assert report["verify"] == {"clean": True, "tampered_found": True}
    assert all(step["ok"] and step["ms"] > 0 for step in last)
    before, after = re.search(r"(\d+) questions before and (\d+) after it, none refused", last[1]["detail"]).groups()
    assert int(before) > 0 and int(after) > 0
    assert re.search(r"2 versions and \d+ contracts rested on .* 403 [A-Z_]+: .* to delete by \d{4}-", last[2]["detail"])
