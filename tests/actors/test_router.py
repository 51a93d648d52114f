"""Several sources are one stream, and no record is lost, whatever the batches and shards."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.conductor import Conductor, Days
from actors.router import CloseHour, Drained, Router, Send
from actors.settings import Settings
from alerts.alert import to_json
from cluster.local import LoopPorts
from ingest.enrich import Enrichment, EnrichmentSettings
from ingest.event_columns import EventColumns
from ingest.identity import uid_of
from ingest.logs_values import content_hash
from ingest.records import HOUR_US, KEY_VAULT, SUCCESS, Event
from ingest.sources import Block

START = 490_000
ENRICHMENT = Enrichment.build(EnrichmentSettings())[0]


class Listed:
    """A partition of events in memory, in blocks of a given size."""

    kind = "events"

    def __init__(self, name: str, events: Sequence[Event], size: int = 7) -> None:
        self.name = name
        self.first_us = events[0].at_us if events else None
        self._events = events
        self._size = size

    def prefetch(self) -> None:
        """It is in memory."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        for start in range(0, len(self._events), self._size):
            part = self._events[start : start + self._size]
            yield Block(EventColumns.of(part), read=len(part), position=start)


def event(minute: float, request: int, **given: Any) -> Event:
    """An event of some request; its uid says what an event's uid says: what, by whom, where and when."""
    at_us = START * HOUR_US + int(minute * 60_000_000)
    values = {
        "layer": KEY_VAULT,
        "operation": "SecretGet",
        "outcome": SUCCESS,
        "principal": "p",
        "application": "a",
        "vault": "/v",
        "item": "secrets/db",
        "listed": ("tor_exit_node",),
    }
    values |= given
    said = (values["operation"], values["outcome"], values["principal"], values["vault"], values["item"])
    return Event(at_us=at_us, uid=uid_of(content_hash(*said), at_us, str(request)), **values)


def router(*partitions: Listed, **settings: Any) -> Router:
    return Router(partitions, ENRICHMENT, Settings(**settings))


def test_files_of_different_spans_meet_in_event_time() -> None:
    month = Listed("month", [event(60 * hour, hour) for hour in range(48)])
    week = Listed("week", [event(60 * hour + 5, 100 + hour) for hour in range(24, 48)])
    last = Listed("last", [event(60 * 47 + 1, 999)])
    stream = router(last, week, month, batch_records=1)
    steps = list(stream.steps())
    assert stream.counts.late == 0
    closed = [step.hour - START for step in steps if isinstance(step, CloseHour)]
    assert closed == list(range(48))
    sent = [
        at_us for step in steps if isinstance(step, Send) for at_us in step.batch.events["at_us"].tolist()
    ]
    assert max(a - b for a, b in itertools.pairwise(sent)) <= 8 * HOUR_US


def test_no_record_comes_for_an_hour_that_was_closed() -> None:
    chance = random.Random(1)
    partitions = [
        Listed(
            f"f{n}",
            sorted((event(chance.uniform(0, 3000), n * 1000 + i) for i in range(200)), key=lambda e: e.at_us),
        )
        for n in range(5)
    ]
    closed: set[int] = set()
    for step in router(*partitions, shards=3, batch_records=10).steps():
        if isinstance(step, CloseHour):
            closed.add(step.hour)
        elif isinstance(step, Send):
            assert not set((step.batch.events["at_us"] // HOUR_US).tolist()) & closed


def test_a_file_out_of_order_by_more_than_the_lateness_is_said_with_its_count() -> None:
    records = [event(60 * hour, hour) for hour in range(10)] + [event(5, 100), event(6, 101)]
    stream = router(Listed("mixed", records, size=5))
    list(stream.steps())
    assert stream.counts.late_by_source == {"mixed": 2}
    assert stream.counts.read == stream.counts.events_sent + stream.counts.late


def test_disorder_within_the_lateness_is_no_disorder() -> None:
    records = [event(minute + (9 if minute % 2 else 0), minute) for minute in range(300)]
    stream = router(Listed("jittered", records))
    list(stream.steps())
    assert stream.counts.late == 0


def test_a_record_that_names_nobody_is_counted_as_filtered() -> None:
    stream = router(Listed("f", [event(1, 1, principal="", vault="")]))
    steps = list(stream.steps())
    assert sum(stream.counts.filtered.values()) == 1
    assert any(isinstance(step, Drained) for step in steps)


def run(partitions: Sequence[Listed], **given: Any) -> tuple[bytes, int]:
    from actors.aggregator import Aggregator
    from actors.shard import Shard

    settings = Settings(**given)
    shards = [Shard(index, settings) for index in range(settings.shards)]
    aggregator = Aggregator(settings, ENRICHMENT)
    conductor = Conductor(Router(partitions, ENRICHMENT, settings), LoopPorts(shards, aggregator), Days())
    while not conductor.advance(5).done:
        pass
    for shard in shards:
        aggregator.report(shard.leftovers())
    outcome = aggregator.finish()
    return b"\n".join(map(to_json, outcome.alerts)), outcome.applied


records = st.lists(
    st.builds(
        event,
        st.integers(0, 400),
        st.integers(0, 10**6),
        principal=st.sampled_from(["p", "q", "P"]),
        vault=st.sampled_from(["/v", "/w", "/V"]),
        operation=st.sampled_from(["SecretGet", "SecretList", "VaultPut"]),
        item=st.sampled_from(["secrets/a", "secrets/b"]),
    ),
    max_size=60,
)


@given(records, records, st.integers(1, 7), st.integers(1, 50))
def test_shards_batches_and_steps_change_not_a_byte(
    one: list[Event], two: list[Event], shards: int, batch: int
) -> None:
    parts = [Listed("one", sorted(one, key=lambda e: e.at_us)), Listed("two", two)]
    assert run(parts, shards=shards, batch_records=batch) == run(parts)
