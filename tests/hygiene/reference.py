"""Prints docs/commands.md from the commands themselves."""

from __future__ import annotations

import click

from syncd.cli import main as entry
from syncd.cli.main import COMMANDS, cli


def section(name: str, command: click.Command, parent: str) -> str:
    context = click.Context(command, info_name=f"{parent} {name}", max_content_width=100, terminal_width=100)
    parts = [f"## {parent} {name}\n\n```\n{command.get_help(context).rstrip()}\n```\n"]
    if isinstance(command, click.Group):
        parts += [section(below, command.commands[below], f"{parent} {name}") for below in sorted(command.commands)]
    return "\n".join(parts)


def main() -> None:
    table = entry.__doc__.split("\n\n", 2)[2] if entry.__doc__ else ""
    context = click.Context(cli)
    parts = ["# Commands\n", "Made from the code by `make docs`.\n", f"{table.strip()}\n"]
    for name in COMMANDS:
        command = cli.get_command(context, name)  # type: ignore[attr-defined]
        parts.append(section(name, command, "syncd"))
    print("\n".join(parts), end="")


if __name__ == "__main__":
    main()
