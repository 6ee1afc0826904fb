"""Readers of published tiles that others wrote, in Go: the libraries of the Go checksum database (`go/`), and torchwood (`go/whole/`)."""

import contextlib
import functools
import http.server
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

PROGRAMS = Path(__file__).parent / "go"


def why_not():
    """Why they cannot be built here; None when they can."""
    if shutil.which("go") is None:
        return "Go is not installed: readers of others read no tiles here"
    said = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, env=environment(), cwd="/", timeout=60).stdout
    demanded = re.search(r"^go (\d+)\.(\d+)", (PROGRAMS / "go.mod").read_text(), re.MULTILINE)
    here = re.search(r"go(\d+)\.(\d+)", said)
    if here is None or tuple(map(int, here.groups())) < tuple(map(int, demanded.groups())):
        return f"Go is {said.strip() or 'unknown'}, and go.mod demands {demanded[0]}"
    return None


def environment():
    return {**os.environ, "GOTOOLCHAIN": "local"}


def built(folder, package="."):
    """One of the programs, built into a folder."""
    made = Path(folder) / "reader"
    subprocess.run(["go", "build", "-o", made, package], cwd=PROGRAMS, env=environment(), check=True, timeout=300)
    return made


class _Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass


@contextlib.contextmanager
def served(folder):
    """A directory behind a web server of the plainest kind: its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def whole(program, address, key, *kept):
    """What torchwood reads of a place: the tree, and each entry; or what it says that is wrong."""
    done = subprocess.run([program, address, str(key), *map(str, kept)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise ValueError(done.stderr.strip())
    first, *entries = done.stdout.splitlines()
    found = [each.partition(" ") for each in entries]
    assert [int(index) for index, _, _ in found] == list(range(len(found)))
    return first.split(), [entry for _, _, entry in found]
