"""What `Novelty` says of many keys at once is what it says of each; what is remembered of an answer is never stale."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from baselines.mix import Mix
from baselines.novelty import Novelty

NAMES = "abcdefgh"
OBSERVED = st.lists(
    st.tuples(st.sampled_from(NAMES[:6]), st.integers(0, 3000), st.sampled_from([1.0, 0.1, 0.06])),
    max_size=30,
)


def taught(observed: list[tuple[str, int, float]], limit: int = 4) -> Novelty:
    model = Novelty(limit=limit)
    for key, hour, weight in sorted(observed, key=lambda one: one[1]):
        model.learn_one({"key": key, "hour": hour}, w=weight)
    return model


@given(OBSERVED, st.integers(0, 6000), st.floats(0.0, 1.5))
def test_keys_are_faint_whose_weight_is_below_the_least(
    observed: list[tuple[str, int, float]], hour: int, least: float
) -> None:
    model = taught(observed)
    assert model.faint(NAMES, least, hour) == [key for key in NAMES if model.weight(key, hour) < least]


@given(OBSERVED, st.integers(0, 3000))
def test_the_keys_seen_after_an_hour_are_those_whose_last_hour_is_later(
    observed: list[tuple[str, int, float]], hour: int
) -> None:
    model = taught(observed)
    last_hours = {key: last for key in NAMES if (last := model.last_hour(key)) is not None}
    assert set(model.seen_after(hour)) == {key for key, last in last_hours.items() if last > hour}
    assert set(model.all_keys()) == set(last_hours)


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 90), st.sampled_from([1.0, 0.1])), max_size=40),
    st.lists(st.sampled_from([0, 24, 48]), min_size=1, max_size=5),
)
def test_keys_are_unseen_whose_last_hour_is_not_among_those_asked_for_whenever_one_asks(
    observed: list[tuple[str, int, float]], midnights: list[int]
) -> None:
    model = Novelty(limit=4)
    for number, (key, hour, weight) in enumerate(observed):
        model.learn_one({"key": key, "hour": hour}, w=weight)
        first = midnights[number % len(midnights)]
        unseen = {k for k in NAMES if (at := model.last_hour(k)) is None or at // 24 != first // 24}
        assert model.unseen(set(NAMES), first, first + 23) == unseen
        assert model.unseen({"a", "b"}, first, first + 23) == unseen & {"a", "b"}


@given(OBSERVED, st.integers(3000, 4000))
def test_the_chance_of_a_new_key_follows_what_is_learned(
    observed: list[tuple[str, int, float]], hour: int
) -> None:
    asked = Novelty(limit=4)
    for key, at, weight in sorted(observed, key=lambda one: one[1]):
        asked.chance_new(hour)
        asked.learn_one({"key": key, "hour": at}, w=weight)
    assert asked.chance_new(hour) == taught(observed).chance_new(hour)
    assert asked.chance_new(hour + 900) == taught(observed).chance_new(hour + 900)
    assert asked.state() == taught(observed).state()


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 50)), max_size=60))
def test_the_distance_of_a_mix_follows_what_is_learned(hours: list[dict[str, int]]) -> None:
    asked, silent = Mix(), Mix()
    usual = {"a": 5, "b": 1}
    for counts in [usual] * 13 + hours:
        asked.score_one({"counts": counts})
        asked.distance(usual)
        for model in (asked, silent):
            model.learn_one({"counts": counts})
    assert asked.state() == silent.state()
    assert asked.distance(usual) == silent.distance(usual)


def test_a_mix_does_not_confuse_counts_that_were_changed_since() -> None:
    model, counts = Mix(), {"a": 5}
    for _ in range(30):
        model.learn_one({"counts": counts})
    assert model.distance(counts) == 0.0
    counts["b"] = 50
    assert model.distance(counts) > 0.1
