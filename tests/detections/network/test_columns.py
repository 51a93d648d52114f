"""What is said of all resources at once is what is said of each: else an attack on one would never be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.traffic_window import TrafficWindow
from baselines.seasonal_count import SeasonalCount
from baselines.seasonal_table import SeasonalTable
from baselines.seasons import WEEK, Seasons
from detections.catalogue import CATALOGUE
from detections.network.aims import BASELINES
from detections.traffic import Traffic
from detections.view import TrafficHour
from ingest.records import HOUR_US, TRAFFIC, address_words

HOUR = 490_900
RESOURCES = 4
DETECTIONS = [detection for detection in CATALOGUE.values() if detection.owner == "resource"]


class Talk(NamedTuple):
    """So many connections of a resource with each of so many peers."""

    entity: int
    service: int  # 0: none, seen only with a listed peer
    outgoing: bool
    first_peer: int
    peers: int
    connections: int
    short: bool
    answered: bool
    denied: bool
    sampling: int
    malicious: bool
    own: int


PEER_WORDS = [address_words(f"198.51.{n // 256}.{n % 256}") for n in range(300)]
PEER_WORDS[7] = address_words("2001:db8::7")


def rows(talks: Iterable[Talk]) -> Any:
    """Each connection as a row, with a client port of its own."""
    made = []
    for talk in talks:
        count = talk.peers * talk.connections
        part = np.zeros(count, TRAFFIC)
        number = np.arange(count)
        words = np.array(PEER_WORDS[talk.first_peer : talk.first_peer + talk.peers], np.uint64)
        part["peer_hi"], part["peer_lo"] = words[number // talk.connections].T
        part["own_hi"], part["own_lo"] = address_words(f"10.0.{talk.entity}.{talk.own}")
        part["client_port"] = 30_000 + number % talk.connections
        part["packets"], part["octets"] = (12, 1_100) if talk.short else (900, 400_000)
        for name in ("entity", "service", "outgoing", "denied", "sampling", "malicious"):
            part[name] = getattr(talk, name)
        part["forward"], part["both"], part["offset"] = True, talk.answered, number
        part["start_us"] = HOUR * HOUR_US + number * 1_000
        part["end_us"] = part["start_us"] + 500
        made.append(part)
    return np.concatenate(made) if made else np.zeros(0, TRAFFIC)


talk = st.builds(
    Talk,
    st.integers(0, RESOURCES - 1),
    st.integers(1, 2) | st.just(0),
    st.booleans(),
    st.sampled_from([0, 1, 5, 100]),
    st.sampled_from([1, 1, 2, 14, 15, 16, 60]),
    st.sampled_from([1, 2, 3, 15, 19, 20, 21, 59, 60, 61, 300]),
    st.sampled_from([True, True, False]),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([0, 0, 1, 10, 1_000]),
    st.booleans(),
    st.sampled_from([1, 2]),
)
# What each resource's counts were until now: None is a resource that has learned nothing of it.
habit = st.none() | st.tuples(st.sampled_from([0, 1, 5, 20, 60, 400]), st.integers(1, 60))
habits = st.lists(habit, min_size=RESOURCES, max_size=RESOURCES)


def seasons(busy: int) -> Seasons:
    """A week of which this hour is `busy` times as busy as others, by all resources' counts."""
    week = [100] * WEEK
    week[HOUR % WEEK] = 100 * busy
    return Seasons(([3] * WEEK, [[name, week, 0.3] for name in BASELINES]))


def closed(talks: list[Talk], known: list[Any], busy: int) -> tuple[Traffic, dict[str, list[SeasonalCount]]]:
    """The hour in columns, and the models that its tables hold."""
    window = TrafficWindow()
    window.add(rows(talks), ["f"])
    traffic = window.close(HOUR, [f"/vm/{n}" for n in range(RESOURCES)])
    models = {name: [SeasonalCount() for _ in range(RESOURCES)] for name in BASELINES}
    tables = {name: SeasonalTable() for name in BASELINES}
    for place, name in enumerate(BASELINES):
        for owner, model in enumerate(models[name]):
            told = known[(owner + place) % RESOURCES]
            if told is not None:
                mean, hours = told
                for hour in range(HOUR - hours, HOUR):
                    model.learn_one({"hour": hour, "count": mean + hour % 3})
                tables[name].put(owner, model)
    traffic.tables, traffic.seasons = tables, seasons(busy)
    return traffic, models


def view(traffic: Traffic, models: dict[str, list[SeasonalCount]], entity: int) -> TrafficHour:
    """One resource's hour."""
    return TrafficHour(
        "resource",
        traffic.names[entity],
        HOUR * HOUR_US,
        0,
        0,
        {name: some[entity] for name, some in models.items()},
        traffic.seasons,
        {},
        traffic.peers(entity),
        traffic.malicious(entity),
    )


TALKS = st.lists(talk, max_size=8)
FLOOD = Talk(1, 1, False, 0, 1, 300, True, True, False, 0, False, 1)


@settings(deadline=None, max_examples=40)
@given(TALKS, habits, st.sampled_from([1, 1, 8]))
@example([FLOOD, FLOOD._replace(entity=2, outgoing=True)], [None, (1, 50), None, (400, 50)], 1)
@example([FLOOD._replace(peers=60, connections=1)], [None, (1, 50), None, None], 1)
@example([FLOOD._replace(service=0, connections=1, malicious=True, answered=False)], [None] * 4, 1)
def test_a_resource_is_suspected_exactly_where_judging_it_gives_a_finding(
    talks: list[Talk], known: list[Any], busy: int
) -> None:
    traffic, models = closed(talks, known, busy)
    views = {entity: view(traffic, models, entity) for entity in traffic.active().tolist()}
    for detection in DETECTIONS:
        assert detection.suspects is not None
        found = {entity: detection.judge(hour) for entity, hour in views.items()}
        expected = [entity for entity, finding in found.items() if finding is not None]
        assert detection.suspects(traffic).tolist() == expected, detection.type
        for (
            entity
        ) in expected:  # what is held of those that are only counted is what their findings would hold
            finding = found[entity]
            assert finding is not None
            assert finding.held == detection.holds


@settings(deadline=None, max_examples=25)
@given(TALKS)
@example([FLOOD, FLOOD._replace(denied=True, first_peer=5), FLOOD._replace(service=2)])
def test_a_column_of_counts_is_what_each_resource_observes(talks: list[Talk]) -> None:
    """Else a resource would be taught a count that it never had."""
    traffic, models = closed(talks, [None] * RESOURCES, 1)
    for learned in BASELINES.values():
        assert learned.column is not None
        entities, counts = learned.column(traffic)
        told = dict(zip(entities.tolist(), counts.tolist(), strict=True))
        observed = {
            entity: observation["count"]
            for entity in traffic.active().tolist()
            for observation in learned.observe(view(traffic, models, entity))
        }
        assert told == observed, learned.name
        assert entities.tolist() == sorted(told)
        assert all(count > 0 for count in told.values())


def test_the_floods_of_these_tests_are_found_at_all() -> None:
    """Else the tests above might compare nothing with nothing."""
    talks = [
        FLOOD._replace(service=service, outgoing=outgoing, peers=peers, connections=count, entity=entity)
        for entity, (peers, count) in enumerate([(1, 300), (60, 1)])
        for service in (1, 2)
        for outgoing in (False, True)
    ]
    listed = FLOOD._replace(service=0, connections=5, malicious=True, entity=2)
    traffic, _ = closed([*talks, listed], [(1, 50)] * RESOURCES, 1)
    named = {d.type: d.suspects(traffic).tolist() for d in DETECTIONS if d.suspects}
    assert all(named.values()), named
    assert len(named) == 9
