"""Every refusal of the program has a section on the page, in both languages, that says what to do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/refusals.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}


def codes_in_source():
    """Found apart from the script that writes the page: whatever reads like a code where a refusal is made."""
    for path in (ROOT / "crates").glob("*/src/**/*.rs"):
        text = path.read_text(encoding="utf-8").split("#[cfg(test)]\nmod tests")[0]
        for made in re.finditer(r'(?:Problem::new\(|unusable\(|=> \(|=> )\s*"([A-Z]{2,}(?:_[A-Z]+)+)"', text):
            yield path, made[1]
        for made in re.finditer(r'"([A-Z]{2,}(?:_[A-Z]+)+)", \d{3}[,;]', text):
            yield path, made[1]


def test_the_page_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "scripts/refusals", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_code_of_the_source_has_a_section():
    found = dict((code, path.name) for path, code in codes_in_source())
    assert len(found) > 150
    # Names of FSC's own world that no refusal is known by.
    other = {"ERROR_DOMAIN_MANAGER", "ERROR_DOMAIN_INWAY", "ERROR_DOMAIN_OUTWAY",
             "ERROR_CODE_PEER_NOT_PART_OF_CONTRACT", "ERROR_CODE_INCORRECT_PUBLIC_KEY_THUMBPRINT"}  # fmt: skip
    missing = {code: where for code, where in found.items()
               if code not in SECTIONS and code not in other and not code.startswith(("SERVICE_TYPE", "GRANT_TYPE", "HASH_ALGORITHM"))}
    assert missing == {}


@pytest.mark.parametrize("code", sorted(SECTIONS))
def test_a_section_says_what_is_the_matter_and_what_to_do_in_both_languages(code):
    english = re.findall(r"^- (?!\*)(.+)$", SECTIONS[code], re.MULTILINE)
    dutch = re.findall(r"^- \*(.+)\*$", SECTIONS[code], re.MULTILINE)
    assert english and len(english) == len(dutch)


def test_the_program_shows_a_section_by_code_and_by_type():
    binary = os.environ["VERBOND_BIN"]
    for name in ("PURPOSE_NOT_AGREED", "tag:verbond,2026:problem:PURPOSE_NOT_AGREED"):
        done = subprocess.run([binary, "explain", name, "--json"], capture_output=True, text=True, timeout=30, check=True)
        assert json.loads(done.stdout)["text"] in SECTIONS["PURPOSE_NOT_AGREED"]
    done = subprocess.run([binary, "explain", "NO_SUCH_CODE"], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "CODE_UNKNOWN" in done.stderr
