"""Blocks of flows that come from afar as one: a router must not be able to tell, or alerts would hang on the runtime."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import far_reader
from actors.clock import Clock
from actors.router import Router
from actors.settings import Settings
from actors.steps import CloseHour, Mark, Reject, Send, Took
from ingest.enrich import Enrichment
from ingest.records import FLOW, HOUR_US, address_words
from tests.actors.running import C2, MACHINES, START, Listed, enriched
from tests.actors.test_far_reading import Far, FarEnd, FarPartition, SharedParts

MINUTE_US = 60_000_000
SETTINGS = Settings(shards=2, lateness_us=10 * MINUTE_US)
NOT_AFTER_US = (START + 9) * HOUR_US


def about() -> Enrichment:
    """Two machines with a name, and others that are resources of their own; each reader meets them by itself."""
    return enriched(MACHINES[:2], ["10.0.0.0/24"])


def flows(*minutes: float, port: int = 22) -> Any:
    rows = np.zeros(len(minutes), FLOW)
    rows["end_us"] = [START * HOUR_US + int(minute * MINUTE_US) for minute in minutes]
    rows["start_us"] = rows["end_us"] - 1
    for number, row in enumerate(rows):
        row["src_hi"], row["src_lo"] = address_words(C2 if number % 3 else MACHINES[number % 4])
        row["dst_hi"], row["dst_lo"] = address_words(MACHINES[number * 7 % 4])
    rows["src_port"], rows["dst_port"], rows["protocol"] = 40_000, port, 6
    rows["packets"], rows["octets"] = 9, 900
    rows["offset"] = np.arange(len(rows))
    return rows


def taken(rows: Any, size: int, afar: bool) -> tuple[dict[str, Any], int]:
    """What a router makes of these rows, read in blocks of a size here or from afar; and in how many goes."""
    partition: Any = Listed("x", rows, size)
    clock = Clock(not_after_us=NOT_AFTER_US)
    if afar:
        far = Far(SETTINGS, about())
        partition = FarPartition([FarEnd(far, 1)], 3, partition, SharedParts(), far.get, clock)
    router = Router([partition], about(), SETTINGS, clock=clock)
    goes = []
    take = router._take
    router._take = lambda reader, block: (goes.append(1), take(reader, block))[1]  # type: ignore[method-assign]
    sent, closed, rejected, steps = Counter[Any](), list[int](), list[Any](), 0
    ids: list[list[str]] = [[] for _ in range(SETTINGS.shards)]
    for step in router.steps():
        match step:
            case Send(shard, batch):
                told = batch.rows[[name for name in batch.rows.dtype.names or () if name != "entity"]]
                assert not set((batch.rows["end_us"] // HOUR_US).tolist()) & set(closed)
                ids[shard] += batch.ids
                whose = [ids[shard][entity] for entity in batch.rows["entity"].tolist()]
                sent.update(zip(whose, told.tolist(), strict=True))
            case CloseHour(hour):
                closed.append(hour)
            case Reject(some):
                rejected += some
            case Took():
                steps += 1
    counts = router.counts
    fate = (counts.read, counts.flows_applied, counts.late, counts.rejected, counts.filtered)
    result = {"sent": sent, "closed": closed, "rejected": rejected, "fate": fate, "steps": steps}
    return result, len(goes)


minutes = st.one_of(
    st.integers(0, 200),
    st.integers(40, 80),  # about an hour's end, and the lateness behind it
    st.sampled_from([-START * 60 - 1, 9 * 60 + 1]),  # before 1970, after tomorrow
)


@given(st.lists(minutes, max_size=40), st.integers(1, 6), st.integers(1, 9), st.sampled_from([22, 80]))
def test_a_router_cannot_tell_blocks_from_one_that_stands_for_them(
    times: list[int], size: int, blocks: int, port: int
) -> None:
    rows, before = flows(*times, port=port), far_reader.BLOCKS
    try:
        far_reader.BLOCKS = blocks
        assert taken(rows, size, True)[0] == taken(rows, size, False)[0]
    finally:
        far_reader.BLOCKS = before


@pytest.mark.parametrize(
    ("times", "goes"),
    [
        (range(8), 1),
        ([10, 20, 40, 59, 61, 62], 1),  # the hour before is open for ten minutes more
        ([20, 30, 40, 71, 72, 73, 59], 2),  # here the last one is late
        ([0, 1, -START * 60 - 1, 2, 3], 3),  # of an impossible one it is said where it stands
        ([0, 1, 30, 59, 100, 101, 170], 3),  # hours of a slow exporter would be open at once
    ],
)
def test_blocks_are_taken_as_one_where_that_makes_no_difference(times: Any, goes: int) -> None:
    """Ten times the price of a block was paid for each of ten."""
    rows = flows(*times)
    assert taken(rows, 1, True)[1] == goes
    assert taken(rows, 1, False)[1] == len(rows)


def test_a_checkpoint_that_is_wanted_is_not_passed_over_within_a_block() -> None:
    """Who drives a router asks with each go of a few steps: as many as stand for one block must not use the go up."""
    far = Far(SETTINGS, about())
    partition: Any = FarPartition(
        [FarEnd(far, 1)], 3, Listed("x", flows(*range(40)), 1), SharedParts(), far.get
    )
    router = Router([partition], about(), SETTINGS)
    steps = router.steps()
    while not isinstance(next(steps), Took):  # it is in the first of those that were joined
        pass
    router.mark_wanted = True
    assert any(isinstance(step, Mark) for step in islice(steps, 4))
