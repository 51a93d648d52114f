"""What is told hour after hour is no news: from the twelfth hour of two days on it is told lower.

Of counts alone: whoever is busier for good, and whoever is under an attack that does not end, has said so by then. More
than twice as much as in any of those hours is news again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from actors.messages import Found
from detections.catalogue import CATALOGUE
from detections.counting import MANY
from detections.declare import Verdict
from detections.words import rfc3339
from ingest.records import HOUR_US

WINDOW_HOURS = 48
MOST = 24  # of those hours: from there on it is two steps lower
NEWS = 2.0  # times what was told before
MAX_KEYS = 2_000  # that are remembered, the latest
_MASK = (1 << WINDOW_HOURS) - 1


class _Told(NamedTuple):
    """The last hour in which it was told; a bit for each hour, the lowest being that one's; the greatest count."""

    hour: int
    hours: int
    most: int

    def before(self, hour: int) -> int:
        """The bits of the hours before that one."""
        return self.hours << (hour - self.hour - 1) & _MASK if 0 < hour - self.hour <= WINDOW_HOURS else 0


class Repeats:
    """By type and entity."""

    def __init__(self, state: dict[str, list[int]] | None = None) -> None:
        """Raises ValueError for what is no such state."""
        self._told = {key: _checked(values) for key, values in (state or {}).items()}

    def lowered(self, one: Found, verdict: Verdict) -> Verdict:
        """The verdict on what is told again, lower where it is no news; it is remembered as told."""
        if not any(learned.counts for learned in CATALOGUE[one.type].baselines):
            return verdict
        key, count = f"{one.type} {one.kind}:{one.entity.lower()}", one.finding.count
        told = self._told.pop(key, None)
        hours = told.before(one.hour) if told is not None else 0
        most = told.most if told is not None and hours else 0
        self._told[key] = _Told(one.hour, (hours << 1 | 1) & _MASK, max(count, most))
        if len(self._told) > MAX_KEYS:
            del self._told[next(iter(self._told))]  # the one that was told longest ago
        many = hours.bit_count()
        if many < MANY or count > NEWS * most:
            return verdict
        first = rfc3339((one.hour - hours.bit_length()) * HOUR_US)
        said = f"it was told in {many} of the {WINDOW_HOURS} hours before, from {first} on: nothing about it is new"
        steps = verdict.steps - (2 if many >= MOST else 1)
        return replace(verdict, steps=steps, against=(*verdict.against, said))

    def forget(self, hour: int) -> None:
        """What was not told for so long that it is news again."""
        self._told = {key: told for key, told in self._told.items() if told.hour >= hour or told.before(hour)}

    def state(self) -> dict[str, list[int]]:
        """As MessagePack values."""
        return {key: list(told) for key, told in self._told.items()}


def _checked(values: Any) -> _Told:
    told = _Told(*values)
    if not all(type(one) is int and 0 <= one <= 1 << 62 for one in told) or told.hours > _MASK:
        raise ValueError("what was told is none")
    return told
