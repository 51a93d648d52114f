"""What was seen in passing: a few times while all was learned, and not for long since.

Nobody could judge it when it came, so that it was there says little: whoever attacks while all is learned is there
too. A regular is there more often, or goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from detections.view import View
from detections.words import rfc3339
from ingest.records import HOUR_US

DAY_H = 24
MONTH_HOURS = 27 * DAY_H, 33 * DAY_H  # who comes again after that long comes monthly
WHILE_LEARNING = "while all was still learned"
TIMES_AS_LONG = 2  # as it was seen for: who came on two Mondays is not gone on the third


@dataclass(frozen=True, slots=True)
class Passing:
    """How few times, of what a table counts, and how long ago are in passing."""

    learning_days: float  # of the entity's history: what came later was judged when it came
    few: int
    gone_hours: int

    def holds(self, view: View, model: Any, key: str) -> bool:
        """Whether a key of a table was seen so."""
        last = model.last_hour(key)
        if last is None or model.times(key) > self.few:
            return False
        silent, span = view.hour - last, last - model.first_hour(key)
        if silent < self.gone_hours or silent <= TIMES_AS_LONG * span or _monthly(silent):
            return False
        days = float(view.parameters.get("learning_days", self.learning_days))
        return bool(last - view.since_us // HOUR_US < days * DAY_H)


def _monthly(silent: int) -> bool:
    return MONTH_HOURS[0] <= silent <= MONTH_HOURS[1]


def seen_so(model: Any, key: str, what: str, unit: str) -> str:
    """What is known of something that was seen in passing, for an alert. A unit is what its table counts once."""
    times, last = model.times(key), rfc3339(model.last_hour(key) * HOUR_US)
    on = "on" if unit == "day" else "in"
    return f"{what} before, {on} {times} {unit}{'s' if times > 1 else ''}, last at {last}, {WHILE_LEARNING}"
