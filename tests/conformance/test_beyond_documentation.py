"""What a newcomer is told to type, typed as it stands, in an empty directory."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.wire import free_port

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"


def lines(document):
    """The lines behind a prompt."""
    return re.findall(r"^\$ (.+)$", (DOCUMENTS / document).read_text(encoding="utf-8"), re.MULTILINE)


def elsewhere(line):
    """With other ports, since those of the text may be taken here."""
    step = 20_000 + os.getpid() % 5_000
    line = re.sub(r"\b(74[0-2]\d)\b", lambda found: str(int(found[0]) + step), line)
    return line.replace("8088", str(SOURCE))


SOURCE = free_port()


def until(condition):
    """What a person sees before typing on."""
    return f"for _ in $(seq 200); do {condition} && break; sleep 0.05; done"


BEFORE = {
    "service find": until("verbond --data gemeente service find | grep -q levels"),
    "application add": until("verbond --data gemeente contract list --state valid | grep -q connection"),
    "gemeente record list": until("verbond --data gemeente record list | grep -q outgoing"),
    "waterschap record list": until("verbond --data waterschap record list | grep -q incoming"),
}


def script(document):
    yield "set -eu"
    for line in lines(document):
        yield from (wait for words, wait in BEFORE.items() if words in line)
        yield f"echo '> {line.split()[0]}'"
        if " serve &" in line:
            yield f"{{ {elsewhere(line)}; }} > ready.txt 2> log.txt"
            yield until('[ "$(grep -c ready ready.txt)" = 3 ]')
        else:
            yield elsewhere(line)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_first_exchange(binary):
    with tempfile.TemporaryDirectory(prefix="v-doc-") as place:
        Path(place, "bin").mkdir()
        Path(place, "bin", "verbond").symlink_to(binary)
        work = Path(place, "work")
        work.mkdir()
        environment = {"PATH": f"{place}/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": place}
        process = subprocess.Popen(
            ["bash", "-c", "\n".join(script("first-exchange.md"))],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=(work.parent / "out.txt").open("w"),
            stderr=(work.parent / "err.txt").open("w"),
            start_new_session=True,
        )
        try:
            status = process.wait(120)
            said, complained = (Path(place, name).read_text() for name in ("out.txt", "err.txt"))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    assert status == 0, (said, complained)
    assert '{"station":"Lobith","level_cm":912}' in said.split("> curl")[1], said
    ids = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", said)
    assert len(ids) == 2 and len(set(ids)) == 1, said
    # Whichever of the two parties says it first, before or while the request is under way.
    refused = said.split("> curl")[2]
    assert '"code":' in refused and '"status":40' in refused and "Lobith" not in refused, said
