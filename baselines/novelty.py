"""Which keys an entity has shown before, and how likely a new one is."""

from __future__ import annotations

from math import log10
from typing import Any, Self

from baselines.base import Model


class Novelty(Model):
    """Decayed counts of keys in a bounded table.

    The chance that the next observation is of a new key is Good and Turing's (Good, 1953): the weight of keys
    seen once among the weight of all. Where new keys are daily business it stays high, and one more says
    little. When the table is full, the key of the least weight goes.

    Parameters
    ----------
    limit
        Keys kept.
    half_life_days
        Days after which an observation counts half.

    >>> model = Novelty()
    >>> for hour in range(100):
    ...     model.learn_one({"key": "alice", "hour": hour})
    >>> model.known("alice"), model.known("mallory"), model.chance_new(100) < 0.02
    (True, False, True)
    """

    def __init__(self, limit: int = 2000, half_life_days: float = 30.0) -> None:
        self.limit = limit
        self.half_life_days = half_life_days
        self._keys: dict[str, list[Any]] = {}  # key -> [weight at last hour, first hour, last hour, times]

    def _kept(self, hours: float) -> float:
        return float(0.5 ** (max(0.0, hours) / (24.0 * self.half_life_days)))

    def known(self, key: str) -> bool:
        """Whether the key is in the table."""
        return key in self._keys

    def weight(self, key: str, hour: int) -> float:
        """The key's decayed count, 0 if it is unknown."""
        entry = self._keys.get(key)
        return 0.0 if entry is None else entry[0] * self._kept(hour - entry[2])

    def first_hour(self, key: str) -> int | None:
        """Hour of the key's first observation."""
        entry = self._keys.get(key)
        return None if entry is None else int(entry[1])

    def last_hour(self, key: str) -> int | None:
        """Hour of the key's last observation."""
        entry = self._keys.get(key)
        return None if entry is None else int(entry[2])

    def keys_known(self) -> int:
        """Keys in the table."""
        return len(self._keys)

    def top(self, n: int, hour: int) -> list[tuple[str, float]]:
        """The heaviest keys with their decayed counts."""
        weights = [(key, self.weight(key, hour)) for key in self._keys]
        return sorted(weights, key=lambda pair: (-pair[1], pair[0]))[:n]

    def chance_new(self, hour: int) -> float:
        """Chance that the next observation is of a key that the table does not hold."""
        once = total = 0.0
        for weight, _, last, times in self._keys.values():
            now = weight * self._kept(hour - last)
            total += now
            if times < 2:
                once += now
        return min(1.0, (once + 0.5) / (total + 1.0))

    def score_one(self, x: dict[str, Any]) -> float:
        """-log10 of the chance of something new, or of a known key's share."""
        key, hour = str(x.get("key", "")), int(x.get("hour", 0))
        if key not in self._keys:
            return -log10(self.chance_new(hour)) + 0.0
        total = sum(weight * self._kept(hour - last) for weight, _, last, _ in self._keys.values())
        return -log10(min(1.0, max(1e-300, self.weight(key, hour) / max(total, 1e-300)))) + 0.0

    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Count the key `count` times (1), with the weight w."""
        key, hour = str(x.get("key", "")), int(x.get("hour", 0))
        weight = float(x.get("count", 1)) * w
        entry = self._keys.get(key)
        if entry is None:
            self._keys[key] = [weight, hour, hour, 1]
            if len(self._keys) > self.limit:
                del self._keys[min(self._keys, key=lambda name: (self.weight(name, hour), name))]
            return
        newer = max(hour, entry[2])
        entry[0] = entry[0] * self._kept(newer - entry[2]) + weight
        entry[1], entry[2], entry[3] = min(hour, entry[1]), newer, entry[3] + 1

    def state(self) -> list[Any]:
        """Limits and the table, in the order in which the keys came."""
        return [self.limit, self.half_life_days, [[key, *entry] for key, entry in self._keys.items()]]

    @classmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state."""
        if version != cls.VERSION or len(state) != 3:
            raise ValueError(f"a Novelty of version {version} can't be read")
        model = cls(int(state[0]), float(state[1]))
        model._keys = {str(key): list(entry) for key, *entry in state[2]}
        return model
