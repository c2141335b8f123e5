"""Read-only directories are synced like others, and are read-only again afterwards. By processes that obey modes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.engine.devices import Device, devices, settle
from tests.world import run_cli


def sync(device: Device) -> int:
    """Sync as a process that is bound by permission bits even as root; return its exit code."""
    return run_cli(device.root / device.name / "home", "sync", obedient=True).returncode


@pytest.fixture
def two(tmp_path: Path) -> tuple[Device, Device]:
    alpha, beta = devices(tmp_path, "alpha", "beta")
    alpha.write("closed/file", "one")
    alpha.write("closed/gone", "g")
    alpha.write("closed/moves", "m")
    alpha.write("open/other", "o")
    settle([alpha, beta])
    (alpha.folder / "closed").chmod(0o555)
    settle([alpha, beta])
    assert stat.S_IMODE((beta.folder / "closed").stat().st_mode) == 0o555
    return alpha, beta


def test_what_comes_into_a_read_only_directory(two: tuple[Device, Device]) -> None:
    alpha, beta = two
    closed = alpha.folder / "closed"
    closed.chmod(0o755)
    (closed / "file").write_text("two")
    (closed / "new").write_text("new")
    (closed / "gone").unlink()
    (closed / "moves").rename(alpha.folder / "open" / "moved")
    closed.chmod(0o555)
    alpha.sync()
    for _ in range(3):
        assert sync(beta) == 0
    assert beta.names() == alpha.names()
    assert beta.read("closed/file") == "two"
    assert stat.S_IMODE((beta.folder / "closed").stat().st_mode) == 0o555
    (beta.folder / "closed").chmod(0o755)  # so that the test's own directory can be removed
    closed.chmod(0o755)


def test_what_is_not_ours_to_lend_is_listed(two: tuple[Device, Device], monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = two
    closed = alpha.folder / "closed"
    closed.chmod(0o755)
    (closed / "file").write_text("two")
    closed.chmod(0o555)
    alpha.sync()
    monkeypatch.setattr("syncd.engine.apply.lent", _not_lent)
    real = beta.read("closed/file")

    def refused(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("syncd.fs.disk.Disk.stage", refused)
    both = beta.sync()
    assert both.problems == {b"closed/file": "cannot be written: Permission denied"}
    assert beta.read("closed/file") == real
    closed.chmod(0o755)
    (beta.folder / "closed").chmod(0o755)


class _not_lent:
    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> bool:
        return False

    def __exit__(self, *_: object) -> None: ...
