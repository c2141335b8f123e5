"""The system calls that touch a person's folder, behind one name, so that a simulation can be the system.

Nothing is decided here. Arguments, results and errors are those of `os`; what `os` lacks has a line of its own.
"""

from __future__ import annotations

import os
import secrets

from syncd.fs.bulk import read_files, write_files
from syncd.fs.listing import list_directory, list_opened
from syncd.fs.renames import rename_with


class Kernel:
    """The running system."""

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    read = staticmethod(os.read)
    readv = staticmethod(os.readv)
    pread = staticmethod(os.pread)
    write = staticmethod(os.write)
    lseek = staticmethod(os.lseek)
    ftruncate = staticmethod(os.ftruncate)
    fchmod = staticmethod(os.fchmod)
    fsync = staticmethod(os.fsync)
    fstat = staticmethod(os.fstat)
    lstat = staticmethod(os.lstat)
    readlink = staticmethod(os.readlink)
    symlink = staticmethod(os.symlink)
    link = staticmethod(os.link)
    unlink = staticmethod(os.unlink)
    rename = staticmethod(os.rename)
    mkdir = staticmethod(os.mkdir)
    rmdir = staticmethod(os.rmdir)
    chmod = staticmethod(os.chmod)
    utime = staticmethod(os.utime)
    rename_with = staticmethod(rename_with)
    list_directory = staticmethod(list_directory)
    list_opened = staticmethod(list_opened)
    read_files = staticmethod(read_files)
    write_files = staticmethod(write_files)

    @staticmethod
    def token() -> bytes:
        """Return text that no other name has."""
        return secrets.token_hex(6).encode()

    @staticmethod
    def syncfs(descriptor: int) -> None:
        """Make everything written to a file system durable; `descriptor` is of anything on it."""
        import ctypes  # seldom wanted, and slow to load

        call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)  # Linux has it, Python does not
        if call is None:
            os.sync()
        elif call(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


KERNEL = Kernel()
