"""Who comes seldom does as much as it does when it comes: else a weekly visit of six vaults is one in ten million, each week."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from actors.judging import Judge
from actors.settings import Settings
from baselines import SeasonalCount, VisitCount
from tests.baselines.synthetic import share_below

HOURS, LEARNED = 2_400, 168
WEEK = 168


def visits(make: type[SeasonalCount], often: float, more: float, seed: int, entities: int) -> list[float]:
    """What models say of the hours in which something happened: in so many there is one thing, and so many more."""
    rng = np.random.default_rng(seed)
    said: list[float] = []
    for _ in range(entities):
        model = make()
        for hour in np.flatnonzero(rng.random(HOURS) < often).tolist():
            count = 1 + int(rng.poisson(more))
            if hour >= LEARNED and model.hours_learned(hour) >= LEARNED:
                said.append(model.tail(count, hour, 1.0, 0.5))
            model.learn_one({"hour": hour, "count": count, "dispersion": 0.5})
    return said


@pytest.mark.parametrize(("often", "more"), [(0.01, 4.0), (0.01, 1.5), (0.03, 3.0)])
def test_what_seldom_comes_and_is_always_so_large_is_no_surprise(often: float, more: float) -> None:
    before = visits(SeasonalCount, often, more, 1, 40)
    assert share_below(before, 1e-2) > 3e-2, "else the test says nothing"
    said = visits(VisitCount, often, more, 1, 40)
    assert len(said) > 800
    assert share_below(said, 1e-2) <= 3e-2
    assert share_below(said, 1e-3) <= 3e-3
    assert share_below(said, 0.3) > 0.1, "not by calling all of it usual"


def test_a_theft_from_a_vault_that_is_seldom_read_still_shows() -> None:
    model = VisitCount()
    for week in range(8):
        model.learn_one({"hour": WEEK * week, "count": 5})
    assert model.tail(60, WEEK * 8) < 1e-6


def test_an_attack_in_the_days_of_learning_does_not_make_the_next_one_usual() -> None:
    model = VisitCount()
    for hour in (10, 20, 30):
        model.learn_one({"hour": hour, "count": 200})
    assert model.tail(200, 300) < 1e-6


@pytest.mark.parametrize("mean", [15, 40])
def test_who_is_active_in_most_hours_is_judged_as_before(mean: int) -> None:
    rng = np.random.default_rng(3)
    busy, as_before = VisitCount(), SeasonalCount()
    for hour, count in enumerate(rng.poisson(mean, 500).tolist()):
        for model in (busy, as_before):
            model.learn_one({"hour": hour, "count": count})
    for count in range(mean, 5 * mean):
        assert busy.tail(count, 500) == pytest.approx(as_before.tail(count, 500), rel=0.2, abs=1e-7)


def test_what_an_earlier_version_learned_goes_on() -> None:
    earlier = SeasonalCount()
    for hour in range(0, 900, 30):
        earlier.learn_one({"hour": hour, "count": 1 + hour % 4})
    judge = Judge("vault", Settings())
    models: dict[str, Any] = {"vault_operations": earlier}
    judge.prepare(models)
    now = models["vault_operations"]
    assert isinstance(now, VisitCount)
    assert now.mean(900) == earlier.mean(900)
    assert now.tail(30, 900) == pytest.approx(earlier.tail(30, 900), rel=0.01), (
        "of sizes it knows nothing yet"
    )
    judge.prepare(models)
    assert models["vault_operations"] is now
