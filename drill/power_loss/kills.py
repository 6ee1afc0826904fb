"""(b) Cuts the power of inway, outway, manager or a whole organisation under load, and looks for what is missing.

The claim: no delivered response without both records. The drill asks more: every request that reached the source must
have both records too, since both are made before a byte is proxied; no transaction reaches the source twice; a transaction
that was used before a cut is refused after it; and after every cut the node starts and exchanges go on.
"""

import http.client
import random
import time

from pair import Fault

from .load import Client, Load, told
from .world import Site, World


def victims(world: World, disks_only: bool) -> list[tuple[str, list[Site], list]]:
    """(name, sites that lose their power, single processes that are killed)."""
    sites = [world.consumer, world.provider]
    cuts = [(f"{site.name} with all it has", [site], []) for site in sites] + [("both with all they have", sites, [])]
    if disks_only:
        return cuts
    for site in sites:
        if site.server:     # a process alone: its database lives on
            cuts += [(f"{process.name} alone", [], [process]) for process in site.side.processes]
    return cuts


def spread(seconds: list[float]) -> dict:
    ordered = sorted(seconds)
    return {"median": round(ordered[len(ordered) // 2], 3), "most": round(ordered[-1], 3)} if ordered else {}


class Drill:
    def __init__(self, world: World, seed: int, threads: int, swallow: bool, say):
        self.world, self.random, self.swallow, self.say = world, random.Random(seed), swallow, say
        pair = world.pair
        self.load = Load(pair.consumer.outway_port, pair.headers(), "records", threads)
        self.checked: set[str] = set()
        self.missing: list[str] = []
        self.faults: list[str] = []
        self.by_victim: dict[str, int] = {}
        self.lost = {"files": 0, "pages": 0, "survived_pages": 0}
        self.used = ""
        self.replays: dict[str, int] = {}
        self.restart_seconds: list[float] = []
        self.back_seconds: list[float] = []

    def one(self, number: int) -> None:
        """Load, cut, restart, check."""
        before = len(self.load.delivered)
        begun = time.monotonic()
        while len(self.load.delivered) < before + self.threads_worth():
            if time.monotonic() - begun > 20:
                refused = sorted(self.load.refused.items(), key=lambda item: -item[1])[:3]
                raise Fault(f"no exchanges within 20 s after restart {number}; refusals so far: {refused}")
            time.sleep(0.005)
        self.back_seconds.append(time.monotonic() - begun)
        if self.used:
            self.replay(self.used)
        time.sleep(self.random.uniform(0.0, 0.4))
        # A process that dies beside a living database loses nothing, so the negative control has to cut disks.
        name, sites, processes = self.random.choice(victims(self.world, disks_only=self.swallow))
        kind = self.random.choice(["lose", "tear"])
        self.by_victim[name] = self.by_victim.get(name, 0) + 1
        for process in processes:
            process.kill()
        for site in sites:          # all die before the first disk is turned back
            site.kill()
        for site in sites:
            for what, count in site.cut(kind, self.random.randrange(1 << 30)).items():
                if what in self.lost:
                    self.lost[what] += count
        begun = time.monotonic()
        for site in sites:
            site.power_on(self.swallow)
        for site in self.world.sites:
            site.side.serve()
        self.restart_seconds.append(time.monotonic() - begun)
        self.load.paused.set()
        self.check()
        self.load.paused.clear()
        if number % 25 == 0:
            self.say(f"{number} cuts, {len(self.load.delivered)} delivered, {len(self.missing)} without a record")

    def threads_worth(self) -> int:
        return 2 * len(self.load.threads)

    def check(self) -> None:
        """Every transaction that was delivered or reached the source since the last check has both records."""
        delivered = set(self.load.delivered)
        reached = set(self.world.source.reached)
        fresh = (delivered | reached) - self.checked
        self.checked |= fresh
        for site in (self.world.consumer, self.world.provider):
            for transaction in fresh - self.records(site, fresh):
                what = "delivered" if transaction in delivered else "reached the source"
                self.missing.append(f"{transaction} {what}, no record at the {site.name}")
        if fresh & delivered:
            self.used = self.random.choice(sorted(fresh & delivered))

    def records(self, site: Site, transactions: set[str]) -> set[str]:
        """Views are derived within a second: what is not there yet is asked for again."""
        found: set[str] = set()
        deadline = time.monotonic() + (2 if self.swallow else 5)
        while True:
            found |= site.side.has_records(transactions - found)
            if not transactions - found or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def replay(self, transaction: str) -> None:
        """A transaction id that was used before the cut must not be forwarded again."""
        pair = self.world.pair
        client = Client(pair.consumer.outway_port, pair.headers(), "records")
        before = self.world.source.reached.get(transaction, 0)
        try:
            status, answer = client.exchange(transaction)
        except (OSError, http.client.HTTPException) as error:
            self.faults.append(f"{transaction}, used before the cut, got no answer: {error!r}")
            return
        finally:
            client.close()
        said = told(status, answer)
        self.replays[said] = self.replays.get(said, 0) + 1
        if status == 200 or self.world.source.reached.get(transaction, 0) > before:
            self.faults.append(f"{transaction} was forwarded a second time after a cut")

    def finish(self) -> dict:
        self.load.stop()
        time.sleep(0.2)
        try:
            self.check()
        except Fault as fault:
            self.faults.append(str(fault))
        twice = [t for t, count in self.world.source.reached.items() if count > 1]
        self.faults += [f"{t} reached the source more than once" for t in twice]
        return {
            "cuts": sum(self.by_victim.values()), "by_victim": self.by_victim,
            "delivered": len(self.load.delivered), "reached_the_source": len(self.world.source.reached),
            "broken_off": self.load.broken, "refused": self.load.refused, "used_again_after_a_cut": self.replays,
            "lost_by_the_cuts": self.lost, "missing_records": len(self.missing), "missing": self.missing[:20],
            "faults": self.faults,
            "restart_seconds": spread(self.restart_seconds), "seconds_from_restart_to_exchanges": spread(self.back_seconds[1:]),
            "syncs": sum(site.volume.syncs for site in self.world.sites),
            "ok": not self.missing and not self.faults,
        }


def kills(world: World, count: int, seed: int, threads: int, swallow: bool, say) -> dict:
    world.start(swallow)
    world.pair.wait_until_it_works()
    drill = Drill(world, seed, threads, swallow, say)
    for number in range(1, count + 1):
        try:
            drill.one(number)
        except Fault as fault:
            drill.faults.append(f"cut {number}: {fault}")
            break
    return drill.finish()
