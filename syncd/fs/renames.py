"""Renames that fail where something stands, or exchange two entries: one step, where the system has it.

Linux has renameat2 since 3.15; Python does not name it. Elsewhere, and on file systems that cannot, the
caller has to look first and rename then.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from typing import Any

NO_REPLACE, EXCHANGE = 1, 2
_AT_FDCWD = -100
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


@cache
def _call() -> Any:
    import ctypes  # slow to load, and what only publishes never renames

    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return function


def rename_with(flag: int, old: bytes, old_parent: int | None, new: bytes, new_parent: int | None) -> bool:
    """Rename under a flag; return False when this system or file system cannot.

    Args:
        flag: NO_REPLACE, or EXCHANGE.
        old: a path, absolute or below `old_parent`, an opened directory.
        old_parent: None for an absolute path.
        new: likewise.
        new_parent: likewise.

    Raises:
        FileExistsError: NO_REPLACE, and something stands at the new path.
        OSError: it failed.
    """
    function = _call()
    if function is None:
        return False
    one = _AT_FDCWD if old_parent is None else old_parent
    other = _AT_FDCWD if new_parent is None else new_parent
    if function(one, old, other, new, flag) == 0:
        return True
    from ctypes import get_errno  # of the call before: ctypes keeps it in a place of its own

    code = get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), new)
