"""A pass-through filesystem over /dev/fuse that knows what was synced: the preferred shim.

It speaks the kernel's protocol itself (linux/fuse.h), so that it needs no library: files under `live` are shown at the
mount point, and every write and sync is told to the Disk. One thread, one request at a time. Mapped files work, since
the page cache is on (SQLite maps its -shm file); locks are the kernel's own.
"""

import ctypes
import errno
import os
import socket
import stat
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from .disk import Disk

IN = struct.Struct("<IIQQIIIHH")            # fuse_in_header
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")   # fuse_attr
SECONDS = 3600                              # nobody else touches `live`: the kernel may trust what it was told
MAX_WRITE = 1 << 20
ROOT = 1

UNMOUNTED = (errno.ENODEV, errno.ECONNABORTED)

NO_ANSWER = object()
_libc = ctypes.CDLL(None, use_errno=True)


def _call(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def mount(point: Path) -> int:
    """Mounts at `point` and gives the handle on which the kernel asks."""
    if os.geteuid() == 0:
        device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,max_read={MAX_WRITE}"
        _call(_libc.mount(b"power-loss", os.fsencode(point), b"fuse", 2 | 4, options.encode()))   # nosuid, nodev
        return device
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subprocess.run(["fusermount3", "-o", "default_permissions,fsname=power-loss", "--", str(point)], check=True, capture_output=True,
                       pass_fds=[theirs.fileno()], env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())})
        return socket.recv_fds(ours, 1, 1)[1][0]


def unmount(point: Path) -> None:
    if os.geteuid() == 0:
        _call(_libc.umount2(os.fsencode(point), 0))
    else:
        subprocess.run(["fusermount3", "-u", "--", str(point)], check=True, capture_output=True)


def available() -> str | None:
    """None where a FUSE filesystem can be mounted, else why not."""
    try:
        with tempfile.TemporaryDirectory() as place:
            os.close(mount(Path(place)))    # closing the device aborts the connection
            unmount(Path(place))
    except subprocess.CalledProcessError as error:
        return f"FUSE cannot be used: {error.stderr.decode().strip()}"
    except (OSError, IndexError) as error:
        return f"FUSE cannot be used: {error}"
    return None


class Node:
    """One inode of `live`, known to the kernel by its number."""

    __slots__ = ("handle", "number", "path")

    def __init__(self, handle: int):
        self.handle = handle
        self.number = os.fstat(handle).st_ino
        self.path = f"/proc/self/fd/{handle}"


class Filesystem:
    def __init__(self, disk: Disk, point: Path):
        self.disk = disk
        self.device = mount(point)
        root = Node(os.open(disk.live, os.O_PATH | os.O_DIRECTORY))
        self.nodes = {ROOT: root}
        self.listings: dict[int, list[tuple[str, int, int]]] = {}
        self.operations = {
            1: self.lookup, 3: self.getattr, 4: self.setattr, 5: self.readlink, 6: self.symlink, 8: self.mknod,
            9: self.mkdir, 10: self.unlink, 11: self.rmdir, 12: self.rename, 13: self.link, 14: self.open,
            15: self.read, 16: self.write, 17: self.statfs, 18: self.release, 20: self.fsync, 25: self.nothing,
            26: self.init, 27: self.opendir, 28: self.readdir, 29: self.releasedir, 30: self.fsyncdir,
            35: self.create, 38: self.nothing, 43: self.fallocate, 45: self.rename2,
            2: self.silent, 36: self.silent, 42: self.silent,    # forget, interrupt, batch_forget
        }

    def serve(self) -> None:
        """Answers the kernel until the filesystem is unmounted."""
        while True:
            try:
                request = os.read(self.device, MAX_WRITE + 65536)
            except OSError as error:
                if error.errno in UNMOUNTED:
                    return
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                raise
            _, code, unique, node, user, group, _, _, _ = IN.unpack_from(request)
            operation = self.operations.get(code)
            try:
                if operation is None:
                    raise OSError(errno.ENOSYS, "")
                answer = operation(self.nodes.get(node), memoryview(request)[IN.size:], user, group)
                problem = 0
            except OSError as error:
                answer, problem = b"", error.errno or errno.EIO
            if answer is NO_ANSWER:
                continue
            try:
                os.writev(self.device, [struct.pack("<IiQ", 16 + len(answer), -problem, unique), answer])
            except OSError as error:
                if error.errno in UNMOUNTED:
                    return
                if error.errno != errno.ENOENT:     # the caller was killed while it waited
                    raise

    # Answers --------------------------------------------------------------------------------------------------------

    @staticmethod
    def attributes(node: Node) -> bytes:
        s = os.stat(node.handle)
        number = s.st_ino
        def split(time_ns):
            return divmod(time_ns, 1_000_000_000)
        (a, an), (m, mn), (c, cn) = split(s.st_atime_ns), split(s.st_mtime_ns), split(s.st_ctime_ns)
        return ATTR.pack(number, s.st_size, s.st_blocks, a, m, c, an, mn, cn, s.st_mode, s.st_nlink, s.st_uid, s.st_gid,
                         s.st_rdev, 4096, 0)

    def entry(self, parent: Node, name: str) -> bytes:
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent.handle)
        number = os.fstat(handle).st_ino
        # The kernel's number must not be 1, which is the root's; ours never forgets one, so it is not used again.
        known = self.nodes.get(number + 1)
        if known:
            os.close(handle)
        else:
            known = self.nodes[number + 1] = Node(handle)
        return struct.pack("<QQQQII", number + 1, 0, SECONDS, SECONDS, 0, 0) + self.attributes(known)

    def made(self, parent: Node, name: str, user: int, group: int) -> bytes:
        os.chown(name, user, group, dir_fd=parent.handle, follow_symlinks=False)
        return self.entry(parent, name)

    @staticmethod
    def texts(data: memoryview) -> list[str]:
        return [os.fsdecode(part) for part in bytes(data).split(b"\0")]

    # Requests -------------------------------------------------------------------------------------------------------

    def init(self, node, data, user, group):
        major, minor, read_ahead, _ = struct.unpack_from("<IIII", data)
        flags = 1 << 5 | 1 << 22 | 1 << 18      # big writes, max_pages, parallel directory operations
        return struct.pack("<IIIIHHIIHHI28x", 7, min(minor, 31), read_ahead, flags, 64, 48, MAX_WRITE, 1,
                           MAX_WRITE // 4096, 0, 0)

    def silent(self, node, data, user, group):
        return NO_ANSWER

    def nothing(self, node, data, user, group):
        return b""

    def lookup(self, node, data, user, group):
        return self.entry(node, self.texts(data)[0])

    def getattr(self, node, data, user, group):
        return struct.pack("<QII", SECONDS, 0, 0) + self.attributes(node)

    def setattr(self, node, data, user, group):
        valid, _, handle, size, _, at, mt, _, an, mn, _, mode, _, owner, of_group, _ = struct.unpack_from(
            "<IIQQQQQQIIIIIIII", data)
        if valid & 1:
            os.chmod(node.path, stat.S_IMODE(mode))
        if valid & 6:
            os.chown(node.path, owner if valid & 2 else -1, of_group if valid & 4 else -1)
        if valid & 8:
            before = os.stat(node.handle).st_size
            os.truncate(node.path, size)
            self.disk.written(node.number, min(before, size), max(before, size))
        if valid & (16 | 32 | 128 | 256):
            s = os.stat(node.handle)
            now = time.time_ns()
            accessed = now if valid & 128 else at * 10**9 + an if valid & 16 else s.st_atime_ns
            modified = now if valid & 256 else mt * 10**9 + mn if valid & 32 else s.st_mtime_ns
            os.utime(node.path, ns=(accessed, modified))
        return self.getattr(node, data, user, group)

    def readlink(self, node, data, user, group):
        return os.fsencode(os.readlink("", dir_fd=node.handle))

    def symlink(self, node, data, user, group):
        name, target = self.texts(data)[:2]
        os.symlink(target, name, dir_fd=node.handle)
        return self.made(node, name, user, group)

    def mknod(self, node, data, user, group):
        mode, device = struct.unpack_from("<II", data)
        name = self.texts(data[16:])[0]
        os.mknod(name, mode, device, dir_fd=node.handle)
        os.chmod(name, stat.S_IMODE(mode), dir_fd=node.handle)
        return self.made(node, name, user, group)

    def mkdir(self, node, data, user, group):
        mode, _ = struct.unpack_from("<II", data)
        name = self.texts(data[8:])[0]
        os.mkdir(name, mode, dir_fd=node.handle)
        os.chmod(name, stat.S_IMODE(mode), dir_fd=node.handle)
        return self.made(node, name, user, group)

    def unlink(self, node, data, user, group):
        os.unlink(self.texts(data)[0], dir_fd=node.handle)
        return b""

    def rmdir(self, node, data, user, group):
        os.rmdir(self.texts(data)[0], dir_fd=node.handle)
        return b""

    def _rename(self, node, to, names):
        old, new = names[:2]
        os.rename(old, new, src_dir_fd=node.handle, dst_dir_fd=self.nodes[to].handle)
        return b""

    def rename(self, node, data, user, group):
        return self._rename(node, struct.unpack_from("<Q", data)[0], self.texts(data[8:]))

    def rename2(self, node, data, user, group):
        to, flags = struct.unpack_from("<QI", data)
        if flags:
            raise OSError(errno.EINVAL, "")
        return self._rename(node, to, self.texts(data[16:]))

    def link(self, node, data, user, group):
        name = self.texts(data[8:])[0]
        source = self.nodes[struct.unpack_from("<Q", data)[0]]
        os.link(source.path, name, dst_dir_fd=node.handle, follow_symlinks=True)
        return self.entry(node, name)

    def open(self, node, data, user, group):
        flags, _ = struct.unpack_from("<II", data)
        # Reading is always needed (a sync reads back); appending is done by the kernel, which gives the offset.
        access = os.O_RDONLY if flags & os.O_ACCMODE == os.O_RDONLY else os.O_RDWR
        handle = os.open(node.path, access | flags & os.O_TRUNC)
        return struct.pack("<QII", handle, 2, 0)    # keep the cache

    def create(self, node, data, user, group):
        flags, mode, _, _ = struct.unpack_from("<IIII", data)
        name = self.texts(data[16:])[0]
        handle = os.open(name, os.O_CREAT | os.O_RDWR | flags & (os.O_TRUNC | os.O_EXCL), mode, dir_fd=node.handle)
        os.fchmod(handle, stat.S_IMODE(mode))
        os.fchown(handle, user, group)
        return self.entry(node, name) + struct.pack("<QII", handle, 0, 0)

    def read(self, node, data, user, group):
        handle, offset, size = struct.unpack_from("<QQI", data)
        return os.pread(handle, size, offset)

    def write(self, node, data, user, group):
        handle, offset, size = struct.unpack_from("<QQI", data)
        before = os.fstat(handle).st_size
        written = os.pwrite(handle, data[40:40 + size], offset)
        self.disk.written(node.number, min(before, offset), offset + written)
        return struct.pack("<II", written, 0)

    def fallocate(self, node, data, user, group):
        handle, offset, length, mode = struct.unpack_from("<QQQI", data)
        if mode:
            raise OSError(errno.EOPNOTSUPP, "")
        os.posix_fallocate(handle, offset, length)
        self.disk.written(node.number, offset, offset + length)
        return b""

    def fsync(self, node, data, user, group):
        handle = os.open(node.path, os.O_RDONLY)
        try:
            self.disk.sync(handle, pages_known=True)
        finally:
            os.close(handle)
        return b""

    fsyncdir = fsync

    def release(self, node, data, user, group):
        os.close(struct.unpack_from("<Q", data)[0])
        return b""

    def opendir(self, node, data, user, group):
        kinds = []
        with os.scandir(node.path) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                kinds.append((entry.name, entry.inode(), mode >> 12))
        key = max(self.listings, default=0) + 1
        self.listings[key] = [(".", node.number, 4), ("..", node.number, 4), *kinds]
        return struct.pack("<QII", key, 0, 0)

    def readdir(self, node, data, user, group):
        key, offset, size = struct.unpack_from("<QQI", data)
        answer = bytearray()
        for position, (name, number, kind) in enumerate(self.listings[key][offset:], offset + 1):
            encoded = os.fsencode(name)
            entry = struct.pack("<QQII", number, position, len(encoded), kind) + encoded
            entry += bytes(-len(entry) % 8)
            if len(answer) + len(entry) > size:
                break
            answer += entry
        return bytes(answer)

    def releasedir(self, node, data, user, group):
        self.listings.pop(struct.unpack_from("<Q", data)[0], None)
        return b""

    def statfs(self, node, data, user, group):
        s = os.statvfs(self.disk.live)
        return struct.pack("<QQQQQIIII24x", s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree, s.f_bsize, 255,
                           s.f_frsize, 0)
