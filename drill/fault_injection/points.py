"""The table of fail points (drill/fail-points.md), and how to have something go wrong at one in a running process."""

import re
import socket
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "fail-points.md"
CONTROL = "store::unwritten"


@dataclass(frozen=True)
class Point:
    name: str
    where: str                  # outway, inway, both, manager
    can: tuple[str, ...]        # error, wait, stall, panic, abort
    bounded: bool
    codes: tuple[str, ...]      # the codes of the refusal when it fails every time; empty: the exchange may go on, or break


def points() -> list[Point]:
    found = []
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.fullmatch(r"`([a-z-]+::[a-z-]+)`", cells[0])
        if name and len(cells) == 6:
            found.append(Point(name[1], cells[1], tuple(cells[2].split()), cells[3] == "yes", tuple(re.findall(r"`([A-Z_]+)`", cells[4]))))
    return found


def arrange(place: Path, point: str, action: str) -> None:
    """Has this happen at a point from now on, in the process that listens here."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(place))
        line.sendall(f"{point}={action}\n".encode())
        answer = line.recv(1000).decode().strip()
    if answer != "ok":
        raise RuntimeError(f"{point}={action}: {answer}")
