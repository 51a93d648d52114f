"""Who is busier for good is known within days; a burst, or a little more each day, is not learned as usual."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from actors.judging import HELD_COUNT
from baselines.seasonal_count import SeasonalCount

CANDIDATE = 1e-4

KNOWN_HOURS = 24
ORGANISATIONS = 0.3  # dispersion


def flagged(
    series: Iterable[tuple[int, int]], dispersion: float = ORGANISATIONS
) -> tuple[list[int], SeasonalCount]:
    """The hours that a model calls improbable, as they are taught one after another, the suspicious ones slowly."""
    model, hours = SeasonalCount(), []
    for hour, count in series:
        improbable = model.hours_learned(hour) >= KNOWN_HOURS and (
            model.tail(count, hour, 1.0, dispersion) < CANDIDATE
        )
        if improbable:
            hours.append(hour)
        seen = {"hour": hour, "count": count, "dispersion": dispersion}
        model.learn_one(seen, w=HELD_COUNT if improbable else 1.0)
    return hours, model


def busy(seed: int, mean: float, first: int, last: int) -> list[tuple[int, int]]:
    """Scattered counts of the days from `first` up to `last`."""
    rng = np.random.default_rng(seed)
    hours = range(first * 24, last * 24)
    return [
        (hour, int(count))
        for hour, count in zip(hours, rng.poisson(mean * rng.gamma(5, 0.2, len(hours))), strict=True)
    ]


def test_a_level_twenty_times_as_high_is_usual_after_five_days() -> None:
    hours, model = flagged(busy(1, 5, 0, 21) + busy(2, 100, 21, 35))
    assert {21, 22} <= {hour // 24 for hour in hours}  # it is news at first
    assert not [hour for hour in hours if hour >= 26 * 24]
    assert model.mean(35 * 24) > 50


def test_a_burst_of_some_hours_leaves_what_is_usual_as_it_was() -> None:
    calm = busy(1, 5, 0, 21)
    _, before = flagged(calm)
    burst = [(21 * 24 + n, 400) for n in range(6)]
    hours, after = flagged(calm + burst)
    assert {hour for hour, _ in burst} <= set(hours)
    assert after.mean(21 * 24 + 6) < 1.4 * before.mean(21 * 24)
    assert (
        after.tail(400, 21 * 24 + 30, 1.0, ORGANISATIONS) < CANDIDATE
    )  # the next day it would be told again


def test_who_does_a_little_more_each_day_is_told_long_before_it_is_much() -> None:
    # An hour a day, where nothing was before and the organisation's counts scatter as wildly as they may.
    ramp = [(day * 24 + 4, round(10 * 1.41**day)) for day in range(14)]
    hours, _ = flagged(ramp, dispersion=10.0)
    assert hours
    assert hours[0] <= 8 * 24  # at an eighth of what it comes to
    assert hours[-1] == ramp[-1][0]
