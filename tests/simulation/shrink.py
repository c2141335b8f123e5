"""Making a failing schedule small: leave out what the violation does not need (delta debugging, Zeller 1999)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.run import Simulation
from tests.simulation.schedule import Decision, Schedule

Item = TypeVar("Item")


def violation(schedule: Schedule) -> str | None:
    """Return the kind of violation that a schedule ends in, None when it ends well."""
    try:
        Simulation(schedule).run()
    except AssertionError as error:
        return str(error).partition(":")[0]
    except Exception as error:
        return type(error).__name__
    return None


def without(items: Sequence[Item], still: Callable[[tuple[Item, ...]], bool]) -> tuple[Item, ...]:
    """Return as few of the items as still do what all do."""
    left = tuple(items)
    size = max(1, len(left) // 2)
    while True:
        at = 0
        while at < len(left):
            fewer = left[:at] + left[at + size :]
            if still(fewer):
                left = fewer
            else:
                at += size
        if size == 1:
            return left
        size //= 2


def shrink(schedule: Schedule) -> Schedule:
    """Return a small schedule with the same kind of violation."""
    kind = violation(schedule)

    def still(changed: Schedule) -> bool:
        return violation(changed) == kind

    for _ in range(2):
        schedule = _fewer_decisions(schedule, still)
        for at, decision in enumerate(schedule.decisions):
            schedule = _fewer_interrupts(schedule, at, decision, still)
    plain = tuple("plain" for _ in schedule.personalities)
    skews = tuple(0 for _ in schedule.skews_s)
    for simpler in (replace(schedule, personalities=plain), replace(schedule, skews_s=skews)):
        both = replace(schedule, personalities=simpler.personalities, skews_s=simpler.skews_s)
        if still(both):
            schedule = both
    return schedule


def _fewer_decisions(schedule: Schedule, still: Callable[[Schedule], bool]) -> Schedule:
    left = without(schedule.decisions, lambda fewer: still(replace(schedule, decisions=fewer)))
    return replace(schedule, decisions=left)


def _fewer_interrupts(schedule: Schedule, at: int, decision: Decision, still: Callable[[Schedule], bool]) -> Schedule:
    def with_interrupts(fewer: tuple[object, ...]) -> Schedule:
        changed = decision._replace(interrupts=fewer)  # type: ignore[arg-type]
        return replace(schedule, decisions=(*schedule.decisions[:at], changed, *schedule.decisions[at + 1 :]))

    return with_interrupts(without(decision.interrupts, lambda fewer: still(with_interrupts(fewer))))


def as_test(schedule: Schedule, kind: str | None) -> str:
    """Return a test that runs a schedule, to be kept."""
    decisions = "".join(f"        {_decision(decision)},\n" for decision in schedule.decisions)
    return (
        f"def test_seed_{schedule.seed}() -> None:\n"
        f'    """Once: {kind}."""\n'
        f"    decisions = (\n{decisions}    )\n"
        f"    Simulation(Schedule({schedule.seed}, {schedule.devices}, {schedule.personalities}, {schedule.calm}, "
        f"{schedule.skews_s}, decisions, {schedule.checkpoints}, "
        f"{schedule.stores}, {schedule.commit}, {schedule.prunes})).run()\n"
    )


def _decision(decision: Decision) -> str:
    between = "".join(f"Interrupt{tuple(given)}, " for given in decision.interrupts)
    return f"Decision({decision.what!r}, {decision.device}, {decision.numbers}, {decision.word!r}, ({between}))"
