"""What is made up is as the published schemas and formats have it, and always the same from one seed."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from verification import evidence, maker, note, tiles
from verification.test_second_verifier import judged

WORKSPACE = Path(__file__).parents[2]


def test_agreements_are_whole():
    schema = json.loads((WORKSPACE / "docs/reference/agreement.schema.json").read_text())
    world = maker.World()
    assert [error.message for error in Draft202012Validator(schema).iter_errors(world.agreement.content)] == []


def test_one_seed_makes_one_history():
    assert maker.World(5).busy().lines() == maker.World(5).busy().lines()
    assert maker.World(5).busy().lines() != maker.World(6).busy().lines()


@pytest.mark.parametrize("entries", [8, 10, 1001])
def test_many_entries_are_clean_too(tmp_path, entries):
    _, notes = maker.quickly(tmp_path, entries)
    maker.keep(tmp_path, maker.World())
    assert note.Checkpoint.parse(notes[-1][0]).size == entries
    report = judged([tmp_path / "evidence.jsonl"], [tmp_path / "anchors.pem"], [])
    assert report["alarms"] == [] and report["participants"][0]["entries"] == entries


def test_the_command_lines(tmp_path):
    def run(*arguments):
        return subprocess.run([sys.executable, "-B", "-m", *arguments], cwd=WORKSPACE / "tests", capture_output=True, text=True, timeout=60)

    assert run("verification.maker", str(tmp_path)).returncode == 0
    evidence_file, anchors = str(tmp_path / "evidence.jsonl"), str(tmp_path / "anchors.pem")
    done = run("verification.second_verifier", "--anchors", anchors, evidence_file)
    assert done.returncode == 0 and json.loads(done.stdout)["outcome"] == "clean", done
    raw = Path(evidence_file).read_bytes()
    Path(evidence_file).write_bytes(raw.replace(b"Voorbeeld", b"Voorbeelt"))
    assert run("verification.second_verifier", evidence_file).returncode == 1
    assert run("verification.second_verifier", anchors).returncode == 2
    lines = [json.loads(each) for each in raw.splitlines()]
    key = next(json.loads(each["payload"])["detail"]["verifier_key"] for each in lines if each["type"] == "entry")
    assert run("verification.tiles", str(tmp_path / "tiles"), key).returncode == 0
    assert run("verification.tiles", str(tmp_path / "tiles"), key.replace("/1+", "/2+")).returncode == 1


def test_tiles_hold_what_the_evidence_holds(tmp_path):
    journal = maker.World(3).busy(20).provider.journal
    tiles.write(tmp_path, journal.leaves(), journal.checkpoints[-1].note)
    read = tiles.PublishedTiles(tmp_path, note.VerifierKey.of(journal.origin, journal.key))
    lines = [each for each in evidence.of_journal(journal) if each["type"] == "entry"]
    leaves = [each for number in range(-(-read.size // tiles.WIDTH)) for each in read.leaves(number)]
    assert [json.loads(each)["commitment"] for each in leaves] == [each["commitment"] for each in lines]
    assert hashlib.sha256(b"\x00" + leaves[5]).digest() == journal.entries[5].leaf
