"""`service install|uninstall|status`: the agent as a service of this user, by systemd or launchd.

The unit is written, shown and undone here; what starts and watches it is the system's. One unit for each home, named
after it, so that several homes on one computer have their own.
"""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import click

from syncd.cli.session import home_and_client
from syncd.cli.show import talk
from syncd.config.home import Home
from syncd.errors import Failed, NoVault, UsageError

WATCHDOG_S = 900  # the loop feeds the dog with each directory, file and 4 MiB; a store may keep it waiting


@dataclass(frozen=True, slots=True)
class Service:
    """A unit: its name, where its file is, and what is in it."""

    name: str
    path: Path
    text: str


def systemd_unit(python: str, home: str | None, name: str, directory: Path) -> Service:
    """Return the unit of systemd's user manager.

    Hardening follows systemd.exec(5), but for RestrictSUIDSGID, which would take such bits from people's files. The
    agent writes the folder, the store and its own state, wherever the person put them: the file system as a whole
    cannot be made read-only.
    """
    environment = f"Environment={_quoted(f'SYNCD_HOME={home}')}\n" if home else ""
    text = f"""[Unit]
Description=syncd keeps a folder safe ({name})
Documentation=https://github.com/syncd/syncd/tree/main/docs
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
ExecStart={_quoted(python)} -P -m syncd run --background
ExecReload=/bin/kill -HUP $MAINPID
{environment}Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 10 12
SuccessExitStatus=0
TimeoutStopSec=60
WatchdogSec={WATCHDOG_S}
Nice=5
IOSchedulingClass=idle
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
UMask=0077

[Install]
WantedBy=default.target
"""
    return Service(name, directory / f"{name}.service", text)


def launchd_agent(python: str, home: str | None, name: str, directory: Path, log: Path) -> Service:
    """Return the property list of launchd's agent for this user."""
    label = f"io.syncd.{name}"
    wanted = {
        "Label": label,
        "ProgramArguments": [python, "-P", "-m", "syncd", "run", "--background"],
        "EnvironmentVariables": {"SYNCD_HOME": home} if home else {},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Umask": 0o077,
        "StandardErrorPath": str(log.with_suffix(".launchd")),
    }
    return Service(label, directory / f"{label}.plist", plistlib.dumps(wanted).decode())


def _quoted(text: str) -> str:
    """Return a word as systemd reads it back: percent signs are its own."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def service_of(home: Home, environment: dict[str, str], platform: str) -> Service:
    """Return the unit for a home on this system.

    Raises:
        UsageError: it has neither systemd nor launchd.
    """
    own = environment.get("SYNCD_HOME")
    where = str(Path(own).expanduser().absolute()) if own else None
    name = f"syncd-{blake2b(where.encode(), digest_size=3).hexdigest()}" if where else "syncd"
    person = Path(environment.get("HOME", "~")).expanduser()
    if platform == "darwin":
        return launchd_agent(sys.executable, where, name, person / "Library/LaunchAgents", home.log)
    if platform.startswith("linux"):
        config = Path(environment.get("XDG_CONFIG_HOME") or person / ".config")
        return systemd_unit(sys.executable, where, name, config / "systemd/user")
    raise UsageError(f"there is no service for {platform}", hint="`syncd start` starts the agent in the background.")


def _manage(*command: str) -> str:
    """Run the service manager; return what it said if it failed, or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        return f"{command[0]} is not on this computer"
    except subprocess.TimeoutExpired:
        return f"{command[0]} does not answer"
    return "" if done.returncode == 0 else (done.stderr.strip() or done.stdout.strip() or f"{command[0]} failed")


def _own() -> Service:
    home, _ = home_and_client()
    if not home.config.exists():
        raise NoVault(f"there is no {home.config}")
    return service_of(home, dict(os.environ), sys.platform)


@click.group()
def service() -> None:
    """Let the system start the agent when you log in, and again if it fails."""


@service.command("install")
@click.option("--print", "show", is_flag=True, help="Only print the unit.")
def install(show: bool) -> None:
    """Write the unit, and start it now and at each login."""
    unit = _own()
    if show:
        click.echo(unit.text, nl=False)
        return
    unit.path.parent.mkdir(parents=True, exist_ok=True)
    unit.path.write_text(unit.text)
    talk(f"Wrote {unit.path}")
    if sys.platform == "darwin":
        said = _manage("launchctl", "load", "-w", str(unit.path))
    else:
        said = _manage("systemctl", "--user", "daemon-reload")
        said = said or _manage("systemctl", "--user", "enable", "--now", unit.path.name)
    if said:
        again = (
            "`syncd service install` again where you are logged in"
            if sys.platform == "darwin"
            else (f"`systemctl --user enable --now {unit.path.name}` where you are logged in")
        )
        raise Failed(
            f"the unit is written, and could not be started: {said}",
            hint=f"Say {again}; until then `syncd start` starts the agent.",
        )
    talk("The agent runs as a service, and starts when you log in.")
    if sys.platform != "darwin":
        talk("`loginctl enable-linger` lets it run while you are not logged in.")


@service.command("uninstall")
def uninstall() -> None:
    """Stop the service, and remove its unit. The vault stays as it is."""
    unit = _own()
    if not unit.path.exists():
        talk(f"There is no {unit.path}.")
        return
    if sys.platform == "darwin":
        said = _manage("launchctl", "unload", "-w", str(unit.path))
    else:
        said = _manage("systemctl", "--user", "disable", "--now", unit.path.name)
    unit.path.unlink()
    if sys.platform != "darwin":
        said = said or _manage("systemctl", "--user", "daemon-reload")
    talk(f"Removed {unit.path}")
    if said:
        raise Failed(f"the unit is removed, and could not be stopped: {said}", hint="`syncd stop` stops the agent.")


@service.command("status")
def status() -> int:
    """Say whether the agent is a service, and whether it runs."""
    unit = _own()
    _, client = home_and_client()
    installed, running = unit.path.exists(), client.running()
    click.echo(f"unit     {unit.path if installed else 'not installed'}")
    click.echo(f"agent    {'runs' if running else 'does not run'}")
    if not installed:
        talk("`syncd service install` installs it.")
    return 0 if running else 4
