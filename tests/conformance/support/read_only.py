"""A view of the file system in which nothing but one directory can be written."""

import os
import subprocess
from pathlib import Path

# What cannot be remounted is found by whoever looks at `writable_mounts`.
SCRIPT = r"""
set -eu
directory=$1; shift
mount --make-rprivate /
mount --bind "$directory" "$directory"
awk '{ print $5 }' /proc/self/mountinfo | while read -r place; do
    [ "$place" = "$directory" ] || mount -o remount,bind,ro "$place" 2>/dev/null || true
done
cd "$directory"
exec "$@"
"""


def _unshare():
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def within(directory):
    """The words before a command that make everything but the directory read-only for it."""
    return [*_unshare(), "sh", "-c", SCRIPT, "sh", str(directory)]


def is_possible():
    """Whether this machine lets us."""
    try:
        return subprocess.run([*_unshare(), "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def writable_mounts(pid):
    """Where the process sees mounts that are not read-only; of several at one place the last is seen."""
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in lines}
    return {place for place, each in options.items() if "ro" not in each}
