"""What the kernel's accounting says of processes, and what it shows of a TLS handshake on loopback."""

import os
import socket
import struct
import threading
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all its living descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += family(int(child))
        except OSError:
            continue
    return found


def families(pids: list[int]) -> list[int]:
    return sorted({member for pid in pids for member in family(pid)})


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of the processes, and of their children that have ended, from /proc/PID/stat."""
    ticks = 0
    for pid in families(pids):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += sum(int(value) for value in fields[11:15])
    return ticks / TICK


def status_kib(pids: list[int], key: str) -> int:
    """Sum of a line of /proc/PID/status, such as VmHWM or VmRSS; pages that processes share count in each."""
    total = 0
    for pid in families(pids):
        try:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(f"{key}:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total


def proportional_kib(pids: list[int]) -> int:
    """Sum of Pss: pages that processes share are divided among them."""
    total = 0
    for pid in families(pids):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total


def reset_peak(pids: list[int]) -> None:
    for pid in families(pids):
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            continue


def stolen() -> tuple[int, int]:
    """(ticks stolen by other machines, all ticks), summed over processors."""
    values = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return values[7], sum(values)


def connections_to(port: int) -> int:
    """Established TCP connections on loopback to a port."""
    return sum(line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01"
               for line in Path("/proc/net/tcp").read_text().splitlines()[1:])


def sync_microseconds(place: Path) -> int:
    """Median time of an fdatasync after a write of 4 KiB where the databases stand."""
    times = []
    name = place / "sync-probe"
    handle = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        for number in range(60):
            os.pwrite(handle, bytes(4096), number * 4096)
            begun = time.perf_counter()
            os.fdatasync(handle)
            times.append(time.perf_counter() - begun)
    finally:
        os.close(handle)
        name.unlink()
    return round(sorted(times)[30] * 1e6)


SUITES = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256"}
GROUPS = {0x001D: "X25519", 0x0017: "secp256r1", 0x0018: "secp384r1", 0x11EC: "X25519MLKEM768"}
VERSIONS = {0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}


class Handshakes:
    """Listens on loopback and notes, per port, what the server's hello chose. Needs CAP_NET_RAW."""

    def __init__(self):
        self.chosen: dict[int, dict] = {}
        self.ended = False
        try:
            self.line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.line.bind(("lo", 0))
            self.line.settimeout(0.2)
        except PermissionError:
            self.line = None
            return
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.ended = True
        if self.line:
            self.thread.join()
            self.line.close()

    def _listen(self) -> None:
        while not self.ended:
            try:
                frame = self.line.recv(65535)
            except TimeoutError:
                continue
            if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
                continue
            tcp = 14 + (frame[14] & 15) * 4
            port = struct.unpack_from("!H", frame, tcp)[0]
            payload = frame[tcp + (frame[tcp + 12] >> 4) * 4:]
            if payload[:2] == b"\x16\x03" and len(payload) > 50 and payload[5] == 2:
                self.chosen[port] = read_server_hello(payload[9:])


def read_server_hello(hello: bytes) -> dict:
    at = 35 + hello[34]
    version, group = struct.unpack_from("!H", hello)[0], None
    suite, _, length = struct.unpack_from("!HBH", hello, at)
    at += 5
    end = min(at + length, len(hello))
    while at + 4 <= end:
        kind, size = struct.unpack_from("!HH", hello, at)
        if kind == 43:
            version = struct.unpack_from("!H", hello, at + 4)[0]
        elif kind == 51:
            group = struct.unpack_from("!H", hello, at + 4)[0]
        at += 4 + size
    return {"version": VERSIONS.get(version, hex(version)), "cipher": SUITES.get(suite, hex(suite)),
            "group": GROUPS.get(group, str(group))}
