"""What a node costs while nothing happens, how soon it serves, and whether memory grows with the body."""

import statistics
import time
from pathlib import Path

from . import kernel, measure
from .node_path import CONSUMER, Process, Side
from .paths import BODIES, Path_


def cold_start(side: Side, times: int) -> dict:
    """Milliseconds from starting the process to its word that every port is open."""
    process = side.processes[0]
    process.stop()
    found = []
    for _ in range(times):
        process.start(side.program, side.room / "cold-start.log")
        found.append(process.started_in * 1000)
        process.stop()
    process.start(side.program, side.room / "cold-start.log")
    return {"times": times, "median_ms": round(statistics.median(found)), "most_ms": round(max(found))}


def idle_nodes(program: Path, room: Path, count: int, base_port: int, settle: float) -> dict:
    """`count` nodes of one group on this machine, left alone."""
    room.mkdir()
    sides = []
    try:
        for number in range(count):
            identity = (f"{int(CONSUMER[0]) + 1000 + number:020d}", f"Node {number}", f"node-{number}.test")
            side = Side(program, room / "logs", room / f"node-{number}", identity, base_port + 8 * number, room / "authority")
            side.initialise(None)
            side.processes.append(Process(identity[2], side.data))
            sides.append(side)
        begun = time.monotonic()
        for side in sides:
            side.serve()
        started = time.monotonic() - begun
        time.sleep(settle)
        pids = [side.processes[0].handle.pid for side in sides]
        before = kernel.cpu_seconds(pids)
        time.sleep(settle)
        spent = kernel.cpu_seconds(pids) - before
        resident = [kernel.status_kib([pid], "VmRSS") for pid in pids]
        share = [kernel.proportional_kib([pid]) for pid in pids]
        return {"nodes": count, "all_started_s": round(started, 2), "resident_mib_median": round(statistics.median(resident) / 1024, 1),
                "resident_mib_most": round(max(resident) / 1024, 1), "proportional_mib_median": round(statistics.median(share) / 1024, 1),
                "proportional_mib_all": round(sum(share) / 1024), "cpu_percent_of_one_processor_all": round(100 * spent / settle, 2)}
    finally:
        for side in sides:
            for process in side.processes:
                if process.handle:
                    process.handle.terminate()
        for side in sides:
            side.stop()


def memory_by_body(path: Path_, seconds: float) -> dict:
    """Peak resident memory of both nodes together at 16 connections, per size of body."""
    found = {}
    for body in BODIES:
        result = measure.cell(path, body, 16, seconds)
        found[body] = round(result["peak_kib_gateways"] / 1024, 1)
    return found
