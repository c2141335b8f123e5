"""A simulated system: a file system in memory with the calls of `syncd.fs.kernel`, and what goes wrong with it.

What a power cut takes is told by a log: every change of a directory and every byte not synced has an undo,
until a sync commits it. A cut undoes some newest part of the log, as a journaling file system does. A
person's own changes are committed at once: what their programs do not sync is no matter of ours.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from syncd.fs.bulk import EXPECT, META
from syncd.fs.kernel import Kernel
from syncd.fs.renames import EXCHANGE, NO_REPLACE
from syncd.model.listing import CELL

ROOT = b"/sim"
TICK_NS = 4_000_000  # what a kernel's clock for files advances by
EVENT_CREATED, EVENT_CLOSED, EVENT_GONE, EVENT_MOVED = "created", "closed", "gone", "moved"


@dataclass(frozen=True, slots=True)
class Personality:
    """What a file system is like."""

    name: str = "plain"
    blind: bool = False  # to case
    normalising: bool = False  # names come back decomposed
    grain_ns: int = TICK_NS  # of times
    links: bool = True
    symlinks: bool = True
    fine_renames: bool = True  # renames that replace nothing, and exchanges
    room: int = 1 << 40  # bytes
    reuses_inodes: bool = True
    modes: bool = True  # permission bits are kept; else all can do all
    renames_case: bool = True  # a rename to a name that is the same to it changes how it is written


PERSONALITIES = {
    found.name: found
    for found in (
        Personality(),
        Personality("coarse", grain_ns=1_000_000_000, fine_renames=False),
        Personality("fat", grain_ns=2_000_000_000, links=False, fine_renames=False),
        Personality("small", room=6_000),
        Personality("blind", blind=True, renames_case=False),  # as ext4 with casefold: two names of one entry are one
        Personality("mac", blind=True, normalising=True, fine_renames=False),
        Personality("linkless", symlinks=False, grain_ns=2_000_000_000, blind=True, links=False, modes=False),
    )
}


class Inode:
    """A file, directory or symlink."""

    __slots__ = ("children", "ctime_ns", "data", "durable", "ino", "links", "mode", "mtime_ns", "target")

    def __init__(self, ino: int, mode: int, now_ns: int) -> None:
        self.ino, self.mode, self.links = ino, mode, 1
        self.mtime_ns = self.ctime_ns = now_ns
        self.data = bytearray()
        self.durable: bytes | None = b""  # what a power cut leaves; None when all of it
        self.target = b""
        self.children: dict[bytes, tuple[bytes, Inode]] = {}

    @property
    def size(self) -> int:
        return len(self.target) if stat.S_ISLNK(self.mode) else len(self.data)


@dataclass(slots=True)
class _Opened:
    inode: Inode
    path: bytes
    position: int = 0
    wrote: bool = False


def fails(code: int, path: bytes = b"") -> OSError:
    return OSError(code, os.strerror(code), path)


@dataclass(eq=False)
class System(Kernel):
    """One device's system.

    Args:
        personality: what its file system is like.
        now_ns: its clock.
        point: told the name of each call before it is made; raises what the schedule wants.
        event: told of changes, as a watcher is.
    """

    personality: Personality
    now_ns: Callable[[], int]
    point: Callable[[str, bytes], None]
    event: Callable[[str, bytes, bytes], None]
    log: list[Callable[[], None]] = field(default_factory=list)
    changes: int = 0
    used: int = 0
    person: bool = False  # the call is a person's
    mounted: bool = True
    exchanged: bool = False  # two entries changed places, and what came out was not looked at yet

    def __post_init__(self) -> None:
        self._opened: dict[int, _Opened] = {}
        self._next_fd, self._next_ino, self._tokens = 100, 2, 0
        self._free: list[int] = []
        self.root = self._new(stat.S_IFDIR | 0o755)
        self._unmounted = self._new(stat.S_IFDIR | 0o755)  # the empty directory below the mount

    # -- inside ---------------------------------------------------------------------------------

    def _now(self) -> int:
        return self.now_ns() // self.personality.grain_ns * self.personality.grain_ns

    def _shown(self, mode: int) -> int:
        return mode if self.personality.modes else mode | 0o777

    def _new(self, mode: int) -> Inode:
        if self._free and self.personality.reuses_inodes:
            ino = self._free.pop()
        else:
            self._next_ino += 1
            ino = self._next_ino
        return Inode(ino, mode, self._now())

    def _key(self, name: bytes) -> bytes:
        if not (self.personality.blind or self.personality.normalising):
            return name
        text = name.decode("utf-8", "surrogateescape")
        if self.personality.normalising:
            text = unicodedata.normalize("NFD", text)
        if self.personality.blind:
            text = text.casefold()
        return text.encode("utf-8", "surrogateescape")

    def _kept(self, name: bytes) -> bytes:
        if not self.personality.normalising:
            return name
        text = name.decode("utf-8", "surrogateescape")
        return unicodedata.normalize("NFD", text).encode("utf-8", "surrogateescape")

    def _walk(self, path: bytes, parent_fd: int | None = None) -> Inode:
        if parent_fd is not None:
            inode, steps = self._opened[parent_fd].inode, path.split(b"/")
        else:
            if path != ROOT and not path.startswith(ROOT + b"/"):
                raise fails(errno.ENOENT, path)
            inode = self.root if self.mounted else self._unmounted
            steps = path[len(ROOT) + 1 :].split(b"/") if len(path) > len(ROOT) else []
        for step in steps:
            if not stat.S_ISDIR(inode.mode):
                raise fails(errno.ENOTDIR, path)
            found = inode.children.get(self._key(step))
            if found is None:
                raise fails(errno.ENOENT, path)
            inode = found[1]
        return inode

    def _parent(self, path: bytes, parent_fd: int | None) -> tuple[Inode, bytes]:
        head, _, name = path.rpartition(b"/")
        here = parent_fd is not None and not head
        inode = self._opened[parent_fd].inode if here and parent_fd is not None else self._walk(head, parent_fd)
        if not stat.S_ISDIR(inode.mode):
            raise fails(errno.ENOTDIR, path)
        return inode, name

    def _changed(self, undo: Callable[[], None]) -> None:
        self.changes += 1
        if self.person:
            self.commit()
        else:
            self.log.append(undo)

    def commit(self) -> None:
        """Everything is durable."""
        self.log.clear()

    def _attach(self, directory: Inode, name: bytes, inode: Inode) -> None:
        directory.children[self._key(name)] = (self._kept(name), inode)
        directory.mtime_ns = directory.ctime_ns = self._now()

    def _detach(self, directory: Inode, name: bytes) -> Inode:
        inode = directory.children.pop(self._key(name))[1]
        directory.mtime_ns = directory.ctime_ns = self._now()
        return inode

    def _snapshot(self, *directories: Inode) -> Callable[[], None]:
        kept = [(directory, dict(directory.children)) for directory in directories]

        def undo() -> None:
            for directory, children in kept:
                directory.children = children

        return undo

    def _let_go(self, inode: Inode) -> None:
        inode.links -= 1
        if inode.links == 0:
            self.used -= len(inode.data)
            if self.person and inode.ino not in self._free:
                self._free.append(inode.ino)

    def _relative(self, path: bytes) -> bytes:
        return path[len(ROOT) + 1 :]

    def cut(self, keep: int) -> None:
        """Lose power: of what is not durable the first `keep` changes stay, the rest never was."""
        for undo in reversed(self.log[keep:]):
            undo()
        found = self._all(self.root)
        for inode in found:
            inode.links = 0
            if inode.durable is not None:
                inode.data = bytearray(inode.durable)
        for inode in found:
            inode.links += 1
        self.used = sum(len(inode.data) for inode in {id(inode): inode for inode in found}.values())
        self.log.clear()
        self._opened.clear()

    def _all(self, inode: Inode) -> list[Inode]:
        found = [inode]
        for _, below in inode.children.values():
            found += self._all(below)
        return found

    def forget_opened(self) -> None:
        """The process died."""
        self.exchanged = False
        self._opened.clear()

    # -- the calls ------------------------------------------------------------------------------

    def token(self) -> bytes:  # type: ignore[override]
        self._tokens += 1
        return b"%012x" % self._tokens

    def open(self, path: bytes, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # type: ignore[override]
        creating = flags & os.O_CREAT
        self.point("create" if creating else "open", path)
        if creating:
            directory, name = self._parent(path, dir_fd)
            if self._key(name) in directory.children:
                raise fails(errno.EEXIST, path)
            undo = self._snapshot(directory)
            inode = self._new(stat.S_IFREG | mode)
            inode.durable = None if self.person else b""
            self._attach(directory, name, inode)
            self._changed(undo)
            self.event(EVENT_CREATED, self._relative(path), b"")
        else:
            inode = self._walk(path, dir_fd)
            if stat.S_ISLNK(inode.mode):
                raise fails(errno.ELOOP, path)
            if flags & os.O_DIRECTORY and not stat.S_ISDIR(inode.mode):
                raise fails(errno.ENOTDIR, path)
            if not self._shown(inode.mode) & 0o400:
                raise fails(errno.EACCES, path)
        self._next_fd += 1
        self._opened[self._next_fd] = _Opened(inode, path)
        return self._next_fd

    def close(self, descriptor: int) -> None:  # type: ignore[override]
        opened = self._opened.pop(descriptor, None)
        if opened is not None and opened.wrote:
            self.event(EVENT_CLOSED, self._relative(opened.path), b"")

    def read(self, descriptor: int, length: int) -> bytes:  # type: ignore[override]
        opened = self._opened[descriptor]
        self.point("read", opened.path)
        data = bytes(opened.inode.data[opened.position : opened.position + length])
        opened.position += len(data)
        return data

    def readv(self, descriptor: int, buffers: list[memoryview]) -> int:  # type: ignore[override]
        data = self.read(descriptor, len(buffers[0]))
        buffers[0][: len(data)] = data
        return len(data)

    def pread(self, descriptor: int, length: int, offset: int) -> bytes:  # type: ignore[override]
        return bytes(self._opened[descriptor].inode.data[offset : offset + length])

    def write(self, descriptor: int, data: bytes | memoryview) -> int:  # type: ignore[override]
        opened = self._opened[descriptor]
        self.point("write", opened.path)
        inode, whole = opened.inode, bytes(data)
        grown = max(0, opened.position + len(whole) - len(inode.data))
        if not self.person and self.used + grown > self.personality.room:
            raise fails(errno.ENOSPC, opened.path)
        self.used += grown
        if self.person:  # what people write is durable, and so are the names that it has
            inode.durable = None
            self.commit()
        elif inode.durable is None:
            inode.durable = bytes(inode.data)
        inode.data[opened.position : opened.position + len(whole)] = whole
        opened.position += len(whole)
        opened.wrote = True
        inode.mtime_ns = inode.ctime_ns = self._now()
        self.changes += 1
        return len(whole)

    def lseek(self, descriptor: int, position: int, whence: int) -> int:  # type: ignore[override]
        opened = self._opened[descriptor]
        opened.position = position + (opened.position if whence == os.SEEK_CUR else 0)
        return opened.position

    def ftruncate(self, descriptor: int, length: int) -> None:  # type: ignore[override]
        inode = self._opened[descriptor].inode
        self.used += length - len(inode.data)
        inode.data = inode.data[:length].ljust(length, b"\0")
        inode.mtime_ns = inode.ctime_ns = self._now()

    def fchmod(self, descriptor: int, mode: int) -> None:  # type: ignore[override]
        inode = self._opened[descriptor].inode
        inode.mode = stat.S_IFMT(inode.mode) | mode
        inode.ctime_ns = self._now()

    def fsync(self, descriptor: int) -> None:  # type: ignore[override]
        opened = self._opened[descriptor]
        self.point("fsync", opened.path)
        if stat.S_ISDIR(opened.inode.mode):
            self.commit()
        else:
            opened.inode.durable = None

    def syncfs(self, descriptor: int) -> None:  # type: ignore[override]
        self.point("syncfs", b"")
        for inode in self._all(self.root):
            inode.durable = None
        self.commit()

    def _stat(self, inode: Inode) -> os.stat_result:
        whole = lambda ns: ns // 1_000_000_000  # noqa: E731
        device = 7 if self.mounted else 8
        values = (self._shown(inode.mode), inode.ino, device, inode.links, 0, 0, inode.size)
        times = (whole(inode.mtime_ns), whole(inode.mtime_ns), whole(inode.ctime_ns))
        named = {"st_mtime_ns": inode.mtime_ns, "st_ctime_ns": inode.ctime_ns, "st_atime_ns": inode.mtime_ns}
        return os.stat_result((*values, *times), named)

    def fstat(self, descriptor: int) -> os.stat_result:  # type: ignore[override]
        return self._stat(self._opened[descriptor].inode)

    def lstat(self, path: bytes, *, dir_fd: int | None = None) -> os.stat_result:  # type: ignore[override]
        self.point("lstat", path)
        return self._stat(self._walk(path, dir_fd))

    def readlink(self, path: bytes, *, dir_fd: int | None = None) -> bytes:  # type: ignore[override]
        return self._walk(path, dir_fd).target

    def symlink(self, target: bytes, path: bytes, *, dir_fd: int | None = None) -> None:  # type: ignore[override]
        self.point("symlink", path)
        if not self.personality.symlinks:
            raise fails(errno.EPERM, path)
        directory, name = self._parent(path, dir_fd)
        if self._key(name) in directory.children:
            raise fails(errno.EEXIST, path)
        undo = self._snapshot(directory)
        inode = self._new(stat.S_IFLNK | 0o777)
        inode.target, inode.durable = target, None
        self._attach(directory, name, inode)
        self._changed(undo)
        self.event(EVENT_CLOSED, self._relative(path), b"")

    def link(
        self,
        source: bytes,
        target: bytes,
        *,
        src_dir_fd: Any = None,
        dst_dir_fd: Any = None,
        follow_symlinks: bool = True,
    ) -> None:  # type: ignore[override]
        self.point("link", target)
        if not self.personality.links:
            raise fails(errno.EPERM, target)
        inode = self._walk(source, src_dir_fd)
        if stat.S_ISDIR(inode.mode):
            raise fails(errno.EPERM, source)
        directory, name = self._parent(target, dst_dir_fd)
        if self._key(name) in directory.children:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        undo = self._snapshot(directory)
        self._attach(directory, name, inode)
        inode.links += 1
        inode.ctime_ns = self._now()
        self._changed(undo)
        self.event(EVENT_CLOSED, self._relative(target), b"")

    def unlink(self, path: bytes, *, dir_fd: int | None = None) -> None:  # type: ignore[override]
        self.point("unlink", path)
        self.exchanged &= self.person
        directory, name = self._parent(path, dir_fd)
        found = directory.children.get(self._key(name))
        if found is None:
            raise fails(errno.ENOENT, path)
        if stat.S_ISDIR(found[1].mode):
            raise fails(errno.EISDIR, path)
        undo = self._snapshot(directory)
        self._let_go(self._detach(directory, name))
        self._changed(undo)
        self.event(EVENT_GONE, self._relative(path), b"")

    def _rename(self, source: bytes, source_fd: int | None, target: bytes, target_fd: int | None, flag: int) -> None:
        old_directory, old_name = self._parent(source, source_fd)
        new_directory, new_name = self._parent(target, target_fd)
        moving = old_directory.children.get(self._key(old_name))
        if moving is None:
            raise fails(errno.ENOENT, source)
        standing = new_directory.children.get(self._key(new_name))
        same = standing is not None and standing[1] is moving[1]
        itself = same and old_directory is new_directory and self._key(old_name) == self._key(new_name)
        if itself and flag == 0 and (old_name == new_name or not self.personality.renames_case):
            return
        if flag == NO_REPLACE and standing is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        if flag == EXCHANGE and standing is None:
            raise fails(errno.ENOENT, target)
        if stat.S_ISDIR(moving[1].mode) and new_directory in self._all(moving[1]):
            raise fails(errno.EINVAL, target)
        undo = self._snapshot(old_directory, new_directory)
        if flag == EXCHANGE:
            assert standing is not None
            self._detach(old_directory, old_name)
            self._detach(new_directory, new_name)
            self._attach(old_directory, old_name, standing[1])
        else:
            if standing is not None and not same:
                if stat.S_ISDIR(standing[1].mode) != stat.S_ISDIR(moving[1].mode):
                    raise fails(errno.EISDIR if stat.S_ISDIR(standing[1].mode) else errno.ENOTDIR, target)
                if standing[1].children:
                    raise fails(errno.ENOTEMPTY, target)
                self._let_go(standing[1])
            self._detach(old_directory, old_name)
        self._attach(new_directory, new_name, moving[1])
        moving[1].ctime_ns = self._now()
        self._changed(undo)
        if not self.person:
            self.exchanged = flag == EXCHANGE and not self.exchanged
        self.event(EVENT_MOVED, self._relative(source), self._relative(target))

    def rename(
        self, source: bytes, target: bytes, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:  # type: ignore[override]
        self.point("rename", target)
        self._rename(source, src_dir_fd, target, dst_dir_fd, 0)

    def rename_with(self, flag: int, old: bytes, old_parent: int | None, new: bytes, new_parent: int | None) -> bool:  # type: ignore[override]
        self.point("exchange" if flag == EXCHANGE else "move", new)
        if not self.personality.fine_renames:
            return False
        self._rename(old, old_parent, new, new_parent, flag)
        return True

    def mkdir(self, path: bytes, mode: int = 0o777, *, dir_fd: int | None = None) -> None:  # type: ignore[override]
        self.point("mkdir", path)
        directory, name = self._parent(path, dir_fd)
        if self._key(name) in directory.children:
            raise fails(errno.EEXIST, path)
        undo = self._snapshot(directory)
        inode = self._new(stat.S_IFDIR | mode)
        inode.durable = None
        self._attach(directory, name, inode)
        self._changed(undo)
        self.event(EVENT_CLOSED, self._relative(path), b"")

    def rmdir(self, path: bytes, *, dir_fd: int | None = None) -> None:  # type: ignore[override]
        self.point("rmdir", path)
        directory, name = self._parent(path, dir_fd)
        found = directory.children.get(self._key(name))
        if found is None:
            raise fails(errno.ENOENT, path)
        if not stat.S_ISDIR(found[1].mode):
            raise fails(errno.ENOTDIR, path)
        if found[1].children:
            raise fails(errno.ENOTEMPTY, path)
        undo = self._snapshot(directory)
        self._let_go(self._detach(directory, name))
        self._changed(undo)
        self.event(EVENT_GONE, self._relative(path), b"")

    def chmod(self, path: bytes, mode: int, *, dir_fd: int | None = None) -> None:  # type: ignore[override]
        self.point("chmod", path)
        inode = self._walk(path, dir_fd)
        inode.mode = stat.S_IFMT(inode.mode) | mode
        inode.ctime_ns = self._now()
        self.changes += 1
        self.event(EVENT_CLOSED, self._relative(path), b"")

    def utime(
        self, path: bytes | int, *, ns: tuple[int, int], dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> None:  # type: ignore[override]
        if isinstance(path, int):
            inode = self._opened[path].inode
        else:
            self.point("utime", path)
            inode = self._walk(path, dir_fd)
            self.changes += 1
        grain = self.personality.grain_ns if self.personality.grain_ns > TICK_NS else 1
        inode.mtime_ns, inode.ctime_ns = ns[1] // grain * grain, self._now()

    # -- many at once ---------------------------------------------------------------------------

    def _cell(self, inode: Inode) -> bytes:
        device = 7 if self.mounted else 8
        return CELL.pack(
            inode.ino, inode.size, inode.mtime_ns, inode.ctime_ns, device, self._shown(inode.mode), inode.links
        )

    def list_directory(self, path: bytes, follow: bool) -> tuple[list[bytes], bytes]:  # type: ignore[override]
        self.point("list", path)
        inode = self._walk(path)
        if not stat.S_ISDIR(inode.mode):
            raise fails(errno.ENOTDIR, path)
        if not inode.mode & 0o400:
            raise fails(errno.EACCES, path)
        found = list(inode.children.values())
        return [name for name, _ in found], b"".join([self._cell(inode), *(self._cell(below) for _, below in found)])

    def list_opened(self, descriptor: int) -> tuple[list[bytes], bytes]:  # type: ignore[override]
        return self.list_directory(self._opened[descriptor].path, False)

    def read_files(self, directory: bytes, names: list[bytes], expect: bytes) -> list[bytes | int | None]:  # type: ignore[override]
        return [
            self._read_one(directory + b"/" + name, fields)
            for name, fields in zip(names, EXPECT.iter_unpack(expect), strict=True)
        ]

    def _read_one(self, path: bytes, expected: tuple[int, ...]) -> bytes | int | None:
        try:
            self.point("read", path)
            inode = self._walk(path)
        except OSError as error:
            return error.errno or 1
        if not inode.mode & 0o400:
            return errno.EACCES
        data = bytes(inode.data)
        self.point("read-end", path)
        found = (len(inode.data), inode.mtime_ns, inode.ctime_ns, inode.ino)
        return data if stat.S_ISREG(inode.mode) and found == expected and len(data) == expected[0] else None

    def write_files(self, directory: bytes, names: list[bytes], contents: list[bytes], meta: bytes) -> list[int]:  # type: ignore[override]
        codes = []
        for name, data, (mode, mtime_ns) in zip(names, contents, META.iter_unpack(meta), strict=True):
            try:
                descriptor = self.open(directory + b"/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                self.write(descriptor, data)
                self.fchmod(descriptor, mode)
                self.utime(descriptor, ns=(mtime_ns, mtime_ns))
                self.close(descriptor)
                codes.append(0)
            except OSError as error:
                codes.append(error.errno or 1)
        return codes
