"""Where everything of one device lives: below SYNCD_HOME, or in the system's own places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The directories and files of one device."""

    config: Path
    state: Path
    keys: Path
    log: Path
    socket: Path
    store: Path

    def make(self) -> None:
        """Create the directories, for this user alone."""
        for directory in (self.config.parent, self.state, self.keys, self.log.parent, self.socket.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state.chmod(0o700)
        self.keys.chmod(0o700)

    @property
    def device_key(self) -> Path:
        """The device's own secrets, mode 0600."""
        return self.keys / "device.key"

    @property
    def locked_key(self) -> Path:
        """The same, while the device is locked: sealed to the passphrase and the words."""
        return self.keys / "device.locked"

    @property
    def words(self) -> Path:
        """The recovery words of a vault that was made here, until a person has them; mode 0600."""
        return self.keys / "recovery.words"

    @property
    def lock(self) -> Path:
        """Held by the one process that works on this home."""
        return self.state / "lock"

    @property
    def status(self) -> Path:
        """What the agent last said of itself."""
        return self.state / "agent.json"


def find_home(environment: Mapping[str, str] | None = None) -> Home:
    """Return the home that SYNCD_HOME names, or the system's directories for this user."""
    environment = os.environ if environment is None else environment
    override = environment.get("SYNCD_HOME")
    if override:
        root = Path(override).expanduser().absolute()
        return Home(
            config=root / "config.toml",
            state=root / "state",
            keys=root / "keys",
            log=root / "log" / "syncd.log",
            socket=root / "run" / "agent.sock",
            store=root / "store",
        )
    from platformdirs import PlatformDirs

    places = PlatformDirs("syncd", appauthor=False)
    state = Path(places.user_state_dir)
    return Home(
        config=Path(places.user_config_dir) / "config.toml",
        state=state,
        keys=state / "keys",
        log=Path(places.user_log_dir) / "syncd.log",
        socket=state / "run" / "agent.sock",
        store=Path(places.user_data_dir) / "store",
    )
