"""Who is busier for good is told for half a day, not for weeks; who is attacked anew, or more than before, at once."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import Found
from actors.repeats import MAX_KEYS, WINDOW_HOURS, Repeats
from detections.counting import MANY
from detections.declare import Finding, Verdict

COUNTED, RULE = "network.ssh_incoming", "key_vault.tor_access"


def found(hour: int, type_: str = COUNTED, count: int = 100, entity: str = "/vm/a") -> Found:
    finding = Finding(evidence={}, first_us=0, last_us=0, count=count)
    return Found(type_, "resource", entity, hour, finding)


def steps(repeats: Repeats, hours: Iterable[int], type_: str = COUNTED, count: int = 100) -> list[int]:
    return [repeats.lowered(found(hour, type_, count), Verdict()).steps for hour in hours]


def test_from_half_a_day_on_it_is_no_news_and_says_since_when() -> None:
    repeats = Repeats()
    told = steps(repeats, range(500_000, 500_040))
    assert told == [0] * 12 + [-1] * 12 + [-2] * 16
    (said,) = repeats.lowered(found(500_040, entity="/VM/A"), Verdict()).against
    assert said == (
        "it was told in 40 of the 48 hours before, from 2027-01-15T08:00:00Z on: nothing about it is new"
    )


def test_every_other_hour_is_no_news_either_once_in_a_while_is() -> None:
    assert steps(Repeats(), range(0, 60, 2))[-1] == -2
    assert set(steps(Repeats(), range(0, 400, 5))) == {0}


def test_what_grows_is_news() -> None:
    repeats = Repeats()
    steps(repeats, range(30))
    assert steps(repeats, [30], count=201) == [0]
    assert steps(repeats, [31], count=300) == [-2], "the greater count was told, too"


def test_a_rule_is_never_lowered() -> None:
    """That somebody comes through Tor all day is no less true in the evening."""
    assert set(steps(Repeats(), range(48), RULE)) == {0}


def test_what_has_ended_is_news_when_it_begins_again() -> None:
    repeats = Repeats()
    steps(repeats, range(30))
    assert steps(repeats, [30 + WINDOW_HOURS]) == [0]
    repeats.forget(500)
    assert repeats.state() == {}


@given(st.sets(st.integers(0, 200), min_size=1), st.integers(0, 200))
def test_it_counts_the_hours_and_goes_on_after_a_restart(hours: set[int], cut: int) -> None:
    straight = Repeats()
    expected = steps(straight, sorted(hours))
    for hour, one in zip(sorted(hours), expected, strict=True):
        many = sum(1 for other in hours if hour - WINDOW_HOURS <= other < hour)
        assert one == -(many >= MANY) - (many >= 2 * MANY)
    again = Repeats()
    before = steps(again, (hour for hour in sorted(hours) if hour < cut))
    again.forget(max([hour for hour in hours if hour < cut], default=0))
    again = Repeats(msgspec.msgpack.decode(msgspec.msgpack.encode(again.state())))
    assert [*before, *steps(again, (hour for hour in sorted(hours) if hour >= cut))] == expected


def test_a_flood_of_alerts_costs_bounded_memory() -> None:
    repeats = Repeats()
    for number in range(MAX_KEYS + 10):
        repeats.lowered(found(5, entity=f"/vm/{number}"), Verdict())
    assert len(repeats.state()) == MAX_KEYS


@pytest.mark.parametrize("values", [[], [1, 2], [1, -1, 1], [1.5, 1, 1], [1, 1 << 60, 1], ["a", 1, 1]])
def test_a_state_that_is_none_is_refused(values: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Repeats({"a": values})  # type: ignore[dict-item]
