"""Jobs that run once a night or once a week are no surprise each time; who is new to it is, for days."""

from __future__ import annotations

import numpy as np
import pytest

from actors.judging import HELD_COUNT
from baselines.codec import pack, unpack
from baselines.large_days import DAYS, KEPT, SPAN_H, LargeDays
from baselines.seasonal_count import SeasonalCount
from baselines.seasonal_table import SeasonalTable

CANDIDATE = 1e-4
NIGHT = 2  # o'clock
SCATTER = 0.3  # the organisation's dispersion


def played(series: list[tuple[int, int]]) -> tuple[list[float], SeasonalCount]:
    """The chance of each hour, before it is learned: slowly where it is a candidate, which is the hardest case."""
    model, said = SeasonalCount(), []
    for hour, count in series:
        said.append(model.tail(count, hour, 1.0, SCATTER))
        suspicious = said[-1] < CANDIDATE and model.hours_learned(hour) >= 24
        seen = {"hour": hour, "count": count, "dispersion": SCATTER}
        model.learn_one(seen, w=HELD_COUNT if suspicious else 1.0)
    return said, model


def nightly(days: int, seed: int = 1, mean: float = 40.0) -> list[tuple[int, int]]:
    """A job that moves some forty files each night, and nothing else."""
    sizes = np.random.default_rng(seed).poisson(mean, days)
    return [(24 * day + NIGHT, int(size)) for day, size in enumerate(sizes)]


def test_a_backup_each_night_is_told_no_more_once_a_week_is_known() -> None:
    """Else whoever has such a machine is told of it each night, for ever."""
    for seed in range(5):
        said, _ = played(nightly(60, seed))
        assert min(said[7:]) > CANDIDATE


def test_such_a_night_is_called_rare_about_as_often_as_it_is() -> None:
    said = [chance for seed in range(40) for chance in played(nightly(28, seed))[0][7:]]
    assert np.mean(np.array(said) < 1e-2) <= 0.03
    assert np.mean(np.array(said) < 0.3) >= 0.1, "and not so usual that an attack would be missed"


def test_far_more_than_the_job_is_told_on_the_same_machine() -> None:
    """Else a machine with a backup would be a blind spot."""
    _, model = played(nightly(28))
    at = 28 * 24 + NIGHT
    assert model.tail(300, at, 1.0, SCATTER) < CANDIDATE
    assert model.tail(300, at + 12, 1.0, SCATTER) < CANDIDATE


def test_the_days_that_a_count_was_held_against_are_told() -> None:
    """An alert on a machine with a job says what the job's days had; one that no day speaks for names none."""
    _, model = played(nightly(14, mean=300.0))
    at = 14 * 24 + NIGHT
    said = model.came_before(500, at, 1.0, SCATTER)
    assert said is not None
    assert said.days >= DAYS
    assert 300 <= said.at_least <= 360
    assert said.chance == model.tail(500, at, 1.0, SCATTER) < CANDIDATE
    assert model.came_before(500, at + 12, 1.0, SCATTER) is None


def test_a_weekly_job_is_known_after_two_weeks() -> None:
    daily = [(24 * day + 9, 3) for day in range(35)]
    weekly = {24 * day + 9: 45 for day in range(3, 35, 7)}
    said, _ = played([(hour, weekly.get(hour, count)) for hour, count in daily])
    of_weekly = [chance for (hour, _), chance in zip(daily, said, strict=True) if hour in weekly]
    assert max(of_weekly[:2]) < 0.01
    assert min(of_weekly[2:]) > 0.01


def test_a_weekly_job_excuses_nothing_at_another_hour() -> None:
    seen = LargeDays(0, active=14)
    for week in range(2):
        seen.note(168 * week + 9, 45, 1.0)
    assert seen.chance(45, 2 * 168 + 9, 1.0, lambda count: 1e-9) > 0.01
    assert seen.chance(45, 2 * 168 + 20, 1.0, lambda count: 1e-9) == 0.0


def test_a_job_each_night_excuses_nothing_at_noon() -> None:
    """Else whoever reads as much as the nightly job, or guesses as many passwords as it copies files, is never told."""
    for seed in range(5):
        _, model = played(nightly(28, seed, mean=300.0))
        at = 28 * 24 + NIGHT
        assert model.tail(300, at + 1, 1.0, SCATTER) > CANDIDATE, "a job may be an hour late"
        assert model.tail(300, at + 12, 1.0, SCATTER) < CANDIDATE
        assert model.tail(200, at + 12, 1.0, SCATTER) < CANDIDATE


def test_a_job_without_an_hour_of_its_own_is_usual_at_any() -> None:
    """Builds come as people push: else each that is not at yesterday's hour is told."""
    seen = LargeDays(0, active=24 * 6)
    for day, of_day in enumerate((8, 10, 12, 14, 16, 18)):
        seen.note(24 * day + of_day, 110, 1.0)
    for of_day in (9, 13, 20):
        assert seen.chance(105, 24 * 6 + of_day, 1.0, lambda count: 1e-9) > 0.01


def test_an_attack_at_noon_beside_a_nightly_job_is_told_for_three_days() -> None:
    """The first must not excuse the second because a job was as large in the night."""
    _, model = played(nightly(28, mean=300.0))
    for day in range(28, 28 + DAYS - 1):
        assert model.tail(320, 24 * day + 14, 1.0, SCATTER) < CANDIDATE
        model.learn_one({"hour": 24 * day + 14, "count": 320, "dispersion": SCATTER}, w=HELD_COUNT)


def test_an_attack_on_each_day_is_told_for_four_days() -> None:
    """Who comes again is no job yet: one alert may be overlooked, four are not."""
    rng = np.random.default_rng(3)
    calm = [(hour, 1 + int(rng.poisson(5.0))) for hour in range(21 * 24)]
    attacked = [
        (hour, 300 if hour % 24 == 14 else 1 + int(rng.poisson(5.0))) for hour in range(21 * 24, 28 * 24)
    ]
    said, _ = played(calm + attacked)
    days = [said[24 * day + 14] for day in range(21, 28)]
    assert max(days[:DAYS]) < 1e-5
    assert min(days[DAYS:]) > CANDIDATE


def test_large_hours_of_the_day_excuse_nothing_at_night() -> None:
    """Else a build machine's afternoons would hide an attack in the night."""
    seen = LargeDays(0, active=24 * 7)
    for day in range(7):
        seen.note(24 * day + 14, 110, 2.0)

    def own(count: int) -> float:
        return 0.3 if count <= 20 else 1e-9

    assert seen.chance(100, 24 * 7 + 3, 0.3, own) == 0.0
    assert seen.chance(100, 24 * 7 + 15, 2.0, own) > 0.01


def test_what_was_five_weeks_ago_says_nothing() -> None:
    seen = LargeDays(0, active=KEPT)
    for day in range(KEPT):
        seen.note(24 * day, 50, 1.0)
    assert seen.chance(50, 24 * KEPT, 1.0, lambda count: 1e-9) > 0.1
    assert seen.chance(50, SPAN_H + 24 * KEPT, 1.0, lambda count: 1e-9) == 0.0


def test_days_survive_a_restart_and_an_older_versions_state_is_read() -> None:
    _, model = played(nightly(28))
    at = 28 * 24 + NIGHT
    again = unpack(pack(model))
    assert isinstance(again, SeasonalCount)
    assert again.tail(45, at) == model.tail(45, at)
    older = unpack(["SeasonalCount", 2, model.state()[:7]])
    assert isinstance(older, SeasonalCount)
    assert older.large is None
    assert older.mean(at) == model.mean(at)


@pytest.mark.parametrize(
    "days",
    [[0, 1], [0, 0, []], [0, 1, [[1, 2]]], [0, 1, [[1, 0, 5]]], [0, 1, [[1, 2, 5]] * (KEPT + 1)], "x", 7],
)
def test_days_that_are_none_are_refused(days: object) -> None:
    state = SeasonalCount().state()
    with pytest.raises(ValueError, match=r"SeasonalCount|number|table|days"):
        unpack(["SeasonalCount", 3, [*state[:7], days]])


def test_a_table_keeps_the_days_of_each_owner_apart_and_lets_them_go_with_it() -> None:
    """Else one machine's backup would excuse another's attack."""
    table, one = SeasonalTable(), np.ones(1)
    _, model = played(nightly(28))
    table.put(3, model)
    table.put(4, SeasonalCount())
    at, forty = 28 * 24 + NIGHT, np.array([40])
    assert table.tails(np.array([3]), forty, at, 1.0, SCATTER)[0] > 0.01
    has, rows = table.days(np.arange(6))
    assert has.tolist() == [False, False, False, True, False, False]
    other = SeasonalTable()
    other.put_rows(np.array([1]), table.rows(np.array([3]))[1])
    assert other.model(1).large is None
    other.put_days(np.array([1]), rows)
    assert other.model(1).state() == model.state()
    table.forget(np.array([3]))
    table.learn(np.array([3]), forty, at, 1.0, SCATTER, np.zeros(1), one)
    assert table.model(3).large is None


@pytest.mark.parametrize("growth", [1.2, 1.3, 1.45])
def test_who_does_more_each_day_is_told_each_day(growth: float) -> None:
    """Else an attack that grows slowly enough would be excused by itself."""
    rng = np.random.default_rng(1)
    calm = [(hour, 1 + int(rng.poisson(1.5))) for hour in range(35 * 24)]
    ramp = {24 * (21 + day) + 14: round(30 * growth**day) for day in range(14)}
    said, _ = played([(hour, ramp.get(hour, count)) for hour, count in calm])
    assert max(said[hour] for hour in ramp) < 1e-5
