"""Rounds: requests of all kinds, one thing that goes wrong or two, and what must hold afterwards.

What is demanded of the nodes is counted here, from what the application was given and what the source saw:

* whatever the application got a byte of, and whatever reached the source, has one permit at both sides; a person in it has a
  record of processing at both;
* nothing reaches the source twice, and nothing is completed twice at one side;
* who got nothing got a refusal, in time, with a code and a status that docs/reference/refusals.md has; where all that pass are to be
  refused, with the code that the table of fail points prescribes. A connection that ends without an answer counts only where the fault
  ends connections;
* afterwards exchanges of every kind succeed again, without help but a supervisor's that starts what has ended, and are completed at
  both sides; a permit without completion reads as unknown.
"""

import random
import re
import time
from collections import Counter
from pathlib import Path

from pair import CONSUMER, PROVIDER, Fault as Failure, UnixConnection

from .application import GOVERNED, Answer
from .faults import CUT_SHORT, Fault, Faults
from .journals import Journal
from .world import FaultWorld

REFUSALS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "refusals.md"
BOUND = 10.0        # seconds that an application waits at most, a token that does not come (8 s) included
RECOVERY = 20.0     # seconds within which exchanges succeed again
SETTLED = 6.0       # seconds within which completions are written again


def refusals() -> dict[str, str]:
    """Code and its statuses as the reference has them; empty where they depend on the case."""
    return {code: status for code, status in re.findall(r"(?m)^## ([A-Z_]+)\n\nStatus ([^.]*)\.", REFUSALS.read_text())}


class Drill:
    def __init__(self, world: FaultWorld, seed: int, threads: int, each: int, say):
        self.world, self.say, self.threads, self.each = world, say, threads, each
        self.random = random.Random(seed)
        self.faults = Faults(world, self.random)
        self.faults.offset = self.random.randrange(1000)
        self.journals = {site.name: Journal(site) for site in world.sites}
        self.refusals = refusals()
        self.found: list[str] = []
        self.missing: list[str] = []
        self.by_kind: Counter = Counter()
        self.at_points: Counter = Counter()
        self.said: Counter = Counter()
        self.back: list[float] = []
        self.slowest = (0.0, "")
        self.answers = 0
        self.twice: set[str] = set()
        self.begun = time.time()

    def one(self, number: int, fault: Fault) -> None:
        self.by_kind[fault.kind] += 1
        if fault.kind.endswith("at a point"):
            self.at_points[fault.name.split()[0]] += 1
        name = f"round {number}, {fault.name}"
        if not fault.late:
            fault.begin()
        volley = self.world.volley(self.threads, self.each, BOUND + CUT_SHORT)
        if fault.late:
            time.sleep(fault.late)
            fault.begin()
        volley.wait(fault.hold or BOUND)
        stuck = volley.stuck(CUT_SHORT) if fault.bounded else []
        let_go = time.monotonic()
        fault.end()
        if stuck:
            self.found.append(f"{name}: not answered within {CUT_SHORT} s, while it lasted: {', '.join(stuck)}")
        # One after another in each thread: what each may take, `judge` looks at.
        if not volley.wait((BOUND + CUT_SHORT) * self.each):
            self.found.append(f"{name}: a request hangs")
        self.world.revive()
        try:
            seconds, probes = self.world.wait_until_all_works(RECOVERY, supervised=True)
        except Failure as failure:
            raise Failure(f"{name}: {failure}") from failure
        self.back.append(seconds)
        answers = [*volley.answers, *probes]
        for answer in answers:
            self.said[answer.said] += 1
        self.answers += len(answers)
        before = len(self.found) + len(self.missing)
        for answer in volley.answers:
            self.judge(name, fault, answer, let_go)
        self.account(name, answers, probes)
        for line in [*self.found, *self.missing][before:][:3]:
            self.say(line)

    def judge(self, name: str, fault: Fault, answer: Answer, let_go: float) -> None:
        """What the application was told, and when."""
        # What nothing in the node bounds is counted from when it was let go.
        late = answer.seconds if fault.bounded or not fault.hold else answer.until - max(let_go, answer.until - answer.seconds)
        self.slowest = max(self.slowest, (late, f"{name}: {answer.kind}, {answer.said}"))
        if late > BOUND:
            self.found.append(f"{name}: answered ({answer.said}) after {late:.1f} s")
        if answer.status == 0 or (answer.delivered and not answer.whole):
            # Who a later piece names cannot be recorded: what has begun can only be broken off.
            if not fault.may_break and not (fault.of_journal and answer.kind == "people"):
                self.found.append(f"{name}: {answer.kind} {answer.said}: {answer.trouble}")
        elif not answer.delivered:
            status = self.refusals.get(answer.code)
            if status is None:
                self.found.append(f"{name}: refused with {answer.said}, which no page has: {answer.content[:200]!r}")
            elif re.match(r"\d", status) and str(answer.status) not in re.split(r"\D+", status):
                self.found.append(f"{name}: {answer.said}; the reference says {status}")
        if fault.codes and answer.code not in fault.codes and answer.said != "whole":
            self.found.append(f"{name}: {answer.kind} {answer.said}, where it must be refused with {' or '.join(fault.codes)}")

    def account(self, name: str, answers: list[Answer], probes: list[Answer]) -> None:
        """What stands in the journals against what was given and seen."""
        delivered = {answer.transaction: answer for answer in answers if answer.delivered}
        reached = self.world.source.reached
        asked = {answer.transaction for answer in answers}
        due = set(delivered) | asked & set(reached)
        completed = [probe.transaction for probe in probes if probe.delivered]
        deadline = time.monotonic() + SETTLED
        while True:
            for journal in self.journals.values():
                journal.read()
            behind = [(side, one) for side, journal in self.journals.items() for one in completed if not journal.completions.get(one)]
            if not behind or time.monotonic() > deadline:
                break
            time.sleep(0.02 if not self.faults.servers() else 0.1)
        self.found += [f"{name}: afterwards {one} is not completed at the {side}" for side, one in behind]
        for side, journal in self.journals.items():
            twice = [one for one in sorted(asked) if len(journal.completions.get(one, ())) > 1]
            self.found += [f"{name}: {one} is completed more than once at the {side}" for one in twice]
        for side, journal in self.journals.items():
            for transaction in sorted(due):
                self.recorded(name, side, journal, transaction, delivered.get(transaction))
        again = {one for one in asked if reached.get(one, 0) > 1} - self.twice
        self.twice |= again
        self.found += [f"{name}: {one} reached the source more than once" for one in sorted(again)]

    def recorded(self, name: str, side: str, journal: Journal, transaction: str, answer: Answer | None) -> None:
        what = f"{name}: {transaction} {'was delivered' if answer else 'reached the source'}"
        if journal.permits.get(transaction, 0) != 1:
            self.missing.append(f"{what}, {journal.permits.get(transaction, 0)} permits at the {side}")
        if answer and answer.kind in GOVERNED and answer.content:
            people = len(journal.people.get(transaction, ()))
            if people < answer.people or not journal.actions.get(transaction):
                self.missing.append(f"{what} about {answer.people} people, {people} recorded at the {side}")

    def reconcile(self) -> dict:
        """What has no completion reads as unknown, at both sides, and nothing else does."""
        time.sleep(6)
        for journal in self.journals.values():
            journal.read()
        after = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.begun - 86400))
        side = self.world.consumer.side
        patient = UnixConnection(side.administration_socket(), timeout=300)     # tens of thousands of exchanges after a long run
        told = side.ask("POST", f"/v1/reconciliations/oin:{PROVIDER[0]}", {"after": after}, patient)
        counted = {}
        for side, journal, reads in (("consumer", self.journals["consumer"], "unknown_here"), ("provider", self.journals["provider"], "unknown_there")):
            counted[side] = sum(not journal.completions.get(one) for one in journal.permits)
            if told["counts"].get(reads, 0) != counted[side]:
                self.found.append(f"{counted[side]} permits without completion at the {side}; {told['counts'].get(reads, 0)} read as unknown")
        # Whatever breaks, neither side writes down what is not so.
        if told["disagrees"]:
            those = [each for each in told["findings"] if each["kind"] in ("differs", "contradicts", "missing_here", "missing_there")]
            self.found.append(f"the accounts disagree: {told['counts']}; {those[:10]}")
        return {"compared": told["compared"], "same": told["same"], "counts": told["counts"], "permits_without_completion": counted}

    def result(self) -> dict:
        ordered = sorted(self.back) or [0.0]
        return {
            "rounds": sum(self.by_kind.values()), "by_kind": dict(sorted(self.by_kind.items())), "at_points": dict(sorted(self.at_points.items())),
            "exchanges": self.answers, "answers": dict(self.said.most_common()), "reached_the_source": len(self.world.source.reached),
            "restarted": self.world.restarted, "slowest_answer_seconds": round(self.slowest[0], 2), "slowest_answer": self.slowest[1],
            "seconds_until_all_works": {"median": round(ordered[len(ordered) // 2], 3), "most": round(ordered[-1], 2)},
            "missing_records": len(self.missing), "missing": self.missing[:20], "faults_found": len(self.found), "faults": self.found[:40],
        }


def rounds(drill: Drill, count: int, only: str | None, most_seconds: float | None) -> dict:
    begun = time.monotonic()
    told: dict = {}
    try:
        for number in range(1, count + 1):
            if most_seconds and time.monotonic() - begun > most_seconds:
                break
            drill.one(number, drawn(drill, number, only))
            if number % 50 == 0:
                drill.say(f"{number} rounds, {drill.answers} exchanges, {len(drill.missing)} without a record, {len(drill.found)} other findings")
        told = drill.reconcile()
    except Failure as failure:
        drill.found.append(str(failure))
        drill.say(str(failure))
    result = drill.result()
    return {**result, "accounts": told, "ok": not drill.missing and not drill.found}


def drawn(drill: Drill, number: int, only: str | None) -> Fault:
    for _ in range(10_000):
        fault = drill.faults.draw(number)
        if only is None or re.search(only, f"{fault.kind}: {fault.name}"):
            return fault
        number += 1
    raise SystemExit(f"no fault is like {only}")


def control(drill: Drill, volleys: int) -> dict:
    """A journal that says *written* and writes nothing, at one party and then at the other: both must be found."""
    from .points import CONTROL
    results = {}
    for side, where in (("consumer", "outway"), ("provider", "inway")):
        site = getattr(drill.world, side)
        before = len(drill.missing)

        def arranged(action: str, processes=tuple(drill.world.with_role(site, where))) -> None:
            for process in processes:
                drill.world.arrange(process, CONTROL, action)

        fault = Fault(f"{CONTROL} at the {side}", "control", lambda: arranged("return(error)"), lambda: arranged("off"))
        for number in range(1, volleys + 1):
            drill.one(number, fault)
        here = [line for line in drill.missing[before:] if line.endswith(f"at the {side}")]
        people = [line for line in here if "people" in line]
        results[side] = {"ok": len(here) == len(drill.missing) - before and bool(here) and bool(people), "missing_records": len(here),
                         "missing_people": len(people), "example": here[:1]}
    return {"ok": all(one["ok"] for one in results.values()), "faults": [], "missing": [], **results}
