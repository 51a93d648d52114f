"""A table of models is its models: else what is learned of a resource would hang on how it is kept."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.codec import pack, unpack
from baselines.negative_binomial import upper_tail
from baselines.seasonal_count import SeasonalCount
from baselines.seasonal_table import FAR, NEVER, SeasonalTable
from detections.counting import CANDIDATE

OWNERS = 5
START = 490_000
EXACT = 1e-9  # relative: `numpy.exp` and `math.exp` may differ in the last digit


class Step(NamedTuple):
    """What some owners learn in one hour."""

    gap: int  # hours since the step before
    counts: dict[int, int]  # by owner
    slow: frozenset[int]  # owners that are taught at a tenth
    profile: float
    dispersion: float
    skipped: float  # mean profile of the hours between
    forgotten: frozenset[int]  # afterwards
    moved: frozenset[int]  # saved and put in again, afterwards


owners = st.integers(0, OWNERS - 1)
profiles = st.just(1.0) | st.floats(0.05, 20.0)
steps = st.lists(
    st.builds(
        Step,
        st.integers(1, 4) | st.integers(1, 20_000),
        st.dictionaries(owners, st.integers(0, 5) | st.integers(0, 10**6), min_size=1),
        st.frozensets(owners),
        profiles,
        st.floats(0.02, 10.0),
        profiles,
        st.frozensets(owners, max_size=1),
        st.frozensets(owners, max_size=1),
    ),
    max_size=12,
)


def taught(story: list[Step]) -> tuple[SeasonalTable, list[SeasonalCount], int]:
    """The table and the models after the same story, and the hour after it."""
    table, models, hour = SeasonalTable(), [SeasonalCount() for _ in range(OWNERS)], START
    for step in story:
        hour += step.gap
        whom = sorted(step.counts)
        last = table.last_hours(np.array(whom))
        skipped = np.where(last == NEVER, 0.0, step.skipped * np.maximum(0, hour - last - 1))
        table.learn(
            np.array(whom),
            np.array([step.counts[one] for one in whom]),
            hour,
            step.profile,
            step.dispersion,
            skipped,
            np.array([0.1 if one in step.slow else 1.0 for one in whom]),
        )
        for place, one in enumerate(whom):
            seen: dict[str, Any] = {"hour": hour, "count": step.counts[one]}
            seen |= {"profile": step.profile, "dispersion": step.dispersion}
            if models[one].last_hour is not None:
                seen["skipped"] = float(skipped[place])
            models[one].learn_one(seen, w=0.1 if one in step.slow else 1.0)
        for one in step.moved:
            table.put(one, unpack(pack(table.model(one))))
        table.forget(np.array(sorted(step.forgotten), np.int64))
        for one in step.forgotten:
            models[one] = SeasonalCount()
    return table, models, hour + 1


def about(numbers: Any) -> Any:
    return pytest.approx(numbers, rel=EXACT, abs=10 * EXACT)  # what decays for a year is a small rest


everyone = np.arange(OWNERS)


@settings(deadline=None, max_examples=30)
@given(
    steps, st.lists(st.integers(0, 10**6), min_size=OWNERS, max_size=OWNERS), profiles, st.floats(0.02, 10)
)
def test_a_table_holds_what_its_models_hold(
    story: list[Step], counts: list[int], profile: float, dispersion: float
) -> None:
    table, models, hour = taught(story)
    for owner, model in enumerate(models):
        sums, (*hours, seasoned) = model.state()[:4], model.state()[4:]
        kept = table.model(owner).state()
        assert kept[4:] == [*hours, seasoned]
        # The excess is a difference of squares: exact to what they are.
        assert kept[:2] + kept[3:4] == about(sums[:2] + sums[3:4])
        squares = 1.0 + sums[0] ** 2 + sums[1] ** 2 + sums[3]
        assert kept[2] == pytest.approx(sums[2], rel=EXACT, abs=EXACT * squares)
    assert table.hours_learned(everyone, hour).tolist() == [model.hours_learned(hour) for model in models]
    assert table.mean(everyone, hour, profile).tolist() == about([m.mean(hour, profile) for m in models])
    tails = [m.tail(c, hour, profile, dispersion) for m, c in zip(models, counts, strict=True)]
    found = table.tails(everyone, np.array(counts), hour, profile, dispersion)
    # What is rarer than a thousandth of a thousandth is a power of many digits; its logarithm is what counts.
    assert np.log10(found).tolist() == pytest.approx(np.log10(tails).tolist(), rel=1e-6, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(steps, st.integers(0, 10**6), profiles, st.floats(0.02, 10.0))
def test_what_is_not_far_is_no_candidate(
    story: list[Step], count: int, profile: float, dispersion: float
) -> None:
    """Else an attack's count would never be looked at."""
    assert CANDIDATE <= 1e-3
    table, models, hour = taught(story)
    usual = table.mean(everyone, hour, profile)
    for counts in (
        np.full(OWNERS, count),
        np.ceil(usual).astype(np.int64),
        (3.0 * usual + 2).astype(np.int64),
    ):
        far = table.far(everyone, counts, hour, profile, dispersion)
        for model, one, is_far in zip(models, counts.tolist(), far.tolist(), strict=True):
            assert is_far or model.tail(one, hour, profile, dispersion) > 1e-3


@settings(deadline=None, max_examples=100)
@given(st.floats(-6.0, 3.5).map(lambda power: 10.0**power), st.floats(0.02, 12.0), st.sampled_from([0, 1]))
def test_the_greatest_count_that_is_not_far_is_still_no_candidate(
    mean: float, dispersion: float, less: int
) -> None:
    """The bound itself, whatever the mean: the count just below it is the rarest that is passed over."""
    greatest = int(mean + FAR * (mean + dispersion * mean * mean) ** 0.5)
    assert upper_tail(max(0, greatest - less), mean, dispersion) > 1e-3


def test_a_row_that_was_freed_is_taken_again_and_knows_nothing() -> None:
    """Else memory would grow with every resource that ever was, or a new one would be judged by another's past."""
    table = SeasonalTable()
    ones, zeros = np.ones(3), np.zeros(3)
    for hour in range(50):
        table.learn(np.arange(3), np.array([9, 8, 7]), START + hour, 1.0, 0.5, zeros, ones)
    rows = len(table._models.rows)
    for other in range(3, 2_000, 3):
        table.forget(np.arange(other - 3, other))
        assert len(table) == 0
        assert not table.has(other - 3)
        assert (
            table.mean(np.arange(other, other + 3), START, 1.0).tolist() == [SeasonalCount().mean(START)] * 3
        )
        table.learn(np.arange(other, other + 3), np.array([9, 8, 7]), START, 1.0, 0.5, zeros, ones)
    assert len(table._models.rows) == rows
    assert len(table) == 3
