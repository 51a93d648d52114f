"""What detections on counts share: a count's chance by the entity's own model, checked against everybody's.

A shard takes what its entity's model finds improbable; at the hour's close the chance is what it was for all
entities' hours that surprised their models as much (`baselines.surprise`). So the improbability that an alert
states is one that was measured, where the model is right and where it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log10
from typing import Any

from baselines.surprise import PLACES, STEP
from detections.declare import Verdict
from detections.organisation import Organisation
from detections.view import Season
from detections.words import odds, rounded

CANDIDATE = 1e-4  # by the entity's own model: what is more probable is no finding at all
# While too few hours are known, a tail that is heavier than a right model's: a hundredth of the hours beyond
# a score of 2, and a power of ten for each further 2.3.
COLD_SHARE, COLD_FROM, COLD_SCALE = 0.01, 2.0, 2.3
HIGHEST_SCORE = PLACES * STEP  # what is more surprising counts as much as this
MANY = 12  # hours of two days in which a count was told: from there on it is no news (`actors.repeats`)
BEYOND_USUAL = 0.01  # of an entity's hours: what its usual range leaves out


def score(chance: float) -> float:
    """-log10 of a chance.

    >>> score(1e-4)
    4.0
    """
    return -log10(max(chance, 1e-300)) + 0.0


def usual_at_most(tail: Callable[[int], float]) -> int:
    """The largest count of the usual range: P(X > it) is at most a hundredth. `tail(n)` is P(X >= n).

    >>> usual_at_most(lambda count: 0.5**count)
    6
    """
    high = 1
    while tail(high) > BEYOND_USUAL and high < 1 << 40:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if tail(middle) > BEYOND_USUAL else (low, middle)
    return high - 1


def usual(model: Any, count: int, hour: int, season: Season) -> dict[str, Any]:
    """What an alert says of the usual range, and of the days with much that the count was held against."""
    with_season = season.profile, season.dispersion
    before = model.came_before(count, hour, *with_season)
    known = {} if before is None else {"came_before": {"days": before.days, "at_least": before.at_least}}
    return {"usual_at_most": usual_at_most(lambda number: model.tail(number, hour, *with_season)), **known}


def checked(
    baseline: str, chance: float, organisation: Organisation, count: int | None = None
) -> tuple[float, bool]:
    """The chance as all entities' hours have it, never less than the model's; and whether it was measured.

    `count`: of what the same crowd sends to all (`Learned.crowd`).
    """
    known = organisation.chance(baseline, score(chance), count)
    if known is None:
        known = COLD_SHARE * 10.0 ** (-max(0.0, score(chance) - COLD_FROM) / COLD_SCALE)
        return max(chance, known), False
    return max(chance, known), True


def verdict(
    baseline: str, chance: float, threshold: float, organisation: Organisation, count: int | None = None
) -> Verdict:
    """Withheld where the measured chance is above the threshold; else with the evidence that says so."""
    measured, known = checked(baseline, chance, organisation, count)
    told: dict[str, Any] = {
        "improbability": rounded(measured),
        "odds": odds(measured),
        "improbability_by_own_model": rounded(chance),
    }
    if measured > threshold:
        return Verdict(
            withheld=f"hours that are as unusual for whom they belong to come {odds(measured)} times: "
            f"the limit is {odds(threshold)}",
            evidence=told,
        )
    against = () if known else ("too little of the organisation is known yet to measure how rare this is",)
    return Verdict(evidence=told, against=against)
