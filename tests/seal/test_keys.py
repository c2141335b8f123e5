"""Keys, slots, epochs: what opens, what does not, and that nothing shows a secret."""

from __future__ import annotations

import random
from typing import cast

import pytest

from syncd.chunk.params import PROFILES
from syncd.errors import Damaged, NotUnlocked, UsageError
from syncd.model import cbor
from syncd.model.chunker import Chunker
from syncd.model.ids import DeviceId, EpochId, SlotId, VaultId
from syncd.seal import slots
from syncd.seal.epochs import EpochRoots, Genesis, open_epoch, open_genesis, seal_epoch, seal_genesis, vault_id_of
from syncd.seal.keys import DeviceKeys, Roots, SlotPrivate, VaultKeys, device_id_of, verify_signature
from syncd.seal.slots import Argon2, SlotType, Unlock, entropy_to_words, open_slot, seal_slot, words_to_entropy

CHEAP = Argon2(64 * 1024, 1, 4)
VAULT = VaultId(b"v" * 32)
SLOT = SlotId(b"s" * 16)
EPOCH = EpochId(b"e" * 16)


def test_a_slot_opens_with_its_passphrase_only() -> None:
    private = SlotPrivate.generate()
    data = seal_slot(VAULT, SLOT, private, Unlock.passphrase("correct horse"), b"t" * 32, CHEAP)
    found = open_slot(VAULT, data, Unlock.passphrase("correct horse"), "slot/x")
    assert found is not None
    assert found[0] == SLOT
    assert found[1].reveal() == private.reveal()
    assert open_slot(VAULT, data, Unlock.passphrase("correct horsf"), "slot/x") is None
    assert open_slot(VAULT, data, Unlock(SlotType.RECOVERY, bytes(32)), "slot/x") is None


def test_a_passphrase_is_the_same_from_every_keyboard() -> None:
    assert Unlock.passphrase("caf\u00e9").secret == Unlock.passphrase("cafe\u0301").secret


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(UsageError):
        Unlock.passphrase("")


@pytest.mark.parametrize("costs", [(1024, 3, 4), (64 * 1024 - 1, 3, 4), (2**33, 3, 4), (65536, 0, 4), (65536, 3, 99)])
def test_unsafe_costs_are_refused_before_any_hashing(
    costs: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = seal_slot(VAULT, SLOT, SlotPrivate.generate(), Unlock.passphrase("x"), b"t" * 32, CHEAP)
    clear = cbor.dumps({0: 1, 1: costs[0], 2: costs[1], 3: costs[2]})
    length = int.from_bytes(data[12:16], "little")
    changed = data[:12] + len(clear).to_bytes(4, "little") + data[16:96] + clear + data[96 + length :]

    def hashed(*_: object) -> bytes:
        raise AssertionError("the passphrase was hashed")

    monkeypatch.setattr(slots, "_secret", hashed)
    with pytest.raises(Damaged, match="outside what is safe"):
        open_slot(VAULT, changed, Unlock.passphrase("x"), "slot/x")


def test_words_stand_for_their_bytes() -> None:
    entropy = random.Random(5).randbytes(32)
    words = entropy_to_words(entropy)
    assert len(words.split()) == 24
    assert words_to_entropy(words.upper().replace(" ", "\n  ")) == entropy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: words[:-1], "23 recovery words"),
        (lambda words: ["abandonn", *words[1:]], "word 1 is not in the list"),
        (lambda words: [words[1], words[0], *words[2:]], "swapped"),
    ],
)
def test_wrong_words_are_told_apart(change, said: str) -> None:  # type: ignore[no-untyped-def]
    words = entropy_to_words(random.Random(6).randbytes(32)).split()
    with pytest.raises(NotUnlocked, match=said):
        words_to_entropy(" ".join(change(words)))


def roots(device: DeviceKeys) -> EpochRoots:
    return EpochRoots(EPOCH, b"r" * 32, b"i" * 32, {EpochId(b"p" * 16): b"q" * 32}, DeviceId(device.id))


def test_an_epoch_reaches_every_slot_and_no_other() -> None:
    device = DeviceKeys.generate(b"d" * 16)
    second = SlotPrivate.generate()
    names = {SlotId(b"d" * 16): device.slot.public(), SLOT: second.public()}
    data = seal_epoch(VAULT, roots(device), names, device, b"k" * 32, b"t" * 32)
    name = f"epoch/{EPOCH.hex()}"
    for slot, private in ((SlotId(b"d" * 16), device.slot), (SLOT, second)):
        assert open_epoch(VAULT, data, slot, private, name) == roots(device)
    assert open_epoch(VAULT, data, SlotId(b"x" * 16), second, name) is None
    with pytest.raises(Damaged):
        open_epoch(VAULT, data, SLOT, SlotPrivate.generate(), name)
    with pytest.raises(Damaged):
        open_epoch(VaultId(b"w" * 32), data, SLOT, second, name)
    with pytest.raises(Damaged):
        open_epoch(VAULT, data, SLOT, second, f"epoch/{bytes(16).hex()}")


def test_genesis_opens_with_the_id_root_and_names_the_vault() -> None:
    genesis = Genesis(b"n" * 32, 1, 1, PROFILES, DeviceId(b"d" * 16), EPOCH, Chunker.GEAR64)
    data = seal_genesis(genesis, b"i" * 32, b"t" * 32)
    assert open_genesis(data, b"i" * 32) == genesis
    assert vault_id_of(data) != vault_id_of(seal_genesis(genesis, b"i" * 32, b"u" * 32))
    with pytest.raises(Damaged):
        open_genesis(data, b"j" * 32)


def test_a_vault_with_an_unknown_chunker_is_refused() -> None:
    genesis = Genesis(b"n" * 32, 1, 1, PROFILES, DeviceId(b"d" * 16), EPOCH, cast("Chunker", 3))
    with pytest.raises(Damaged, match="chunker 3"):
        open_genesis(seal_genesis(genesis, b"i" * 32, b"t" * 32), b"i" * 32)


def test_labels_keep_keys_apart() -> None:
    keys = VaultKeys(VAULT, Roots(b"i" * 32, {EPOCH: b"r" * 32}), EPOCH)
    found = {keys.object_secret(EPOCH, kind) for kind in ("pack", "record", "volume", "checkpoint", "part")}
    found |= {keys.chunk_key("data"), keys.chunk_key("list"), keys.genesis_secret()}
    assert len(found) == 8
    tables = [keys.cut_table(chunker) for chunker in Chunker]
    assert [len({table[at : at + 8] for at in range(0, 2048, 8)}) for table in tables] == [256, 256]
    assert len({tables[0][:16], tables[1][:16], keys.cut_key()}) == 3
    with pytest.raises(NotUnlocked):
        keys.object_secret(EpochId(bytes(16)), "pack")


def test_a_device_key_file_is_read_back() -> None:
    device = DeviceKeys.generate(b"d" * 16)
    again = DeviceKeys.load(device.dump())
    assert again.id == device.id == device_id_of(device.verifying)
    verify_signature(device.verifying, again.sign(b"m"), b"m", "test")
    with pytest.raises(Damaged):
        verify_signature(device.verifying, again.sign(b"m"), b"n", "test")
    for wrong in (b"", b"garbage", device.dump()[:-5]):
        with pytest.raises(Damaged):
            DeviceKeys.load(wrong)


def test_no_secret_is_in_a_repr() -> None:
    device = DeviceKeys.generate(b"d" * 16)
    keys = VaultKeys(VAULT, Roots(b"i" * 32, {EPOCH: b"r" * 32}), EPOCH)
    said = repr((device, device.slot, keys, keys.roots, roots(device), Unlock.passphrase("hush")))
    for secret in ("iiii", "rrrr", "hush", device.slot.reveal().hex()[:16]):
        assert secret not in said
