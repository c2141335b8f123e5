"""What a source of events is: the port between the watcher and the system it runs on.

A source tells of whatever happens below a directory, by paths relative to it. It may tell too much or twice, never too
little: of every directory that stands there once all is quiet, it hears what happens in it from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from syncd.watch.pending import Hint

Note = Callable[[bytes, Hint], None]
Moved = Callable[[bytes, bytes], None]


class Source(Protocol):
    """Events below one directory. Each of the calls it is given may come from a thread of its own."""

    def start(self) -> None:
        """Begin; on return everything below is watched.

        Raises:
            OSError: ENOSPC or EMFILE where a limit of the system is reached; any other where it cannot be watched.
        """

    @property
    def alive(self) -> bool:
        """Whether it still hears of everything; once it does not, it never will again."""

    def stop(self) -> None:
        """End, and wait for its threads; also where it never began, or died."""
