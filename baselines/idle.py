"""When an entity was active last, and how long its pauses usually are."""

from __future__ import annotations

from typing import Any, Self

from river import stats

from baselines.base import Model

QUANTILE = 0.99


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
        from math import log10

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
        model.first_us, model.last_us, model._known = state[:3]
        model._gaps._quantile.__setstate__(state[3])
        return model
