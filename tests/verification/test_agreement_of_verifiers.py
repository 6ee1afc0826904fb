"""The program and the second verifier, which share no code and no language, say the same of every case."""

import os
import subprocess

import pytest

from verification import verifiers
from verification.cases import CASES
from verification.chance import Changed
from verification.test_second_verifier import judged

PROGRAM = verifiers.program()

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="VERBOND_VERIFY_BIN names no program, and none lies beside VERBOND_BIN")
STATUS = {"clean": 0, "alarms": 1, "unreadable": 2, "losses": 3}


@pytest.mark.parametrize("name", CASES)
def test_both_say_the_same(name, tmp_path):
    given = CASES[name].write(tmp_path)
    status, report = verifiers.run(PROGRAM, *given)
    assert status == STATUS[report["outcome"]]
    assert verifiers.comparable(report) == verifiers.comparable(judged(*given))


@pytest.mark.parametrize("name", CASES)
def test_the_program_says_the_same_however_little_room_it_has(name, tmp_path):
    files, *given = CASES[name].write(tmp_path)
    _, roomy = verifiers.run(PROGRAM, files, *given)
    _, tight = verifiers.run(PROGRAM, ["--memory", "0", *files], *given)
    assert verifiers.comparable(tight) == verifiers.comparable(roomy)


def test_what_cannot_be_put_aside_is_not_judged_without(tmp_path):
    files, anchors, *_ = CASES["clean_of_both_parties"].write(tmp_path)
    nowhere = {**os.environ, "TMPDIR": str(tmp_path / "nowhere"), "LC_ALL": "C"}
    done = subprocess.run([PROGRAM, "--memory", "0", "--anchors", anchors[0], *files], env=nowhere, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "nothing can be put aside in" in done.stdout, done


@pytest.mark.parametrize("begin", range(0, 200, 50))
def test_both_say_the_same_of_what_was_changed_by_chance(begin, tmp_path):
    for seed in range(begin, begin + 50):
        changed = Changed(seed)
        evidence, anchors = changed.write(tmp_path)
        _, report = verifiers.run(PROGRAM, [evidence], [anchors])
        assert verifiers.comparable(report) == verifiers.comparable(judged([evidence], [anchors], [])), (seed, changed.told)


@pytest.mark.parametrize("name", ["clean_of_both_parties", "changed_payload"])
def test_a_sentence_stands_by_every_finding_in_both_languages(name, tmp_path):
    files, anchors, *_ = CASES[name].write(tmp_path)
    told = {}
    for language in ("nl", "en"):
        status, report = verifiers.run(PROGRAM, ["--language", language, *files], anchors)
        told[language] = [each["message"] for each in [*report["alarms"], *report["notes"]]]
        assert all(told[language])
    assert not told["nl"] or told["nl"] != told["en"]


def test_standard_input_is_read_too(tmp_path):
    files, anchors, *_ = CASES["clean_of_both_parties"].write(tmp_path)
    with files[0].open("rb") as file:
        done = subprocess.run([PROGRAM, "--anchors", anchors[0], "-"], stdin=file, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
