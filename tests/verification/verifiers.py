"""The program `verbond-verify`, and what is compared of two reports on the same evidence."""

import json
import os
import subprocess
from pathlib import Path

from cryptography import x509

from . import second_verifier


def program():
    """Where the program is: VERBOND_VERIFY_BIN, else beside VERBOND_BIN; None when it is nowhere."""
    given = os.environ.get("VERBOND_VERIFY_BIN")
    beside = Path(os.environ["VERBOND_BIN"]).with_name("verbond-verify") if "VERBOND_BIN" in os.environ else None
    found = Path(given) if given else beside
    return found.resolve() if found and found.is_file() else None


def run(binary, files, anchors=(), earlier=(), lists=(), timeout=600):
    """Exit status and report."""
    given = [("--anchors", anchors), ("--checkpoint", earlier), ("--crl", lists)]
    options = [part for name, paths in given for path in paths for part in (name, path)]
    done = subprocess.run([binary, "--json", *options, *files], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"no report, exit status {done.returncode}: {done.stderr[-2000:]}") from None


def comparable(report):
    """Of a report what every verifier must say alike: all but sentences and the lines of what cannot be read."""
    if report["outcome"] == "unreadable":
        return {"outcome": "unreadable"}
    alarms = {
        (each["code"], each.get("participant"), None if each["code"] == "FORM" else each.get("index"), each.get("transaction_id"))
        for each in report["alarms"]
    }
    notes = {(each["code"], None if each["code"] == "NO_ANCHORS" else (each["participant"], each["count"])) for each in report["notes"]}
    people = sorted(tuple(sorted(each.items())) for each in report["participants"])
    return {"outcome": report["outcome"], "alarms": alarms, "notes": notes, "participants": people, "exchanges": report["exchanges"]}


def agreed(files, anchors, earlier=(), lists=()):
    """The report on evidence, on which both verifiers must agree."""
    _, first = run(program(), files, [anchors], earlier, lists)
    second = second_verifier.verify(files, x509.load_pem_x509_certificates(Path(anchors).read_bytes()), earlier, lists)
    assert comparable(first) == comparable(second), "the verifiers disagree"
    return first
