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


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_first_exchange(binary):
    script = ["set -eu"]
    for line in lines("first-exchange.md"):
        if "record list" in line:
            script.append("sleep 1")
        script.append(f"echo '> {line.split()[0]}'")
        if " serve &" in line:
            # What a person waits for before typing on.
            script += [f"{{ {elsewhere(line)}; }} > ready.txt 2> log.txt"]
            script += ['for _ in $(seq 200); do [ "$(grep -c ready ready.txt)" = 3 ] && break; sleep 0.05; done']
        else:
            script.append(elsewhere(line))
    with tempfile.TemporaryDirectory(prefix="v-doc-") as place:
        Path(place, "bin").mkdir()
        Path(place, "bin", "verbond").symlink_to(binary)
        work = Path(place, "work")
        work.mkdir()
        environment = {"PATH": f"{place}/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": place}
        process = subprocess.Popen(
            ["bash", "-c", "\n".join(script)],
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
    refused = said.split("> curl")[2]
    assert "CONTRACT_MISSING" in refused and "contract propose" in refused, said
