"""The settings of one device. `config.example.toml` is made from this model, and a test holds them equal."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from syncd.config.bounds import Long, Within
from syncd.config.hours import parse_hours
from syncd.errors import ConfigDamaged, NoVault

VALID = "settings.valid"  # in the state directory: the digest of the last config.toml that was found right
STORE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FORBID: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Says:
    """What a setting is for, in the words of config.example.toml."""

    text: str


@dataclass(frozen=True)
class StoreSetting:
    """One store."""

    __pydantic_config__ = _FORBID
    name: Annotated[str, Long(1, 64), Says("What you call this store, on every device.")] = "main"
    url: Annotated[str, Long(1), Says("Where it is: a directory, or a URL; see docs/stores.md.")] = "/srv/syncd-store"
    enabled: Annotated[bool, Says("Whether this device uses it. What it misses meanwhile, it gets later.")] = True
    secrets: Annotated[
        dict[str, str],
        Says("Where each secret of it is: env:NAME, file:PATH, command:WORDS or keyring:SERVICE/USER."),
        Says("Those that were given when it was set up need no line here."),
    ] = field(default_factory=dict)


@dataclass(frozen=True)
class ScanSettings:
    """When the folder is looked at."""

    __pydantic_config__ = _FORBID
    interval_s: Annotated[float, Within(1), Says("A full scan runs this often, whatever the watcher says.")] = 3600
    settle_ms: Annotated[int, Within(0, 60_000), Says("A file is taken this long after it was closed.")] = 50
    settle_open_ms: Annotated[
        int, Within(0, 60_000), Says("... or this long after its last change, where no close is seen.")
    ] = 500
    poll_s: Annotated[float, Within(0.1), Says("Scan this often where the system cannot watch the folder.")] = 10


@dataclass(frozen=True)
class UploadSettings:
    """How changes become packs."""

    __pydantic_config__ = _FORBID
    compression: Annotated[int, Within(1, 19), Says("zstd level. 1 is faster on slow processors.")] = 3
    checkpoint_records: Annotated[
        int, Within(2), Says("Write what new devices need to begin with after this many records since the last time.")
    ] = 500


@dataclass(frozen=True)
class BandwidthSettings:
    """How much may go over the network. Stores in directories are not counted."""

    __pydantic_config__ = _FORBID
    up: Annotated[int, Within(0), Says("KiB a second to all stores together; 0 for no limit.")] = 0
    down: Annotated[int, Within(0), Says("KiB a second from them; 0 for no limit.")] = 0
    hours: Annotated[
        tuple[str, ...],
        Says("Other limits at some hours, as 'mon-fri 08:00-18:00 up 200 down 1000'; the first that fits counts."),
    ] = ()


@dataclass(frozen=True)
class ScrubSettings:
    """Reading all that the stores hold again and again, so that damage is found while it can be mended."""

    __pydantic_config__ = _FORBID
    days: Annotated[int, Within(0), Says("Each store is read to its end once in so many days; 0 for never.")] = 90


@dataclass(frozen=True)
class GuardSettings:
    """How many deletions at once wait for your yes (`syncd review`)."""

    __pydantic_config__ = _FORBID
    deletions: Annotated[int, Within(20), Says("More files and directories than this.")] = 1000
    percent: Annotated[int, Within(1, 100), Says("Or more than this share of all, from 20 on.")] = 50


@dataclass(frozen=True)
class ApiSettings:
    """Who else may ask the agent, beside your own programs on its socket."""

    __pydantic_config__ = _FORBID
    port: Annotated[
        int, Within(0, 65_535), Says("A port on 127.0.0.1 for scripts, with the token in keys/api.token; 0 for none.")
    ] = 0


@dataclass(frozen=True)
class Settings:
    """All settings."""

    __pydantic_config__ = _FORBID
    folder: Annotated[str, Long(1), Says("The folder that is kept safe.")] = "/home/you/Sync"
    device: Annotated[str, Long(0, 64), Says("The name of this device, as others see it.")] = "laptop"
    ignore: Annotated[tuple[str, ...], Says("Patterns not synced here, beside the folder's .syncdignore.")] = ()
    log_level: Annotated[str, Says("How much the log says: debug, info, warning or error.")] = "info"
    log_format: Annotated[str, Says("How it says it: text, or json for programs that read it.")] = "text"
    notifications: Annotated[bool, Says("Tell the desktop when something needs you.")] = True
    ascii: Annotated[bool, Says("Draw the dashboard with ASCII alone, for terminals that have no more.")] = False
    stores: Annotated[tuple[StoreSetting, ...], Long(1)] = (StoreSetting(),)
    scan: ScanSettings = field(default_factory=ScanSettings)
    upload: UploadSettings = field(default_factory=UploadSettings)
    bandwidth: BandwidthSettings = field(default_factory=BandwidthSettings)
    scrub: ScrubSettings = field(default_factory=ScrubSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    api: ApiSettings = field(default_factory=ApiSettings)


SECTIONS: dict[str, Any] = {
    "scan": ScanSettings,
    "upload": UploadSettings,
    "bandwidth": BandwidthSettings,
    "scrub": ScrubSettings,
    "guard": GuardSettings,
    "api": ApiSettings,
}


def load(path: Path, state: Path | None = None) -> Settings:
    """Read config.toml.

    pydantic, which checks it, takes longer to load than a whole scan of a small folder; so a file
    that was found right is not checked again until its bytes change.

    Args:
        path: of config.toml.
        state: the directory that remembers which bytes were found right; None to check anew.

    Raises:
        NoVault: there is none.
        ConfigDamaged: it is not TOML, or a setting is unknown or out of range.
    """
    try:
        data = path.read_bytes()
        raw = tomllib.loads(data.decode())
    except FileNotFoundError as error:
        raise NoVault(f"there is no {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigDamaged(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigDamaged(f"{path}: {error.strerror}", hint="Give yourself the right to read it.") from error
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    if state is not None and _remembered(state) == digest:
        return _build(raw)
    settings = _validate(raw, path)
    if state is not None and state.is_dir():
        (state / VALID).write_text(digest)
    return settings


def _remembered(state: Path) -> str:
    try:
        return (state / VALID).read_text()
    except OSError:
        return ""


def _build(raw: dict[str, Any]) -> Settings:
    """Make settings of values that were checked before."""
    fields = dict(raw)
    if "stores" in fields:
        fields["stores"] = tuple(StoreSetting(**store) for store in fields["stores"])
    fields["ignore"] = tuple(fields.get("ignore", ()))
    for name, section in SECTIONS.items():
        given = fields.get(name, {})
        fields[name] = section(
            **{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        )
    return Settings(**fields)


def _validate(raw: dict[str, Any], path: Path) -> Settings:
    from pydantic import TypeAdapter, ValidationError

    try:
        settings = TypeAdapter(Settings).validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigDamaged(f"{path}: {where}: {first['msg']}") from error
    for needed in ("folder", "stores"):
        if needed not in raw:
            raise ConfigDamaged(f"{path}: {needed} is missing")
    for text in settings.bandwidth.hours:
        try:
            parse_hours(text)
        except ValueError as error:
            raise ConfigDamaged(f"{path}: bandwidth.hours: {error}") from error
    names = [store.name for store in settings.stores]
    for name in names:
        if not STORE_NAME.fullmatch(name):
            raise ConfigDamaged(f"{path}: stores.name: {name!r} is not 1 to 64 letters, digits, dots, dashes")
    if len(set(names)) < len(names):
        raise ConfigDamaged(f"{path}: two stores have one name")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        raise ConfigDamaged(f"{path}: log_level: {settings.log_level!r} is not debug, info, warning or error")
    if settings.log_format not in ("text", "json"):
        raise ConfigDamaged(f"{path}: log_format: {settings.log_format!r} is not text or json")
    return settings


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + "}"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    text = "".join(f"\\u{ord(letter):04X}" if ord(letter) < 32 or ord(letter) == 127 else letter for letter in text)
    return f'"{text}"'


def _lines(section: Any, explain: bool) -> list[str]:
    hints = get_type_hints(type(section), include_extras=True)
    lines = []
    for setting in dataclasses.fields(section):
        value = getattr(section, setting.name)
        if dataclasses.is_dataclass(value) or setting.name == "stores":
            continue
        said = [note.text for note in get_args(hints[setting.name]) if isinstance(note, Says)]
        lines += [f"# {text}" for text in said if explain]
        lines.append(f"{setting.name} = {_value(value)}")
    return lines


def dump(settings: Settings, *, explain: bool = True) -> str:
    """Return settings as TOML, each with its explanation."""
    blocks = ["\n".join(_lines(settings, explain))]
    blocks += ["\n".join(["[[stores]]", *_lines(store, explain)]) for store in settings.stores]
    for name in SECTIONS:
        section = getattr(settings, name)
        about = (type(section).__doc__ or "").strip()
        blocks.append("\n".join([f"# {about}", f"[{name}]", *_lines(section, explain)]))
    return "\n\n".join(blocks) + "\n"


def save(settings: Settings, path: Path) -> None:
    """Write config.toml in one step, for this user alone."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(dump(settings), encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)
