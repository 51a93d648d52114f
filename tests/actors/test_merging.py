"""Parts that were made one say what the several said, applied one after the other."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import aggregator_state, shard_state
from actors.aggregator import Aggregator
from actors.saving import AGGREGATOR, SHARD, compact, read_aggregator, read_shard
from actors.settings import Settings
from actors.shard import Shard
from cluster.checkpoints import Part
from tests.actors.running import Kept, Replayed, Saved, enrichment
from tests.actors.test_whole import BUSY, part

SETTINGS = Settings(learning_days=0.0, shards=1, batch_records=9, checkpoints=True)


@cache
def chain() -> Saved:
    """A run with a checkpoint every few records."""
    run = Replayed(part(BUSY, 0, 1 << 62).partitions(7), SETTINGS)
    saved: list[Saved] = []
    while not (progress := run.advance(2, mark=True)).drained:
        saved += [run.saved(marked) for marked in progress.marked]
    assert len(saved[-1].parts) > 30
    return saved[-1]


def shard_of(store: Any, parts: list[Part], closed_until: int) -> Any:
    """All that a shard knows after the parts."""
    shard = Shard(0, SETTINGS)
    read_shard(store, parts, shard, closed_until, None, moved=True)
    changes = shard_state.unpack(shard_state.pack(shard.changes()))
    for rows in (*changes.traffic, *changes.events):
        rows.sources.sort()
    return msgspec.to_builtins(changes)


def aggregator_of(store: Any, parts: list[Part]) -> Any:
    """All that an aggregator knows after the parts."""
    aggregator = Aggregator(SETTINGS, enrichment())
    read_aggregator(store, parts, aggregator)
    outcome = msgspec.to_builtins(aggregator.finish())
    return msgspec.to_builtins(aggregator_state.unpack(aggregator.lasting())), outcome


cuts = st.lists(st.integers(0, 1_000), min_size=2, max_size=8)


@settings(max_examples=15, deadline=None)
@given(cuts, st.integers(0, 3))
def test_any_runs_of_parts_may_be_merged(given_cuts: list[int], levels: int) -> None:
    saved = chain()
    closed_until = saved.standing.router["closed_until"] or 0
    store = Kept()
    store.bodies.update(saved.store.bodies)
    for kind in (SHARD, AGGREGATOR):
        parts = [one for one in saved.parts if one.kind == kind]
        merged = parts
        for level in range(levels + 1):  # merged ones are merged again
            at = sorted({0, len(merged), *(cut % len(merged) for cut in given_cuts)})
            some = [merged[begin:end] for begin, end in pairwise(at)]
            merged = [
                compact(store, f"{kind} {level} {n}", one, closed_until, n == 0) for n, one in enumerate(some)
            ]
        if kind == SHARD:
            assert shard_of(store, merged, closed_until) == shard_of(store, parts, closed_until)
        else:
            assert aggregator_of(store, merged) == aggregator_of(store, parts)
