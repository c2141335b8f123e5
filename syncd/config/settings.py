"""The settings of one device. `config.example.toml` is made from this model, and a test holds them equal."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from syncd.errors import ConfigDamaged, NoVault


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSetting(_Section):
    """One store."""

    name: str = Field(default="main", description="What you call this store.")
    url: str = Field(default="/srv/syncd-store", description="Where it is: a directory, or file:///path.")


class ScanSettings(_Section):
    """When the folder is looked at."""

    interval_s: float = Field(default=3600, ge=1, description="A full scan runs this often, whatever the watcher says.")
    settle_ms: int = Field(default=50, ge=0, le=60_000, description="A file is taken this long after it was closed.")
    settle_open_ms: int = Field(
        default=500, ge=0, le=60_000, description="... or this long after its last change, where no close is seen."
    )
    poll_s: float = Field(default=10, ge=0.1, description="Scan this often where the system cannot watch the folder.")


class UploadSettings(_Section):
    """How changes become packs."""

    compression: int = Field(default=3, ge=1, le=19, description="zstd level. 1 is faster on slow processors.")


class Settings(_Section):
    """All settings."""

    folder: str = Field(default="/home/you/Sync", description="The folder that is kept safe.")
    device: str = Field(default="laptop", description="The name of this device, as others see it.", max_length=64)
    ignore: tuple[str, ...] = Field(
        default=(), description="Patterns not synced here, beside the folder's .syncdignore."
    )
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="How much the log says.")
    stores: tuple[StoreSetting, ...] = Field(default=(StoreSetting(),), min_length=1)
    scan: ScanSettings = ScanSettings()
    upload: UploadSettings = UploadSettings()


def load(path: Path) -> Settings:
    """Read config.toml.

    Raises:
        NoVault: there is none.
        ConfigDamaged: it is not TOML, or a setting is unknown or out of range.
    """
    try:
        with path.open("rb") as file:
            raw = tomllib.load(file)
    except FileNotFoundError as error:
        raise NoVault(f"there is no {path}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigDamaged(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigDamaged(f"{path}: {error.strerror}") from error
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigDamaged(f"{path}: {where}: {first['msg']}") from error


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    text = "".join(f"\\u{ord(letter):04X}" if ord(letter) < 32 or ord(letter) == 127 else letter for letter in text)
    return f'"{text}"'


def _lines(section: _Section, explain: bool) -> list[str]:
    lines = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, _Section) or name == "stores":
            continue
        if explain and field.description:
            lines.append(f"# {field.description}")
        lines.append(f"{name} = {_value(value)}")
    return lines


def dump(settings: Settings, *, explain: bool = True) -> str:
    """Return settings as TOML, each with its explanation."""
    blocks = ["\n".join(_lines(settings, explain))]
    blocks += ["\n".join(["[[stores]]", *_lines(store, explain)]) for store in settings.stores]
    for name in ("scan", "upload"):
        section: _Section = getattr(settings, name)
        blocks.append("\n".join([f"# {(type(section).__doc__ or '').strip()}", f"[{name}]", *_lines(section, explain)]))
    return "\n\n".join(blocks) + "\n"


def save(settings: Settings, path: Path) -> None:
    """Write config.toml in one step, for this user alone."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(dump(settings), encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)
