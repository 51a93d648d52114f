"""Callers whose past at a vault says little, and how common it is here that such a one comes.

Someone who was let in on a few days of the first two weeks, and not for long since, was never judged: they are no
stranger, and no regular either. What speaks for them is that others come so too: the chance of it is that of a
caller's day, as novelty's is (`habits`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from detections.declare import Learned
from detections.key_vault.habits import AGAIN_DAYS, AGAIN_HOURS, PASSING, TOLD_BEFORE, novelty, untold, young
from detections.key_vault.known import BASELINES as CALLERS
from detections.key_vault.known import TABLES, keys_let_in
from detections.passing import seen_so
from detections.view import Hour

BASELINE = "vault_returns"  # a level: a caller's day; a level and a caller: a day on which it came so


def arrived(hour: Hour) -> dict[str, set[str]]:
    """At each level this hour's callers that have not come on this day yet; ask by `hour.once(arrived)`."""
    keys = hour.once(keys_let_in)
    return {level: untold(hour.models[table], keys[level], hour.hour) for level, table in TABLES.items()}


def doubtful(hour: Hour) -> dict[str, dict[str, str]]:
    """Of this hour's callers, at each level, those whose past says little, and why; ask by `hour.once(doubtful)`."""
    return {level: dict(_doubtful(hour, level, keys)) for level, keys in hour.once(arrived).items()}


def _doubtful(hour: Hour, level: str, keys: set[str]) -> Iterator[tuple[str, str]]:
    model = hour.models[TABLES[level]]
    for key in sorted(keys):
        if _comes_back(hour, level, key) or young(hour, model, key):
            yield key, seen_so(model, key, "it was here", "day")
        elif _came_lately(hour, level, key):
            yield key, TOLD_BEFORE


def _comes_back(hour: Hour, level: str, key: str) -> bool:
    return PASSING.holds(hour, hour.models[TABLES[level]], key)


def _came_lately(hour: Hour, level: str, key: str) -> bool:
    """Whether it came so on the days before: it is to be told again, as what was new is."""
    model = hour.models[BASELINE]
    last = model.last_hour(f"{level}|{key}")
    if last is None or model.times(f"{level}|{key}") > AGAIN_DAYS:
        return False
    return bool(AGAIN_HOURS[0] <= hour.hour - last <= AGAIN_HOURS[1])


def chance_of_return(hour: Hour, level: str, key: str) -> float:
    """The share of callers' days here on which another one came so."""
    model = hour.models[BASELINE]
    others = (k for k in model.all_keys() if k.startswith(f"{level}|") and k != f"{level}|{key}")
    came = sum(model.weight(other, hour.hour) for other in others)
    return float(min(1.0, (came + 0.5) / (model.weight(level, hour.hour) + 1.0)))


def _observe(hour: Hour) -> Iterator[dict[str, Any]]:
    # As they were judged: the callers' own tables may have learned the hour by now.
    doubts = hour.once(doubtful)
    for level, keys in hour.once(arrived).items():
        if keys:
            yield {"key": level, "count": len(keys)}
        # Who is young is told once: by its next visit it is somebody who goes on.
        back = [
            key for key in doubts[level] if _comes_back(hour, level, key) or _came_lately(hour, level, key)
        ]
        yield from ({"key": f"{level}|{key}"} for key in back)


# First of all: it must see the callers' tables before they learn the hour.
BASELINES = (Learned(BASELINE, novelty, _observe), *CALLERS)
