"""Writes the table of requirements from the outcome of a run: fsc-requirements.json for programs, .md for people."""

import json
import re

from .report import COMMAND
from .requirements import DEPARTS, HOLDS, OTHERS, REQUIREMENTS

WORDS = {
    HOLDS: "holds",
    DEPARTS: "**departs**",
    OTHERS: "others'",
    "fails": "**does not hold**",
    "not run": "**not run**",
}


def named(node_id):
    """The names under which a requirement may name this test: by function, and by class."""
    file, *names = node_id.split("::")
    names = [re.sub(r"\[.*", "", each, flags=re.S) for each in names]
    return [f"{file.removeprefix('conformance/')}::{each}" for each in names]


def result_of(test, results):
    """pass, fail, not run; or `cargo` for a test of the workspace, which this run does not carry out."""
    if test.startswith("crates/"):
        return "cargo"
    found = [result for node_id, result in results.items() if test in named(node_id)] or ["not run"]
    return next((each for each in ("fail", "not run") if each in found), "pass")


def rows(results):
    """One row per requirement; a test that fails, or was not run, turns `holds` over."""
    table = []
    for row in REQUIREMENTS:
        tests = {test: result_of(test, results) for test in row["tests"]}
        verdict = row["verdict"]
        if verdict == HOLDS and "fail" in tests.values():
            verdict = "fails"
        elif verdict == HOLDS and "not run" in tests.values():
            verdict = "not run"
        table.append({**row, "verdict": verdict, "tests": tests})
    return table


def totals(table):
    count = {verdict: sum(row["verdict"] == verdict for row in table) for verdict in WORDS}
    return {**count, "without test": sum(not row["tests"] and row["verdict"] != OTHERS for row in table)}


def as_json(table):
    return json.dumps({"command": COMMAND, "totals": totals(table), "requirements": table}, indent=2, ensure_ascii=False) + "\n"


def _test(test, result):
    file, name = test.split("::")
    at = f"../../{file}" if file.startswith("crates/") else f"../../tests/{'' if '/' in file else 'conformance/'}{file}"
    mark = {"pass": "", "cargo": ""}.get(result, f" (**{result}**)")
    return f"[{name}]({at}){mark}"


def as_markdown(table):
    count = totals(table)
    lines = [
        "# FSC Core 2.0.0 and Logging 1.1.0, requirement by requirement",
        "",
        "Every MUST, SHOULD, REQUIRED and RECOMMENDED of both texts, and the lower-case musts where nothing else says what is",
        "valid, in our own short words. Beside it: [fsc.md](fsc.md), the 84 scenarios, named departures and known defects.",
        "",
        f"Made by `{COMMAND}`; do not edit. `fsc-requirements.json` holds the same for programs. Links to `crates/` are tests of",
        "the workspace (`cargo test`), which that command does not run.",
        "",
        f"**{count[HOLDS]} hold, {count[DEPARTS]} departures, {count['fails']} do not hold, {count['not run']} not run, "
        f"{count[OTHERS]} are others' to meet; {count['without test']} of ours without a test.**",
        "",
        "| section | level | requirement | | how, or why not | shown by |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        tests = ", ".join(_test(test, result) for test, result in row["tests"].items())
        tests = tests or ("" if row["verdict"] == OTHERS else "no test")
        cells = [row["section"], row["level"], row["requirement"], WORDS[row["verdict"]], row["note"], tests]
        lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |")
    return "\n".join(lines) + "\n"
