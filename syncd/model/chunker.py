"""The chunkers that a vault may use, by their number in genesis (docs/format.md section 5)."""

from __future__ import annotations

from enum import IntEnum


class Chunker(IntEnum):
    """How a vault decides where to cut; fixed for its life."""

    GEAR64 = 1
    TOEPLITZ_AES = 2

    @property
    def word(self) -> str:
        """Its name, as people write it."""
        return self.name.lower().replace("_", "-")


DEFAULT = Chunker.TOEPLITZ_AES  # of new vaults: docs/decisions/018-chunker.md
