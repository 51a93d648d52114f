"""A run over both kinds of record: shards, batches, saving and starting over leave not a byte of a trace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.outcome import Outcome
from actors.settings import Settings
from alerts.alert import Alert, to_json
from ingest.records import DENIED, FAILURE, HOUR_US, STARTED, SUCCESS, Event
from tests.actors.running import (
    BRIEFLY,
    C2,
    MACHINES,
    TOR,
    TWICE,
    Listed,
    Replayed,
    at,
    event,
    managed,
    signed_in,
)
from tests.detections.network.replay import Talk, flows

MINUTES = 290
SPLIT_US = at(130)  # what comes later is read by a second run


class World(NamedTuple):
    """What the sources hold: each event with the files (0, 1) that it stands in."""

    events: list[tuple[Event, frozenset[int]]]
    talks: list[tuple[Talk, frozenset[int]]]


class Part(NamedTuple):
    """The same as files, before or after the split."""

    events: tuple[list[Event], list[Event]]
    flows: tuple[Any, Any]

    def partitions(self, size: int) -> list[Listed]:
        """In blocks of that size."""
        logs = [Listed(f"log {n}", some, size) for n, some in enumerate(self.events)]
        return [*logs, *(Listed(f"flows {n}", some, 40 * size) for n, some in enumerate(self.flows))]


minutes = st.integers(0, MINUTES)
files = st.sampled_from([frozenset({0}), frozenset({1}), frozenset({0, 1})])
who = st.fixed_dictionaries(
    {
        "principal": st.sampled_from(["p", "q", "Q", "r"]),
        "address": st.sampled_from(["", TOR, BRIEFLY, TWICE, "81.2.69.142"]),
    }
)
reads = st.builds(
    lambda minute, request, place, told, where: [(event(minute, request, **place, **told), where)],
    minutes,
    st.integers(0, 20),
    st.fixed_dictionaries(
        {
            "vault": st.sampled_from(["/v", "/w", "/V"]),
            "operation": st.sampled_from(["SecretGet", "SecretList", "VaultPut"]),
            "item": st.sampled_from(["secrets/a", "secrets/b"]),
        }
    ),
    who,
    files,
)
operations = st.builds(
    lambda minute, lasts, request, outcome, told, start, end: [
        (managed(minute, request, STARTED, **told), start),
        (managed(min(MINUTES, minute + lasts), request, outcome, **told), end),
    ],
    minutes,
    st.sampled_from([0, 1, 30, 61, 130]),
    st.integers(0, 10**6),
    st.sampled_from([SUCCESS, FAILURE, DENIED]),
    who,
    files,
    files,
)
talks = st.builds(
    lambda minute, machine, outside, out, port, count, where: (
        Talk(*((machine, outside) if out else (outside, machine)), port, count, at(minute), packets=8),
        where,
    ),
    minutes,
    st.sampled_from(MACHINES),
    st.sampled_from([C2, "81.2.69.142", "81.2.69.143"]),
    st.booleans(),
    st.sampled_from([22, 3389, 4444]),
    st.sampled_from([1, 3, 70, 250]),
    files,
)
sign_ins = st.builds(
    lambda minute, request, told, details, where: [
        (signed_in(minute, request, details=details, **told), where)
    ],
    minutes,
    st.integers(0, 20),
    who,
    st.sampled_from([{"mfa": True, "interactive": True, "managed": True}, {"interactive": True}, {}]),
    files,
)
worlds = st.builds(
    lambda some, more: World([one for part in some for one in part], more),
    st.lists(reads | operations | sign_ins, max_size=25),
    st.lists(talks, max_size=6),
)


def part(world: World, begin_us: int, end_us: int) -> Part:
    """What stands in each file of a span. An event's offset is the same in both, and however they are cut."""
    in_order = sorted(world.events, key=lambda one: (one[0].at_us, one[0].uid))
    placed = [(msgspec.structs.replace(one, offset=n), where) for n, (one, where) in enumerate(in_order)]
    logs, conversations = [], []
    for file in (0, 1):
        logs.append([e for e, where in placed if file in where and begin_us <= e.at_us < end_us])
        rows = flows(talk for talk, where in world.talks if file in where)
        rows = rows[np.argsort(rows["end_us"], kind="stable")]
        conversations.append(rows[(rows["end_us"] >= begin_us) & (rows["end_us"] < end_us)])
    return Part((logs[0], logs[1]), (conversations[0], conversations[1]))


def told(outcome: Outcome) -> bytes:
    """All alerts, and the findings that are none."""
    assert not outcome.faults
    kept = [(one.type, one.entity, one.start, one.why, one.reason, str(one.evidence)) for one in outcome.kept]
    return b"\n".join([*map(to_json, outcome.alerts), repr((kept, outcome.kept_total)).encode()])


def counted(run: Replayed, outcome: Outcome) -> Any:
    """What became of the records."""
    counts = run.router.counts
    assert counts.late == 0
    assert counts.events_sent == outcome.applied + outcome.filtered.get("delivered twice", 0)
    return counts.read, counts.flows_applied, outcome.applied, outcome.filtered


def whole(world: World, size: int = 7, steps: int = 5, **given: Any) -> tuple[Any, bytes, list[Alert]]:
    """One run over everything."""
    run = Replayed(part(world, 0, 1 << 62).partitions(size), Settings(learning_days=0.0, **given))
    outcome = run.play(steps)
    return counted(run, outcome), told(outcome), outcome.alerts


def split(world: World, shards: Sequence[int], late_copies: bool = False) -> tuple[bytes, bytes, list[Alert]]:
    """A run over the first files; then one over the others, on another number of shards."""
    first = Replayed(part(world, 0, SPLIT_US).partitions(7), Settings(learning_days=0.0, shards=shards[0]))
    saved, before = first.stop_and_save()
    rest = part(world, SPLIT_US, 1 << 62)
    if late_copies:  # the open hour's records come again, in other files
        again = part(world, SPLIT_US // HOUR_US * HOUR_US, SPLIT_US).events
        rest = Part((again[1] + rest.events[0], again[0] + rest.events[1]), rest.flows)
    second = Replayed(rest.partitions(5), Settings(learning_days=0.0, shards=shards[1]), saved)
    after = second.play()
    assert second.router.counts.late == 0
    return told(before), told(after), [*before.alerts, *after.alerts]


def without_incident(alerts: list[Alert]) -> list[Any]:
    """An incident is joined within a run."""
    return [
        {k: v for k, v in json.loads(to_json(one)).items() if k not in ("incident", "joins")}
        for one in alerts
    ]


QUICK = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(
    worlds,
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 60),
    st.sampled_from([1, 7, 100]),
)
def test_shards_routers_batches_and_steps_change_not_a_byte(
    world: World, shards: int, routers: int, batch: int, steps: int
) -> None:
    counts, alerts, _ = whole(world)
    told = {"shards": shards, "routers": routers, "batch_records": batch}
    assert whole(world, steps=steps, **told)[:2] == (counts, alerts)


@QUICK
@given(worlds, st.integers(1, 4), st.integers(1, 4))
def test_a_run_in_two_with_other_shards_says_what_one_run_says(world: World, one: int, other: int) -> None:
    before, after, alerts = split(world, (one, other))
    assert split(world, (1, 1))[:2] == (before, after)
    assert without_incident(alerts) == without_incident(whole(world)[2])


@QUICK
@given(worlds, st.integers(1, 4), st.integers(1, 4))
def test_what_comes_again_after_a_restart_in_other_files_changes_nothing_but_where_it_is_found(
    world: World, one: int, other: int
) -> None:
    """Flows are another matter: what is exported again of a connection is added to it."""

    def placeless(alerts: list[Alert]) -> list[Any]:
        said = without_incident(alerts)
        for alert in said:
            alert["evidence"].pop("records", None)
            for peer in alert["evidence"].get("top_peers", ()):
                peer.pop("records", None)
        return said

    before, after, alerts = split(world, (one, other), late_copies=True)
    assert split(world, (1, 1), late_copies=True)[:2] == (before, after)
    assert placeless(alerts) == placeless(split(world, (1, 1))[2])


BUSY = World(
    [
        (make(minute, n, principal=f"p{n % 5}", address=ip), frozenset({n % 2, (n // 2) % 2}))
        for n, (minute, ip) in enumerate(
            (minute + k / 10, ip)
            for minute in range(0, MINUTES, 9)
            for k, ip in enumerate((TOR, BRIEFLY, TWICE, ""))
        )
        for make in (event, managed)
    ],
    [
        (Talk(ip, machine, port, 250, at(minute), packets=8), frozenset({0, minute % 2}))
        for minute in (35, 95, 155, 215)
        for machine in MACHINES
        for ip, port in ((C2, 4444), ("81.2.69.142", 22))
    ],
)


def test_these_worlds_raise_alerts_at_all() -> None:
    """Else the tests above might compare nothing with nothing."""
    types = {alert.type for alert in whole(BUSY)[2]}
    assert {"management.anonymous_ip", "network.ssh_incoming", "network.malicious_address"} <= types
    assert len(split(BUSY, (2, 3))[2]) > 20


@pytest.mark.parametrize("most", [1, 3, 40])
def test_starting_over_with_parts_in_the_middle_changes_nothing(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded by forgetting parts: a record must not be given another that had its number before."""
    expected = [whole(BUSY, shards=shards, batch_records=20)[:2] for shards in (1, 3)]
    assert expected[0] == expected[1]
    in_two = split(BUSY, (1, 2))[:2]
    for bound in ("event_routes.MAX_PARTS", "open_hours.MAX_SHARD_PARTS"):
        monkeypatch.setattr(f"actors.{bound}", most)
        for shards in (1, 3):
            assert whole(BUSY, shards=shards, batch_records=20)[:2] == expected[0]
        assert split(BUSY, (1, 2))[:2] == in_two


SIZES = ((7, 100), (100, 7), (1, 1), (100, 100))


def test_the_order_of_two_deliveries_of_a_record_leaves_no_trace() -> None:
    """An alert names where its records stand: with every run the same place."""
    records = [event(n // 2, n, address=TOR, offset=n) for n in range(100)]
    orders = [
        [Listed(name, records, size) for name, size in (("a", one), ("b", other))] for one, other in SIZES
    ]
    found = {
        told(Replayed(order, Settings(learning_days=0.0, batch_records=batch)).play())
        for order in orders
        for batch in (1, 13, 1_000)
    }
    assert len(found) == 1
