"""What a disk still holds after the power went.

One model, used by both shims (FUSE and LD_PRELOAD). The processes work in `live`, an ordinary directory. Beside it
`platter` holds what has been synced, one file per inode, and `names` what every directory's synced listing says. A cut
throws `live` away and rebuilds it from these two.

The model is strict:

* contents become durable by fsync or fdatasync of that file, and by nothing else (not by close, not by time, not by the
  sync of another file, not by sync_file_range or msync);
* a name (create, rename, link, unlink, mkdir, rmdir) becomes durable by fsync of its directory. An fsync of a file also
  makes the name it has at that moment durable, and the directories above it, as every journalling filesystem of Linux
  does and as PostgreSQL relies on; it does not make the disappearance of another name durable;
* the shared-memory index of SQLite (`*-shm`) and sockets are no durable data: they never survive.

A cut comes in two kinds. `lose`: nothing that was not synced survives. `tear`: every 4 KiB page that was written and not
synced survives or not by the toss of a coin, and so does every unsynced change of a directory, so that writes arrive out
of order and half.
"""

import os
import random
import shutil
import stat
import time
from pathlib import Path

PAGE = 4096


class Disk:
    def __init__(self, live: Path, platter: Path, swallow: bool = False, delay: float = 0.0):
        self.live = live.resolve()
        self.platter = platter
        self.swallow = swallow          # the negative control: acknowledge syncs, keep nothing
        self.delay = delay              # seconds that a sync takes when there is something to write
        self.syncs = 0
        self.names: dict[int, dict[str, int]] = {}   # inode of a directory -> its synced listing
        self.held: dict[int, int] = {}               # inode -> O_PATH handle, so that its number is not used again
        self.unsynced: dict[int, set[int]] = {}      # inode -> pages written since the last sync (FUSE knows them)
        shutil.rmtree(platter, ignore_errors=True)
        platter.mkdir(parents=True)
        self._take_whole(self.live)

    def _take_whole(self, directory: Path) -> None:
        """At the start everything that is there counts as synced."""
        listing = self.names[self._hold(directory)] = {}
        with os.scandir(directory) as entries:
            for entry in entries:
                number = self._hold(entry.path)
                listing[entry.name] = number
                if entry.is_dir(follow_symlinks=False):
                    self._take_whole(Path(entry.path))
                elif entry.is_file(follow_symlinks=False) and not os.path.exists(self._copy_of(number)):
                    shutil.copyfile(entry.path, self._copy_of(number))

    def _copy_of(self, number: int) -> str:
        return f"{self.platter}/{number}"

    def _hold(self, path) -> int:
        handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        number = os.fstat(handle).st_ino
        if number in self.held:
            os.close(handle)
        else:
            self.held[number] = handle
        return number

    # What the shims report ------------------------------------------------------------------------------------------

    def written(self, number: int, start: int, end: int) -> None:
        """Bytes start..end of a file were written, or cut off, and are not synced yet."""
        self.unsynced.setdefault(number, set()).update(range(start // PAGE, -(-end // PAGE)))

    def sync(self, handle: int, pages_known: bool) -> None:
        """fsync or fdatasync of what `handle` (opened for reading) stands for has been asked."""
        self.syncs += 1
        if self.swallow:
            return
        path = os.readlink(f"/proc/self/fd/{handle}")
        if path != str(self.live) and not path.startswith(f"{self.live}/"):
            return                      # LD_PRELOAD sees every file of a process: PostgreSQL's lock beside its socket
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            self._sync_directory(path)
        else:
            self._sync_file(handle, path, pages_known)

    def _sync_file(self, handle: int, path: str, pages_known: bool) -> None:
        status = os.fstat(handle)
        number, size = status.st_ino, status.st_size
        pages = self.unsynced.pop(number, ())
        changed = False
        copy = os.open(self._copy_of(number), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            if pages_known:
                for page in pages:
                    if page * PAGE < size:
                        changed = True
                        os.pwrite(copy, os.pread(handle, PAGE, page * PAGE), page * PAGE)
            else:
                block = 256 * PAGE
                for offset in range(0, size, block):
                    now = os.pread(handle, block, offset)
                    if now != os.pread(copy, block, offset):
                        changed = True
                        os.pwrite(copy, now, offset)
            os.ftruncate(copy, size)
        finally:
            os.close(copy)
        if changed and self.delay:
            time.sleep(self.delay)
        if not path.endswith(" (deleted)"):
            self._name(path)

    def _name(self, path: str) -> int:
        """Makes this name durable, and those of the directories above it; gives the inode's number."""
        try:
            number = self._hold(path)
        except FileNotFoundError:       # renamed or removed at this very moment by another process
            return 0
        if path == str(self.live):
            return number
        parent = self._name(os.path.dirname(path))
        self.names.setdefault(parent, {})[os.path.basename(path)] = number
        return number

    def _sync_directory(self, path: str) -> None:
        parent = self._name(path)
        listing = {}
        for name in os.listdir(path):
            try:
                listing[name] = self._hold(f"{path}/{name}")
            except FileNotFoundError:
                continue
        self.names[parent] = listing

    # The cut --------------------------------------------------------------------------------------------------------

    def cut(self, kind: str, seed: int) -> dict:
        """Rebuilds `live` as the disk holds it. Every process that used it must be dead. Gives what was lost."""
        lost = {"files": 0, "pages": 0, "survived_pages": 0}
        if kind == "tear" and not self.swallow:
            self._tear(random.Random(seed), lost)
        rebuilt = Path(f"{self.live}.rebuilt")
        shutil.rmtree(rebuilt, ignore_errors=True)
        self._rebuild(os.stat(self.live).st_ino, rebuilt, lost)
        shutil.rmtree(self.live)
        rebuilt.rename(self.live)
        return lost

    def _tear(self, coin: random.Random, lost: dict) -> None:
        for directory, _, _ in os.walk(self.live):
            if coin.random() < 0.5:
                self._sync_directory(directory)
        for number, handle in self.held.items():
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                continue
            live = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY)
            copy = os.open(self._copy_of(number), os.O_CREAT | os.O_RDWR, 0o600)
            durable = os.fstat(copy).st_size
            for offset in range(0, status.st_size, PAGE):
                now = os.pread(live, PAGE, offset)
                if now == os.pread(copy, PAGE, offset):
                    continue
                if coin.random() < 0.5:
                    os.pwrite(copy, now, offset)
                    lost["survived_pages"] += 1
            if status.st_size < durable and coin.random() < 0.5:
                os.ftruncate(copy, status.st_size)
            os.close(copy)
            os.close(live)

    def _rebuild(self, number: int, path: Path, lost: dict) -> None:
        handle = self.held[number]
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            path.mkdir()
            for name, child in self.names.get(number, {}).items():
                if not name.endswith("-shm"):
                    self._rebuild(child, path / name, lost)
        elif stat.S_ISLNK(status.st_mode):
            path.symlink_to(os.readlink("", dir_fd=handle))
            return
        elif stat.S_ISREG(status.st_mode):
            copy = self._copy_of(number)
            if os.path.exists(copy):
                shutil.copyfile(copy, path)
            else:
                path.touch()
            difference = abs(status.st_size - path.stat().st_size) // PAGE + len(self.unsynced.get(number, ()))
            lost["files"] += difference > 0
            lost["pages"] += difference
        else:
            return
        os.chown(path, status.st_uid, status.st_gid)
        os.chmod(path, stat.S_IMODE(status.st_mode))
