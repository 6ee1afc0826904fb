"""The second verifier finds in every case what was done, and nothing else."""

import re
from pathlib import Path

import pytest
from cryptography import x509

from verification import second_verifier
from verification.cases import CASES
from verification.chance import Changed

PAGE = Path(__file__).parents[2] / "docs/formats/verification.md"
SHORT = {"oin:00000099000000010000": "P", "oin:00000099000000020000": "C"}


def judged(files, anchors, earlier, lists=()):
    roots = [each for path in anchors for each in x509.load_pem_x509_certificates(path.read_bytes())]
    return second_verifier.verify(files, roots, earlier, lists)


@pytest.mark.parametrize("name", CASES)
def test_finds_what_was_done(name, tmp_path):
    case = CASES[name]
    report = judged(*case.write(tmp_path))
    assert report["outcome"] == case.outcome, report["alarms"]
    if case.outcome == "unreadable":
        return
    assert {(SHORT.get(each["participant"], ""), each["code"]) for each in report["alarms"]} == case.alarms, report["alarms"]
    if not case.alarms:
        assert {each["code"] for each in report["notes"]} == case.notes, report["notes"]


@pytest.mark.parametrize("begin", range(0, 300, 50))
def test_there_is_a_report_whatever_was_changed(begin, tmp_path):
    for seed in range(begin, begin + 50):
        changed = Changed(seed)
        evidence, anchors = changed.write(tmp_path)
        report = judged([evidence], [anchors], [])
        assert report["outcome"] in ("clean", "alarms", "unreadable"), changed.told


def codes(heading):
    section = PAGE.read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([A-Z_]+)` \|", section, re.M))


def test_every_code_has_a_case():
    raised = {code for case in CASES.values() for _, code in case.alarms}
    assert raised == codes("Form and tree") | codes("Destruction") | codes("What is told") | codes("Exchanges")
    assert {note for case in CASES.values() for note in case.notes} == codes("Notes")
