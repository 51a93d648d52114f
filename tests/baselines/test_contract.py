"""What the engine relies on of every baseline that there is, and of each that will be added."""

from __future__ import annotations

import importlib
import pkgutil
from copy import deepcopy
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from river import base
from river.checks import common

import baselines
from baselines.base import Model, own, stand_in
from baselines.codec import ALLOWED, pack, unpack
from tests.baselines.streams import STREAMS, Observation, take

NAMES = sorted(ALLOWED)
RIVERS = (
    common.check_repr,
    common.check_str,
    common.check_clone_same_class,
    common.check_clone_is_idempotent,
    common.check_init_has_default_params_for_tests,
    common.check_init_default_params_are_not_mutable,
    common.check_doc,
    common.check_clone_changes_memory_addresses,
    common.check_mutate_can_be_idempotent,
    common.check_pickling_supports_roundtrip,
    common.check_repr_roundtrips_clone,
    common.check_clone_with_new_params_applies,
    common.check_get_params_matches_signature,
)
every_baseline = pytest.mark.parametrize("name", NAMES)


def taught(name: str, count: int = 300, seed: int = 1) -> Model:
    """A baseline that has learned the beginning of its stream."""
    model = ALLOWED[name]()
    for x in take(name, count, seed):
        model.learn_one(x)
    return model


def packed(model: Model) -> bytes:
    """What is saved of a model."""
    return bytes(msgpack.packb(pack(model)))


def unpacked(data: bytes) -> Model:
    """The model that was saved."""
    return unpack(msgpack.unpackb(data))


def scores(model: Model, told: list[Observation]) -> list[float]:
    """What a model says of each observation before it learns it."""
    said = []
    for x in told:
        said.append(model.score_one(x))
        model.learn_one(x)
    return said


def _kinds_of(model: type[Model]) -> set[type[Model]]:
    """All that is made of it, and of that."""
    return {one for kind in model.__subclasses__() for one in (kind, *_kinds_of(kind))}


def test_no_baseline_is_forgotten_when_state_is_saved() -> None:
    for module in pkgutil.iter_modules(baselines.__path__):
        importlib.import_module(f"baselines.{module.name}")
    found = {model.__name__ for model in _kinds_of(Model) if model.__module__.startswith("baselines.")}
    assert found == set(ALLOWED)
    assert set(STREAMS) == found, "give the new baseline a stream, so that all of this is tested for it"


@every_baseline
def test_it_is_a_river_model_as_rivers_own_checks_have_it(name: str) -> None:
    assert isinstance(ALLOWED[name](), base.Base)
    for check in RIVERS:
        check(ALLOWED[name]())  # type: ignore[no-untyped-call]


@every_baseline
def test_a_clone_has_learned_nothing(name: str) -> None:
    assert packed(taught(name).clone()) == packed(ALLOWED[name]())


@every_baseline
def test_asking_for_a_score_teaches_nothing(name: str) -> None:
    model, told = taught(name), take(name, 320)[300:]
    before, asked = packed(model), deepcopy(told)
    first = [model.score_one(x) for x in told]
    assert [model.score_one(x) for x in told] == first
    assert packed(model) == before
    assert told == asked


@every_baseline
def test_what_stands_in_for_all_who_taught_nothing_says_the_same_and_is_not_taught_by_any(name: str) -> None:
    """Else what is usual for one principal would be usual for all that are new."""
    shared, told = stand_in(ALLOWED[name]), take(name, 40)
    assert [shared.score_one(x) for x in told] == [ALLOWED[name]().score_one(x) for x in told]
    one, other = {"it": shared}, {"it": shared}
    for x in told:
        own(one, "it").learn_one(x)
    assert packed(one["it"]) == packed(taught(name, 40)) != packed(shared)
    assert other["it"] is shared
    assert packed(shared) == packed(ALLOWED[name]())


@every_baseline
@pytest.mark.parametrize("count", [0, 1, 40, 2_500])
def test_a_restart_changes_nothing_that_is_said_later(name: str, count: int) -> None:
    told = take(name, count + 100)
    model = taught(name, count)
    again = unpacked(packed(model))
    assert packed(again) == packed(model)
    assert scores(again, told[count:]) == scores(model, told[count:])
    assert packed(again) == packed(model)


@every_baseline
def test_a_second_run_leaves_the_same_bytes(name: str) -> None:
    assert packed(taught(name, 400)) == packed(taught(name, 400))
    assert packed(taught(name, 400)) != packed(taught(name, 400, seed=2))


@every_baseline
def test_memory_stays_bounded_whatever_an_attacker_makes_up(name: str) -> None:
    _, count, bound = STREAMS[name]
    model = taught(name, count)
    assert len(packed(model)) <= bound
    assert len(packed(unpacked(packed(model)))) <= bound


@every_baseline
def test_a_field_that_is_missing_or_unknown_stops_nothing(name: str) -> None:
    (whole,) = take(name, 1)
    for field in whole:
        for model in (ALLOWED[name](), taught(name)):
            without = {key: value for key, value in whole.items() if key != field}
            model.score_one(without)
            model.learn_one(without)
            model.score_one({**whole, "unheard of": object()})
            model.learn_one({**whole, "unheard of": object()})
            model.score_one({})
            model.learn_one({})
            unpacked(packed(model))


@every_baseline
def test_scores_are_never_negative_nor_infinite(name: str) -> None:
    said = scores(ALLOWED[name](), take(name, 500))
    assert all(0.0 <= score <= 300.0 for score in said)


def _weight(model: Any) -> float:
    """How much of the suspicious thing below a model has taken in."""
    match type(model).__name__:
        case "Mix":
            return float(model._shares.get("odd", 0.0))
        case "Novelty":
            return float(model.weight("odd", 490_501))
        case "SeasonalCount" | "VisitCount":
            return float(model.mean(490_501))
        case _:
            return float(model.share("XX"))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"Idle"}))  # a time is a time
def test_what_is_suspicious_is_learned_slowly_and_yet_at_last(name: str) -> None:
    odd: dict[str, Observation] = {
        "Mix": {"counts": {"odd": 30}},
        "Novelty": {"key": "odd"},
        "SeasonalCount": {"count": 90},
        "VisitCount": {"count": 90},
        "Whereabouts": {"country": "XX", "address": "203.0.113.9"},
    }
    x = {"hour": 490_500, **odd[name]}
    weights = []
    for w in (0.0, 0.1, 1.0):
        model = taught(name)
        model.learn_one(x, w=w)
        weights.append(_weight(model))
    assert weights[0] < weights[1] < weights[2]
    assert weights[1] - weights[0] < 0.25 * (weights[2] - weights[0])


plain = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text(max_size=5)
anything = st.recursive(
    plain | st.binary(max_size=180),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


def usable_or_refused(name: str, value: Any) -> None:
    """A damaged state is refused with a ValueError, or makes a model that works."""
    try:
        model = unpack(value)
    except ValueError:
        return
    for x in take(name, 20):
        model.score_one(x)
        model.learn_one(x)
    pack(model)


@given(anything)
def test_a_state_file_of_nonsense_is_refused_in_words(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(value)


@every_baseline
@settings(max_examples=40)
@given(value=anything)
@example(value=[])
@example(value=b"\xff" * 170)
def test_a_damaged_state_is_refused_in_words(name: str, value: Any) -> None:
    usable_or_refused(name, [name, ALLOWED[name].VERSION, value])
    with pytest.raises(ValueError, match=r"."):
        unpack([name, ALLOWED[name].VERSION + 1, taught(name, 3).state()])


@every_baseline
@settings(max_examples=60)
@given(data=st.data())
def test_a_state_with_one_damaged_place_is_refused_or_works(name: str, data: st.DataObject) -> None:
    state = deepcopy(taught(name, 40).state())
    place: Any = state
    while True:
        at = data.draw(st.integers(0, len(place) - 1))
        inner = place[at]
        if not (isinstance(inner, list) and inner and data.draw(st.booleans())):
            break
        place = inner
    if isinstance(place, list):
        place[at] = data.draw(anything)
    usable_or_refused(name, [name, ALLOWED[name].VERSION, state])


@settings(max_examples=300)
@given(at=st.integers(0, 169), byte=st.integers(0, 255))
@example(at=169, byte=255)
def test_rivers_own_bytes_that_are_damaged_do_not_end_the_process(at: int, byte: int) -> None:
    state = taught("Idle", 40).state()
    state[3] = state[3][:at] + bytes([byte]) + state[3][at + 1 :]
    usable_or_refused("Idle", ["Idle", ALLOWED["Idle"].VERSION, state])
