"""A shard alone: what it is given is judged once, in its hour, and is still there after a save."""

from __future__ import annotations

import msgspec
import pytest

from actors.entity import EntityState
from actors.keys import group_of, groups_of, shard_of
from actors.messages import COUNTED, PRINCIPAL, Batch, Close, Routed, pack_report
from actors.settings import Settings
from actors.shard import FORGET_HOURS, Shard
from actors.shard_state import pack, unpack
from baselines.negative_binomial import incomplete_beta
from ingest.identity import content_hash
from ingest.records import HOUR_US, Event
from tests.actors.making import batch
from tests.actors.test_traffic_window import rows

HOUR = 490_896


def event(minute: float, principal: str = "eva", hour: int = HOUR, **more: object) -> Event:
    at_us = hour * HOUR_US + int(minute * 60_000_000)
    told = {"operation": "microsoft.web/sites/restart/action", "outcome": "success", "kind": "user"} | more
    uid = content_hash(str(at_us), principal, str(told))
    return Event(at_us=at_us, layer="management", principal=principal, uid=uid, **told)  # type: ignore[arg-type]


def events(*some: Event) -> Batch:
    return batch(some)


def close(shard: Shard, hour: int = HOUR) -> bytes:
    return pack_report(shard.close(Close(hour, {"management": HOUR * HOUR_US, "network": HOUR * HOUR_US})))


def test_a_flow_over_the_hours_end_belongs_to_the_hour_in_which_it_ends() -> None:
    """The router opens the hour of its end: put into another one, it would never be judged."""
    shard = Shard(0, Settings())
    start = (HOUR + 1) * HOUR_US - 10_000_000
    flow = rows({"start_us": start, "end_us": start + 20_000_000, "own": "10.0.0.1"})
    shard.apply(Batch(rows=flow, ids=["/vm/a"], since=[0], sources=["f"]))
    assert set(shard.open.traffic) == {HOUR + 1}
    close(shard, HOUR + 1)
    assert [(one.entity, one.events) for one in shard.resources.states()] == [("/vm/a", 1)]
    assert not shard.open.traffic


def test_a_record_that_came_twice_is_counted_as_such() -> None:
    shard = Shard(0, Settings())
    shard.apply(events(event(1), event(1), event(2)))
    report = shard.close(Close(HOUR, {}))
    assert (report.applied, report.filtered) == (2, {"delivered twice": 1})


def test_a_late_record_is_still_shown_to_detections_that_need_no_window() -> None:
    shard = Shard(0, Settings())
    close(shard, HOUR)
    late = event(5, listed=("anonymous_proxy",), address="185.220.101.1")
    shard.apply(Batch(late=[Routed(late, PRINCIPAL | COUNTED)]))
    report = shard.close(Close(HOUR + 1, {}))
    assert [(one.type, one.late) for one in report.found] == [("management.anonymous_ip", True)]


def test_a_shard_with_another_catalogue_is_refused() -> None:
    with pytest.raises(RuntimeError, match="differs"):
        Shard(0, Settings(catalogue="another"))


def test_an_entity_that_is_long_quiet_is_forgotten() -> None:
    shard = Shard(0, Settings())
    shard.apply(events(event(1)))
    close(shard)
    assert shard.entities
    day = (HOUR + FORGET_HOURS + 24) // 24 * 24 + 24
    close(shard, day)
    assert not shard.entities


def test_a_model_that_was_taught_nothing_is_neither_made_nor_saved() -> None:
    """Of a principal that never signs in from anywhere six of nine: a quarter of what it takes in memory."""
    shard = Shard(0, Settings())
    shard.apply(events(event(1), event(2, "ada", country="NL")))
    close(shard)
    eva, ada = (shard.entities.get(f"principal:{name}") for name in ("eva", "ada"))
    assert eva is not None
    assert ada is not None
    empty = {name for name, model in eva.models.items() if model.stands_in_for is not None}
    assert "principal.countries" in empty
    assert ada.models["principal.countries"].known("NL")
    assert not eva.models["principal.countries"].known("NL")
    assert EntityState.unpack(eva.pack()).models.keys() == eva.models.keys() - empty


def test_an_entitys_days_are_counted_once_a_day() -> None:
    shard = Shard(0, Settings())
    days = 0
    for hour in (HOUR, HOUR + 1, HOUR + 24, HOUR + 30):
        shard.apply(events(event(1, hour=hour), event(2, "tim", hour=hour)))
        days += shard.close(Close(hour, {})).entity_days
    assert days == 4


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_saved_half_way_through_an_hour_and_moved_it_says_the_same(shards: int) -> None:
    people = [f"p{n}" for n in range(40)]
    first = [event(n % 50, who) for n, who in enumerate(people)]
    second = [event(55, who, listed=("tor_exit_node",)) for who in people[::3]]
    whole = Shard(0, Settings())
    whole.apply(events(*first, *second))
    expected = msgspec.msgpack.decode(close(whole))

    before = Shard(0, Settings())
    before.apply(events(*first))
    before.mark()
    saved = pack(before.changes())
    after = [Shard(index, Settings(shards=shards)) for index in range(shards)]
    for shard in after:
        shard.load(unpack(saved), groups_of(shard.index, shards))
    for one in second:
        after[shard_of(group_of(f"principal:{one.principal}"), shards)].apply(events(one))
    found = [f for shard in after for f in msgspec.msgpack.decode(close(shard))[2]]
    assert sorted(map(str, found)) == sorted(map(str, expected[2]))
    assert found


def test_what_judging_takes_is_loaded_before_records_come() -> None:
    """Else the first hour's close keeps them waiting while SciPy is imported."""
    incomplete_beta.cache_clear()
    Shard(0, Settings())
    assert incomplete_beta.cache_info().currsize == 1
