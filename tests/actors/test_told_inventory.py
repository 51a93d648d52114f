"""Who holds an address is told while flows are read: whoever reads what when, and whatever dies, the alerts are the same,
and no flow counts for somebody who did not hold its address when the hour began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.settings import Settings
from actors.told_flows import ToldFlows
from actors.waiting_flows import WaitingFlows
from alerts.alert import hour_of
from cluster.deadline import Deadline
from ingest.enrich import Enrichment
from ingest.holding_records import event_of
from ingest.holdings import Changed, Deleted, Holdings, Picture
from ingest.inventory import Inventory
from ingest.pictures import in_order
from ingest.records import FLOW, HOUR_US, Event, address_words
from ingest.sources import Files, Found, Partition
from ingest.told_holders import ToldHolders
from ingest.told_inventory import ToldInventory
from tests.actors.running import C2, Kept, Listed, Replayed, Saved, at, enrichment, through_msgpack
from tests.actors.test_whole import QUICK, told
from tests.detections.network.replay import Talk, flows
from tests.ingest.things_told import ADDRESSES, OWNERS, public

MINUTES = 290
Told = Changed | Deleted | Picture


def fact(minute: int, kind: str, number: int, address: str, owner: str) -> Told:
    thing = public(number, address, owner)
    if kind == "deleted":
        return Deleted(at(minute), "public", thing.id)
    return Changed(at(minute), thing) if kind == "changed" else Picture(at(minute), (thing,))


facts = st.lists(
    st.builds(
        fact,
        st.integers(0, MINUTES) | st.sampled_from([0, 60, 120, 121, 180]),
        st.sampled_from(["changed", "changed", "deleted", "picture"]),
        st.integers(0, 2),
        st.sampled_from(ADDRESSES),
        st.sampled_from(OWNERS),
    ),
    max_size=10,
)
talks = st.lists(
    st.builds(
        lambda minute, mine, outside, port, number, file: (
            Talk(mine, outside, port, number, at(minute), packets=8),
            file,
        ),
        st.integers(0, MINUTES),
        st.sampled_from(ADDRESSES),
        st.sampled_from([C2, "81.2.69.142"]),
        st.sampled_from([22, 3389, 4444]),
        st.sampled_from([1, 3, 70, 250]),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=8,
)
Talks = list[tuple[Talk, int]]
deaths = st.tuples(st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.booleans())


class ToldRun(Replayed):
    """With an inventory that is empty but for what is told."""

    def __init__(
        self, partitions: Sequence[Partition], settings: Settings, saved: Saved | None = None
    ) -> None:
        about = enrichment()
        self._enrichment = Enrichment(ToldInventory(Inventory()), about.indicators, about.geography)
        self._finder, self._settings, self.deadline = Files((), 0), settings, Deadline()
        self._store = saved.store if saved else Kept()
        self._parts = list(saved.parts) if saved else []
        self._wrote = saved.standing.shards if saved else 0
        standing = through_msgpack(saved.standing, type(saved.standing)) if saved else None
        self._begin(Found(list(partitions)), standing, self._parts, tag=f"{len(self._store.bodies)}")
        self.router = self._conductor.router


def settings(**given: Any) -> Settings:
    return Settings(learning_days=0.0, batch_records=9, from_telemetry=True, checkpoints=True, **given)


def partitions(some: list[Told], more: Talks, size: int) -> list[Listed]:
    events: list[Event] = sorted(map(event_of, some), key=lambda one: one.at_us)
    logs = [Listed(f"log {n}", events[n::2], size) for n in (0, 1)]
    for file in (0, 1):
        rows = flows(talk for talk, where in more if where == file)
        logs.append(Listed(f"flows {file}", rows[np.argsort(rows["end_us"], kind="stable")], 40 * size))
    return logs


def played(run: ToldRun) -> tuple[bytes, int, int]:
    outcome = run.play()
    return told(outcome), run.router.counts.flows_applied, run.router.counts.late


def expected_flows(some: list[Told], more: Talks) -> int:
    """By what was told before the hour of each flow began, in one plain pass."""
    number = 0
    rows = flows(talk for talk, _ in more)
    for hour in np.unique(rows["end_us"] // HOUR_US).tolist():
        holdings = Holdings(looks_back=False)
        for one in in_order([one for one in some if one.at_us <= hour * HOUR_US]):
            holdings.take(one)
        held = {
            address_words(span.address)[1]
            for span in holdings.spans()
            if span.start_us <= hour * HOUR_US < span.end_us
        }
        mine = rows[rows["end_us"] // HOUR_US == hour]
        number += sum(1 for row in mine if {int(row["src_lo"]), int(row["dst_lo"])} & held)
    return number


def hostile(more: Talks) -> Talks:
    """Those that bear on a detection: what is neither SSH nor RDP counts with listed addresses alone, at their times."""
    return [(talk, file) for talk, file in more if talk.port in (22, 3389)]


@QUICK
@given(facts, talks, st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.lists(deaths, max_size=3))
def test_who_reads_what_when_and_what_dies_leaves_no_trace(
    some: list[Told], more: Talks, size: int, shards: int, routers: int, plan: list[tuple[int, ...]]
) -> None:
    whole = played(ToldRun(partitions(some, more, 7), settings()))
    assert played(ToldRun(partitions(some, more, size), settings(shards=shards, routers=routers))) == whole
    run, saved = ToldRun(partitions(some, more, 7), settings(shards=2)), None
    for steps, again, feeders, at_end in plan:
        for progress in (run.advance(max(1, steps)), run.advance(10, mark=True)):
            saved = [run.saved(marked) for marked in progress.marked][-1] if progress.marked else saved
        run.advance(1_000 if at_end else 3)
        run = ToldRun(partitions(some, more, 7), settings(shards=again, routers=feeders), saved)
    assert played(run) == whole


@QUICK
@given(facts, talks, st.integers(1, 9), st.integers(1, 3))
def test_a_flow_counts_for_whom_was_told_to_hold_its_address_when_its_hour_began(
    some: list[Told], more: Talks, size: int, routers: int
) -> None:
    more = hostile(more)
    run = ToldRun(partitions(some, more, size), settings(routers=routers))
    assert played(run)[1:] == (expected_flows(some, more), 0)


def attack(minute: int, mine: str = ADDRESSES[0]) -> Talks:
    return [(Talk(mine, C2, 4444, 50, at(minute), packets=8), 0)]


def alerts(some: list[Told], more: Talks, **given: Any) -> list[tuple[str, int]]:
    outcome = ToldRun(partitions(some, more, 7), settings(**given)).play()
    return [(one.entity.id, hour_of(one) - at(0) // HOUR_US) for one in outcome.alerts]


def test_a_machine_is_watched_from_the_first_whole_hour_on_and_not_after_its_address_is_gone() -> None:
    some: list[Told] = [
        Changed(at(20), public(0, ADDRESSES[0], OWNERS[0])),
        Changed(at(130), public(0, ADDRESSES[0], OWNERS[1])),
    ]
    busy = [talk for minute in (40, 70, 140, 190) for talk in attack(minute)]
    # C2 is listed from 0:30 to 1:30 alone: of later ones nothing is told
    assert alerts(some, busy) == [(OWNERS[0], 1)]


def test_nobody_is_accused_in_the_hour_in_which_an_address_changes_hands() -> None:
    some: list[Told] = [
        Changed(at(0), public(0, ADDRESSES[0], OWNERS[0])),
        Changed(at(80), public(0, ADDRESSES[0], OWNERS[1])),
    ]
    assert alerts(some, attack(65)) == []
    assert alerts(some[:1], attack(65)) == [(OWNERS[0], 1)]


def test_what_comes_before_it_is_told_is_not_lost_though_a_source_is_far_ahead() -> None:
    """A log that is an hour behind the flows says whose address it was: the flows wait for it."""
    some: list[Told] = [Changed(at(5), public(0, ADDRESSES[0], OWNERS[0]))]
    for size in (1, 1_000):
        run = ToldRun(
            [Listed("flows", flows([attack(70)[0][0]]), size), Listed("log", list(map(event_of, some)), 1)],
            settings(),
        )
        assert [one.entity.id for one in run.play().alerts] == [OWNERS[0]]


def test_a_log_that_is_out_of_order_by_more_than_its_lateness_counts_from_its_bound_on() -> None:
    """Else what was settled would change, and two runs would differ."""
    some = [
        Changed(at(200), public(1, ADDRESSES[1], OWNERS[1])),
        Changed(at(10), public(0, ADDRESSES[0], OWNERS[0])),
    ]
    seen = set()
    for size in (1, 5):
        for routers in (1, 2):
            log = Listed("log", list(map(event_of, some)), size)
            run = ToldRun([log, Listed("flows", flows([attack(70)[0][0]]), 9)], settings(routers=routers))
            seen.add(played(run))
    assert len(seen) == 1


@QUICK
@given(facts, talks, st.integers(1, 4), st.integers(1, 3), st.integers(1, 30), st.booleans())
def test_logs_in_any_order_are_taken_alike_however_much_is_settled_at_a_time(
    some: list[Told], more: Talks, shards: int, routers: int, steps: int, dies: bool
) -> None:
    def files() -> list[Listed]:
        mine = [Listed(f"log {n}", list(map(event_of, some[n::2])), 2) for n in (0, 1)]
        return [*mine, *partitions([], more, 7)[2:]]

    whole = played(ToldRun(files(), settings()))
    with patch("ingest.told_holders.FEW_THINGS", -1):  # once an hour, as where there are many things
        assert played(ToldRun(files(), settings(routers=routers))) == whole
    run = ToldRun(files(), settings(shards=shards, routers=routers))
    if dies:
        run.advance(steps)
        marked = run.advance(10, mark=True).marked
        saved = run.last_saved(marked) if marked else None
        run.advance(3)
        run = ToldRun(files(), settings(shards=2), saved)
    assert played(run) == whole


def row(minute: float) -> Any:
    rows = np.zeros(1, FLOW)
    rows["end_us"] = rows["start_us"] = at(minute)
    return rows


def test_flows_that_wait_are_in_a_checkpoint_and_go_out_hour_by_hour() -> None:
    waiting = WaitingFlows()
    for minute in (10, 70, 20, 130):
        waiting.add("a" if minute < 60 else "b", row(minute))
    again = WaitingFlows(waiting.state())
    first = at(0) // HOUR_US
    assert (len(again), again.first_hour) == (4, first)
    assert [(source, len(rows)) for source, rows in again.take(first)] == [("a", 2)]
    assert again.take(first) == []
    assert [(source, len(rows)) for source, rows in again.take(first + 2)] == [("b", 2)]
    assert (len(again), again.first_hour) == (0, None)


@QUICK
@given(facts, talks, st.integers(1, 3), st.integers(0, 9), st.booleans())
def test_a_flood_does_not_fill_the_memory_and_every_flow_has_its_fate(
    some: list[Told], more: Talks, routers: int, bound: int, dies: bool
) -> None:
    """What finds no room is judged by what is known; nothing waits for ever, whoever reads what."""
    with (
        patch("actors.told_flows.MOST_WAITING", bound),
        patch("actors.flow_taker.MANY_WAITING", max(bound - 2, 0)),
    ):
        run = ToldRun(partitions(some, more, 3), settings(routers=routers))
        if dies:
            run.advance(5)
            if marked := run.advance(10, mark=True).marked:
                saved = run.last_saved(marked)
                assert sum(len(one.flows()) for one in saved.standing.run.waiting) <= bound * routers
                run = ToldRun(partitions(some, more, 3), settings(routers=routers), saved)
        run.play()
    counts = run.router.counts
    assert counts.read == counts.flows_applied + counts.late + sum(counts.filtered.values()) + len(some)
    waited = ToldRun(partitions(some, more, 3), settings(routers=routers))
    waited.play()
    assert waited.router.counts.unsettled == 0
    assert waited.router.counts.read == counts.read


def test_what_was_told_last_is_known_without_more_that_comes() -> None:
    """An operator looks at how much is known; the last picture of a day stood as untold until the next record came."""
    told_flows = ToldFlows(ToldInventory(Inventory()), (), ToldHolders())
    told_flows.take([Changed(at(5), public(0, ADDRESSES[0], OWNERS[0]))], 0)
    told_flows.settle(at(2))
    assert told_flows.is_due(1)
    told_flows.settle(at(6))
    assert told_flows.holders is not None
    assert told_flows.holders.spans().now.addresses == 1
    assert not told_flows.is_due(1)


def test_what_finds_no_room_is_counted_and_judged_by_what_is_known() -> None:
    one, two = public(0, ADDRESSES[0], OWNERS[0]), public(0, ADDRESSES[0], OWNERS[1])
    log = [Changed(at(0), one), Changed(at(61), two), Changed(at(200), one)]
    rows = flows([Talk(ADDRESSES[0], C2, 22, 40, at(62), packets=8)])
    with patch("actors.told_flows.MOST_WAITING", 10):
        run = ToldRun([Listed("log", list(map(event_of, log)), 1), Listed("flows", rows, 7)], settings())
        run.play()
    assert run.router.counts.unsettled == len(rows) - 10
    assert run.router.counts.flows_applied == len(rows)
