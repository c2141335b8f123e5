"""Write permission lent to directories that a person made read-only, for as long as a step takes.

A read-only directory is synced like others: what comes into it was decided where it may be written in. Invariant:
each directory has the mode again that it had, whatever became of the step.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Iterable, Iterator

from syncd.fs.disk import Disk
from syncd.model.entry import MODE_BITS

log = logging.getLogger("syncd.engine")
_WRITE = stat.S_IWUSR | stat.S_IXUSR
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def lent(disk: Disk, directories: Iterable[bytes]) -> Iterator[bool]:
    """Let this user write in some directories; yield whether any of them had to be lent that.

    Raises:
        OSError: one cannot be looked at. One that is not ours to change stays as it is, and the step says so.
    """
    kernel = disk.kernel
    given: list[tuple[int, int]] = []  # by descriptor: the step may move the directory itself
    try:
        for path in dict.fromkeys(directories):
            found = disk.lstat(path)
            if found is None or not stat.S_ISDIR(found.st_mode) or found.st_mode & _WRITE == _WRITE or not path:
                continue
            with contextlib.suppress(PermissionError):
                descriptor = kernel.open(disk.full(path), _DIRECTORY)
                given.append((descriptor, found.st_mode & MODE_BITS))
                kernel.fchmod(descriptor, found.st_mode & MODE_BITS | _WRITE)
        yield bool(given)
    finally:
        for descriptor, mode in reversed(given):
            try:
                kernel.fchmod(descriptor, mode)
            except OSError as error:
                log.warning("a directory has not its mode again: %s", error)
            finally:
                kernel.close(descriptor)
