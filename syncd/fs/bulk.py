"""Reading or writing many small files below one directory in one call, so that another thread can do it.

The C version works without the interpreter's lock; the Python one is for builds without a compiler.
Both keep two promises: bytes are returned only if the file was, after its last byte, what was expected;
and a file is created only where nothing stands, whole or not at all.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable

EXPECT = struct.Struct("<qqqq")  # size, mtime_ns, ctime_ns, inode

Read = bytes | int | None  # the whole file | an errno | it is not what was expected
META = struct.Struct("<qq")  # mode, mtime_ns

WriteFiles = Callable[[bytes, list[bytes], list[bytes], bytes], list[int]]
ReadFiles = Callable[[bytes, list[bytes], bytes], list[Read]]


def _read_one(directory: int, name: bytes, expected: tuple[int, ...]) -> Read:
    size = expected[0]
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError as error:
        return error.errno or 1
    try:
        data = os.read(descriptor, size)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
        now = os.fstat(descriptor)
    except OSError as error:
        return error.errno or 1
    finally:
        os.close(descriptor)
    found = (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino)
    return data if stat.S_ISREG(now.st_mode) and found == expected and len(data) == size else None


def read_files_slowly(directory: bytes, names: list[bytes], expect: bytes) -> list[Read]:
    """Read small files below one directory whole; see _bulk.c for the contract."""
    if len(expect) != EXPECT.size * len(names):
        raise ValueError("read_files: names and expectations do not fit")
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return [error.errno or 1] * len(names)
    try:
        return [_read_one(descriptor, name, fields) for name, fields in zip(names, EXPECT.iter_unpack(expect))]  # noqa: B905
    finally:
        os.close(descriptor)


def _write_one(directory: int, name: bytes, data: bytes, mode: int, mtime_ns: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    except OSError as error:
        return error.errno or 1
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fchmod(descriptor, mode)
            os.utime(descriptor, ns=(mtime_ns, mtime_ns))
        finally:
            os.close(descriptor)
    except OSError as error:
        os.unlink(name, dir_fd=directory)
        return error.errno or 1
    return 0


def write_files_slowly(directory: bytes, names: list[bytes], contents: list[bytes], meta: bytes) -> list[int]:
    """Write small files below one directory; see _bulk.c for the contract."""
    if len(contents) != len(names) or len(meta) != META.size * len(names):
        raise ValueError("write_files: names, contents and meta do not fit")
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return [error.errno or 1] * len(names)
    try:
        fields = META.iter_unpack(meta)
        rows = zip(names, contents, fields, strict=True)
        return [_write_one(descriptor, name, data, mode, mtime) for name, data, (mode, mtime) in rows]
    finally:
        os.close(descriptor)


def _choose() -> tuple[ReadFiles, WriteFiles]:
    try:
        from syncd.fs._bulk import read_files as fast_read
        from syncd.fs._bulk import write_files as fast_write
    except ImportError:
        return read_files_slowly, write_files_slowly
    return fast_read, fast_write


read_files, write_files = _choose()
