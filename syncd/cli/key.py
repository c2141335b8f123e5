"""What opens the vault on a bare machine, and whether it brings all back: `key`, `drill`; and `lock`, `unlock`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.given import at_a_terminal, setting_of
from syncd.cli.session import home_and_client, reading
from syncd.cli.setup import read_secret, unlock_of
from syncd.cli.show import echo_json, json_option, path_text, size_text, talk
from syncd.errors import AgentAbsent, UsageError
from syncd.model.counted import counted

if TYPE_CHECKING:
    from syncd.engine.vault import Vault


def _opens(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options by which a person says what opens the vault now."""
    command = click.option("--recovery-file", metavar="FILE", help="A file with the recovery words.")(command)
    return click.option("--passphrase-file", metavar="FILE", help="A file with the passphrase as it is now.")(command)


@contextmanager
def _writing() -> Iterator[Vault]:
    """Open the vault beside a running agent, its stores for writing: slots are no part of what the agent does."""
    from syncd.engine.vault import open_stores

    with reading() as vault:
        with closing(vault.store):
            vault.store = open_stores(vault.home, vault.settings, vault.state, vault.keys, vault.ambient, write=True)
        yield vault


@click.group()
def key() -> None:
    """What opens the vault where there is no device: the passphrase, and the recovery words."""


@key.command("change-passphrase")
@_opens
@click.option("--new-passphrase-file", metavar="FILE", help="A file with the new passphrase.")
def change_passphrase(passphrase_file: str | None, recovery_file: str | None, new_passphrase_file: str | None) -> None:
    """Set another passphrase, or the first one. It is asked for unless a file has it.

    The old one opens nothing any more - but for whoever kept a copy of the store from before, and what that copy holds.
    """
    from syncd.engine.unlocking import change
    from syncd.seal.slots import Argon2, Unlock

    old = unlock_of(recovery_file, passphrase_file)
    if new_passphrase_file:
        text = read_secret(new_passphrase_file)
    elif at_a_terminal():
        text = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise UsageError("no new passphrase given", hint="Use --new-passphrase-file FILE.")
    with _writing() as vault:
        gone = change(vault, old, Unlock.passphrase(text), Argon2())
    talk("The passphrase is changed." if gone else "The vault has a passphrase now.")
    if gone:
        talk("Whoever knows the old one and kept a copy of the store can still read what that copy holds.")


@key.command("recovery")
@_opens
def recovery(passphrase_file: str | None, recovery_file: str | None) -> None:
    """Make new recovery words, and print them once. The old ones open nothing any more but old copies of the store."""
    from syncd.engine.custody import forget_words
    from syncd.engine.unlocking import change
    from syncd.engine.vault import write_private
    from syncd.seal.slots import Argon2, SlotType, Unlock, entropy_to_words

    old = unlock_of(recovery_file, passphrase_file)
    with _writing() as vault:
        entropy = vault.ambient.entropy(32)
        made = entropy_to_words(entropy)
        # Whoever is cut off between here and the end has them still, and `syncd key words` shows them.
        keep = partial(write_private, vault.home.words, made.encode())
        change(vault, old, Unlock(SlotType.RECOVERY, entropy), Argon2(), keep)
        talk("These 24 words open the vault anywhere. Write them down; they are not shown again:")
        click.echo(made)
        sys.stdout.flush()
        forget_words(vault.home)


@key.command("words")
@click.option("--written-down", is_flag=True, help="Forget them here: you have them.")
def words(written_down: bool) -> None:
    """Show the recovery words that were just made here, while it is not known that you have them."""
    from syncd.engine.custody import forget_words, unseen_words

    home, _ = home_and_client()
    found = unseen_words(home)
    if found is None:
        raise UsageError(
            "the recovery words are not kept here: they were shown when the vault was made",
            hint="`syncd key recovery` makes new ones, with the passphrase or the words that you have.",
        )
    if written_down:
        forget_words(home)
        talk("The words are with you alone now.")
    else:
        click.echo(found)


@key.command("rotate")
def rotate() -> None:
    """Seal what is stored from now on with new keys, which every device, the passphrase and the words get.

    What is there already stays as it is: whoever had the old keys can read that still.
    """
    from syncd.cli.decide import decide

    _, client = home_and_client()
    answer = decide(client, "rotate", {})
    talk(f"What is stored from now on is sealed with new keys, for {answer['slots']} devices, passphrases and words.")


@key.command("keep")
@click.argument("where", type=click.Choice(["file", "keyring"]))
def keep(where: str) -> None:
    """Keep this device's own key in the system's keyring, or in a file that only you can read."""
    from syncd.engine.locking import keep_in

    keep_in(home_and_client()[0], where)
    talk(f"This device's key is in the {where} now.")


@click.command()
def lock() -> None:
    """Lock this device: the agent ends, and only the passphrase or the words let it go on.

    The folder stays as it is, and so do credentials of stores and what the local database knows of names and versions.
    """
    from syncd.cli.agent import stop_agent
    from syncd.engine.locking import lock as do
    from syncd.engine.vault import exclusive, open_vault

    home, client = home_and_client()
    with contextlib.suppress(AgentAbsent):
        stop_agent(home, client)
    with exclusive(home), closing(open_vault(home, write=False)) as vault:
        do(vault)
    talk("Locked. `syncd unlock` asks for the passphrase, or the words.")


@click.command()
@_opens
def unlock(passphrase_file: str | None, recovery_file: str | None) -> None:
    """Unlock this device with the passphrase or the words of the time when it was locked."""
    from syncd.engine.custody import LOCKED, place_of
    from syncd.engine.locking import unlock as do
    from syncd.engine.vault import exclusive

    home, _ = home_and_client()
    if place_of(home) != LOCKED:
        raise UsageError("this device is not locked")
    by = unlock_of(recovery_file, passphrase_file)
    with exclusive(home):
        do(home, by)
    talk("Unlocked. `syncd start` goes on.")


@key.command("test")
@_opens
def test(passphrase_file: str | None, recovery_file: str | None) -> int:
    """Try whether a passphrase or the words would open the vault on a bare machine, with what the stores hold now."""
    from syncd.engine.unlocking import try_unlock

    unlock = unlock_of(recovery_file, passphrase_file)
    with reading() as vault:
        tried = try_unlock(vault, unlock)
    whole = tried.epochs == tried.of
    talk(f"It opens {tried.epochs} of {tried.of} epochs: {'all of the vault' if whole else 'a part of the vault'}.")
    return 0 if whole else 1


@click.command()
@_opens
@click.option("--store", metavar="NAME", help="The store to bring everything back from; default: the first.")
@click.option("--into", metavar="DIR", help="An empty directory for what comes back; it stays there.")
@json_option
def drill(
    passphrase_file: str | None, recovery_file: str | None, store: str | None, into: str | None, as_json: bool
) -> int:
    """Prove that words and one store bring everything back: play a bare machine in a scratch directory.

    The whole folder is brought back there and verified, so it needs as much space; all of it is removed at the end,
    unless --into says where it shall stay. Nothing is changed in the vault.
    """
    import tempfile
    from pathlib import Path

    from syncd.engine.drilling import drill as do

    unlock = unlock_of(recovery_file, passphrase_file)
    setting = setting_of(home_and_client()[0], store)
    with contextlib.ExitStack() as stack:
        if into is None:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-drill-")))
        else:
            scratch = Path(into).expanduser().absolute()
            scratch.mkdir(parents=True, exist_ok=True)
            if any(scratch.iterdir()):
                raise UsageError(f"{into} is not empty", hint="Name a directory that is, or leave --into away.")
        talk(f"Bringing everything back from {setting.name} ({setting.url}), below {scratch}.")
        with reading() as vault:
            found = do(vault, setting, unlock, scratch)
    if as_json:
        echo_json(found.fields())
        return 0 if found.whole else 1
    click.echo(f"The state was known again after {found.state_s:.1f} s: {counted(found.records, 'record')}.")
    click.echo(f"{counted(found.files, 'file')}, {size_text(found.size)}, were back {found.files_s:.1f} s later.")
    for path in found.missing:
        click.echo(f"missing: {path_text(path)}")
    for path, reason in found.failed.items():
        click.echo(f"not back: {path_text(path)}: {reason}")
    for text in found.wrong:
        click.echo(f"damaged: {text}")
    talk("Everything came back." if found.whole else "Not everything came back.")
    return 0 if found.whole else 1
