"""Beyond the suite: the table of fail points holds what the sources have, and what is released has none of them."""

import re
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = REPOSITORY / "drill" / "fail-points.md"
POINT = re.compile(r'fail_point(?:_polled)?!\(\s*"([a-z-]+::[a-z-]+)"')
WAIT = re.compile(r"\.await\b|\bready!\(")


def rows(cells):
    lines = (line.strip("|").split("|") for line in TABLE.read_text().splitlines() if line.startswith("| `"))
    return [[cell.strip() for cell in line] for line in lines if len(line) == cells]


def without_tests(file):
    return re.split(r"#\[cfg\(test\)\]\n(?:pub\(crate\) )?mod tests", file.read_text())[0]


def test_the_table_names_every_fail_point_once():
    sources = sorted((REPOSITORY / "crates").glob("*/src/**/*.rs"))
    assert sources
    placed = Counter(name for file in sources for name in POINT.findall(file.read_text()))
    listed = Counter(cells[0].strip("`") for cells in rows(6))
    assert placed == listed
    assert max(placed.values()) == 1


def test_what_can_go_wrong_at_a_point_is_what_its_source_allows():
    """An error can be arranged where the source says what it comes to, and a thread stands still where bytes are polled for."""
    text = "".join(file.read_text() for file in sorted((REPOSITORY / "crates").glob("*/src/**/*.rs")))
    for name, where, can, *_ in rows(6):
        name = name.strip("`")
        polled, with_error = re.search(rf'fail_point(_polled)?!\(\s*"{name}"\s*(,)?', text).groups()
        can = can.split()
        assert ("error" in can) == bool(with_error), name
        assert name == "store::unwritten" or ("stall" if polled else "wait") in can, name
        assert where in ("inway", "outway", "both", "manager"), name


@pytest.mark.parametrize(("file", "count"), [(cells[0].strip("`"), int(cells[1])) for cells in rows(2)])
def test_no_waiting_on_the_way_came_unseen(file, count):
    """When this fails: does the new one stand between a record and what follows from it? Then it needs a point. Count it in the table."""
    assert len(WAIT.findall(without_tests(REPOSITORY / "crates" / file))) == count


def test_what_is_released_has_no_fail_points(binary):
    """No name of a place, and no way to arrange anything; names with a hyphen, since no symbol has one."""
    content = Path(binary).read_bytes()
    names = [cells[0].strip("`") for cells in rows(6)]
    assert names and any("-" in name for name in names)
    found = [name for name in names if "-" in name and name.encode() in content]
    assert found == [] and b"FAILPOINTS" not in content
