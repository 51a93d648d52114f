"""The organisation's view of counts: the same for any number of shards, and right about the week."""

from __future__ import annotations

import random
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.population import Population
from baselines.seasons import WEEK, Seasons
from baselines.sizes import place_of
from baselines.tally import Tally, places_of

notes = st.lists(
    st.tuples(
        st.sampled_from(["ssh", "rdp"]),
        st.integers(0, 5_000),
        st.floats(0.0, 1e4, allow_nan=False),
    ),
    max_size=30,
)


def tally_of(noted: list[tuple[str, int, float]]) -> Tally:
    """One shard's tally."""
    tally = Tally()
    for name, count, expected in noted:
        tally.note(name, count, expected)
    return tally


def packed(value: Any) -> bytes:
    """The bytes of a state."""
    return bytes(msgpack.packb(value.state()))


def restored(tally: Tally) -> Tally:
    """A tally as it comes over the wire."""
    return Tally.restore(msgpack.unpackb(packed(tally)))


def grown(weeks: int, seed: int = 1) -> Population:
    """A population of an office's rhythm: busy from 8 to 18 on the week's first five days."""
    rng, population = random.Random(seed), Population()
    for hour in range(490_056, 490_056 + weeks * WEEK):
        tally = Tally()
        busy = 8 <= hour % 24 < 18 and hour % WEEK < 120
        for _ in range(10):
            count = rng.randrange(15, 26) if busy else rng.randrange(2)
            if count:
                tally.note("ssh", count, 20.0 if busy else 0.5)
        population.close(hour, tally)
    return population


@given(st.lists(notes, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_shards_can_be_added_up_in_any_order_and_grouping(parts: list[Any], chance: Any) -> None:
    straight = Tally()
    for part in parts:
        straight.merge(tally_of(part))
    tallies = [restored(tally_of(part)) for part in parts]
    while len(tallies) > 1:
        chance.shuffle(tallies)
        other = tallies.pop()
        tallies[0].merge(other)
    assert packed(restored(tallies[0])) == packed(straight)
    everything = [note for part in parts for note in part]
    chance.shuffle(everything)
    assert packed(tally_of(everything)) == packed(straight)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 60), notes), min_size=1, max_size=8), st.data())
def test_a_restart_between_two_hours_leaves_no_trace(hours: list[Any], data: st.DataObject) -> None:
    population = Population()
    resumed = Population.restore(msgpack.unpackb(packed(population)))
    hour = 490_000
    for gap, noted in hours:
        hour += gap
        population.close(hour, tally_of(noted))
        resumed.close(hour, tally_of(noted))
        if data.draw(st.booleans()):
            resumed = Population.restore(msgpack.unpackb(packed(resumed)))
    assert packed(resumed) == packed(population)
    assert msgpack.packb(resumed.snapshot()) == msgpack.packb(population.snapshot())


def test_a_busy_hour_of_the_week_is_known_to_be_one() -> None:
    population = grown(5)
    noon, night, saturday = (population.season("ssh", 490_056 + at).profile for at in (12, 2, 130))
    average = (50 * 20.0 + 118 * 0.5) / WEEK
    assert noon == pytest.approx(20.0 / average, rel=0.15)
    assert night < 0.3
    assert saturday < 0.3
    week = [population.season("ssh", hour).profile for hour in range(WEEK)]
    assert sum(week) == pytest.approx(WEEK, rel=0.02)
    assert population.season("never heard of", 5).profile == 1.0


def test_no_rhythm_is_believed_before_two_weeks_are_over() -> None:
    assert grown(1).season("ssh", 490_056 + 12).profile == 1.0
    assert Population().season("ssh", 0).profile == 1.0


def test_one_flooded_machine_is_not_the_rhythm_of_all() -> None:
    calm, flooded = grown(4), grown(4)
    for population, count in ((calm, 20), (flooded, 100_000)):
        tally = Tally()
        tally.note("ssh", count, 0.5)
        population.close(490_056 + 4 * WEEK + 2, tally)
    change = flooded.season("ssh", 490_058).profile / calm.season("ssh", 490_058).profile
    assert 0.8 < change < 1.25


def test_scatter_from_before_the_rhythm_was_known_is_dropped() -> None:
    population = Population()
    for hour in range(490_000, 490_000 + 4 * WEEK):
        tally = Tally()
        for _ in range(5):
            # While every hour was taken for average, half of them looked far too busy.
            tally.note("ssh", 20, 20.0 if hour > 490_000 + 2 * WEEK + 48 else 4.0)
        population.close(hour, tally)
        if hour == 490_000 + 2 * WEEK:
            assert population.dispersion("ssh") > 1.0
    assert population.dispersion("ssh") < 0.1


@pytest.mark.parametrize("weeks", [0, 1, 4])
def test_skipped_hours_count_as_they_would_one_by_one(weeks: int) -> None:
    seasons, rng = Seasons.from_snapshot(grown(weeks).snapshot()), random.Random(1)
    for _ in range(300):
        after = 490_000 + rng.randrange(2 * WEEK)
        before = after + rng.choice((0, 1, 2, rng.randrange(200), rng.randrange(3_000)))
        naive = sum(seasons.season("ssh", hour).profile for hour in range(after + 1, before))
        assert seasons.skipped("ssh", after, before) == pytest.approx(naive, abs=1e-6)
        assert seasons.skipped("never heard of", after, before) == max(0, before - after - 1)


@given(st.integers(1, 10**9))
def test_a_counts_place_is_within_an_eighth_of_it(count: int) -> None:
    place = place_of(count)
    assert place_of(count + 1) in (place, place + 1)
    assert count < 16 or place_of(count + count // 8 + 1) > place


def test_how_many_hours_reach_a_count_and_what_is_typical() -> None:
    population = Population()
    assert population.share_at_least("ssh", 5) is None
    assert population.typical("ssh") is None
    for hour in range(400):
        tally = Tally()
        tally.note("ssh", 40 if hour % 10 == 0 else 5, 5.0)
        tally.note("rdp", 0, 0.1)
        population.close(490_000 + hour, tally)
    assert population.share_at_least("ssh", 5) == 1.0
    assert population.share_at_least("ssh", 6) == pytest.approx(0.1)
    assert population.share_at_least("ssh", 100) == 0.0
    assert population.typical("ssh") == pytest.approx(8.5)
    assert population.share_at_least("rdp", 1) is None


def hour_of(counts: list[int], expected: float = 7.0) -> Tally:
    """An hour of machines that let expect that much each."""
    tally = Tally()
    tally.note_many("ssh", np.array(counts, np.int64), np.full(len(counts), expected))
    return tally


def known(machines: int = 40, hours: int = 50) -> Population:
    """A population of machines that see about what they let expect."""
    population = Population()
    for hour in range(hours):
        population.close(490_000 + hour, hour_of([6, 8] * (machines // 2)))
    return population


def test_when_all_see_more_it_is_told_how_many_times_as_much() -> None:
    population = known()
    assert population.risen("ssh", hour_of([6, 8] * 20)) == pytest.approx(1.0, abs=0.01)
    assert population.risen("ssh", hour_of([12, 16] * 20)) == pytest.approx(2.0, rel=0.1)
    assert population.risen("ssh", hour_of([3, 4] * 20)) < 1.0


def surprising(counts: list[int]) -> Tally:
    """An hour that surprises one machine very much and the others not."""
    tally = hour_of(counts)
    tally.plain("ssh", len(counts) - 1)
    tally.surprise("ssh", 9.0)
    return tally


def test_how_rare_a_surprise_is_is_not_known_from_hours_in_which_all_see_more() -> None:
    """Else such an hour weakens an attack twice: by what all see, and by how often others were surprised in the like."""
    with_, without = known(), known()
    for hour in range(40):
        with_.close(491_000 + hour, surprising([12, 16] * 20), {"ssh"})
        without.close(491_000 + hour, surprising([12, 16] * 20))
    for population in (with_, without):
        for hour in range(40):
            population.close(492_000 + hour, surprising([6, 8] * 20), {"ssh"})
    assert with_.chance("ssh", 8.0) == pytest.approx(without.chance("ssh", 8.0), rel=0.2)
    assert with_.share_at_least("ssh", 12) == without.share_at_least("ssh", 12)
    states = [population.state()[2][0] for population in (with_, without)]
    assert states[0][8][0] == states[1][8][0] - 40 * 40


def test_one_that_is_flooded_does_not_make_all_risen() -> None:
    assert known().risen("ssh", hour_of([100_000] + [6, 8] * 20)) < 1.15


def test_few_counts_do_not_make_all_risen() -> None:
    assert known().risen("ssh", hour_of([14, 14])) < 1.5
    assert known().risen("ssh", Tally()) == 1.0


def test_while_too_little_is_known_nothing_has_risen() -> None:
    assert known(hours=1, machines=20).risen("ssh", hour_of([70] * 40)) == 1.0
    assert Population().risen("ssh", hour_of([70] * 40)) == 1.0


def test_a_state_of_before_is_read_and_says_nothing_of_a_rise_until_more_is_known() -> None:
    before = known().state()
    older = [before[0], before[1], [row[:-3] for row in before[2]]]
    population = Population.restore(older)
    assert population.risen("ssh", hour_of([70] * 40)) == 1.0
    assert population.share_at_least("ssh", 6) == known().share_at_least("ssh", 6)
    assert Tally.restore([row[:-3] for row in hour_of([7]).state()]).level("ssh") == (0.0, 0.0)


def test_what_has_risen_is_the_same_for_any_number_of_shards() -> None:
    apart = hour_of([12, 16] * 10)
    apart.merge(hour_of([13, 15] * 10))
    together = hour_of([12, 16] * 10 + [13, 15] * 10)
    assert known().risen("ssh", restored(apart)) == known().risen("ssh", together)


counts_and_means = st.lists(
    st.tuples(st.integers(1, 40) | st.integers(1, 10**7), st.floats(0.0, 5.0) | st.floats(0.0, 1e6)),
    max_size=30,
)


@settings(deadline=None)
@given(counts_and_means, st.integers(0, 5))
def test_counts_noted_in_columns_are_noted_as_one_by_one(noted: list[tuple[int, float]], plain: int) -> None:
    """Else the organisation's week, and what is rare in it, would hang on how resources are kept."""
    one_by_one, at_once = Tally(), Tally()
    counts = np.array([count for count, _ in noted], np.int64)
    at_once.note_many("ssh", counts, np.array([expected for _, expected in noted], np.float64))
    at_once.plain("ssh", plain)
    for count, expected in noted:
        one_by_one.note("ssh", count, expected)
    for _ in range(plain):
        one_by_one.surprise("ssh", 0.0)
    (name, *sums, surprises, met, due, _), *_ = at_once.state()
    (expected_name, *expected_sums, expected_surprises, expected_met, expected_due, _), *_ = (
        one_by_one.state() or [["ssh", 0, 0, 0, 0, 0, [], [0, []], 0, 0, []]]
    )
    hours, total, capped, excess, squares, histogram = sums
    assert (name, hours, total, capped, histogram) == (expected_name, *expected_sums[:3], expected_sums[5])
    # Whole numbers of `numpy.exp` and `math.exp`, which may differ in the last digit: by one an entry at most.
    assert abs(excess - expected_sums[3]) <= len(noted)
    assert abs(squares - expected_sums[4]) <= len(noted)
    assert met == expected_met
    assert abs(due - expected_due) <= len(noted)
    assert surprises[0] == expected_surprises[0]
    assert [pair for pair in surprises[1] if pair[1]] == [pair for pair in expected_surprises[1] if pair[1]]


@given(st.lists(st.integers(0, 20) | st.integers(0, 2**53 - 1), max_size=30))
def test_places_in_columns_are_those_of_each(counts: list[int]) -> None:
    assert places_of(np.array(counts, np.int64)).tolist() == list(map(place_of, counts))


def test_the_places_of_counts_where_they_change() -> None:
    """Powers of two and their neighbours: where the length in bits, and the place, changes."""
    counts = sorted({max(0, 2**power + by) for power in range(53) for by in (-1, 0, 1)})
    assert places_of(np.array(counts, np.int64)).tolist() == list(map(place_of, counts))
