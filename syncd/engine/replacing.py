"""Putting a new local state in the place of an old one, so that a kill at any moment leaves one of them whole.

The old files wait in a directory whose name says how far that is: in `moving` they are on their way there or back,
and whatever is there belongs back; in `aside` all of them are there, and the new state may be whole or not. Invariant:
no file of the old state is removed before the new one is whole and belongs to the device whose key is here.
"""

from __future__ import annotations

import os
from pathlib import Path

from syncd.config.home import Home
from syncd.engine.custody import device_keys
from syncd.errors import SyncdError
from syncd.model.ids import OWN_DEVICE
from syncd.state.db import FILE, State

MOVING, ASIDE = "moving", "aside"
WHOLE = "whole"  # the name in a state that says that all which the store had is in it


def set_aside(state: Path) -> None:
    """Make room for a new state; a failure on the way is undone by `settle`."""
    (state / MOVING).mkdir()
    for path in _files(state):
        path.replace(state / MOVING / path.name)
    _sync(state / MOVING)
    (state / MOVING).replace(state / ASIDE)
    _sync(state)


def put_back(state: Path) -> None:
    """Undo `set_aside`, and remove what has come since."""
    if (state / ASIDE).is_dir():
        for path in _files(state):
            path.unlink()
        (state / ASIDE).replace(state / MOVING)
        _sync(state)
    if (state / MOVING).is_dir():
        for path in (state / MOVING).iterdir():
            path.replace(state / path.name)
        _sync(state)
        (state / MOVING).rmdir()


def drop_aside(state: Path) -> None:
    """Remove the old state; the new one is whole."""
    import shutil  # with three decompressors, for what is done once in a year

    shutil.rmtree(state / ASIDE, ignore_errors=True)


def settle(home: Home) -> None:
    """Finish or undo what a kill interrupted."""
    if (home.state / ASIDE).is_dir() and _is_whole(home):
        drop_aside(home.state)
    else:
        put_back(home.state)


def _is_whole(home: Home) -> bool:
    """Tell whether the new state has all that it is to have, and is of the device whose key is here."""
    try:
        device = device_keys(home)
        state = State(home.state, write=False)
    except (SyncdError, FileNotFoundError):
        return False
    try:
        return bool(state.get(WHOLE)) and state.devices.get(OWN_DEVICE).id == device.id
    finally:
        state.close()


def _files(state: Path) -> list[Path]:
    return [*state.glob(FILE + "*"), *state.glob("chunks-*.run")]


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
