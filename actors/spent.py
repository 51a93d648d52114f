"""What an alert budget let through and what it kept back in the last days, for who asks how a run stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

DAYS = 7  # that are remembered
MOST = 1 << 62


class Spent:
    """By day (since 1970): findings of those who share the budget that were told, and those it withheld."""

    __slots__ = ("budget", "days")

    def __init__(self, state: Iterable[Any] | None = None) -> None:
        """Raises ValueError for what is no such state."""
        budget, rows = state or (None, [])
        self.budget: float | None = None if budget is None else float(budget)
        self.days = {day: (told, withheld) for day, told, withheld in rows}
        numbers = [number for day, pair in self.days.items() for number in (day, *pair)]
        if not all(type(one) is int and 0 <= one <= MOST for one in numbers):
            raise ValueError("what a budget let through is none")

    def note(self, budget: float | None, day: int, told: int, withheld: int) -> None:
        """Of an hour of that day; without a budget nothing is counted."""
        self.budget = budget
        if budget is None:
            return
        before = self.days.get(day, (0, 0))
        self.days[day] = before[0] + told, before[1] + withheld
        for old in [one for one in self.days if one <= day - DAYS]:
            del self.days[old]

    def state(self) -> list[Any]:
        """As MessagePack values."""
        return [self.budget, [[day, *pair] for day, pair in sorted(self.days.items())]]
