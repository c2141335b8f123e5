"""What a person decided, done to the vault: resolving, reviewing, naming; and the code that devices compare."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from blake3 import blake3

from syncd.config.settings import load, save
from syncd.engine.checkpoints import write_checkpoint
from syncd.engine.conflicts import resolve
from syncd.engine.epochs import approve as approve_device
from syncd.engine.epochs import open_new, revoke
from syncd.engine.ignoring import ignore
from syncd.engine.keeping import use_stores
from syncd.engine.mending import mend_from_folder
from syncd.engine.outbox import Outbox
from syncd.engine.outward import Outward
from syncd.engine.policies import say_policy
from syncd.engine.progress import Progress
from syncd.engine.reviewing import approve, check_seen, deny, meant
from syncd.engine.storeset import check_change, say_stores, store_set
from syncd.engine.underway import is_under_way
from syncd.engine.vault import Vault
from syncd.errors import StoreError, UsageError
from syncd.journal.statements import StatementKind
from syncd.journal.statements import state as statement
from syncd.model.path import path_fields
from syncd.retention.policy import Policy
from syncd.retention.policy import Rule as Keep
from syncd.seal.slots import entropy_to_words
from syncd.state.db import State
from syncd.store.placement import Rule

WORDS = 6  # of 11 bits each: a store would have to try 2^65 journals to make one that shows the same


_MEMBERS = {"revoke": revoke, "approve-device": approve_device}


def decide(vault: Vault, what: str, body: dict[str, Any]) -> dict[str, Any]:
    """Do what a person decided; the folder follows with the next look.

    Raises:
        UsageError: there is nothing of that kind to decide.
        NeedsAttention: what waits for a yes is not what the person saw.
        StoreError: it could not be said; it is said by itself, if that had begun.
    """
    try:
        return _decide(vault, what, body)
    except StoreError as error:
        if is_under_way(vault.state):
            error.hint = "What you decided is noted: it is said to all as soon as the store takes it."
        raise


def _decide(vault: Vault, what: str, body: dict[str, Any]) -> dict[str, Any]:
    if what == "resolve":  # upon what stands there now: what was not published yet comes first
        Outward(vault, Outbox(vault), Progress(vault.ambient.elapsed_s)).scan()
    outbox = Outbox(vault)
    if what == "resolve":
        pair = resolve(vault, outbox, base64.b64decode(body["path_b64"]), body["keep"])
        return path_fields(pair.path)
    if what in ("approve", "deny"):
        check_seen(vault.state, body.get("seen", ()))
        some = [base64.b64decode(path) for path in body.get("paths_b64", ())]
        if body.get("dry_run"):
            return {"entries": meant(vault.state, some, back=what == "deny")}
        return {"entries": approve(vault.state, some) if what == "approve" else deny(vault, outbox, some)}
    if what == "rename-device":
        check_name(body["name"])
        outbox.say(statement(StatementKind.RENAME_DEVICE, device=vault.device.id, name=body["name"]))
        outbox.commit()
        vault.settings = dataclasses.replace(vault.settings, device=body["name"])
        save(vault.settings, vault.home.config)
        return {"name": body["name"]}
    if what == "retention":
        policy = Policy(
            tuple(Keep(base64.b64decode(rule["path_b64"]), rule["keep"], rule["count"]) for rule in body["rules"]),
            body["undeletable_days"],
        )
        outbox.say(say_policy(policy))
        outbox.commit()
        return {"rules": len(policy.rules)}
    if what == "ignore":
        return {"pattern": ignore(vault, base64.b64decode(body["path_b64"]))}
    if what == "mend":
        return {"chunks": mend_from_folder(vault, outbox, [bytes.fromhex(pack) for pack in body["packs"]])}
    if what in _MEMBERS:
        decided = _MEMBERS[what](vault, outbox, body.get("name", ""))
        return {"device": vault.state.called(decided) or decided.id.hex()[:8]}
    if what == "rotate":
        slots = open_new(vault, outbox)
        write_checkpoint(vault)  # who joins believes none that is sealed under an older epoch
        return {"slots": slots}
    if what == "stores":
        said = store_set(vault.state)
        rule = Rule(
            said.rule.copies if body.get("copies") is None else body["copies"],
            said.rule.commit if body.get("commit") is None else body["commit"],
        )
        vault.settings = load(vault.home.config)  # where a store is for this device was written there before
        check_change(said, (one.name for one in vault.settings.stores), body.get("places") or {}, rule)
        new = {what: body.get(what) or {} for what in ("places", "quotas", "costs")}
        lost = [name for name in body.get("lost") or () if (body.get("places") or {}).get(name) == ""]
        outbox.say(say_stores(said, rule=rule, lost=lost, **new))
        outbox.commit()
        use_stores(vault)
        return {"stores": [member.name for member in vault.store.members]}
    raise UsageError(f"nobody can decide {what!r}")


def check_name(name: str) -> None:
    """Refuse a device's name that would not stand well in a line, or in a file's name, on every device.

    Raises:
        UsageError: it is empty, too long, or has letters that are not to be seen.
    """
    if not name.strip() or len(name) > 64 or not name.isprintable() or name.startswith("-"):
        raise UsageError("a device's name has 1 to 64 letters that can be printed, and begins with no dash")


def frontier_code(state: State) -> str:
    """Return six words that two devices share if, and only if, they have seen the same records of every device."""
    tips = sorted((device.id, device.sequence, device.hash) for device in state.devices.all() if device.sequence)
    text = b"".join(name + sequence.to_bytes(8, "little") + tip for name, sequence, tip in tips)
    return " ".join(entropy_to_words(blake3(b"syncd/v1/frontier-code" + text).digest()).split()[:WORDS])
