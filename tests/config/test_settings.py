"""Settings are read as they were written, whether they are checked anew or known to be right."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from syncd.config.settings import SECTIONS, BandwidthSettings, Settings, StoreSetting, load, save

OTHER: dict[type, Any] = {
    int: lambda value: value + 7,
    float: lambda value: value + 7.5,
    str: lambda value: value + "x",
}
SAYS = {"log_level": "debug", "log_format": "json"}  # of these only some words are right


def changed(section: Any) -> Any:
    """Return settings of which none is the default."""
    values = {}
    for one in dataclasses.fields(section):
        value = getattr(section, one.name)
        if isinstance(value, bool):
            values[one.name] = not value
        elif type(value) in OTHER:
            values[one.name] = SAYS.get(one.name) or OTHER[type(value)](value)
    return dataclasses.replace(section, **values)


@pytest.mark.parametrize("known", [False, True], ids=["checked", "known to be right"])
def test_what_is_written_is_read(tmp_path: Path, known: bool) -> None:
    sections = {name: changed(section()) for name, section in SECTIONS.items()}
    sections["bandwidth"] = BandwidthSettings(1, 2, ("mon-fri 08:00-18:00 up 200 down 1000",))
    stores = (StoreSetting("main", "/a"), StoreSetting("nas", "sftp://nas/b", False, {"password": "env:NAS"}))
    settings = dataclasses.replace(changed(Settings()), **sections, ignore=("*.tmp", "cache/"), stores=stores)
    path = tmp_path / "config.toml"
    save(settings, path)
    if known:
        assert load(path, tmp_path) == settings  # from then on it is remembered that they are right
    found = load(path, tmp_path if known else None)
    assert found == settings
    assert all(isinstance(getattr(found, name), section) for name, section in SECTIONS.items())


def test_every_section_is_in_the_table() -> None:
    inner = {
        one.name for one in dataclasses.fields(Settings) if dataclasses.is_dataclass(getattr(Settings(), one.name))
    }
    assert inner == SECTIONS.keys()
