"""The key hierarchy of docs/format.md section 3: two roots, everything else derived by labels.

Keys live in these objects and are never printed, logged or written: `repr` is cut. The one
exception is the device key file, which `DeviceKeys.dump` makes for a file of mode 0600.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from syncd.errors import Damaged, NotUnlocked
from syncd.model import cbor
from syncd.model.chunker import Chunker
from syncd.model.ids import DeviceId, EpochId, VaultId

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_KEM_PUBLIC = 1184  # bytes of an ML-KEM-768 public key (FIPS 203)
_CUT_TABLES = {Chunker.GEAR64: b"syncd/v1/gear", Chunker.TOEPLITZ_AES: b"syncd/v1/toeplitz"}
_KEM_SEED = 64  # bytes of an ML-KEM seed
NO_VAULT = VaultId(bytes(32))  # what genesis, which defines the vault id, is bound to


def derive(key: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


class SlotPrivate:
    """The private half of a key slot; 96 bytes: ML-KEM seed and X25519 scalar."""

    __slots__ = ("_key", "_raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _KEM_SEED + 32:
            raise Damaged("a slot's private key has the wrong length")
        self._raw = raw
        self._key = hpke.MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_KEM_SEED]),
            x25519.X25519PrivateKey.from_private_bytes(raw[_KEM_SEED:]),
        )

    @classmethod
    def generate(cls) -> SlotPrivate:
        """Make a new key pair."""
        seed = mlkem.MLKEM768PrivateKey.generate().private_bytes_raw()
        return cls(seed + x25519.X25519PrivateKey.generate().private_bytes_raw())

    def reveal(self) -> bytes:
        """Return the 96 raw bytes, for wrapping in a slot or the device's own key file."""
        return self._raw

    def public(self) -> bytes:
        """Return the public key, 1,216 bytes."""
        seed = mlkem.MLKEM768PrivateKey.from_seed_bytes(self._raw[:_KEM_SEED])
        scalar = x25519.X25519PrivateKey.from_private_bytes(self._raw[_KEM_SEED:])
        return seed.public_key().public_bytes_raw() + scalar.public_key().public_bytes_raw()

    def unseal(self, sealed: bytes, info: bytes) -> bytes:
        """Open an HPKE ciphertext made for this slot.

        Raises:
            NotUnlocked: it was not made for this slot, or was changed.
        """
        try:
            return _SUITE.decrypt(sealed, self._key, info=info)
        except (InvalidTag, ValueError) as error:
            raise NotUnlocked("an epoch key does not open with this slot") from error


def seal_to(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """HPKE-seal a short plaintext to a slot's public key (1,216 bytes)."""
    key = hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(public[:_KEM_PUBLIC]),
        x25519.X25519PublicKey.from_public_bytes(public[_KEM_PUBLIC:]),
    )
    return _SUITE.encrypt(plaintext, key, info=info)


def device_id_of(verifying_key: bytes) -> DeviceId:
    """Return the id of the device that signs with this Ed25519 key."""
    return DeviceId(blake3(b"syncd/v1/device" + verifying_key).digest(16))


def verify_signature(verifying_key: bytes, signature: bytes, message: bytes, what: str) -> None:
    """Check an Ed25519 signature.

    Raises:
        Damaged: it does not fit; `what` names the object.
    """
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(verifying_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Damaged(f"{what}: the signature does not fit") from error


class DeviceKeys:
    """A device's own secrets: its signing key and its slot. They never leave the device."""

    __slots__ = ("_sign", "_sign_raw", "id", "slot", "slot_id", "verifying")

    def __init__(self, sign_raw: bytes, slot: SlotPrivate, slot_id: bytes) -> None:
        self._sign_raw = sign_raw
        self._sign = ed25519.Ed25519PrivateKey.from_private_bytes(sign_raw)
        self.verifying = self._sign.public_key().public_bytes_raw()
        self.id = device_id_of(self.verifying)
        self.slot = slot
        self.slot_id = slot_id

    @classmethod
    def generate(cls, slot_id: bytes) -> DeviceKeys:
        """Make the keys of a new device."""
        sign = ed25519.Ed25519PrivateKey.generate().private_bytes_raw()
        return cls(sign, SlotPrivate.generate(), slot_id)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of a message."""
        return self._sign.sign(message)

    def dump(self) -> bytes:
        """Return the key file's bytes; the caller writes them with mode 0600."""
        return cbor.dumps({"signing": self._sign_raw, "slot": self.slot.reveal(), "slot_id": self.slot_id})

    @classmethod
    def load(cls, raw: bytes) -> DeviceKeys:
        """Read a key file.

        Raises:
            Damaged: the bytes are not a key file.
        """
        try:
            fields = cbor.loads(raw)
            return cls(fields["signing"], SlotPrivate(fields["slot"]), fields["slot_id"])
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged("the device key file cannot be read", hint="Run `syncd rebuild`.") from error


@dataclass(frozen=True, slots=True, repr=False)
class Roots:
    """The secrets of a vault: the ID root and every epoch root this device may read."""

    id_root: bytes
    epochs: dict[EpochId, bytes]


@dataclass(slots=True, repr=False)
class VaultKeys:
    """Derives what seals and names, with the roots of one vault. Thread-safe: caches only grow."""

    vault: VaultId
    roots: Roots
    current: EpochId
    _kinds: dict[tuple[EpochId, str], bytes] = field(default_factory=dict)
    _chunks: dict[str, bytes] = field(default_factory=dict)

    def object_secret(self, epoch: EpochId, kind: str) -> bytes:
        """Return the secret from which one kind's object keys of one epoch derive.

        Raises:
            NotUnlocked: this device holds no root of that epoch.
        """
        cached = self._kinds.get((epoch, kind))
        if cached is None:
            root = self.roots.epochs.get(epoch)
            if root is None:
                raise NotUnlocked(f"no key for epoch {epoch.hex()}")
            cached = derive(root, self.vault, b"syncd/v1/epoch/" + kind.encode())
            self._kinds[epoch, kind] = cached
        return cached

    def genesis_secret(self) -> bytes:
        """Return the secret of the genesis object."""
        return genesis_secret(self.roots.id_root)

    def chunk_key(self, kind: str) -> bytes:
        """Return the key of chunk ids; `kind` is "data" or "list"."""
        cached = self._chunks.get(kind)
        if cached is None:
            cached = derive(self.roots.id_root, self.vault, b"syncd/v1/chunk-id/" + kind.encode())
            self._chunks[kind] = cached
        return cached

    def cut_table(self, chunker: Chunker) -> bytes:
        """Return the chunker's secret table: 256 little-endian integers of 64 bits."""
        return derive(self.roots.id_root, self.vault, _CUT_TABLES[chunker], 2048)

    def cut_key(self) -> bytes:
        """Return the key of the cipher that decides where toeplitz-aes cuts, 16 bytes."""
        return derive(self.roots.id_root, self.vault, b"syncd/v1/cut-key", 16)


def block_cipher(key: bytes) -> Callable[[bytes | memoryview], bytes]:
    """Return AES under a key of 16 bytes, of each block of 16 bytes by itself: it hides nothing, it only decides."""
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - nothing is hidden with it
    return encrypt.update


def genesis_secret(id_root: bytes) -> bytes:
    """Return the secret of the genesis object, which exists before the vault id does."""
    return derive(id_root, b"", b"syncd/v1/genesis")
