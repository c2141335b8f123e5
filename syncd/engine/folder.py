"""Whose folder this is, looked at before each pass: by its marker, which has a word of its own for each folder.

The same vault and device with another word is another folder in the place of ours: a mount point whose file
system is not mounted, a copy, a backup. What the state knew of the disk is then void, and nothing that is not
there is taken for deleted (promise P5); the folder is compared as one that joins.
"""

from __future__ import annotations

import logging

from syncd.engine.vault import MARK, PREDECESSOR, Vault, marker_of
from syncd.model.ids import DeviceId

log = logging.getLogger("syncd.engine")


def meet_folder(vault: Vault) -> None:
    """Tell the folder from another one in its place.

    Raises:
        NeedsAttention: it or its marker is gone, or is another device's.
    """
    found = vault.disk.marker()
    if found == vault.marker:
        return
    ours = marker_of(vault.keys.vault, vault.device.id, "")
    if found.startswith(ours):
        log.warning("another folder of this device stands in the place of the one it knew: it is compared anew")
        with vault.state.transaction():
            vault.state.forget_disk()
            vault.state.set(MARK, found[len(ours) :].strip().removeprefix(b"mark "))
    elif any(found.startswith(marker_of(vault.keys.vault, device, "")) for device in _was(vault)):
        # A crash came between our going on as a new device and this; or it is a folder of before that. Either way
        # what the state knows of a disk may be of another one.
        with vault.state.transaction():
            vault.state.forget_disk()
        vault.disk.write_marker(vault.marker)
    vault.check_folder()


def _was(vault: Vault) -> list[DeviceId]:
    """Return the devices that this one was."""
    raw = vault.state.get(PREDECESSOR) or b""
    return [DeviceId(raw[at : at + 16]) for at in range(0, len(raw), 16)]
