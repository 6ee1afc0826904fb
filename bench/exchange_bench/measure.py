"""One cell of the table: a load on one path, and what it cost."""

import json
import subprocess
from pathlib import Path

from . import kernel
from .paths import BODIES, LARGE, Path_, program

HERE = Path(__file__).resolve().parent


def cell(path: Path_, body: str, connections: int, seconds: float) -> dict:
    """Drives `path` for `seconds` with wrk (closed loop, keep-alive) and gives the numbers."""
    command = [program("wrk"), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(HERE / "report.lua")]
    for name, value in path.headers.items():
        command += ["-H", f"{name}: {value}"]
    processes = path.gateways + path.databases
    kernel.reset_peak(processes)
    stolen, ticks = kernel.stolen()
    begun = kernel.cpu_seconds(path.gateways), kernel.cpu_seconds(path.databases)
    done = subprocess.run([*command, f"http://127.0.0.1:{path.port}{path.prefix}{BODIES[body]}"], capture_output=True, text=True)
    ended = kernel.cpu_seconds(path.gateways), kernel.cpu_seconds(path.databases)
    stolen_now, ticks_now = kernel.stolen()
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise RuntimeError(f"wrk on {path.name}: {done.stdout}{done.stderr}")
    told = json.loads(lines[0])
    # A large body still under way at the end has been paid for: such cases count bodies' worth of bytes.
    good = told["bytes"] / LARGE if body == "10 MB" and not told["refused"] else told["requests"] - told["refused"]
    gateways, databases = ended[0] - begun[0], ended[1] - begun[1]
    return {
        "requests_per_second": good / told["seconds"],
        "megabytes_per_second": told["bytes"] / told["seconds"] / 1e6,
        "p50_us": told["p50_us"], "p99_us": told["p99_us"],
        "cpu_us_per_request": (gateways + databases) * 1e6 / max(good, 0.1),
        "cpu_us_gateways": gateways * 1e6 / max(good, 0.1), "cpu_us_databases": databases * 1e6 / max(good, 0.1),
        "peak_kib_gateways": kernel.status_kib(path.gateways, "VmHWM"),
        "kib_databases": kernel.proportional_kib(path.databases),
        "requests": round(good, 1), "refused": told["refused"], "broken": told["broken"],
        "connections_between": kernel.connections_to(path.tls_port),
        "steal": (stolen_now - stolen) / max(1, ticks_now - ticks),
    }
