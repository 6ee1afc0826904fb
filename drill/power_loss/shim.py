"""The process that keeps one Disk: started by Volume, ended through its standard input.

    python -m power_loss.shim fuse|preload --live DIR --platter DIR (--point DIR | --socket FILE) [--swallow] [--delay S]

It prints one JSON line when it is ready, then reads one line: {"cut": "lose"|"tear", "seed": N} or {"keep": true};
prints what was lost and ends. With FUSE the line is read after the mount point has been unmounted.
"""

import argparse
import json
import os
import resource
import socket
import sys
import threading
from pathlib import Path

from .disk import Disk
from .fuse import Filesystem


def serve_preload(disk: Disk, place: Path) -> None:
    """Takes in the syncs that preload.c reports, one after the other."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(place))
    os.chmod(place, 0o666)      # PostgreSQL's server is another user
    door.listen(512)

    def run() -> None:
        while True:
            line, _ = door.accept()
            with line:
                _, handles, _, _ = socket.recv_fds(line, 1, 1)
                for received in handles:
                    # The writer may have opened it for writing only.
                    handle = os.open(f"/proc/self/fd/{received}", os.O_RDONLY)
                    try:
                        with lock:
                            disk.sync(handle, pages_known=False)
                    finally:
                        os.close(handle)
                        os.close(received)
                try:
                    line.sendall(b"k")
                except OSError:     # killed while it waited
                    pass

    lock = threading.Lock()
    disk.lock = lock
    threading.Thread(target=run, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["fuse", "preload"])
    parser.add_argument("--live", type=Path, required=True)
    parser.add_argument("--platter", type=Path, required=True)
    parser.add_argument("--point", type=Path)
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--swallow", action="store_true")
    parser.add_argument("--delay", type=float, default=0.0)
    choice = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.umask(0)

    disk = Disk(choice.live, choice.platter, choice.swallow, choice.delay)
    if choice.kind == "fuse":
        filesystem = Filesystem(disk, choice.point)
        print(json.dumps({"ready": True}), flush=True)
        filesystem.serve()
    else:
        serve_preload(disk, choice.socket)
        print(json.dumps({"ready": True}), flush=True)
    line = sys.stdin.readline()
    order = json.loads(line) if line else {"keep": True}
    lost = {}
    if "cut" in order:
        if choice.kind == "preload":
            disk.lock.acquire()
        lost = disk.cut(order["cut"], order["seed"])
    print(json.dumps({"syncs": disk.syncs, **lost}), flush=True)


if __name__ == "__main__":
    main()
