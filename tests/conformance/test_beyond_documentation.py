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


def typed(binary, text, patience):
    """What is said when this is typed in an empty directory."""
    with tempfile.TemporaryDirectory(prefix="v-doc-") as place:
        Path(place, "bin").mkdir()
        Path(place, "bin", "verbond").symlink_to(binary)
        work = Path(place, "work")
        work.mkdir()
        environment = {"PATH": f"{place}/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": place}
        process = subprocess.Popen(
            ["bash", "-c", text],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=(work.parent / "out.txt").open("w"),
            stderr=(work.parent / "err.txt").open("w"),
            start_new_session=True,
        )
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            status = "too long"
        finally:
            said, complained = (Path(place, name).read_text() for name in ("out.txt", "err.txt"))
            os.killpg(process.pid, signal.SIGTERM)
    assert status == 0, (status, said, complained)
    return said


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_first_exchange(binary):
    said = typed(binary, "\n".join(script("first-exchange.md")), 120)
    assert '{"station":"Lobith","level_cm":912}' in said.split("> curl")[1], said
    ids = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", said)
    assert len(ids) == 2 and len(set(ids)) == 1, said
    # Whichever of the two parties says it first, before or while the request is under way.
    refused = said.split("> curl")[2]
    assert '"code":' in refused and '"status":40' in refused and "Lobith" not in refused, said


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_first_agreement(binary):
    """Blocks as they stand: some lines go on, and some wait by themselves."""
    text = (DOCUMENTS / "first-agreement.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    step = 15_000 + os.getpid() % 9_000
    block = "\n".join(blocks).replace("8098", str(SOURCE))
    block = re.sub(r"\b(75[01]\d)\b", lambda found: str(int(found[0]) + step), block)
    said = typed(binary, "set -eu\n" + re.sub(r"^\$ ", "", block, flags=re.MULTILINE), 120)
    assert '{"year":2026,"income":{"below_minimum":true}}' in said, said
    answers = said[said.index('{"year":2026') :]
    for code in ("PURPOSE_NOT_AGREED", "OPERATION_NOT_AGREED", "AGREEMENT_ENDED"):
        assert f'"code":"{code}"' in answers, said
    # The source knows both; neither has left it.
    assert "A. Voorbeeld" not in answers and "14250" not in answers
