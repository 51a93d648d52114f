"""The mix of operations of an hour against the mix that an entity's hours have had."""

from __future__ import annotations

from math import log, log10
from typing import Any, Self

from baselines.base import Model, number, rows, whole

FORGET = 0.005  # of the learned mix an hour with operations: a memory of about 200 of them
BINS = 40  # of the distances seen; from 0 to log 2
HOURS_KNOWN = 24  # hours with operations before it judges


class Mix(Model):
    """Jensen-Shannon distance (Lin, 1991) to the learned mix, ranked among the distances of earlier hours.

    Small hours are far from any mix by chance, so the distance is taken between the hour's counts with
    `PRIOR` operations of the usual mix added. The rank comes from a histogram of the distances that earlier
    hours had; beyond the greatest of them the tail goes on geometrically, at the rate that the histogram's
    upper part has, so that a score of 4 is about 1 in 10,000 hours.

    Observations: `counts`, operation -> number.

    >>> model = Mix()
    >>> for hour in range(200):
    ...     model.learn_one({"counts": {"SecretGet": 40 + hour % 7, "SecretList": 4}})
    >>> usual = model.score_one({"counts": {"SecretGet": 43, "SecretList": 4}})
    >>> usual < 1.5 < 4 < model.score_one({"counts": {"SecretBackup": 30, "KeyDelete": 20}})
    True
    """

    PRIOR = 4.0

    def __init__(self, limit: int = 64) -> None:
        self.limit = limit
        self._shares: dict[str, float] = {}
        self._distances = [0.0] * BINS
        self._hours = 0
        self._last: tuple[dict[str, int], float] | None = None  # the last distance, until more is learned

    def hours_learned(self) -> int:
        """Hours with operations that were learned."""
        return self._hours

    def usual(self, n: int) -> list[tuple[str, float]]:
        """The most usual operations with their shares."""
        total = sum(self._shares.values()) or 1.0
        shares = [(name, weight / total) for name, weight in self._shares.items()]
        return sorted(shares, key=lambda pair: (-pair[1], pair[0]))[:n]

    def distance(self, counts: dict[str, int]) -> float:
        """Jensen-Shannon distance, 0 (the same mix) to log 2 (nothing in common)."""
        if self._last is None or self._last[0] != counts:
            self._last = dict(counts), self._distance(counts)
        return self._last[1]

    def _distance(self, counts: dict[str, int]) -> float:
        known = sum(self._shares.values())
        operations = sum(counts.values())
        if not known or not operations:
            return 0.0
        total, divergence = operations + self.PRIOR, 0.0
        for name in sorted({*counts, *self._shares}):
            usual = self._shares.get(name, 0.0) / known
            seen = (counts.get(name, 0) + self.PRIOR * usual) / total
            middle = (usual + seen) / 2
            towards = usual * log(usual / middle) / 2 if usual > 0.0 else 0.0
            divergence += towards + (seen * log(seen / middle) / 2 if seen > 0.0 else 0.0)
        return max(0.0, divergence)

    def score_one(self, x: dict[str, Any]) -> float:
        """-log10 of the chance of an hour that is at least so strange; 0 while too little is known."""
        counts = _counts(x)
        if self._hours < HOURS_KNOWN or not counts:
            return 0.0
        place = self.distance(counts) / log(2.0) * BINS
        total = sum(self._distances)
        above = sum(self._distances[int(place) :]) if place < BINS else 0.0
        chance = (above + 0.5) / (total + 1.0)
        return max(0.0, -log10(chance) + self._beyond(place, total) + 0.0)

    def _beyond(self, place: float, total: float) -> float:
        """What the distance beyond all that was seen adds, in powers of ten."""
        if place <= 1.0:
            return 0.0  # the first bin, where most hours are
        greatest = BINS
        while greatest > 1 and self._distances[greatest - 1] <= 0.5:
            greatest -= 1
        if place <= greatest:
            return 0.0
        mean = sum((at + 0.5) * weight for at, weight in enumerate(self._distances)) / max(total, 1.0)
        # An exponential tail falls by a power of ten in 2.3 means; narrower than a bin is not told apart.
        return (place - greatest) / (2.3 * max(mean, 1.0))

    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Learn an hour's mix, each hour alike however busy."""
        counts = _counts(x)
        operations = sum(counts.values())
        if not operations:
            return
        if self._hours >= HOURS_KNOWN // 2:
            at = min(BINS - 1, int(self.distance(counts) / log(2.0) * BINS))
            self._distances = [weight * (1.0 - FORGET / 4) for weight in self._distances]
            self._distances[at] += w
        self._last = None
        self._shares = {name: weight * (1.0 - FORGET) for name, weight in self._shares.items()}
        for name in sorted(counts):
            self._shares[name] = self._shares.get(name, 0.0) + w * counts[name] / operations
        if (over := len(self._shares) - self.limit) > 0:
            for name in sorted(self._shares, key=lambda name: (self._shares[name], name))[:over]:
                del self._shares[name]
        self._hours += 1

    def state(self) -> list[Any]:
        """The mix, the histogram of distances, the hours."""
        return [self.limit, list(self._shares.items()), self._distances, self._hours]

    @classmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state."""
        if version != cls.VERSION or len(state) != 4 or len(state[2]) != BINS:
            raise ValueError(f"a Mix of version {version} can't be read")
        model = cls(whole(state[0], 1))
        model._shares = {name: number(weight, 0.0) for name, weight in rows(state[1], 2, model.limit)}
        model._distances = [number(weight, 0.0) for weight in state[2]]
        model._hours = whole(state[3], 0)
        return model


def _counts(x: dict[str, Any]) -> dict[str, int]:
    counts = x.get("counts")
    return {str(k): int(v) for k, v in counts.items() if v > 0} if isinstance(counts, dict) else {}
