"""Key slots: a private key wrapped by a passphrase or by 24 recovery words (docs/format.md section 3).

Invariant: parameters below the floor are refused before any key is computed, so a store cannot
make us hash a passphrase cheaply (attack A3 of the research note).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from syncd.errors import Damaged, NotUnlocked, UsageError
from syncd.model import cbor
from syncd.model.ids import SlotId, VaultId
from syncd.seal.envelope import NO_EPOCH, Header, ObjectKind, OpenObject, read_clear, seal_object
from syncd.seal.keys import SlotPrivate


class SlotType(IntEnum):
    """What opens a slot."""

    PASSPHRASE = 1
    RECOVERY = 2
    DEVICE = 3  # has no object on a store


@dataclass(frozen=True, slots=True)
class Argon2:
    """Argon2id costs. The default takes 0.7 s and 256 MiB on a 2020 laptop core."""

    memory_kib: int = 256 * 1024
    passes: int = 3
    lanes: int = 4


MEMORY_FLOOR_KIB = 64 * 1024  # RFC 9106, second recommended option
MEMORY_CEILING_KIB = 4 * 1024 * 1024  # beyond it a store could exhaust our memory


@dataclass(frozen=True, slots=True, repr=False)
class Unlock:
    """What a person gives: a passphrase, or the 32 bytes of the recovery words."""

    type: SlotType
    secret: bytes

    @classmethod
    def passphrase(cls, text: str) -> Unlock:
        """Unlock by passphrase, normalised so that every keyboard makes the same bytes.

        Raises:
            UsageError: it is empty.
        """
        if not text:
            raise UsageError("the passphrase is empty", hint="Use --no-passphrase to have recovery words only.")
        return cls(SlotType.PASSPHRASE, unicodedata.normalize("NFKC", text).encode())

    @classmethod
    def words(cls, text: str) -> Unlock:
        """Unlock by the 24 recovery words.

        Raises:
            NotUnlocked: a word is unknown, one is missing, or the checksum does not fit.
        """
        return cls(SlotType.RECOVERY, words_to_entropy(text))


def entropy_to_words(entropy: bytes) -> str:
    """Return 24 BIP 39 words for 32 bytes."""
    from mnemonic import Mnemonic

    words: str = Mnemonic("english").to_mnemonic(entropy)
    return words


def words_to_entropy(text: str) -> bytes:
    """Return the 32 bytes of 24 words, whatever the case and spacing.

    Raises:
        NotUnlocked: a word is unknown, one is missing, or the checksum does not fit.
    """
    from mnemonic import Mnemonic

    words = text.lower().split()
    book = Mnemonic("english")
    strange = [str(place) for place, word in enumerate(words, 1) if word not in book.wordlist]
    if strange:
        raise NotUnlocked(f"recovery word {', '.join(strange)} is not in the list")
    if len(words) != 24:
        raise NotUnlocked(f"there are {len(words)} recovery words, not 24")
    try:
        return bytes(book.to_entropy(" ".join(words)))
    except ValueError as error:
        raise NotUnlocked("the recovery words do not fit together: two may be swapped") from error


def _secret(unlock: Unlock, salt: bytes, cost: Argon2) -> bytes:
    if unlock.type == SlotType.RECOVERY:
        return unlock.secret
    kdf = Argon2id(salt=salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib)
    return kdf.derive(unlock.secret)


def seal_slot(vault: VaultId, slot: SlotId, private: SlotPrivate, unlock: Unlock, salt: bytes, cost: Argon2) -> bytes:
    """Return the slot object."""
    costs = (cost.memory_kib, cost.passes, cost.lanes) if unlock.type == SlotType.PASSPHRASE else (0, 0, 0)
    clear = cbor.dumps(dict(enumerate((int(unlock.type), *costs))))
    payload = cbor.dumps({0: slot, 1: private.reveal()})
    header = Header(ObjectKind.SLOT, NO_EPOCH, salt)
    return seal_object(header, _secret(unlock, salt, cost), vault, payload, clear)


def _read_costs(clear: bytes, what: str) -> tuple[SlotType, Argon2]:
    try:
        fields = cbor.loads(clear)
        kind, cost = SlotType(fields[0]), Argon2(int(fields[1]), int(fields[2]), int(fields[3]))
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: its parameters cannot be read") from error
    if kind == SlotType.PASSPHRASE:
        fits = MEMORY_FLOOR_KIB <= cost.memory_kib <= MEMORY_CEILING_KIB
        if not (fits and 1 <= cost.passes <= 16 and 1 <= cost.lanes <= 16):
            raise Damaged(f"{what}: asks for {cost.memory_kib} KiB x {cost.passes}, outside what is safe")
    return kind, cost


def type_of(data: bytes, what: str) -> SlotType:
    """Return what opens a slot.

    Raises:
        Damaged: it is no slot, or asks for unsafe parameters.
    """
    return _read_costs(read_clear(data, ObjectKind.SLOT, what).clear, what)[0]


def open_slot(vault: VaultId, data: bytes, unlock: Unlock, what: str) -> tuple[SlotId, SlotPrivate] | None:
    """Open a slot; None when it is of another type, or another passphrase's.

    Raises:
        Damaged: it is no slot, asks for unsafe parameters, or was changed behind a right key.
    """
    parts = read_clear(data, ObjectKind.SLOT, what)
    kind, cost = _read_costs(parts.clear, what)
    if kind != unlock.type:
        return None
    try:
        opened = OpenObject(data, ObjectKind.SLOT, _secret(unlock, parts.header.salt, cost), vault, what)
    except Damaged:
        return None  # the commitment does not fit: not this passphrase, which is no damage
    try:
        fields = cbor.loads(opened.payload())
        return SlotId(fields[0]), SlotPrivate(fields[1])
    except cbor.MISSHAPEN as error:
        raise Damaged(f"{what}: holds no slot") from error
