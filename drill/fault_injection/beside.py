"""Many rounds: several pairs of organisations beside each other, each in a process of its own and with things drawn of its own."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from pair import FIRST_PORT

PORTS = 100         # for one pair of organisations, with room for those that others have taken


def beside(drill: Path, options: list[str], databases: list[str], pairs: int, count: int, seed: int) -> dict:
    """By database, what came of all pairs together."""
    begun = []
    for place in range(pairs):
        database = databases[place % len(databases)]
        share = count // pairs + (place < count % pairs)
        words = [sys.executable, str(drill), "rounds", *options, "--database", database, "--rounds", str(share), "--seed", str(seed + place), "--json"]
        environment = {**os.environ, FIRST_PORT: str(20000 + place * PORTS)}
        begun.append((database, seed + place, subprocess.Popen(words, stdout=subprocess.PIPE, env=environment, text=True)))
    found: dict[str, list[dict]] = {}
    try:
        for database, own, process in begun:
            said = process.communicate()[0]
            failed = {"ok": False, "faults": [f"the drill with seed {own} ended with status {process.returncode}"], "missing": []}
            result = json.loads(said)["results"][database] if said.strip() else failed
            found.setdefault(database, []).append({**result, "seed": own})
    finally:
        for _, _, process in begun:
            if process.poll() is None:
                process.terminate()
    return {database: together(results) for database, results in found.items()}


def together(results: list[dict]) -> dict:
    """Counts are added up, what is listed is put one after another; times are the longest of all."""
    whole: dict = {"seeds": [result["seed"] for result in results], "ok": all(result["ok"] for result in results)}
    for member in ("rounds", "exchanges", "reached_the_source", "restarted", "missing_records", "faults_found"):
        whole[member] = sum(result.get(member, 0) for result in results)
    for member in ("by_kind", "at_points", "answers"):
        whole[member] = dict(sum((Counter(result.get(member, {})) for result in results), Counter()).most_common())
    for member in ("missing", "faults"):
        whole[member] = [line for result in results for line in result[member]]
    slowest = max(results, key=lambda result: result.get("slowest_answer_seconds", 0))
    whole |= {member: slowest.get(member) for member in ("slowest_answer_seconds", "slowest_answer")}
    back = [result["seconds_until_all_works"] for result in results if "seconds_until_all_works" in result]
    whole["seconds_until_all_works"] = {member: max((one[member] for one in back), default=0) for member in ("median", "most")}
    whole["seconds"] = max(result.get("seconds", 0) for result in results)
    return whole
