"""Writes the conformance table from the outcome of a run: fsc.json for programs, fsc.md for people."""

import json
import re

from .scenarios import SCENARIOS, SUITE_COMMIT

COMMAND = "tests/run --write-conformance"

DEPARTURES = [
    (
        "The contract is judged per request",
        "Core 4.7.1.2 lets an inway authorise on the token alone, so that a revocation bites when the token expires. "
        "The inway also demands that the contract behind the token is still valid. "
        "Rule of the group's profile: `rules.contract_per_request`, on by default.",
    ),
    (
        "The application's transaction id is kept, and the inway demands version 7",
        "Logging 3.4.1.1 has the outway create the id. The outway keeps a valid UUIDv7 that the application brings and "
        "makes one in every other case. The inway refuses an id that is no UUIDv7; both refuse one that is more than a "
        "day off the clock or was used before. Version 7 is the Digikoppeling profile's; rules of the profile: "
        "`rules.transaction_id_version_7`, `rules.transaction_id_skew_seconds`.",
    ),
    (
        "Access tokens live 60 seconds",
        "Core prescribes no lifetime (its example has an hour). Rule of the profile: `rules.token_lifetime_seconds`.",
    ),
    (
        "Nothing passes after a start before the contracts have been compared",
        "Core 4.7.1.2 has no such condition. After a start the node compares its contracts with the other party's by "
        "GET /contracts, and until then answers 503 for what the two share.",
    ),
    (
        "Any peer on a contract may submit it",
        "Core 4.2.1.1 and 4.2.1.3 name who offers which contract, 3.2.1 lets any peer do so. The node sends as named and "
        "takes a contract from each peer on it; its policy leaves one from another than the party in need to a person.",
    ),
    (
        "Codes of its own where the norm has none",
        "Core 4.4.5.2, 4.6.1.4 and 4.7.2.2 want one of the listed codes in every error. For refusals that the lists do "
        "not foresee (no contract, unknown route, malformed JSON, …) the error object has a code outside them.",
    ),
]

DEFECTS = [
    "Core 4.2.5 gives `$1$2$` as the prefix of a service connection's grant hash; its own table (4.2.6.1) makes it "
    "`$1$3$`. The table is followed.",
    "Core 4.2.5 step 3 does not say whether the content hash is appended to as prefixed string or as bytes. Both "
    "readings are accepted, the string is sent.",
    "The enumerations of manager.yaml lag behind the text: three error codes of 4.4.5.3 are absent, two that the text "
    "dropped remain, `fscVersion` and `loggingVersion` know 1.0.0 only. The text is followed.",
    "Core 4.3.1 says of `act.sub` both that it is the delegator and that it is the peer that connects. It is the "
    "delegator here (the field that the same sentence names).",
    "Logging 3.1.1 takes the source's delegator from a claim `cdi` that Core does not define. It is taken from the "
    "contract's grant.",
    "Examples of hashes use `+` and `/`, where the text prescribes base64url without padding.",
    "The example contract lacks `service.type`, which manager.yaml requires, and has `fsc_version` 1.0.0.",
    "Limits of service names and participant ids differ: text 1..100 against yaml 3..255, Logging's ids 1..20.",
    "The key set member is spelt `x5t#s256` in manager.yaml and `x5t#S256` in RFC 7517.",
    "Core 4.1.7 refers to sections 3.7.1.4 and 3.8.2.2 for error codes; they are 4.6.1.4 and 4.7.2.2.",
    "manager.yaml requires `type` beside `data` in a listed service; the discriminator stands inside `data`.",
    "manager.yaml used as a schema refuses valid messages: `oneOf` without constants rejects both delegated grants and "
    "the delegated service, an RSA key matches two branches, `ecPublicKey.y` has a fixed length of 66.",
    "Core 4.4.4 demands `Fsc-Manager-Address` on every POST, the yaml's `/token` does not have it. It is sent and not "
    "demanded there.",
    'The scenario Manager-GetToken-3 (revoked contract) ends in "a token should be returned", a copy of -6; its title '
    "and Core 3.2.1 say refused. The row of Manager-SubmitContract-10 in the overview is a copy of -9.",
    "No code is defined for a reused iv, a created_at in the future, an expired validity or too many grants; the "
    "answer is a 422 with the error object.",
]

_UNSTABLE = (
    (re.compile(r"\$1\$([1-5])\$[A-Za-z0-9_-]{20,}"), r"$1$\1$…"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{40,}\b"), "<hex>"),
    (re.compile(r"eyJ[A-Za-z0-9_.-]{20,}"), "<jws>"),
    (re.compile(r"/tmp/\S*"), "<folder>"),
    (re.compile(r"(?<=:)\d{4,5}\b"), "<port>"),
    (re.compile(r"\b1[6-9]\d{8}\b"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z?"), "<time>"),
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
)


def first_line(text):
    """The first line of a failure, without what differs from run to run."""
    line = next((each.strip() for each in text.splitlines() if each.strip()), "")
    line = line.removeprefix("AssertionError: ").removeprefix("support.node.NodeFault: ")
    for pattern, replacement in _UNSTABLE:
        line = pattern.sub(replacement, line)
    return line[:240]


class Outcomes:
    """Gathers the result of each test, and which scenarios it carries out."""

    def __init__(self):
        self.tests = {}
        self.results = {}
        self.failures = {}

    def collected(self, scenario, node_id):
        self.tests.setdefault(scenario, []).append(node_id)

    def report(self, node_id, phase, outcome, failure):
        if outcome == "failed":
            self.results[node_id] = "fail"
            self.failures.setdefault(node_id, first_line(failure))
        elif outcome == "skipped":
            self.results.setdefault(node_id, "not run")
        elif phase == "call":
            self.results.setdefault(node_id, "pass")

    def rows(self):
        """One row per scenario, in the suite's order; several tests under one id all have to pass."""
        rows = []
        for scenario, norm in SCENARIOS.items():
            tests = sorted(self.tests.get(scenario, []))
            results = [self.results.get(each, "not run") for each in tests] or ["not run"]
            result = next((each for each in ("fail", "not run") if each in results), "pass")
            failure = next((self.failures[each] for each in tests if each in self.failures), None)
            rows.append({"id": scenario, **norm, "tests": tests, "result": result, "failure": failure})
        return rows


def totals(rows):
    return {result: sum(row["result"] == result for row in rows) for result in ("pass", "fail", "not run")}


def as_json(rows):
    document = {
        "standard": ["FSC Core 2.0.0", "FSC Logging 1.1.0"],
        "suite": f"Logius-standaarden/fsc-test-suite {SUITE_COMMIT}",
        "command": COMMAND,
        "totals": totals(rows),
        "scenarios": rows,
        "departures": [{"title": title, "text": text} for title, text in DEPARTURES],
        "defects": DEFECTS,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_markdown(rows):
    count = totals(rows)
    lines = [
        "# FSC conformance",
        "",
        "FSC Core 2.0.0 and FSC Logging 1.1.0, tested from outside against the built binary in separate processes. The",
        f"scenarios are those of Logius-standaarden/fsc-test-suite at {SUITE_COMMIT}, the tests are the project's own.",
        "",
        f"Made by `{COMMAND}`; do not edit. `fsc.json` holds the same for programs.",
        "Requirement by requirement: [fsc-requirements.md](fsc-requirements.md).",
        "",
        f"**{count['pass']} pass, {count['fail']} fail, {count['not run']} not run, of {len(rows)}.**",
        "",
        "| scenario | requirement | section | result | failure |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        failure = (row["failure"] or "").replace("|", "\\|").replace("<", "&lt;")
        result = row["result"] if row["result"] == "pass" else f"**{row['result']}**"
        lines.append(f"| {row['id']} | {row['requirement']} | {row['section']} | {result} | {failure} |")
    lines += [
        "",
        "## Named departures",
        "",
        "Where the node is stricter than the text, or chooses what it leaves open.",
        "",
    ]
    lines += [f"* **{title}.** {text}" for title, text in DEPARTURES]
    lines += ["", "## Known defects of the norm and what is done about them", ""]
    lines += [f"{number}. {text}" for number, text in enumerate(DEFECTS, 1)]
    return "\n".join(lines) + "\n"
