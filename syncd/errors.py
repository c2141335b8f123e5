"""The one error tree. Every failure that can reach a person is one of these.

    SyncdError
    ├── UsageError                 exit 2   the command or a setting is wrong
    │   ├── ConfigDamaged                   config.toml cannot be read
    │   ├── NoVault                         nothing was set up here yet
    │   ├── PathUnknown                     no such path in the vault
    │   └── VersionUnknown                  no such version, or no such instant
    ├── Failed                     exit 1
    │   ├── StoreError
    │   │   ├── ObjectMissing               the store has no such object
    │   │   ├── ObjectExists                create-only put met other bytes
    │   │   ├── StoreFull                   retry when space returns
    │   │   ├── StoreReadOnly               retry when it can be written
    │   │   ├── StoreDenied                     the store refuses who asks
    │   │   ├── StoreGone                   unreachable, unmounted, wrong directory
    │   │   └── StoreForeign                a store that holds something else
    │   ├── Damaged                         bytes that fail authentication or decoding
    │   │   └── LetGo                       content that the vault's policy keeps no more
    │   ├── JournalAhead                    the store knows records that this device forgot
    │   ├── LocalDiskFull
    │   ├── StateDamaged                    SQLite says no; `syncd rebuild` mends it
    │   └── NotUnlocked                     wrong passphrase, wrong words
    ├── AgentAbsent                exit 4   asked for the agent; none runs
    ├── Busy                       exit 10  another process holds this vault
    ├── NeedsAttention             exit 11  root gone, conflict, hold, alarm
    └── Locked                     exit 12  keys are not at hand

Each class owns its exit code, its stable `code` and its hint; foreign exceptions become
one of these where they are met, never further up. Nothing here imports anything of ours.
"""

from __future__ import annotations

from typing import ClassVar


class SyncdError(Exception):
    """A failure with a cause and a next step.

    Args:
        message: what happened, in one sentence, naming the path or object.
        hint: what to do about it; falls back to the class's own hint.
    """

    code: ClassVar[str] = "error"
    exit: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class UsageError(SyncdError):
    """The command line or a setting is wrong."""

    code = "usage"
    exit = 2


class ConfigDamaged(UsageError):
    """config.toml cannot be read as settings."""

    code = "config-damaged"
    default_hint = "Mend the line named above, or compare with `syncd config show`."


class NoVault(UsageError):
    """Nothing was set up in this home."""

    code = "no-vault"
    default_hint = "Run `syncd up FOLDER` to start, or set SYNCD_HOME to where you started before."


class PathUnknown(UsageError):
    """The vault knows no such path."""

    code = "path-unknown"
    default_hint = "`syncd find PATTERN --deleted` searches every path that ever was."


class VersionUnknown(UsageError):
    """The vault knows no such version or instant."""

    code = "version-unknown"
    default_hint = "`syncd history PATH` lists the versions with their ids and times."


class Failed(SyncdError):
    """The work could not be done."""

    code = "failed"


class StoreError(Failed):
    """A store did not do what it was asked."""

    code = "store"
    retryable = True


class ObjectMissing(StoreError):
    """The store has no object of that name."""

    code = "object-missing"
    retryable = False
    default_hint = "Run `syncd verify` to see which paths it hurts."


class ObjectExists(StoreError):
    """A create-only put met an object with other bytes."""

    code = "object-exists"
    retryable = False


class StoreFull(StoreError):
    """No space or quota left."""

    code = "store-full"
    default_hint = "Free space there; syncd goes on by itself."


class StoreReadOnly(StoreError):
    """The store refuses writes."""

    code = "store-read-only"
    default_hint = "Make the store writable for this user; syncd goes on by itself."


class StoreDenied(StoreError):
    """The store refuses this device: wrong, expired or insufficient credentials. Asking again changes nothing."""

    code = "store-denied"
    retryable = False
    default_hint = "Give the store's credentials anew: `syncd store login`."


class StoreGone(StoreError):
    """The store is not there: unmounted, unreachable, removed."""

    code = "store-gone"
    default_hint = "Mount or connect the store; syncd goes on by itself."


class StoreForeign(StoreError):
    """The place holds something that is not this vault."""

    code = "store-foreign"
    retryable = False
    default_hint = "Choose an empty directory, or the store of this vault."


class Damaged(Failed):
    """Bytes fail authentication, or decode to what cannot be."""

    code = "damaged"
    default_hint = "Run `syncd verify --read-data 100`; it names every path that is hurt."


class LetGo(Damaged):
    """Content that was let go, as the vault's policy says."""

    code = "let-go"
    default_hint = "`syncd retention show` tells what is kept; other versions are in `syncd history PATH`."


class JournalAhead(Failed):
    """The store holds records of this device that its own state does not know."""

    code = "journal-ahead"
    default_hint = "The local state was restored from an old copy. Run `syncd rebuild`."


class LocalDiskFull(Failed):
    """This computer's own disk is full."""

    code = "disk-full"
    retryable = True
    default_hint = "Free space on this computer and try again; nothing was replaced."


class StateDamaged(Failed):
    """The local database is unreadable."""

    code = "state-damaged"
    default_hint = "Run `syncd rebuild`: it makes the local state anew from the store."


class NotUnlocked(Failed):
    """No key slot opens with what was given."""

    code = "not-unlocked"
    default_hint = "Check the passphrase or the 24 recovery words, word by word."


class AgentAbsent(SyncdError):
    """The agent is not running."""

    code = "agent-absent"
    exit = 4
    default_hint = "Start it with `syncd start`."


class Busy(SyncdError):
    """Another process works on this vault."""

    code = "busy"
    exit = 10
    retryable = True
    default_hint = "Wait for it, or stop it with `syncd stop`."


class NeedsAttention(SyncdError):
    """A person has to look: the folder is gone, or a hold or alarm stands."""

    code = "needs-attention"
    exit = 11
    retryable = True


class Locked(SyncdError):
    """The keys of this device are not at hand."""

    code = "locked"
    exit = 12
    default_hint = "Run `syncd rebuild --recovery-file FILE` with your recovery words."
