"""Each task beside the requests panics: the node recovers by itself, and exchanges are refused only while they must be."""

import json
import re
import subprocess
import time
from collections import Counter

from pair import Fault, Process

from .points import points
from .rounds import RECOVERY
from .world import FaultWorld

# The picture is confirmed each second; thirty seconds after the last time it may not be decided on any more.
STALE_AFTER = 30.0
LONGEST_PAUSE = 10.0
# A comparison of contracts that a panic ended is tried again after so long, and a process that has not compared answers nothing.
TRIED_AGAIN = 30.0
# Where a task does not run unless an organisation has a logbook, and where one is not counted since the store restarts it itself.
NOT_HERE = {"export", "notifications"}


def panics(process: Process) -> Counter:
    """How often each task has panicked; both directions of the watch are one point."""
    counted: Counter = Counter()
    for name, number in re.findall(r'(?m)^verbond_background_panics\{task="([a-z-]+)"\} (\d+)', process.told("/metrics")[1]):
        counted[re.sub(r"^watch-.*", "watch", name)] += int(number)
    return counted


def until(what, seconds: float, say: str) -> float:
    begun = time.monotonic()
    while not (last := what()):
        if time.monotonic() - begun > seconds:
            raise Fault(f"not within {seconds:.0f} s: {say} ({last})")
        time.sleep(0.1)
    return time.monotonic() - begun


def delivered(world: FaultWorld) -> bool:
    """Whether all of some requests at once are."""
    answers = world.volley(4, 4, RECOVERY)
    answers.wait(RECOVERY)
    return all(answer.delivered for answer in answers.answers)


def tasks(world: FaultWorld, say) -> dict:
    processes = [process for site in world.sites for process in site.side.processes]
    names = sorted(point.name for point in points() if point.name.startswith("task::"))
    # Every task comes to a panic where it begins.
    for site in world.sites:
        site.side.stop()
        for process in site.side.processes:
            process.environment["FAILPOINTS"] = ";".join(f"{name}=1*panic" for name in names)
        site.side.serve()
    back, _ = world.wait_until_all_works(RECOVERY)
    say(f"{len(names)} tasks panicked once in {len(processes)} processes: exchanges after {back:.2f} s")
    unhit = {}

    def all_counted() -> bool:
        world.wait_until_all_works(RECOVERY)
        for process in processes:
            unhit[process.name] = sorted(name for name, number in panics(process).items() if not number and name not in NOT_HERE)
        # Only who serves something open, or is shown something, has something to look at.
        return not any(set(left) - {"open-traffic", "witnesses"} for left in unhit.values())

    until(all_counted, 20, "every task has panicked and been counted")
    until(lambda: all(delivered(world) for _ in range(3)), TRIED_AGAIN + 5, "whatever is asked is delivered, whichever process it meets")
    seen = sum((panics(process) for process in processes), Counter())
    missing = {name.removeprefix("task::") for name in names} - NOT_HERE - set(seen)
    if world.database == "sqlite":
        missing -= {"certificate-files"}        # runs where the roles are split
    found = [f"{name} has not panicked anywhere: {unhit}" for name in sorted(missing)]
    for process in processes:
        status, health = process.told("/health/ready")
        if status != 200:
            found.append(f"{process.name} is not ready after one panic of each: {health}")
        log = (world.side_of(process).room / f"{process.name}.log").read_text()
        if "came to a fault of the program" not in log or "a fault of the program place=" not in log:
            found.append(f"the log of {process.name} does not tell the panics")
        if "failpoint" in log:
            found.append(f"the log of {process.name} holds the words of a panic")
        process.environment.pop("FAILPOINTS")
    refused = again_and_again(world, found, say)
    return {"ok": not found, "faults": found, "missing": [], "tasks": len(seen), "panics": sum(seen.values()),
            "seconds_until_all_works": round(back, 2), **refused}


def again_and_again(world: FaultWorld, found: list[str], say) -> dict:
    """One task at each party panics for as long as it lasts: the picture at the consumer, the tree at the provider."""
    failing = [(process, "picture") for process in world.with_role(world.consumer, "outway")]
    failing += [(process, "journal-tree") for process in world.with_role(world.provider, "inway")]
    begun = time.monotonic()
    for process, name in failing:
        world.arrange(process, f"task::{name}", "panic")
    for process, name in failing:
        until(lambda: process.told("/health/ready")[0] == 503, 10, f"{process.name} says that it is not ready")
        checks = {check["name"]: check for check in json.loads(process.told("/health/ready")[1])["checks"]}
        if checks["tasks"]["ok"] or name not in checks["tasks"]["detail"]:
            found.append(f"{process.name} does not name {name}: {checks['tasks']}")
        if name not in json.loads(process.told("/v1/node")[1])["failing_tasks"]:
            found.append(f"{process.name} does not say to doctor that {name} fails")
    if not world.consumer.server:
        told_by_doctor(world, found)
    refused_after = 0.0
    while not refused_after:
        answers = world.volley(2, 4, RECOVERY)
        answers.wait(RECOVERY)
        refusals = [answer for answer in answers.answers if not answer.delivered]
        after = time.monotonic() - begun
        if refusals:
            refused_after = after
            if after < STALE_AFTER - 3:
                found.append(f"refused after {after:.0f} s already: {refusals[0].said} {refusals[0].content[:200]!r}")
            # What was in flight in that moment too: its picture could not be confirmed, nothing was withdrawn.
            if any(answer.status != 503 for answer in refusals):
                found.append(f"refused with {sorted({answer.said for answer in refusals})}")
        elif after > STALE_AFTER + 5:
            found.append(f"{after:.0f} s without a picture, and exchanges are not refused")
            break
        time.sleep(0.2)
    say(f"the picture not confirmed: exchanges refused after {refused_after:.1f} s")
    for process, name in failing:
        world.arrange(process, f"task::{name}", "off")
    back, _ = world.wait_until_all_works(LONGEST_PAUSE + 3)
    say(f"the picture is confirmed again: exchanges after {back:.1f} s")
    return {"refused_after_seconds": round(refused_after, 1), "back_after_seconds": round(back, 1)}


def told_by_doctor(world: FaultWorld, found: list[str]) -> None:
    side = world.consumer.side
    done = subprocess.run([str(side.program), "--data", str(side.data), "doctor", "--offline", "--json"], capture_output=True, text=True, timeout=60)
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    if done.returncode == 0 or "picture" not in checks.get("tasks", {}).get("detail", ""):
        found.append(f"doctor does not name the task: {checks.get('tasks')}")
