"""Runs strace on running processes and reads what it wrote.

Strace stops a process before and after each call and writes its lines in that order, so the order of lines proves the
order of events: a call whose end stands above another call's beginning was over before that one began.
"""

import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .postgres import children_of

WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"}
READS = {"read", "readv", "recvfrom", "recvmsg"}
SYNCS = {"fsync", "fdatasync"}
BEGINNINGS = {"clone", "clone3", "fork", "vfork"}
CALLS = ",".join(sorted(WRITES | READS | SYNCS | BEGINNINGS))

LINE = re.compile(r"^(\d+)\s+(\d+\.\d+) (.*)$")
ENTERED = re.compile(r"^(\w+)\((.*)$", re.S)
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.S)
RETURNED = re.compile(r"\)\s*= (-?\d+|\?)")
HANDLE = re.compile(r"^(\d+)<(.*?)>(?:, | ?\)|$)")
BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Event:
    process: int        # the process that was asked to be followed, whichever thread or child of it made the call
    call: str
    handle: str         # what strace -yy says of the file or socket
    data: bytes
    result: int
    begin: int          # line on which the call was entered
    end: int            # line on which it returned

    @property
    def moment(self) -> int:
        """The earliest line at which its data can have been known: a read may have been waiting for long."""
        return self.end if self.call in READS else self.begin


def thread_ids(process: int) -> list[int]:
    try:
        return [int(p.name) for p in Path(f"/proc/{process}/task").iterdir()]
    except OSError:
        return []


def traced(process: int) -> bool:
    """Whether every thread of the process is being traced."""
    try:
        return all("TracerPid:\t0\n" not in Path(f"/proc/{process}/task/{thread}/status").read_text()
                   for thread in thread_ids(process))
    except OSError:
        return False


class Trace:
    """strace on `processes`, on their children and on all they start, until `stop`."""

    def __init__(self, processes: list[int], log: Path, sync_delay: float):
        self.log = log
        self.born: dict[int, int] = {}      # thread or process -> who made it
        family = {member: process for process in processes for member in [process, *children_of(process)]}
        self.owner = {thread: family[member] for member in family for thread in thread_ids(member)}
        command = ["strace", "-f", "-ttt", "-yy", "-xx", "-s", "70000", "-o", str(log), "-e", f"trace={CALLS}"]
        # Every sync is held back a little before it begins, so that whoever does not wait for it is seen to run ahead.
        command += [f"--inject={call}:delay_enter={int(sync_delay * 1e6)}" for call in sorted(SYNCS)]
        command += [f"--attach={member}" for member in family]
        self.errors = open(log.with_suffix(".errors"), "w+")
        self.strace = subprocess.Popen(command, stderr=self.errors, start_new_session=True)
        deadline = time.monotonic() + 20
        while not all(traced(member) for member in family):
            if self.strace.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"strace could not attach: {Path(self.errors.name).read_text()[:500]}")
            time.sleep(0.05)
        for member in family:       # threads born while strace attached
            for thread in thread_ids(member):
                self.owner.setdefault(thread, family[member])

    def stop(self) -> list[Event]:
        self.strace.send_signal(signal.SIGINT)
        self.strace.wait(30)
        self.errors.close()
        events = list(self._read())
        for event in events:
            event.process = self._whose(event.process)
        return events

    def _whose(self, thread: int) -> int:
        while thread not in self.owner and thread in self.born:
            thread = self.born[thread]
        return self.owner.get(thread, thread)

    def _read(self):
        open_calls: dict[int, tuple[str, str, int]] = {}
        with open(self.log) as lines:
            for number, line in enumerate(lines):
                found = LINE.match(line)
                if not found:
                    continue
                thread, rest = int(found[1]), found[3]
                begin = number
                resumed = RESUMED.match(rest)
                if resumed:
                    if thread not in open_calls:
                        continue
                    call, text, begin = open_calls.pop(thread)
                    text += resumed[2]
                else:
                    entered = ENTERED.match(rest)
                    if not entered:
                        continue
                    call, text = entered[1], entered[2]
                    if text.endswith("<unfinished ...>"):
                        open_calls[thread] = (call, text.removesuffix("<unfinished ...>"), begin)
                        continue
                returned = list(RETURNED.finditer(text))
                if not returned or returned[-1][1] == "?":
                    continue
                if call in BEGINNINGS:
                    self.born[int(returned[-1][1])] = thread
                    continue
                handle = HANDLE.match(text)
                data = b"".join(bytes.fromhex(part.replace("\\x", "")) for part in BYTES.findall(text))
                yield Event(thread, call, unescape(handle[2]) if handle else "", data,
                            int(returned[-1][1]), begin, number)


def unescape(text: str) -> str:
    """-xx writes paths in hexadecimal as well."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), text)
