"""Several sources are one stream, and no record is lost, whatever the batches and shards."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.router import Router
from actors.settings import Settings
from actors.steps import CloseHour, Drained, Send
from alerts.alert import to_json
from ingest.records import HOUR_US, Event
from tests.actors.running import START, Listed, Replayed, enrichment, event


def router(*partitions: Listed, **told: Any) -> Router:
    return Router(partitions, enrichment(), Settings(**told))


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
    outcome = Replayed(partitions, Settings(**given)).play()
    assert not outcome.faults
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
        listed=st.just(("tor_exit_node",)),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=40)
@given(records, records, st.integers(1, 7), st.integers(1, 50))
def test_shards_batches_and_steps_change_not_a_byte(
    one: list[Event], two: list[Event], shards: int, batch: int
) -> None:
    parts = [Listed("one", sorted(one, key=lambda e: e.at_us)), Listed("two", two)]
    assert run(parts, shards=shards, batch_records=batch) == run(parts)
