"""The agent's commands: `run`, `start`, `stop`, `sync`, `status`."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import click

from syncd.api.client import Client
from syncd.cli.session import home_and_client
from syncd.cli.show import echo_json, json_option, name_text, path_text, size_text, talk
from syncd.config.home import Home
from syncd.errors import AgentAbsent, Busy, Failed, NoVault, SyncdError
from syncd.model.counted import counted

START_S, STOP_S = 30.0, 60.0
_POLL_S = 0.05
MOST_LISTED = 20


@click.command()
@click.option("--background", is_flag=True, hidden=True)
def run(background: bool) -> None:
    """Run the agent in the foreground, until Ctrl-C."""
    from syncd.agent.main import run as run_agent

    home, _ = home_and_client()
    if run_agent(home, foreground=not background):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself, as it was called


@click.command()
def start() -> None:
    """Start the agent in the background."""
    home, client = home_and_client()
    if start_agent(home, client):
        talk("The agent runs.")
    else:
        talk("The agent runs already.")


def start_agent(home: Home, client: Client) -> bool:
    """Start an agent unless one runs; return whether one was started.

    Raises:
        SyncdError: it ended at once; the message is its own.
    """
    if client.running():
        return False
    import subprocess  # here, since `sync` and `status` are quicker without
    import tempfile

    if not home.config.exists():
        raise NoVault(f"there is no {home.config}")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "syncd", "run", "--background"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if client.running():
                return True
            code = process.poll()
            if code is not None:
                errors.seek(0)
                raise _ended(code, errors.read().decode("utf-8", "replace"))
            time.sleep(_POLL_S)
    raise Failed(f"the agent did not answer within {START_S:.0f} s", hint=f"See {home.log}.")


def _ended(code: int, said: str) -> SyncdError:
    text = said.strip().removeprefix("syncd: ") or f"the agent ended with code {code}"
    first, _, rest = text.partition("\n")
    error: SyncdError = Busy(first, hint=rest.strip()) if code == Busy.exit else Failed(first, hint=rest.strip())
    error.exit = code  # type: ignore[misc]
    return error


@click.command()
def stop() -> None:
    """Stop the agent; what it was doing is committed first."""
    home, client = home_and_client()
    try:
        stop_agent(home, client)
    except AgentAbsent:
        talk("The agent does not run.")
        raise
    talk("The agent has stopped.")


def stop_agent(home: Home, client: Client) -> None:
    """End the agent, and wait until it has.

    Raises:
        AgentAbsent: none runs.
        Failed: it does not end.
    """
    client.call("POST", "/v1/stop")
    end = time.monotonic() + STOP_S
    while client.running() or _held(home):
        if time.monotonic() > end:
            raise Failed(f"the agent did not end within {STOP_S:.0f} s")
        time.sleep(_POLL_S)


def _held(home: Home) -> bool:
    """Tell whether a process still holds the vault."""
    import fcntl

    with home.lock.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@click.command()
def pause() -> None:
    """Let the agent do nothing until `syncd resume`, over restarts, too. What you change waits in the folder."""
    _rest("pause")
    talk("Paused. `syncd resume` goes on.")


@click.command()
def resume() -> None:
    """Let the agent go on."""
    _rest("resume")
    talk("It goes on.")


def _rest(what: str) -> None:
    _, client = home_and_client()
    try:
        client.call("POST", f"/v1/{what}", timeout=None)
    except AgentAbsent:
        from syncd.cli.session import working
        from syncd.engine.cycle import RESTS

        with working() as vault, vault.state.transaction():
            vault.state.set(RESTS, b"1" if what == "pause" else b"")


@click.command()
@json_option
def sync(as_json: bool) -> int:
    """Run one full cycle; returns when every change in the folder is safe."""
    _, client = home_and_client()
    try:
        answer = client.call("POST", "/v1/sync", timeout=None)
    except AgentAbsent:
        answer = _sync_here()
    if as_json:
        echo_json(answer)
    else:
        talk(
            f"Safe. {counted(answer['changes'], 'change')} published."
            if answer["changes"]
            else "Safe. Nothing had changed."
        )
        if answer["skipped"]:
            talk(f"{answer['skipped']} items were skipped; `syncd status` lists them.")
    return 3 if answer["skipped"] else 0


def _sync_here() -> dict[str, Any]:
    from syncd.cli.session import working
    from syncd.engine.both import full_cycle
    from syncd.engine.keeping import catch_up
    from syncd.engine.outbox import Outbox
    from syncd.engine.progress import Progress
    from syncd.errors import JournalAhead

    with working() as vault:
        try:
            both = full_cycle(vault, Outbox(vault), Progress(time.monotonic))
        except JournalAhead as error:
            from syncd.engine.rebuild import succeed

            talk(f"{error.message}; going on as a new device.")
            vault, failed = succeed(vault)
            if failed is not None:
                vault.close()
                raise failed from error
            both = full_cycle(vault, Outbox(vault), Progress(time.monotonic))
        catch_up(vault)
        problems = both.problems
        if problems or vault.state.nodes.problems():
            with vault.state.transaction():
                vault.state.nodes.set_problems(problems, time.time_ns())
    return both.fields()


@click.command()
@click.argument("path", required=False)
@json_option
def status(path: str | None, as_json: bool) -> int:
    """Say whether all is safe, what is moving and what needs you. With PATH: about that path."""
    _, client = home_and_client()
    try:
        fields = client.call("GET", "/v1/status")
    except AgentAbsent:
        fields = _status_here()
    if path is not None:
        return _path_status(path, as_json)
    if as_json:
        echo_json(fields)
    else:
        _print_status(fields)
    from syncd.cli.codes import status_code

    return status_code(fields)


def _status_here() -> dict[str, Any]:
    from syncd.cli.session import reading
    from syncd.engine.report import report

    with reading() as vault:
        return report(vault, None)


def _path_status(path: str, as_json: bool) -> int:
    from syncd.cli.looking import looking
    from syncd.cli.show import vault_path

    look = looking()
    wanted = vault_path(look.settings, path)
    found = look.standing(wanted)
    if as_json:
        echo_json(found)
    else:
        click.echo(f"{path_text(wanted) or '.'}: {found['state']}")
    return 0 if found["state"] in ("safe", "deleted") else 3


def _print_status(fields: dict[str, Any]) -> None:
    headline = {"idle": "All safe", "stopped": "The agent is not running", "paused": "Paused"}
    text = headline.get(fields["state"], fields["state"].capitalize())
    if fields["state"] == "idle" and not fields["safe"]:
        text = f"{counted(fields['pending_files'], 'change')} to be taken soon"
    click.echo(f"{text}{': ' + fields['reason'] if fields['reason'] else ''}")
    if fields["hint"]:
        click.echo(f"  {fields['hint']}")
    for count, what, command in (
        (fields["conflicts"], "conflict", "syncd conflict list"),
        (fields["alarms"], "alarm", "syncd doctor"),
    ):
        if count:
            click.echo(f"  needs you: {counted(count, what)} (see `{command}`)")
    if fields["holds"]:
        click.echo("  needs you: deletions wait for your yes (see `syncd review list`)")
    click.echo(f"  folder   {fields['folder']}  {counted(fields['files'], 'file')}, {size_text(fields['bytes'])}")
    for store in fields["stores"]:
        health = {"complete": "healthy", "shut": "TAKES NOTHING", "away": "NOT REACHABLE"}.get(store["state"])
        if health is None:
            lacking = store["lacking_objects"]
            behind = f"{lacking} to come" if lacking else "not compared yet"
            health = behind if store["state"] == "behind" else store["state"]
        click.echo(
            f"  store    {store['url']}  {counted(store['objects'], 'object')}, {size_text(store['bytes'])}, {health}"
        )
    if fields["commit_now"] < fields["commit"]:
        click.echo(
            f"  safe     on {fields['commit_now']} store{'s' if fields['commit_now'] > 1 else ''}, "
            f"of the {fields['commit']} that you want: the others are not used here, not filled yet, or cannot tell"
        )
    click.echo(f"  device   {name_text(fields['device'])}")
    if fields["last_safe_at"]:
        click.echo(f"  safe at  {fields['last_safe_at'][:19].replace('T', ' ')} UTC")
    progress = fields.get("progress")
    if progress:
        click.echo(f"  moving   {counted(progress['files'], 'file')}, {size_text(progress['bytes'])}")
    if fields["watch_trouble"]:
        click.echo(f"  watch    {fields['watch_trouble']}")
    for item in fields["skipped"][:MOST_LISTED]:
        click.echo(f"  skipped  {path_text(item['path'].encode())}: {item['reason']}")
    if len(fields["skipped"]) > MOST_LISTED:
        click.echo(f"  ... and {len(fields['skipped']) - MOST_LISTED} more (--json lists all)")


def wait_until_safe(client: Client) -> int:
    """Show progress until the agent says that all is safe; return the exit code."""
    if sys.stderr.isatty():
        from syncd.cli.bar import watch_progress

        fields = watch_progress(client)
    else:
        fields = _wait_plainly(client)
    if fields["state"] == "paused":
        raise _paused(fields)
    return 3 if fields["skipped"] else 0


def _paused(fields: dict[str, Any]) -> SyncdError:
    error = Failed(fields["reason"], hint=fields["hint"])
    error.exit = 11  # type: ignore[misc]
    return error


def _wait_plainly(client: Client) -> dict[str, Any]:
    said = time.monotonic()
    while True:
        fields: dict[str, Any] = client.call("GET", "/v1/status")
        if fields["safe"] or fields["state"] == "paused":
            return fields
        progress = fields.get("progress")
        if progress and time.monotonic() - said > 5:
            talk(f"{progress['files']}/{progress['total_files']} files, {size_text(progress['bytes'])}")
            said = time.monotonic()
        time.sleep(0.2)
