"""When an entity was active last, and how long its pauses usually are."""

from __future__ import annotations

from math import isfinite, log10
from struct import Struct
from typing import Any, Self

from river import stats

from baselines.base import Model, optional, whole

QUANTILE = 0.99
# What River's quantile gives as its bytes: 21 numbers, how many of five heights it has, whether it has all.
_BYTES = Struct("<d Q 19d B B")


class Idle(Model):
    """First and last activity, and the 99th percentile of the pauses between (River's P2 quantile).

    Observations: `at_us`, event time in microseconds.

    >>> model = Idle()
    >>> for day in range(10):
    ...     model.learn_one({"at_us": day * 86_400_000_000})
    >>> model.last_us // 86_400_000_000, model.usual_gap_us() / 86_400_000_000
    (9, 1.0)
    """

    def __init__(self) -> None:
        self.first_us: int | None = None
        self.last_us: int | None = None
        self._gaps = stats.Quantile(QUANTILE)
        self._known = 0

    def usual_gap_us(self, q: float = QUANTILE) -> float | None:
        """A pause that is longer than 99 in 100 of this entity's; None below five pauses."""
        usual = self._gaps.get()
        return float(usual) if usual is not None and self._known >= 5 else None

    def score_one(self, x: dict[str, Any]) -> float:
        """0 for a usual pause; else how many times as long it is, as a power of ten."""
        usual = self.usual_gap_us()
        if usual is None or self.last_us is None:
            return 0.0
        return max(0.0, log10(max(1.0, (int(x.get("at_us", 0)) - self.last_us) / max(1.0, usual))))

    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Learn a time of activity; the weight changes nothing, a time is a time."""
        at_us = int(x.get("at_us", 0))
        if self.last_us is not None and at_us > self.last_us:
            self._gaps.update(float(at_us - self.last_us))
            self._known += 1
        self.first_us = at_us if self.first_us is None else min(self.first_us, at_us)
        self.last_us = at_us if self.last_us is None else max(self.last_us, at_us)

    def state(self) -> list[Any]:
        """Two times and the quantile's own bytes."""
        return [self.first_us, self.last_us, self._known, bytes(self._gaps._quantile.__getstate__())]

    @classmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state."""
        if version != cls.VERSION or len(state) != 4:
            raise ValueError(f"an Idle of version {version} can't be read")
        model = cls()
        model.first_us, model.last_us = optional(state[0]), optional(state[1])
        model._known = whole(state[2], 0)
        model._gaps._quantile.__setstate__(_sound(state[3]))
        model._gaps._is_updated = model._known > 0  # River's wrapper would else say None until the next pause
        return model


def _sound(packed: Any) -> bytes:
    """River's own bytes, looked at first: it panics on others, which no `except Exception` would catch."""
    if not isinstance(packed, bytes) or len(packed) != _BYTES.size:
        raise ValueError("a quantile's bytes are not of their length")
    quantile, _, *numbers, heights, full = _BYTES.unpack(packed)
    if quantile != QUANTILE or heights > 5 or full > 1 or not all(isfinite(one) for one in numbers):
        raise ValueError("a quantile's bytes are damaged")
    return packed
