"""How one store of several does: whether it is asked just now, and how fast it answers.

A circuit breaker (Nygard, Release It!, 2007): a store that fails is left alone for a time that doubles with every
failure in a row, then asked once more. Pure: instants (seconds of any steady clock) and chance come in as arguments.
Invariant: a store that answers is asked again at once, however long it was away.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import StoreDenied, StoreError, StoreForeign, StoreFull, StoreReadOnly

FIRST_REST_S, LONGEST_REST_S = 1.0, 60.0
# What a person has to change is asked for at once no more, and once a minute: Discord bans for 10,000 in 10 minutes.
PERSON_REST_S = 60.0
_PERSON = (StoreDenied, StoreForeign, StoreFull, StoreReadOnly)
SMOOTHING = 0.2  # of one answer in the mean of all: five answers make a new mean


@dataclass(slots=True)
class Health:
    """What is known of one store.

    Attributes:
        failures: in a row.
        until_s: it is left alone till then.
        latency_s: the mean of its answers, newer ones counting more; None before the first.
        error: why it is left alone.
    """

    failures: int = 0
    until_s: float = 0.0
    latency_s: float | None = None
    error: StoreError | None = None

    def resting(self, now_s: float) -> bool:
        """Tell whether it is left alone now."""
        return self.error is not None and now_s < self.until_s

    @property
    def away(self) -> bool:
        """Whether its last answer was none."""
        return self.error is not None

    def answered(self, took_s: float) -> bool:
        """Take an answer; return whether it had been away."""
        was_away = self.away
        self.failures, self.until_s, self.error = 0, 0.0, None
        before = took_s if self.latency_s is None else self.latency_s
        self.latency_s = before + SMOOTHING * (took_s - before)
        return was_away

    def failed(self, error: StoreError, now_s: float, chance: float) -> None:
        """Take a failure; `chance`, 0 to 1, keeps many devices from coming back in step."""
        self.failures += 1
        self.error = error
        rest = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(self.failures - 1, 16))
        if isinstance(error, _PERSON):
            rest = PERSON_REST_S
        self.until_s = now_s + rest * (0.5 + chance / 2)
