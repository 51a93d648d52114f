"""A run that dies and goes on from a checkpoint says what one says that never died, and counts the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import aggregator_state, shard_state
from actors.saving import AGGREGATOR, SHARD, compact
from actors.settings import Settings
from actors.shard_state import Changes
from cluster.compaction import chains
from tests.actors.running import Listed, Replayed, Saved, event
from tests.actors.test_whole import BUSY, QUICK, World, counted, part, told, whole, worlds

Death = tuple[int, int, int, bool]


def play(world: World, plan: Sequence[Death], merge: bool = False) -> tuple[Any, bytes]:
    """A run that takes a checkpoint after some steps, does more that is lost, and dies; again for each plan.

    A plan's parts: steps until the checkpoint; then shards, routers, and whether the run is at its end before it dies.
    """
    files = part(world, 0, 1 << 62)
    run = Replayed(files.partitions(7), Settings(learning_days=0.0, shards=2, batch_records=9))
    saved: Saved | None = None
    for steps, shards, routers, at_end in plan:
        saved = checkpoint(run, steps) or saved
        if merge and saved is not None:
            saved = one_part_each(saved)
        run.advance(1_000 if at_end else 3)
        again = Settings(learning_days=0.0, shards=shards, routers=routers, batch_records=9)
        run = Replayed(files.partitions(7), again, saved)
    outcome = run.play()
    return counted(run, outcome), told(outcome)


def checkpoint(run: Replayed, steps: int) -> Saved | None:
    """After so many steps; None where the run ends before."""
    for progress in (run.advance(max(1, steps)), run.advance(10, mark=True)):
        if progress.marked:
            return [run.saved(marked) for marked in progress.marked][-1]
    return None


def one_part_each(saved: Saved) -> Saved:
    """With each chain of parts merged, as is done where it is long."""
    closed_until = saved.standing.router["closed_until"] or 0
    parts = []
    for chain in chains(saved.parts):
        name = f"merged {chain[0].kind} {chain[0].low} {len(saved.store.bodies)}"
        several = chain[0].kind in (SHARD, AGGREGATOR)
        parts += [compact(saved.store, name, chain, closed_until, True)] if several else chain
    return saved._replace(parts=parts)


deaths = st.tuples(st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.booleans())
plans = st.lists(deaths, min_size=1, max_size=4)


@QUICK
@given(worlds, plans, st.booleans())
def test_deaths_leave_not_a_byte_of_a_trace(world: World, plan: list[Death], merge: bool) -> None:
    assert play(world, plan, merge) == whole(world)[:2]


@pytest.mark.parametrize("merge", [False, True])
def test_a_busy_run_that_dies_all_the_time_raises_the_same_alerts(merge: bool) -> None:
    plan = [(steps, 1 + steps % 4, 1 + steps % 3, steps % 5 == 0) for steps in range(3, 24)]
    assert play(BUSY, plan, merge) == whole(BUSY)[:2]


def test_a_checkpoint_after_the_last_record_still_has_all_alerts() -> None:
    """Who dies between the end of the input and the writing of the alerts must not lose them."""
    run = Replayed(part(BUSY, 0, 1 << 62).partitions(7), Settings(learning_days=0.0))
    while not (progress := run.advance(50)).drained:
        pass
    again = Replayed(
        part(BUSY, 0, 1 << 62).partitions(7),
        Settings(learning_days=0.0, shards=3),
        run.last_saved(progress.marked),
    )
    outcome = again.play()
    assert (counted(again, outcome), told(outcome)) == whole(BUSY)[:2]


def test_what_a_checkpoint_writes_follows_what_was_touched() -> None:
    """Else saving every few seconds would cost as much as the whole state, however little happens."""
    people = [event(n % 50, n, principal=f"p{n}") for n in range(400)]
    later = [event(400, 1_000, principal="p7"), event(700, 1_001, principal="p8")]
    run = Replayed([Listed("log", [*people, *later], 401)], Settings(checkpoints=True))
    sizes = []
    while not (progress := run.advance(1, mark=True)).drained:
        sizes += [sum(p.size for p in marked.parts if p.kind == SHARD) for marked in progress.marked]
    first, second = [size for size in sizes if size][:2]
    assert second < first / 20


def test_a_part_of_another_version_or_of_somebody_else_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="version 99"):
        shard_state.unpack(shard_state.pack(Changes(version=99)))
    for read in (shard_state.unpack, aggregator_state.unpack):
        for foreign in (b"", b"\x80\x04\x95", b"\x93\x01\x02\x03"):
            with pytest.raises(ValueError, match="no state of"):
                read(foreign)
