"""One service twice at the same two nodes: open, and governed by an agreement."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "drill"))

from governed import agree, of_nobody  # noqa: E402
from pair import APPLICATION, PROVIDER, free_base_port  # noqa: E402

from . import measure, paths  # noqa: E402
from .node_path import NodePath  # noqa: E402

SERVICE = "incomes"
REASON = ["--steward", "Bench", "--reason", "synthetic data of a bench"]


@dataclass
class Running:
    """What a bench works with while it stands: its directory, its processes, the source's port, the nodes, and two ways through them."""

    room: Path
    started: paths.Started
    source: int
    node: NodePath
    open: paths.Path_
    governed: paths.Path_


@contextmanager
def running(program: Path, about: str) -> Iterator[Running]:
    """Source and nodes in a temporary directory; all of it is ended and gone afterwards, whatever comes of it."""
    room = Path(tempfile.mkdtemp(prefix="bench-"))
    room.chmod(0o755)
    started, node = paths.Started(), None
    try:
        source = free_base_port(4)
        start_source(started, room / "source", source)
        node, (opened, governed) = start(program, about, room, source)
        yield Running(room, started, source, node, opened, governed)
    finally:
        if node:
            node.end()
        started.end()
        shutil.rmtree(room, ignore_errors=True)


def answered(path: paths.Path_, connections: int, seconds: float) -> dict:
    """A cell of which nothing was refused."""
    cell = measure.cell(path, "1 KiB", connections, seconds)
    if cell["refused"]:
        raise RuntimeError(f"{cell['refused']} refused on {path.name}")
    return cell


def answer_of_one_kibibyte() -> bytes:
    """Twenty fields, of which the agreement has two delivered."""
    answer = {"year": 2026, "name": "A. Voorbeeld", "income": {"amount": 14250, "below_minimum": True}, "depot": {"is_open": True}}
    answer |= {f"field_{number:02}": "x" * 36 for number in range(17)}
    spare = 1024 - len(json.dumps(answer)) - len(', "rest": ""')
    return json.dumps({**answer, "rest": "y" * spare}).encode()


def start_source(started: paths.Started, room: Path, port: int) -> None:
    files = room / "files" / "incomes"
    files.mkdir(parents=True)
    for place in (files, files.parent):
        (place / "1k").write_bytes(answer_of_one_kibibyte())
    for place in (room, room / "files", files):
        place.chmod(0o755)
    process = paths.nginx(started, room / "nginx", f"""  server {{ listen 127.0.0.1:{port} backlog=4096; root {room / 'files'};
    open_file_cache max=10; default_type application/json; }}""", workers=1)
    paths.wait_for(port, "/incomes/1k", {}, process, room / "nginx" / "nginx.log")


def start(program: Path, about: str, room: Path, source: int) -> tuple[NodePath, list[paths.Path_]]:
    """Two nodes with one service that is open and governed, its agreement about a `person` or about `nobody`."""
    node = NodePath(program, room / "node", free_base_port(16), source, "SQLite", "HTTP/1.1")
    node.pair.probe = "incomes/1k"
    opened = node.start()
    node.provider.command("service", "add", SERVICE, "--upstream", f"http://127.0.0.1:{source}", "--protocol", "http1", "--class", "governed", *REASON)
    agree(node.pair, room, SERVICE, change=of_nobody if about == "nobody" else lambda document: None)
    node.consumer.command("application", "allow", APPLICATION, f"{PROVIDER[0]}/{SERVICE}", "--alias", SERVICE, "--class", "governed", *REASON)
    governed = paths.Path_("governed", "HTTP/1.1", opened.port, f"/{SERVICE}/incomes", opened.headers, opened.gateways, [], opened.tls_port)
    paths.wait_for(governed.port, f"{governed.prefix}/1k", governed.headers, None, room / "none", timeout=30)
    opened.name, opened.prefix = "open", f"{opened.prefix}/incomes"
    return node, [opened, governed]
