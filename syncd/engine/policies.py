"""What the vault keeps, as its journals say: one policy for all devices, the one that was said last."""

from __future__ import annotations

from syncd.journal.statements import Statement, StatementKind
from syncd.journal.statements import from_wire as statement_from_wire
from syncd.journal.statements import state as statement
from syncd.model import cbor
from syncd.retention.policy import Policy, from_wire, to_wire
from syncd.state.db import State


def policy_of(state: State) -> Policy:
    """Return the policy in force: of all, the one with the greatest (Lamport clock, device, sequence)."""
    best: tuple[tuple[int, bytes, int], Statement] | None = None
    for device, sequence, lamport, wire in state.said.of_kind(StatementKind.POLICY):
        stamp = (lamport, bytes(state.devices.get(device).id), sequence)
        if best is None or stamp >= best[0]:
            best = stamp, statement_from_wire(cbor.loads(wire), "a statement kept here")
    if best is None:
        return Policy()
    return from_wire(best[1].fields["rules"], best[1].fields["undeletable_days"])


def say_policy(policy: Policy) -> Statement:
    """Return the statement that puts a policy in force."""
    return statement(StatementKind.POLICY, rules=to_wire(policy), undeletable_days=policy.undeletable_days)
