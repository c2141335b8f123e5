"""What people and their programs do to a folder: the operations of a simulation.

Each takes numbers and reads them against what stands there, so a schedule from which something was left out
still means something. Names are few, so that they meet.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from tests.simulation.system import ROOT, Inode, System

NAMES = [b"a", b"b", b"A", b"note.txt", b"sub", "\u00e9".encode(), "e\u0301".encode()]
CANARY = b"CANARY-"
OURS = (b".syncd-",)

Operation = Callable[["Person", int, int, int], None]


class Person:
    """Somebody at one device. `content` returns bytes that nobody wrote before."""

    def __init__(self, system: System, content: Callable[[], bytes]) -> None:
        self._system, self.content = system, content

    def act(self, operation: str, a: int, b: int, c: int) -> bool:
        """Do something; return whether it came to anything."""
        if not self._system.mounted:
            return False
        self._system.person = True
        try:
            OPERATIONS[operation](self, a, b, c)
            return True
        except (OSError, LookupError):
            return False
        finally:
            self._system.person = False

    def act_on(self, path: bytes, how: int) -> bool:
        """Do something to one entry; return whether it came to anything."""
        if not self._system.mounted or path.rpartition(b"/")[2].startswith(OURS):
            return False
        self._system.person = True
        try:
            if how % 4 == 0:
                self.remove(path)
            elif how % 4 == 1 and self.stands(path):
                self.write_over(path, self.content())
            elif how % 4 == 2:
                self.write_new(path + b".new", self.content())
                self.rename(path + b".new", path)
            else:
                self.write_new(path, self.content())
            return True
        except (OSError, LookupError):
            return False
        finally:
            self._system.person = False

    # -- what stands there ----------------------------------------------------------------------

    def entries(self) -> list[tuple[bytes, Inode]]:
        """Return (path, inode) of everything that a person sees."""
        return entries_of(self._system)

    def directories(self) -> list[bytes]:
        return [b"", *(path for path, inode in self.entries() if stat.S_ISDIR(inode.mode))]

    def files(self) -> list[bytes]:
        return [path for path, inode in self.entries() if stat.S_ISREG(inode.mode)]

    def pick(self, found: list[bytes], number: int) -> bytes:
        if not found:
            raise LookupError
        return found[number % len(found)]

    def place(self, a: int, b: int) -> bytes:
        parent = self.pick(self.directories(), a)
        name = NAMES[b % len(NAMES)]
        return parent + b"/" + name if parent else name

    def full(self, path: bytes) -> bytes:
        return ROOT + b"/" + path

    def stands(self, path: bytes) -> bool:
        try:
            self._system.lstat(self.full(path))
        except OSError:
            return False
        return True

    # -- with a file ----------------------------------------------------------------------------

    def write_new(self, path: bytes, data: bytes) -> None:
        system = self._system
        descriptor = system.open(self.full(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        system.write(descriptor, data)
        system.close(descriptor)

    def write_over(self, path: bytes, data: bytes) -> None:
        system = self._system
        descriptor = system.open(self.full(path), os.O_WRONLY)
        system.ftruncate(descriptor, 0)
        system.write(descriptor, data)
        system.close(descriptor)

    def remove(self, path: bytes) -> None:
        inode = self._system._walk(self.full(path))
        if not stat.S_ISDIR(inode.mode):
            self._system.unlink(self.full(path))
            return
        for name, _ in list(inode.children.values()):
            self.remove(path + b"/" + name)
        self._system.rmdir(self.full(path))

    def rename(self, source: bytes, target: bytes) -> None:
        if source == target or target.startswith(source + b"/"):
            raise LookupError
        self._system.rename(self.full(source), self.full(target))


def entries_of(system: System, *, ours: bool = False) -> list[tuple[bytes, Inode]]:
    """Return (path, inode) of everything in a folder, in an order that is always the same; of ours only if asked."""
    found: list[tuple[bytes, Inode]] = []

    def below(path: bytes, inode: Inode) -> None:
        for name, inner in inode.children.values():
            if ours or not name.startswith(OURS):
                here = path + b"/" + name if path else name
                found.append((here, inner))
                below(here, inner)

    below(b"", system.root)
    return sorted(found, key=lambda item: item[0])


def _create(person: Person, a: int, b: int, c: int) -> None:
    person.write_new(person.place(a, b), person.content())


def _edit(person: Person, a: int, b: int, c: int) -> None:
    person.write_over(person.pick(person.files(), a), person.content())


def _edit_in_place(person: Person, a: int, b: int, c: int) -> None:
    """Write other bytes of the same length, as databases do."""
    path = person.pick(person.files(), a)
    length = len(person._system._walk(person.full(path)).data)
    data = person.content()
    person.write_over(path, data.ljust(length, b".")[: max(length, len(CANARY) + 6)])


def _append(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick(person.files(), a)
    descriptor = person._system.open(person.full(path), os.O_WRONLY)
    person._system.lseek(descriptor, len(person._system._walk(person.full(path)).data), os.SEEK_SET)
    person._system.write(descriptor, person.content())
    person._system.close(descriptor)


def _save_by_rename(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick(person.files(), a)
    person.write_new(path + b".new", person.content())
    person.rename(path + b".new", path)


def _save_by_backup(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick(person.files(), a)
    person.rename(path, path + b"~")
    person.write_new(path, person.content())
    if c % 2:
        person.remove(path + b"~")


def _save_by_removal(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick(person.files(), a)
    person.write_new(path + b".tmp", person.content())
    person.remove(path)
    person.rename(path + b".tmp", path)


def _mkdir(person: Person, a: int, b: int, c: int) -> None:
    person._system.mkdir(person.full(person.place(a, b)), 0o755)


def _remove(person: Person, a: int, b: int, c: int) -> None:
    person.remove(person.pick([path for path, _ in person.entries()], a))


def _move(person: Person, a: int, b: int, c: int) -> None:
    target = person.place(b, c)
    if person.stands(target):
        raise LookupError
    person.rename(person.pick([path for path, _ in person.entries()], a), target)


def _move_over(person: Person, a: int, b: int, c: int) -> None:
    person.rename(person.pick(person.files(), a), person.pick(person.files(), b))


def _swap(person: Person, a: int, b: int, c: int) -> None:
    every = [path for path, _ in person.entries()]
    one, other = person.pick(every, a), person.pick(every, b)
    if one == other or one.startswith(other + b"/") or other.startswith(one + b"/"):
        raise LookupError
    aside = b"aside.tmp"
    person.rename(one, aside)
    person.rename(other, one)
    person.rename(aside, other)


def _case(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick([path for path, _ in person.entries()], a)
    parent, _, name = path.rpartition(b"/")
    other = name.swapcase()
    target = parent + b"/" + other if parent else other
    if not person._system.personality.blind:
        if person.stands(target):
            raise LookupError
        person.rename(path, target)
        return
    aside = path + b".aside"
    person.rename(path, aside)
    person.rename(aside, target)


def _touch(person: Person, a: int, b: int, c: int) -> None:
    when = 1_600_000_000_000_000_000 + b % 10 * 10_000_000_000 - (3 * 10**18 if c % 7 == 0 else 0)
    person._system.utime(person.full(person.pick(person.files(), a)), ns=(when, when))


def _chmod(person: Person, a: int, b: int, c: int) -> None:
    person._system.chmod(person.full(person.pick(person.files(), a)), [0o600, 0o644, 0o755][b % 3])


def _chmod_directory(person: Person, a: int, b: int, c: int) -> None:
    person._system.chmod(person.full(person.pick(person.directories()[1:], a)), [0o700, 0o755][b % 2])


def _symlink(person: Person, a: int, b: int, c: int) -> None:
    person._system.symlink(b"target-%d" % (c % 3), person.full(person.place(a, b)))


def _to_directory(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick(person.files(), a)
    person.remove(path)
    person._system.mkdir(person.full(path), 0o755)
    person.write_new(path + b"/" + NAMES[b % len(NAMES)], person.content())


def _to_file(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick(person.directories()[1:], a)
    person.remove(path)
    person.write_new(path, person.content())


def _again(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick(person.files(), a)
    person.remove(path)
    person.write_new(path, person.content())


def _new_directory_with(person: Person, a: int, b: int, c: int) -> None:
    path = person.place(a, b)
    person._system.mkdir(person.full(path), 0o755)
    person.write_new(path + b"/" + NAMES[c % len(NAMES)], person.content())


def _same_everywhere(person: Person, a: int, b: int, c: int) -> None:
    path = person.place(a, b)
    data = b"shared-%d" % (c % 2)
    if person.stands(path):
        person.write_over(path, data)
    else:
        person.write_new(path, data)


def _unreadable(person: Person, a: int, b: int, c: int) -> None:
    path = person.pick([path for path, inode in person.entries() if not stat.S_ISLNK(inode.mode)], a)
    person._system.chmod(person.full(path), 0o000)


OPERATIONS: dict[str, Operation] = {
    "create": _create,
    "edit": _edit,
    "append": _append,
    "edit in place": _edit_in_place,
    "save by rename": _save_by_rename,
    "save by backup": _save_by_backup,
    "save by removal": _save_by_removal,
    "mkdir": _mkdir,
    "remove": _remove,
    "move": _move,
    "move over": _move_over,
    "swap": _swap,
    "case": _case,
    "touch": _touch,
    "chmod": _chmod,
    "chmod directory": _chmod_directory,
    "symlink": _symlink,
    "to directory": _to_directory,
    "to file": _to_file,
    "again": _again,
    "directory with": _new_directory_with,
    "same": _same_everywhere,
}
WEIGHTS = {"create": 5, "edit": 4, "mkdir": 2, "remove": 4, "move": 4, "directory with": 3, "save by rename": 2}
