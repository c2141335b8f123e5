"""Opening the vault's stores: those that its journals and the settings name, with the secrets that this device has.

The journals say which stores there are; the settings say where this device finds one if that is elsewhere for it, and
whether it uses it. A store whose secrets are missing here is there all the same, and says what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from blake3 import blake3

from syncd.config.home import Home
from syncd.config.hours import parse_hours, rate_at
from syncd.config.secrets import in_environment, keep, secret_of
from syncd.config.settings import BandwidthSettings, Settings, StoreSetting
from syncd.engine.storeset import StoreSet
from syncd.errors import Locked, NotUnlocked, StoreDenied, SyncdError, UsageError
from syncd.journal.record import name_within
from syncd.model import cbor
from syncd.model.ids import DeviceId, EpochId
from syncd.seal.envelope import ObjectKind, OpenObject, read_clear
from syncd.seal.epochs import vault_id_of
from syncd.seal.keys import VaultKeys
from syncd.state.db import State
from syncd.store.absent import AbsentStore
from syncd.store.bandwidth import Bucket, Limited
from syncd.store.folder import FolderStore
from syncd.store.member import Member, Surroundings
from syncd.store.owing import FILE, Owing
from syncd.store.provider import Provider
from syncd.store.registry import Wanted, kind_of, open_store
from syncd.store.replicas import Replicas, Sound

_USED = "stores-used"  # names of the stores that this device uses, or reads until the others have what they have
UNNAMED = "?"  # a store's name begins so until the vault says what it is called


def is_same_place(url: str, other: str) -> bool:
    """Tell whether two URLs name one place."""
    if "://" in url.removeprefix("file://") or "://" in other.removeprefix("file://"):
        return url == other
    return os.path.realpath(url.removeprefix("file://")) == os.path.realpath(other.removeprefix("file://"))


def open_setting(home: Home, setting: StoreSetting) -> Provider:
    """Return the provider of a store; nothing is contacted yet.

    Raises:
        UsageError: its URL is wrong, or a secret is missing.
        Locked: a secret is not where it should be.
    """
    return open_store(setting.url, _secret(home, setting))


def _secret(home: Home, setting: StoreSetting) -> Callable[[str], str | None]:
    return secret_of(setting, home.keys, _variables(setting))


def _wanted(setting: StoreSetting) -> tuple[Wanted, ...]:
    kind = kind_of(setting.url)
    return kind.secrets if kind else ()


def _variables(setting: StoreSetting) -> dict[str, str]:
    return {wanted.name: wanted.variable for wanted in _wanted(setting)}


def keep_secrets(home: Home, setting: StoreSetting) -> None:
    """Keep what the environment said of a store's secrets: the agent may be started by something that has none."""
    if not _wanted(setting):
        return
    secret = _secret(home, setting)
    found = {name: secret(name) for name in _variables(setting) if name not in setting.secrets}
    keep(home.keys, setting.name, {name: value for name, value in found.items() if value})


def from_environment(setting: StoreSetting) -> dict[str, str]:
    """Return what the environment says of a store's secrets."""
    found = {name: in_environment(name, variable) for name, variable in _variables(setting).items()}
    return {name: value for name, value in found.items() if value}


def known_secrets(home: Home, setting: StoreSetting) -> dict[str, str]:
    """Return the secrets of a store that this device knows."""
    secret = _secret(home, setting)
    found = {name: secret(name) for name in _variables(setting)}
    return {name: value for name, value in found.items() if value}


def missing_secrets(home: Home, setting: StoreSetting) -> list[str]:
    """Return the secrets that a store cannot do without and that nobody has said."""
    secret = _secret(home, setting)
    return [wanted.name for wanted in _wanted(setting) if wanted.needed and not secret(wanted.name)]


def settings_of(configured: tuple[StoreSetting, ...], said: StoreSet) -> tuple[StoreSetting, ...]:
    """Return the stores of the vault: the configured ones that nobody took away, then what other devices added."""
    kept = [setting for setting in configured if setting.name not in said.removed]
    named = {setting.name for setting in configured}
    return (*kept, *(StoreSetting(name=name, url=url) for name, url in said.places.items() if name not in named))


@dataclass(frozen=True, slots=True)
class InUse:
    """A store that this device uses; one that is `leaving` is read alone, until the others have what it has."""

    setting: StoreSetting
    leaving: bool = False

    @property
    def known_by(self) -> tuple[str, str, bool]:
        """What tells whether it is used as before."""
        return self.setting.name, self.setting.url, self.leaving


def in_use(configured: tuple[StoreSetting, ...], said: StoreSet, used: Iterable[str]) -> list[InUse]:
    """Return the stores that this device uses.

    What it put where it may have been the only one to put it is still there: so a store that was taken away is read
    by whoever used it, unless nothing of it can be read any more.

    Args:
        configured: the stores in its settings.
        said: the set of the vault.
        used: names of those that it has used until now.
    """
    here = {setting.name: setting for setting in configured}
    away = said.removed - said.lost
    leaving = [
        here.get(name) or StoreSetting(name=name, url=said.left[name])
        for name in sorted(used)
        if name in away and (name in here or name in said.left)
    ]
    return [
        *(InUse(setting) for setting in settings_of(configured, said) if setting.enabled),
        *(InUse(setting, leaving=True) for setting in leaving if setting.enabled),
    ]


def used_here(state: State) -> set[str]:
    """Return the names of the stores that this device uses, as far as it noted them."""
    return set(cbor.loads(state.get(_USED) or cbor.dumps([])))


def note_used(state: State, names: Iterable[str]) -> None:
    """Note which stores this device uses."""
    wanted = sorted(names)
    if wanted != sorted(used_here(state)):
        with state.transaction():
            state.set(_USED, cbor.dumps(wanted))


def limited(bandwidth: BandwidthSettings, clock: Callable[[], float]) -> Callable[[Provider], Provider]:
    """Return what keeps a store to this device's bandwidth, where it is reached over a network."""
    hours = [parse_hours(text) for text in bandwidth.hours]
    if not (bandwidth.up or bandwidth.down or hours):
        return lambda provider: provider
    up = Bucket(lambda: rate_at(datetime.now().astimezone(), bandwidth.up, hours, "up"), clock)
    down = Bucket(lambda: rate_at(datetime.now().astimezone(), bandwidth.down, hours, "down"), clock)
    return lambda provider: provider if isinstance(provider, FolderStore) else Limited(provider, up, down)


def open_replicas(
    home: Home,
    wanted: Settings,
    said: StoreSet,
    keys: VaultKeys,
    genesis: bytes,
    around: Surroundings,
    used: Iterable[str],
    devices: Iterable[DeviceId],
    *,
    write: bool,
) -> Replicas:
    """Open the stores of a vault; nothing is contacted yet.

    `used` are names of those used until now, `devices` the vault's as far as they are known.

    Raises:
        UsageError, Locked: the only store's URL is wrong, or a secret of it is missing.
    """
    wanted_now = in_use(wanted.stores, said, used)
    settings = [one.setting for one in wanted_now]
    limit = limited(wanted.bandwidth, around.elapsed_s)
    if all(one.leaving for one in wanted_now):
        raise UsageError("every store is disabled", hint="Enable one: `syncd store enable NAME`.")
    path = home.state / FILE
    if write and path.exists():
        with closing(Owing(path)) as owing:
            owing.in_use(setting.name for setting in settings)
    if len(settings) == 1:
        provider = limit(open_setting(home, settings[0]))
        return Replicas([Member(settings[0].name, provider, around)], said.rule, Owing(), soundness(keys))
    sound = soundness(keys)
    ours = belonging(sound, devices)
    members = [Member(setting.name, limit(_present(home, setting)), around, genesis, ours) for setting in settings]
    owing = Owing(path) if write or path.exists() else Owing()
    for member, one in zip(members, wanted_now, strict=True):
        member.leaving = one.leaving
        member.returned = not owing.holdings(member.name).compared_s
    return Replicas(members, said.rule, owing, sound, said.quotas, said.costs)


def _present(home: Home, setting: StoreSetting) -> Provider:
    try:
        return open_setting(home, setting)
    except (UsageError, Locked) as error:
        return AbsentStore(
            setting.url,
            StoreDenied(error.message, hint=f"Give them: `syncd store login {setting.name}`."),
        )


def belonging(sound: Sound, devices: Iterable[DeviceId]) -> Sound:
    """Return what tells whether a record, by its name and bytes, is of the vault that has these devices.

    A device is one vault's alone, so its name in a record's is enough: the record may be damaged, and be all that a
    store has which was emptied.
    """
    known = {device.hex() for device in devices}
    return lambda name, data: name.split("/")[1] in known or sound(name, data)


_BY_BYTES = ("pack", "part", "volume")  # objects that are named by their bytes


def soundness(keys: VaultKeys) -> Sound:
    """Return what tells whether bytes are what an object's name stands for; None where these keys cannot tell."""

    def sound(name: str, data: bytes) -> bool | None:
        kind = name.partition("/")[0]
        if kind in _BY_BYTES:
            return blake3(data).hexdigest() == name.rpartition("/")[2]
        check = _CHECKS.get(kind)
        if check is None:
            return True
        try:
            return check(keys, name, data)
        except NotUnlocked:
            return None  # of an epoch that is not known here, or its header is damaged
        except SyncdError:
            return False

    return sound


def _is_record(keys: VaultKeys, name: str, data: bytes) -> bool:
    return name_within(_payload(keys, ObjectKind.RECORD, name, data), name) == name


def _is_genesis(keys: VaultKeys, name: str, data: bytes) -> bool:
    return vault_id_of(data) == keys.vault


def _is_checkpoint(keys: VaultKeys, name: str, data: bytes) -> bool:
    return bool(_payload(keys, ObjectKind.CHECKPOINT, name, data))


def _payload(keys: VaultKeys, kind: ObjectKind, name: str, data: bytes) -> bytes:
    epoch = EpochId(read_clear(data, kind, name).header.epoch)
    return OpenObject(data, kind, keys.object_secret(epoch, kind.word), keys.vault, name).payload()


def _is_slot(keys: VaultKeys, name: str, data: bytes) -> bool:
    read_clear(data, ObjectKind.SLOT, name)
    return True


def _is_epoch(keys: VaultKeys, name: str, data: bytes) -> bool:
    read_clear(data, ObjectKind.EPOCH, name)
    return True


_CHECKS: Mapping[str, Callable[[VaultKeys, str, bytes], bool]] = {
    "record": _is_record,
    "genesis": _is_genesis,
    "checkpoint": _is_checkpoint,
    "slot": _is_slot,
    "epoch": _is_epoch,
}
