"""Which keys an entity has shown before, and how likely a new one is."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, KeysView, Set
from math import log2, log10
from typing import Any, Self

from baselines.base import Model, number, optional, rows, whole

MOST_KEYS = 1_000_000  # of a saved state


class Novelty(Model):
    """Decayed counts of keys in a bounded table.

    The chance that the next observation is of a new key is Good and Turing's (Good, 1953): the weight of keys
    seen once among the weight of all. Where new keys are daily business it stays high, and one more says
    little. When the table is full, the key of the least weight goes; its weight still counts for the estimate,
    since a table too small for all that is new would make the next new key look rare.

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

    VERSION = 2

    def __init__(self, limit: int = 2000, half_life_days: float = 30.0) -> None:
        self.limit = limit
        self.half_life_days = half_life_days
        self._keys: dict[str, list[Any]] = {}  # key -> [weight at last hour, first hour, last hour, times]
        # Weights of the keys that went: of those seen once, of all, at that hour.
        self._gone_once = self._gone = 0.0
        self._gone_hour: int | None = None
        self._lightest: list[tuple[float, str]] | None = None  # heap of (rank when pushed, key), once full
        self._span = 0, 1 << 62  # hours, and keys that were last seen in them (`unseen`)
        self._seen: set[str] = set()
        self._chance: tuple[int, float] | None = None  # an hour and its `chance_new`, until more is learned

    def _kept(self, hours: float) -> float:
        return float(0.5 ** (max(0.0, hours) / (24.0 * self.half_life_days)))

    def known(self, key: str) -> bool:
        """Whether the key is in the table."""
        return key in self._keys

    def weight(self, key: str, hour: int) -> float:
        """The key's decayed count, 0 if it is unknown."""
        entry = self._keys.get(key)
        return 0.0 if entry is None else float(entry[0]) * self._kept(hour - entry[2])

    def times(self, key: str) -> int:
        """How often the key was observed, at whatever weight."""
        entry = self._keys.get(key)
        return 0 if entry is None else int(entry[3])

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

    def all_keys(self) -> KeysView[str]:
        """The keys in the table, in the order in which they came."""
        return self._keys.keys()

    def seen_after(self, hour: int) -> list[str]:
        """The keys whose last observation was after that hour."""
        return [key for key, entry in self._keys.items() if entry[2] > hour]

    def unseen(self, keys: Set[str], first: int, last: int) -> set[str]:
        """Those of some keys whose last observation was not in these hours, first and last included.

        What was seen in them is remembered as long as one asks for the same hours: most keys come again.
        """
        if self._span != (first, last):
            self._span, self._seen = (first, last), set()
        if keys <= self._seen:
            return set()
        unsure = keys - self._seen
        known = self._keys
        unseen = {k for k in unsure if (entry := known.get(k)) is None or not first <= entry[2] <= last}
        self._seen |= unsure - unseen
        return unseen

    def faint(self, keys: Iterable[str], least: float, hour: int) -> list[str]:
        """Those of some keys whose decayed count is below the least."""
        known, plain, half_life = self._keys, 2.0 * least, 24.0 * self.half_life_days
        # Most weigh twice as much and were seen within a half-life: it takes no power to tell.
        return [
            key
            for key in keys
            if ((entry := known.get(key)) is None or entry[0] < plain or hour - entry[2] > half_life)
            and self.weight(key, hour) < least
        ]

    def top(self, n: int, hour: int) -> list[tuple[str, float]]:
        """The heaviest keys with their decayed counts."""
        weights = [(key, self.weight(key, hour)) for key in self._keys]
        return sorted(weights, key=lambda pair: (-pair[1], pair[0]))[:n]

    def chance_new(self, hour: int) -> float:
        """Chance that the next observation is of a key that the table does not hold."""
        if self._chance is None or self._chance[0] != hour:
            self._chance = hour, self._chance_new(hour)
        return self._chance[1]

    def _chance_new(self, hour: int) -> float:
        kept = self._kept(hour - self._gone_hour) if self._gone_hour is not None else 0.0
        once, total = self._gone_once * kept, self._gone * kept
        half_life = 24.0 * self.half_life_days
        for weight, _, last, times in self._keys.values():
            now = weight * 0.5 ** (max(0.0, hour - last) / half_life)
            total += now
            if times < 2:
                once += now
        return float(min(1.0, (once + 0.5) / (total + 1.0)))

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
        self._chance = None
        if hour > self._span[1]:
            self._seen.clear()
        entry = self._keys.get(key)
        if entry is None:
            self._keys[key] = [weight, hour, hour, 1]
            self._make_room(key, hour)
            return
        before, first, last, times = entry
        if hour > last:
            entry[:] = before * self._kept(hour - last) + weight, first, hour, times + 1
        else:
            entry[:] = before + weight, min(hour, first), last, times + 1

    def make_up(self, key: str, hour: int, w: float) -> None:
        """The key's weight as if that observation had counted more; what was let go meanwhile comes again."""
        entry = self._keys.get(key)
        if entry is None:
            self.learn_one({"key": key, "hour": hour}, w)
            return
        self._chance = None
        entry[0] += w * self._kept(entry[2] - hour)

    def _rank(self, key: str) -> float:
        """Orders keys by weight at whatever time: all halve alike. It never falls while a key is known."""
        entry = self._keys[key]
        return log2(max(float(entry[0]), 1e-300)) + float(entry[2]) / (24.0 * self.half_life_days)

    def _make_room(self, key: str, hour: int) -> None:
        """Take the new key in; if the table is too long, the lightest goes."""
        if self._lightest is not None:
            heapq.heappush(self._lightest, (self._rank(key), key))
        if len(self._keys) <= self.limit:
            return
        if self._lightest is None:
            self._lightest = [(self._rank(name), name) for name in self._keys]
            heapq.heapify(self._lightest)
        while (now := (self._rank(self._lightest[0][1]), self._lightest[0][1])) != self._lightest[0]:
            heapq.heapreplace(self._lightest, now)  # it has grown since it was pushed
        self._let_go(heapq.heappop(self._lightest)[1], hour)

    def _let_go(self, key: str, hour: int) -> None:
        weight, times = self.weight(key, hour), self._keys.pop(key)[3]
        self._seen.discard(key)
        newer = hour if self._gone_hour is None else max(hour, self._gone_hour)
        kept = 0.0 if self._gone_hour is None else self._kept(newer - self._gone_hour)
        self._gone = self._gone * kept + weight
        self._gone_once = self._gone_once * kept + (weight if times < 2 else 0.0)
        self._gone_hour = newer

    def state(self) -> list[Any]:
        """Limits, the table, in the order in which the keys came, and the weight of what went from it."""
        table = [[key, *entry] for key, entry in self._keys.items()]
        return [self.limit, self.half_life_days, table, self._gone_once, self._gone, self._gone_hour]

    @classmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state."""
        if version != cls.VERSION or len(state) != 6:
            raise ValueError(f"a Novelty of version {version} can't be read")
        model = cls(whole(state[0], 1, MOST_KEYS), number(state[1], 1e-3))
        for key, weight, first, last, times in rows(state[2], 5, model.limit):
            model._keys[key] = [number(weight, 0.0), whole(first), whole(last), whole(times, 1)]
        model._gone_once, model._gone = number(state[3], 0.0), number(state[4], 0.0)
        model._gone_hour = optional(state[5])
        return model
