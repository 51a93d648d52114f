"""The time of day, for those who have no clock of their own."""

from __future__ import annotations

from dataclasses import dataclass

DAY_US = 86_400_000_000


@dataclass(slots=True)
class Clock:
    """What time it is, as whoever drives the router says: it has no clock of its own."""

    now_us: int = 0  # 0: the input is files, and time is what they say
    not_after_us: int | None = None  # records later than this have a wrong clock and are rejected

    def set(self, now_us: int) -> None:
        """It is so late now."""
        self.now_us, self.not_after_us = now_us, now_us + DAY_US
