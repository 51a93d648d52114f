"""The thresholds of an alert budget come from what was judged on the days before: as many false alerts as asked for."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from actors.judged import DAYS, JudgedDays, limits
from detections.counting import score

USER, COUNT = "key_vault.unusual_user", "network.ssh_incoming"


def few_hours_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer entity-hours than in the product are enough to go by."""
    monkeypatch.setattr("actors.judged.ENOUGH", 50)
    monkeypatch.setattr("actors.judged.ENOUGH_DAYS", 2)
    monkeypatch.setattr("baselines.surprise.ENOUGH", 50)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    few_hours_are_enough(monkeypatch)


def days_of(type_: str, a_day: int, days: int, scores: Iterable[float] = ()) -> JudgedDays:
    known = JudgedDays()
    for day in range(days):
        known.note(type_, day, a_day)
    known.note(type_, days - 1, 0, scores)
    return known


def test_a_counts_threshold_is_the_budget_by_what_is_judged_and_never_above_what_it_declares() -> None:
    known = days_of(COUNT, 2_400, 10)
    quiet = limits(known, 10, 0.024, {COUNT: 1e-4})[COUNT]
    assert (quiet.threshold, quiet.alerts) == (1e-4, 0.0), (
        "nothing was found in ten days: the others have it all"
    )
    known.note(COUNT, 9, 0, [4.5] * 20)
    assert limits(known, 10, 0.024, {COUNT: 1e-4})[COUNT].threshold == pytest.approx(1e-5)
    capped = limits(known, 10, 50.0, {COUNT: 1e-4})[COUNT]
    assert (capped.threshold, capped.alerts) == (1e-4, pytest.approx(0.24))
    assert not limits(days_of(COUNT, 10, 3), 10, 50.0, {COUNT: 1e-4}), "too little is known: as it declares"


def test_what_is_to_be_expected_of_all_is_the_budget() -> None:
    known = JudgedDays()
    sizes = {"a": 24_000, "b": 2_400, "c": 240_000, "d": 60}
    for type_, hours in sizes.items():
        for day in range(DAYS):
            known.note(type_, day, hours, [5.0] * 100)
    found = limits(known, DAYS, 2.0, dict.fromkeys(sizes, 1e-4))
    assert sum(one.alerts for one in found.values()) == pytest.approx(2.0)
    for type_, one in found.items():
        assert one.threshold * sizes[type_] == pytest.approx(one.alerts)
    assert found["d"].threshold == found["b"].threshold == 1e-4, "what they can't use is the others'"
    assert found["a"].threshold < 1e-4 > found["c"].threshold


@pytest.mark.parametrize("bent", [0.7, 1.0, 1.8], ids=["too modest", "true", "too sure"])
def test_as_many_false_alerts_come_as_were_asked_for_however_wrong_the_model_is(bent: float) -> None:
    rng, known, told = random.Random(5), JudgedDays(), 0
    days, a_day, budget, most = 140, 400, 2.0, 0.05
    for day in range(days):
        limit = limits(known, day, budget, {USER: None}).get(USER) if day >= DAYS else None
        found = [s for _ in range(a_day) if (s := bent * score(1.0 - rng.random())) > score(most)]
        if limit is not None:
            told += sum(limit.judged.chance(one) <= limit.threshold for one in found)
        known.note(USER, day, a_day, found)
    assert budget / 2 < told / (days - DAYS) < 2 * budget


def test_on_the_threshold_it_is_told_and_just_above_it_is_not() -> None:
    known = days_of(USER, 100, 10, [1.5] * 40 + [2.5] * 10)
    limit = limits(known, 10, 1.0, {USER: None})[USER]
    assert limit.threshold == pytest.approx(0.01)
    assert limit.judged.chance(2.5) <= limit.threshold < limit.judged.chance(1.5)


def test_a_detection_that_found_nothing_for_weeks_is_heard() -> None:
    assert limits(days_of(USER, 100, 10), 10, 1e-3, {USER: None})[USER].judged.chance(2.0) < 1e-5


def test_old_days_are_forgotten_and_the_state_comes_back() -> None:
    known = JudgedDays()
    for day in range(100):
        known.note(USER, day, 1_000 if day < 50 else 10, [2.0])
    assert known.before(USER, 100).a_day == 10
    assert len(known.state()[USER]) <= DAYS + 1
    assert JudgedDays(known.state()).state() == known.state()


@pytest.mark.parametrize(
    "rows",
    [[[1, 2]], [[1, -2, []]], [[1, 2, [[0, "a"]]]], [[1, 2, [[80, 1]]]], [[1.5, 2, []]], 3, [[1, 2, 3]]],
)
def test_a_damaged_state_is_refused(rows: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        JudgedDays({USER: rows})
