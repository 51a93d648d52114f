"""How busy each hour of the week is (the profile), and how counts scatter over all entities: what shards judge by."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple, Self

WEEK = 168
ENOUGH_HOURS = 2 * WEEK  # of telemetry before a profile is believed
DEFAULT_DISPERSION = 0.5


class Season(NamedTuple):
    """An hour's profile (1 = an average hour) and the dispersion over all entities."""

    profile: float = 1.0
    dispersion: float = DEFAULT_DISPERSION


_FLAT = Season()


class Seasons:
    """Profiles and dispersions of a day, for shards to judge by."""

    def __init__(self, values: Any) -> None:
        hours, rows = values
        self._known = sum(hours) >= ENOUGH_HOURS
        profiles = {name: (self._profile(week, hours), dispersion) for name, week, dispersion in rows}
        self._sums = {name: list(accumulate(profile, initial=0.0)) for name, (profile, _) in profiles.items()}
        self._seasons = {
            name: [Season(one, dispersion) for one in profile]
            for name, (profile, dispersion) in profiles.items()
        }

    @classmethod
    def from_snapshot(cls, values: Any) -> Self:
        """From `Population.snapshot()`."""
        return cls(values)

    def _profile(self, week: list[int], hours: list[int]) -> list[float]:
        if not self._known:
            return [1.0] * WEEK
        mean = max(sum(week) / sum(hours), 1e-9)
        # As if a quarter of an average hour had been seen besides, and as much more as the counts are few.
        prior = 0.25 + 4.0 / mean
        raw = [(w / mean + prior) / (h + prior) for w, h in zip(week, hours, strict=True)]
        scale = WEEK / sum(raw)
        return [min(20.0, max(0.05, value * scale)) for value in raw]

    def season(self, baseline: str, hour: int) -> Season:
        """The season of a baseline at an hour (hours since 1970)."""
        week = self._seasons.get(baseline)
        return _FLAT if week is None else week[hour % WEEK]

    def skipped(self, baseline: str, after: int, before: int) -> float:
        """Sum of the profiles of the hours between two hours, both left out."""
        gap = max(0, before - after - 1)
        sums = self._sums.get(baseline)
        if sums is None or not gap:
            return float(gap)
        weeks, rest = divmod(gap, WEEK)
        first = (after + 1) % WEEK
        last = first + rest
        part = sums[min(last, WEEK)] - sums[first] + (sums[last - WEEK] if last > WEEK else 0.0)
        return weeks * sums[WEEK] + part
