"""Who used what, and when: the principals of each address, country, application and vault, and what else is met again.

What they say of many people at once is told in `actors.gatherings`. Every table is bounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from actors.aggregator_state import USES
from actors.gatherings import WINDOW_HOURS, Oldest, Uses, use

KEEP_HOURS = 90 * 24
MAX_KEYS = 100_000  # addresses, countries: the longest unused go first


class UseTables:
    """A table for each of `USES`: who used an address, a country, a vault; which addresses a quick move joined."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Uses]] = {kind: {} for kind in USES}
        self._oldest: defaultdict[tuple[str, str], Oldest] = defaultdict(list)  # while an hour is taken in
        self._changed: set[tuple[str, str]] = set()  # kind and key, since the last checkpoint

    # Learning from closed hours

    def learn(self, kind: str, key: str, principal: str, hour: int) -> None:
        """A principal used something in an hour."""
        use(self._tables[kind].setdefault(key, {}), self._oldest[kind, key], principal, hour)
        self._changed.add((kind, key))

    def taken_in(self) -> None:
        """All of an hour is learned."""
        self._oldest.clear()

    def forget(self, hour: int) -> None:
        """Forget what nobody has used for long, or longest."""
        horizon = hour - KEEP_HOURS
        for kind, table in self._tables.items():
            old = [key for key, users in table.items() if _last(users) < horizon]
            if (over := len(table) - len(old) - MAX_KEYS) > 0:
                left = table.keys() - set(old)
                old += sorted(left, key=lambda key: (_last(table[key]), key))[:over]
            for key in old:
                del table[key]
                self._changed.add((kind, key))

    # Questions

    def __getitem__(self, kind: str) -> Mapping[str, Uses]:
        """Everything of a kind, with its users."""
        return self._tables[kind]

    def of(self, kind: str, key: str) -> Uses:
        """Who used something."""
        return self._tables[kind].get(key, {})

    def others(self, kind: str, key: str, excluding: str, before_hours: int, hour: int) -> int:
        """How many others used it in the 30 days up to so many hours ago."""
        until, since, but = hour - before_hours, hour - WINDOW_HOURS, excluding.lower()
        users = self._tables[kind].get(key, {})
        return sum(
            first <= until and last >= since for name, (first, last, _) in users.items() if name != but
        )

    def lately(self, kind: str, key: str, hour: int) -> set[str]:
        """Who used it in 30 days, up to a day ago."""
        until, since = hour - 24, hour - WINDOW_HOURS
        users = self._tables[kind].get(key, {})
        return {name for name, (first, last, _) in users.items() if first <= until and last >= since}

    def days(self, kind: str, key: str, user: str, hour: int) -> float:
        """Days since somebody first used it; 0: never before today."""
        used = self._tables[kind].get(key, {}).get(user)
        return 0.0 if used is None else max(0.0, (hour - used[0]) / 24)

    # State

    def changes(self) -> list[tuple[str, str, Uses | None]]:
        """What changed since the last time; None: it is forgotten."""
        changed = [(kind, key, self._tables[kind].get(key)) for kind, key in sorted(self._changed)]
        self._changed = set()
        return changed

    def mark(self) -> None:
        """All of it is to be among the next changes."""
        self._changed = {(kind, key) for kind, table in self._tables.items() for key in table}

    def load(self, saved: Iterable[tuple[str, str, Uses | None]]) -> None:
        """Take saved changes in, on top of what is known."""
        for kind, key, users in saved:
            table = self._tables.setdefault(kind, {})
            if users is None:
                table.pop(key, None)
            else:
                table[key] = users


def _last(users: Uses) -> int:
    return max(last for _, last, _ in users.values())
