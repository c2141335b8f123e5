"""The command line's entry: names its commands, and turns errors into exit codes.

A command's module is imported when the command runs, so `syncd status` loads little.

| exit | means |
|---|---|
| 0 | all safe, or done |
| 1 | failed |
| 2 | the command or a setting is wrong |
| 3 | done, but some items were skipped |
| 4 | the agent is not running |
| 10 | another process works on the vault |
| 11 | something needs a person |
| 12 | the keys are not at hand |
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

import click

from syncd import __version__
from syncd.errors import SyncdError

# Command -> module and what it is for: the table behind `syncd --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("setup", "Keep a folder safe: set up if needed, start the agent, wait until all is safe."),
    "init": ("setup", "Make a vault for a folder; prints the recovery words once."),
    "join": ("setup", "Make this computer a new device of a vault."),
    "rebuild": ("setup", "Make the local state anew from a store."),
    "run": ("agent", "Run the agent in the foreground."),
    "start": ("agent", "Start the agent in the background."),
    "stop": ("agent", "Stop the agent."),
    "pause": ("agent", "Let the agent do nothing until you resume it."),
    "resume": ("agent", "Let the agent go on."),
    "sync": ("agent", "Run one full cycle; returns when all is safe."),
    "status": ("agent", "Say whether all is safe, what is moving and what needs you."),
    "activity": ("history", "List the latest changes."),
    "ls": ("history", "List a directory, now or at any time."),
    "find": ("history", "Find paths by a pattern, deleted ones too."),
    "history": ("history", "List the versions of a path."),
    "cat": ("history", "Print a version of a file."),
    "diff": ("history", "Compare a version with another or with the folder."),
    "restore": ("restore", "Bring back files, directories or the whole folder."),
    "conflict": ("decide", "List, look at and resolve conflicts."),
    "review": ("decide", "Say yes or no to deletions that wait because there are so many."),
    "store": ("store", "Add, list, try and remove the vault's stores, and give their credentials."),
    "device": ("decide", "The devices that share the folder."),
    "key": ("key", "The passphrase and the recovery words: change, make anew, try."),
    "lock": ("key", "Lock this device until somebody gives the passphrase or the words."),
    "unlock": ("key", "Unlock this device."),
    "drill": ("key", "Prove that words and one store bring everything back."),
    "tui": ("dashboard", "Open the dashboard."),
    "verify": ("check", "Prove that everything in the vault can be had."),
    "repair": ("repair", "Bring what a store lacks or holds damaged from another, or the folder."),
    "retention": ("retention", "Say which old versions are kept."),
    "prune": ("retention", "Let go of old versions that nothing keeps."),
    "doctor": ("check", "Look for what is wrong on this computer and say what to do."),
    "service": ("service", "Let the system start the agent when you log in."),
    "config": ("check", "Check, show or locate the settings."),
    "completion": ("check", "Print shell completion."),
}


class Commands(click.Group):
    """Loads each command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, or None for a name that is none."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"syncd.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; a typo is answered with the names that are near."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="syncd")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and data.")
@click.pass_context
def cli(ctx: click.Context, quiet: bool) -> None:
    """Keep a folder safe: every version, encrypted, on storage that can read none of it."""
    ctx.obj = {"quiet": quiet}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    # A pass makes hundreds of thousands of small tuples and no cycles: collecting every 700 of them
    # was a tenth of a first sync.
    gc.set_threshold(100_000, 20, 50)
    code = run(arguments)
    # The interpreter's end looks for cycles in all that is left, for nothing: 25 ms, an eighth of a pass without news.
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    try:
        result: Any = cli.main(args=arguments, prog_name="syncd", standalone_mode=False)
        sys.stdout.flush()
        return int(result or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        click.echo("syncd: stopped", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SyncdError as error:
        click.echo(f"syncd: {error.message}", err=True)
        if error.hint:
            click.echo(f"       {error.hint}", err=True)
        return error.exit
    except KeyboardInterrupt:
        click.echo("syncd: stopped", err=True)
        return 130
    except BrokenPipeError:
        # The reader of a pipe went away (`syncd cat | head`): not our failure. What is still in the
        # buffer goes nowhere, or the interpreter would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        name = os.fsdecode(error.filename) if error.filename else "output"
        click.echo(f"syncd: {name}: {error.strerror or error}", err=True)
        if error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


if __name__ == "__main__":
    main()
