"""A window keeps no trace of the order in which events came."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import actors.event_window as module
from detections.view import grouped
from ingest.records import DENIED, HOUR_US, KEY_VAULT, MANAGEMENT, STARTED, SUCCESS, Event
from tests.actors.making import Window

MINUTE = 60_000_000


def event(minute: float = 0, **given: Any) -> Event:
    values = {
        "layer": KEY_VAULT,
        "operation": "SecretGet",
        "outcome": SUCCESS,
        "principal": "p",
        "vault": "/v",
    }
    values |= given
    at_us = 480_000 * HOUR_US + int(minute * MINUTE)
    said = {name: value for name, value in values.items() if name not in ("source", "offset")}
    values.setdefault("uid", hash_of(at_us, said))
    return Event(at_us=at_us, **values)


def hash_of(at_us: int, values: dict[str, Any]) -> int:
    return random.Random(f"{at_us}{sorted(values.items(), key=str)}").getrandbits(60)


def closed(events: list[Event]) -> Any:
    window = Window()
    window.add(*events)
    return window.close()


def operation(minute: float, outcome: str, id_: int = 1, **given: Any) -> Event:
    return event(
        minute,
        layer=MANAGEMENT,
        operation="microsoft.web/sites/publishxml/action",
        outcome=outcome,
        operation_id=id_,
        **given,
    )


def test_start_and_end_of_an_operation_count_once_with_the_final_outcome() -> None:
    acts, unfinished = closed([operation(0, STARTED), operation(1, DENIED)])
    assert [(act.count, act.event.outcome) for act in acts] == [(1, DENIED)]
    assert acts[0].first_us == operation(0, STARTED).at_us
    assert unfinished == set()


def test_three_runs_under_one_correlation_id_count_three_times() -> None:
    records = [operation(i / 10, outcome, uid=i) for i, outcome in enumerate([STARTED, SUCCESS] * 3)]
    acts, _ = closed(records)
    assert [act.count for act in acts] == [3]


def test_what_only_the_start_record_says_is_not_lost() -> None:
    start = operation(0, STARTED, principal="p", details={"actions": ["*"]})
    end = operation(1, SUCCESS, principal="", details={"status": 200})
    acts, _ = closed([end, start])
    assert acts[0].event.principal == "p"
    assert acts[0].event.details == {"actions": ["*"], "status": 200}


def test_an_end_in_the_next_hour_is_not_counted_again() -> None:
    _, unfinished = closed([operation(59, STARTED)])
    window = Window()
    window.add(operation(61, SUCCESS))
    acts, _ = window.close(unfinished)
    assert acts == []


def test_a_record_delivered_twice_counts_once() -> None:
    window = Window()
    window.add(event(1), event(1))
    window.add(event(1))
    assert [act.count for act in window.close()[0]] == [1]
    assert (window.window.counted, window.window.twice) == (1, 2)


def test_a_thousand_reads_of_one_secret_are_few_acts() -> None:
    acts, _ = closed([event(i * 0.06, item="secrets/db") for i in range(1_000)])
    assert sum(act.count for act in acts) == 1_000
    assert len(acts) == 12


PLACE: dict[str, Any] = {"source": st.sampled_from(["f", "g"]), "offset": st.integers(0, 3)}
times = st.integers(0, 3) | st.floats(
    0, 59
)  # some of them again: a record may come twice, from another place
events = st.builds(
    event,
    times,
    item=st.sampled_from(["secrets/a", "secrets/b"]),
    name=st.sampled_from(["", "n"]),  # which makes no other act
    address=st.sampled_from(["1.1.1.1", "2.2.2.2"]),
    **PLACE,
) | st.builds(
    operation,
    times,
    st.sampled_from([STARTED, SUCCESS, DENIED]),
    st.sampled_from([1, 2]),
    name=st.sampled_from(["", "n", "m"]),
    **PLACE,
)


@settings(deadline=None)
@given(st.lists(events, max_size=40), st.randoms(use_true_random=False), st.integers(0, 40))
def test_the_order_of_arrival_leaves_no_trace(records: list[Event], chance: random.Random, cut: int) -> None:
    shuffled = list(records)
    chance.shuffle(shuffled)
    window = Window()
    window.add(*shuffled[:cut])
    window.window.merge()  # as at another hour's close, or when many wait
    window.add(*shuffled[cut:])
    assert window.close() == closed(records)


@settings(deadline=None)
@given(st.lists(events, max_size=40))
def test_an_hours_groups_are_its_acts_merged(records: list[Event]) -> None:
    """Most detections look at groups alone."""
    window = Window()
    window.add(*records)
    hour, _ = window.window.close({})
    for at in range(len(hour.entities)):
        assert list(hour.groups(at)) == list(grouped(hour.acts(at)))
        assert list(hour.acts(at, 3)) == list(hour.acts(at))[-3:]
        assert hour.counts[at] == sum(act.count for act in hour.acts(at))


@settings(deadline=None)
@given(st.lists(events, max_size=40), st.integers(0, 40))
def test_a_window_saved_half_way_closes_the_same(records: list[Event], cut: int) -> None:
    window = Window()
    window.add(*records[:cut])
    window = window.moved()
    window.add(*records[cut:])
    assert window.close() == closed(records)


def test_a_flood_is_bounded_and_still_does_not_depend_on_order(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "MAX_ACTS", 50)
    records = [event(i % 59, item=f"secrets/{i}") for i in range(1_000)]
    straight, backward = closed(records), closed(records[::-1])
    assert straight == backward
    assert len(straight[0]) == 50
