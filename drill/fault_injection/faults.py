"""What can go wrong in a round: how it is brought about, for how long, how it is ended, and what may be expected."""

import errno
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable

from power_loss.postgres import Postgres

from .network import TROUBLES
from .points import CONTROL, Point, points
from .world import FaultWorld

PAUSED = 0.6        # seconds that something stands still that nothing in the node bounds
CUT_SHORT = 4.0     # seconds within which whatever the node bounds itself has to be refused
HANDED_IN_AGAIN = 1.2   # seconds, a little more than after which the program hands completions in again


@dataclass
class Fault:
    name: str
    kind: str
    begin: Callable[[], None]
    end: Callable[[], None] = lambda: None
    hold: float = 0.0           # seconds that it lasts at most; 0: until all have been answered
    may_break: bool = False     # connections may end without an answer
    bounded: bool = False       # while it lasts, requests must be refused within CUT_SHORT
    of_journal: bool = False    # what is to be written fails for a while
    codes: tuple[str, ...] = () # with one of which everything that passes there must be refused
    late: float = 0.0           # seconds after the first requests at which it begins
    told: bool = False          # brought about by telling the process, which has to run for that

    def and_also(self, other: "Fault") -> "Fault":
        """Both at once. What begins last ends first, since a process that stands still cannot be told anything."""
        first, second = sorted((self, other), key=lambda fault: not fault.told)

        def begin() -> None:
            first.begin()
            tolerated(second.begin)

        def end() -> None:
            tolerated(second.end)
            tolerated(first.end)

        # Which of the two refuses is open; and whatever one of them holds up, the other may hold up once more.
        return Fault(f"{first.name} and {second.name}", "two at once", begin, end, hold=max(self.hold, other.hold),
                     may_break=self.may_break or other.may_break, bounded=all(fault.bounded or not fault.hold for fault in (self, other)),
                     of_journal=self.of_journal or other.of_journal, late=max(self.late, other.late))


def nothing() -> None:
    pass


def tolerated(step: Callable[[], None]) -> None:
    """With two things that go wrong, one may have ended what the other is done to."""
    try:
        step()
    except (OSError, RuntimeError, AttributeError, subprocess.SubprocessError):
        pass


class Faults:
    """All faults of a world."""

    def __init__(self, world: FaultWorld, choice: random.Random):
        self.world, self.random = world, choice
        self.points = [point for point in points() if point.name != CONTROL]

    def draw(self, number: int) -> Fault:
        """Half of the rounds go to fail points, each of which comes up in turn, so that few rounds reach many. In every fifth two things
        go wrong at once."""
        fault = self.one(number)
        if number % 5:
            return fault
        return fault.and_also(self.one(self.random.randrange(1000)))

    def one(self, number: int) -> Fault:
        others = [self.kill, self.disk, self.network, self.clock, self.completions, self.paused,
                  *([self.database_gone, self.cut_connections] if self.servers() else [])]
        if number % 2 == 0:
            return self.at_point(self.points[(self.offset + number // 2) % len(self.points)])
        return others[number // 2 % len(others)]()

    offset = 0

    def servers(self) -> list[Postgres]:
        return [site.server for site in self.world.sites if site.server]

    def process_of(self, where: str):
        consumer, provider = self.world.consumer, self.world.provider
        places = {"outway": (consumer, "outway"), "inway": (provider, "inway"), "manager": (provider, "manager")}
        where = self.random.choice(["outway", "inway"]) if where == "both" else where
        return self.random.choice(self.world.with_role(*places[where]))

    def any_process(self):
        return self.random.choice([process for site in self.world.sites for process in site.side.processes])

    def at_point(self, point: Point, can: str | None = None) -> Fault:
        process = self.process_of(point.where)
        can = can or self.random.choice(point.can)
        action, more = {
            "error": self.random.choice([("return(error)", {"codes": point.codes}), ("1*return(error)", {}), ("30%return(error)", {})]),
            "wait": self.random.choice([("return(delay:100)", {}), ("return(pause)", {"hold": CUT_SHORT + 1 if point.bounded else PAUSED, "bounded": point.bounded, "of_journal": point.bounded})]),
            "stall": ("20%return(delay:100)", {}),
            "panic": self.random.choice([("panic", {}), ("1*panic", {})]),
            "abort": ("return(abort)", {}),
        }[can]
        breaks = can in ("panic", "abort") or (can == "error" and (point.name.startswith(("guarded", "minimise", "processing")) or not point.codes))
        return Fault(f"{point.name} {action}", f"{can} at a point", lambda: self.world.arrange(process, point.name, action),
                     lambda: self.off(process, point), may_break=breaks, told=True, **{"of_journal": can == "error", **more})

    def off(self, process, point: Point) -> None:
        """At a process that is ending there is nothing left to put back."""
        try:
            self.world.arrange(process, point.name, "off")
        except OSError:
            process.handle.wait(5)

    def kill(self) -> Fault:
        process = self.any_process()
        return Fault(f"kill -9 of {process.name}", "kill -9", process.kill, may_break=True, late=self.random.uniform(0, 0.05))

    def victim_with_disk(self) -> tuple[object, str]:
        """Where the journal is written: a server, or the node itself."""
        site = self.random.choice(self.world.sites)
        return (site.server, f"{site.name}'s server") if site.server else (site.side.processes[0], site.name)

    def disk(self) -> Fault:
        victim, name = self.victim_with_disk()
        what, error = self.random.choice([("full", errno.ENOSPC), ("read only", errno.EROFS), ("broken", errno.EIO)])
        page = self.world.misfortune(victim)
        return Fault(f"disk {what} under {name}", f"disk {what}", lambda: page.set(error=error), page.set, late=self.random.uniform(0, 0.03),
                     may_break=True, hold=CUT_SHORT + 1, bounded=True)

    def network(self) -> Fault:
        """Between the nodes. While nothing comes through, the program waits for what may still come."""
        what = self.random.choice(list(TROUBLES))
        network = self.world.network
        return Fault(f"the network: {TROUBLES[what]}", f"network: {what}", lambda: network.trouble(what), network.trouble, may_break=True,
                     hold=PAUSED if what == "lose" else 0.0, late=self.random.choice([0.0, self.random.uniform(0, 0.03)]))

    def completions(self) -> Fault:
        """The journal takes completions, and says that it does not: for longer than one is handed in again."""
        process = self.process_of("both")

        def end() -> None:
            for point in ("journal::appended", "journal::resolve"):
                self.world.arrange(process, point, "return(error)")
            self.world.arrange(process, "completions::write", "off")
            time.sleep(HANDED_IN_AGAIN)
            for point in ("journal::appended", "journal::resolve"):
                self.world.arrange(process, point, "off")

        return Fault(f"completions of {process.name} written, and reported as failed", "completions reported failed",
                     lambda: self.world.arrange(process, "completions::write", "return(pause)"), end, told=True)

    def clock(self) -> Fault:
        process = self.any_process()
        seconds = self.random.choice([5, 90, 7200, 2 * 86400]) * self.random.choice([-1, 1])
        page = self.world.misfortune(process)
        return Fault(f"clock of {process.name} {seconds:+d} s", "clock jump", lambda: page.set(clock=seconds), page.set, may_break=True)

    def paused(self) -> Fault:
        process = self.any_process()
        family = [process.handle.pid]
        name, hold = process.name, PAUSED
        if self.servers() and self.random.random() < 0.5:
            server = self.random.choice(self.servers())
            family, name, hold = server.processes(), "a database server", CUT_SHORT + 1
        return Fault(f"{name} paused", "paused process", lambda: send(family, signal.SIGSTOP), lambda: send(family, signal.SIGCONT), hold=hold, of_journal=True,
                     late=self.random.uniform(0, 0.03))

    def database_gone(self) -> Fault:
        server = self.random.choice(self.servers())
        return Fault("database server killed", "database gone", server.kill, hold=self.random.choice([0.3, CUT_SHORT + 1]), of_journal=True, late=self.random.uniform(0, 0.03))

    def cut_connections(self) -> Fault:
        server = self.random.choice(self.servers())
        text = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'verbond'"
        return Fault("connections to the database cut", "connections cut", lambda: server.query(text) and None, of_journal=True, late=self.random.uniform(0, 0.03))


def send(family: list[int], what: signal.Signals) -> None:
    for pid in family:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            pass
