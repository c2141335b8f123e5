"""Setting up: `up`, `init`, `join`, `rebuild`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd.cli.agent import start_agent, wait_until_safe
from syncd.cli.given import complete_secrets, given_stores
from syncd.cli.session import home_and_client
from syncd.cli.show import size_text, talk, time_text, yes_option
from syncd.config.home import Home
from syncd.config.settings import Settings, StoreSetting, load
from syncd.errors import NotUnlocked, StoreGone, UsageError
from syncd.model.chunker import DEFAULT, Chunker
from syncd.model.counted import counted

if TYPE_CHECKING:  # slots take long to load
    from syncd.seal.slots import Unlock


def _named(device: str | None) -> str:
    """Return what a device is to be called: as the person says, else as the computer is called."""
    from syncd.engine.deciding import check_name

    if device is not None:
        check_name(device)
    return device or _device_name()


def _device_name() -> str:
    return platform.node().split(".")[0][:64] or "this-computer"


def _first_name(at: int, given: str) -> str:
    """Return what a new vault's store is called: as the person says, else by its number."""
    if not given.startswith("?"):
        return given
    return "main" if at == 0 else f"store{at + 1}"


def _found_vault(
    home: Home,
    folder: str,
    stores: tuple[str, ...],
    device: str | None,
    passphrase: str | None,
    chunker: Chunker = DEFAULT,
) -> str:
    """Make a vault; return its recovery words."""
    from syncd.engine.founding import Founding, create_vault
    from syncd.engine.vault import Ambient
    from syncd.seal.slots import Unlock

    given = given_stores(stores or (str(home.store),))
    named = tuple(replace(one, name=_first_name(at, one.name)) for at, one in enumerate(given))
    for setting in named:
        complete_secrets(home, setting)
    unlock = Unlock.passphrase(passphrase) if passphrase is not None else None
    founding = Founding(os.path.abspath(folder), named, _named(device), unlock, chunker=chunker)
    with _at_first():
        return create_vault(home, founding, Ambient())


@contextmanager
def _at_first() -> Iterator[None]:
    """Say what to do about a store that is not there when nothing is set up yet, and so nothing goes on by itself."""
    try:
        yield
    except StoreGone as error:
        hint = "Check the spelling; if it is right, mount or connect the store. Then say it again."
        raise StoreGone(error.message, hint=hint) from error


def read_secret(file: str) -> str:
    """Return what a person wrote into a file, without the end of its line.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text") from error


def _check_same_stores(settings: Settings, given: tuple[str, ...]) -> None:
    from syncd.engine.stores import is_same_place

    for one in given_stores(given):
        if not any(is_same_place(setting.url, one.url) for setting in settings.stores):
            raise UsageError(
                f"this home keeps its vault on {', '.join(setting.url for setting in settings.stores)}, not {one.url}",
                hint="`syncd store add` adds a store; set SYNCD_HOME to another directory for a second vault.",
            )


@click.command()
@click.argument("folder", required=False)
@click.option(
    "--store",
    metavar="URL",
    multiple=True,
    help="Where the sealed copies go, as often as you want copies; default: a directory of syncd's own.",
)
@click.option("--no-tui", is_flag=True, help="Do not open the dashboard when all is safe.")
def up(folder: str | None, store: tuple[str, ...], no_tui: bool) -> int:
    """Keep FOLDER safe: set up if needed, start the agent, wait until all is safe."""
    from syncd.engine.custody import forget_words, unseen_words

    home, client = home_and_client()
    if not home.config.exists():
        if folder is None:
            raise UsageError("which folder?", hint="Run `syncd up FOLDER`.")
        folder = os.path.expanduser(folder)
        if not os.path.isdir(folder):
            if sys.stdin.isatty() and not click.confirm(
                f"There is no folder {folder}. Make it?", default=True, err=True
            ):
                raise UsageError(f"there is no folder {folder}", hint="Check the spelling.")
            os.makedirs(folder)
            talk(f"Made the folder {folder}.")
        _found_vault(home, folder, store, None, None)
        store = ()
    words = unseen_words(home)  # also of a run before this one, which was cut off
    settings = load(home.config)
    if folder is not None and os.path.realpath(os.path.expanduser(folder)) != os.path.realpath(settings.folder):
        raise UsageError(
            f"this home keeps {settings.folder}, not {folder}",
            hint="Set SYNCD_HOME to another directory for a second folder.",
        )
    _check_same_stores(settings, store)
    start_agent(home, client)
    code = wait_until_safe(client)
    files = client.call("GET", "/v1/status")
    talk(
        f"Folder:   {settings.folder}  ({counted(files['files'], 'file')}, {size_text(files['bytes'])}, "
        "all versions kept)"
    )
    for at, one in enumerate(files["stores"]):
        text = f"{one['url']}  ({size_text(one['bytes'])}, sealed)"
        talk(f"{'Store:   ' if at == 0 else '         '} {text}{'' if one['healthy'] else ', does not answer'}")
    if words is None:
        talk("Recovery: the 24 words you were shown when the vault was made")
    else:
        talk(f"Recovery: {words}")
        talk("          Write these words down: with them and the store everything can be brought back. Shown once.")
        forget_words(home)
    if code == 0 and words is None and not no_tui and sys.stdin.isatty() and sys.stdout.isatty():
        from syncd.cli.dashboard import become_dashboard

        become_dashboard()
    return code


@click.command()
@click.argument("folder")
@click.option(
    "--store",
    metavar="URL",
    multiple=True,
    help="Where the sealed copies go, as often as you want copies; default: a directory of syncd's own.",
)
@click.option("--device", metavar="NAME", help="What this device is called; default: the computer's name.")
@click.option("--passphrase-file", metavar="FILE", help="Read the passphrase from a file.")
@click.option("--no-passphrase", is_flag=True, help="Have the recovery words only.")
@click.option(
    "--keep-words", is_flag=True, help="Keep the words for `syncd key words`, until you have written them down."
)
@click.option(
    "--chunker",
    type=click.Choice([one.word for one in Chunker]),
    default=DEFAULT.word,
    show_default=True,
    help="What decides where files are cut, for good; gear64 is for devices without AES instructions.",
)
def init(
    folder: str,
    store: tuple[str, ...],
    device: str | None,
    passphrase_file: str | None,
    no_passphrase: bool,
    keep_words: bool,
    chunker: str,
) -> None:
    """Make a vault for FOLDER; prints the recovery words once."""
    from syncd.engine.custody import forget_words

    home, _ = home_and_client()
    if passphrase_file and no_passphrase:
        raise UsageError("--passphrase-file and --no-passphrase exclude each other")
    passphrase = None
    if passphrase_file:
        passphrase = read_secret(passphrase_file)
    elif not no_passphrase:
        if not sys.stdin.isatty():
            raise UsageError("no passphrase given", hint="Use --passphrase-file FILE or --no-passphrase.")
        passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    chosen = next(one for one in Chunker if one.word == chunker)
    words = _found_vault(home, os.path.expanduser(folder), store, device, passphrase, chosen)
    talk("These 24 words open the vault. Write them down; they are not shown again:")
    click.echo(words)
    if not keep_words:
        forget_words(home)


@click.command()
@click.argument("folder")
@click.option("--store", metavar="URL", multiple=True, required=True, help="A store of the vault, or several.")
@click.option("--recovery-file", metavar="FILE", help="A file with the 24 words.")
@click.option("--passphrase-file", metavar="FILE", help="A file with the passphrase.")
@click.option("--device", metavar="NAME", help="What this device is called; default: the computer's name.")
@yes_option
def join(
    folder: str,
    store: tuple[str, ...],
    recovery_file: str | None,
    passphrase_file: str | None,
    device: str | None,
    yes: bool,
) -> int:
    """Make this computer a new device of a vault. Files that FOLDER holds already are kept."""
    from syncd.engine.rebuild import Bare
    from syncd.engine.rebuild import join as join_vault
    from syncd.engine.vault import Ambient, exclusive

    home, _ = home_and_client()
    unlock = unlock_of(recovery_file, passphrase_file)
    where = os.path.abspath(os.path.expanduser(folder))
    bare = Bare(where, given_stores(store), _named(device), unlock)
    for setting in bare.stores:
        complete_secrets(home, setting)
    with _at_first(), exclusive(home):
        result = join_vault(home, Ambient(), bare)
    talk(f"Joined: {counted(result.devices, 'device')}, {counted(result.files, 'file')}, {size_text(result.size)}.")
    for text in result.wrong:
        talk(f"damaged: {text}")
    if not _is_newest(yes):
        talk("Then the store shows an older state than your other device has seen. Look into that before you go on.")
        return 11
    talk("Run `syncd up` to bring everything here and keep it so.")
    return 1 if result.wrong else 0


def _is_newest(yes: bool) -> bool:
    """Show what a store cannot forge, and ask whether another device shows the same."""
    from syncd.cli.session import reading
    from syncd.engine.deciding import frontier_code

    with reading() as vault:
        newest = max((row.claimed_ns for row in vault.state.devices.records()), default=0)
        code = frontier_code(vault.state)
    if newest:
        talk(f"The newest change is of {time_text(newest)}, by its device's clock. The code of what the store shows:")
    else:
        talk("The store shows a vault in which nothing was ever recorded. The code of what it shows:")
    click.echo(f"    {code}")
    talk("`syncd device show-code` on a device that has seen everything prints the same.")
    if yes or not sys.stdin.isatty():
        return True
    return click.confirm("Does it (or is there no other device at hand)?", default=True, err=True)


def unlock_of(recovery_file: str | None, passphrase_file: str | None) -> Unlock:
    """Return what opens a slot.

    Raises:
        UsageError: neither a passphrase nor words are given, or both.
    """
    from syncd.seal.slots import Unlock

    if recovery_file and passphrase_file:
        raise UsageError("--passphrase-file and --recovery-file exclude each other")
    if recovery_file:
        return Unlock.words(read_secret(recovery_file))
    if passphrase_file:
        return Unlock.passphrase(read_secret(passphrase_file))
    if not sys.stdin.isatty():
        raise UsageError("no passphrase given", hint="Use --passphrase-file FILE or --recovery-file FILE.")
    return typed(click.prompt("Passphrase, or the 24 words", hide_input=True, err=True))


def typed(text: str) -> Unlock:
    """Return what somebody typed: the recovery words if it is those, else a passphrase."""
    from syncd.seal.slots import Unlock

    try:
        return Unlock.words(text)
    except NotUnlocked:
        return Unlock.passphrase(text)


@click.command()
@click.argument("folder", required=False)
@click.option(
    "--store", metavar="URL", multiple=True, help="A store to read, or several, on a machine without syncd's settings."
)
@click.option("--recovery-file", metavar="FILE", help="The 24 words, where the device's key is lost.")
@click.option("--passphrase-file", metavar="FILE", help="The passphrase, where the device's key is lost.")
@click.option("--device", metavar="NAME", help="What this device is called; default: the computer's name.")
def rebuild(
    folder: str | None,
    store: tuple[str, ...],
    recovery_file: str | None,
    passphrase_file: str | None,
    device: str | None,
) -> int:
    """Make the local state anew from a store. The folder's files are not touched."""
    from syncd.engine.rebuild import Bare
    from syncd.engine.rebuild import rebuild as make_anew
    from syncd.engine.vault import Ambient, exclusive

    home, _ = home_and_client()
    bare = None
    known: tuple[StoreSetting, ...] = ()
    if recovery_file or passphrase_file:
        if home.config.exists():
            settings = load(home.config)
            folder, device = folder or settings.folder, device or settings.device
            known = settings.stores if not store else ()
        stores = known or given_stores(store)
        if folder is None or not stores:
            raise UsageError("which folder and store?", hint="syncd rebuild FOLDER --store URL --recovery-file FILE")
        unlock = unlock_of(recovery_file, passphrase_file)
        folder = os.path.abspath(os.path.expanduser(folder))
        os.makedirs(folder, exist_ok=True)
        bare = Bare(folder, stores, _named(device), unlock)
        for setting in stores:
            complete_secrets(home, setting)
    with exclusive(home):
        result = make_anew(home, Ambient(), bare)
    talk(f"Read {counted(result.records, 'record')}: {counted(result.files, 'file')}, {size_text(result.size)}.")
    for text in result.wrong:
        talk(f"damaged: {text}")
    talk("Run `syncd sync`: it compares the folder and brings back what is missing there.")
    return 1 if result.wrong else 0
