"""A store that fails, and parts that are merged: nothing is lost of a run."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from actors import shard_state
from actors.saving import SHARD
from cluster.checkpoints import Store, part_name
from cluster.errors import LostError, UserError
from cluster.places import StoreError
from cluster.run import Every
from ingest.records import Rejected
from tests.cluster.scripted import (
    LENGTH,
    Fails,
    Played,
    Scripted,
    check,
    deaths,
    kept,
    names_in,
    newest,
    numbers_of,
)

# A store that fails


def full(call: str, number: int, folder: Path) -> Fails:
    error = StoreError(f"{folder}: can't be written: no space left on device; make room")
    return lambda which, n: error if which == call and n >= number else None


@pytest.mark.parametrize("call", ["checkpoint", "written"])
def test_a_run_whose_own_store_fails_goes_on_without(tmp_path: Path, call: str) -> None:
    fails = full(call, 4, tmp_path)
    played = Played(tmp_path, fails)
    spare = Scripted(played.store, LENGTH, deaths(("advance", 3), ("finish", 1)), saves=False)
    played.run._spare, played.run._own = (lambda: spare), True
    first, played.runtime = played.runtime, spare
    check(played, played.play(1))
    assert first.stopped
    assert spare.begun_at[0][0] > 0, "from the last checkpoint that held"
    assert sum("goes on without" in line for line in played.said) == 1
    played.run.deliver()
    assert not newest(tmp_path).run["delivered"]


def test_it_begins_anew_where_its_own_checkpoints_are_gone(tmp_path: Path) -> None:
    played = Played(tmp_path, full("written", 4, tmp_path))
    spare = Scripted(played.store, LENGTH, saves=False)

    def made() -> Scripted:
        for path in tmp_path.iterdir():
            path.unlink()
        return spare

    played.run._spare, played.run._own = made, True
    played.runtime = spare
    check(played, played.play(1))
    assert spare.begun_at == [(0, [])]


def test_a_store_that_was_asked_for_ends_the_run_when_it_fails(tmp_path: Path) -> None:
    played = Played(tmp_path, full("written", 4, tmp_path))
    with pytest.raises(UserError, match="no space left"):
        played.play(1)
    again = Played(tmp_path)
    assert again.begin.resumed
    check(again, again.play())


def test_parts_that_somebody_removes_are_missed_at_the_next_checkpoint(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.run.start()
    played.run.advance(5)
    played.run.advance(5)
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"is missing; somebody else removes or changes files there"):
        played.run.advance(5)


def test_a_part_of_another_version_is_named(tmp_path: Path) -> None:
    Played(tmp_path).play(stop_at=17)
    last = newest(tmp_path)
    store = Store(tmp_path)
    foreign = store.write(
        part_name(last.epoch + 1, "x"), shard_state.pack(shard_state.Changes(version=9)), "rejected"
    )
    store.commit(msgspec.structs.replace(last, epoch=last.epoch + 1, parts=[*last.parts, foreign]))
    played = Played(tmp_path)
    with pytest.raises(UserError, match=f"{foreign.name}: no list of rejected records.*use the version"):
        played.play()


# Merging


def test_short_runs_merge_their_parts_too(tmp_path: Path) -> None:
    """Each takes one checkpoint: what it began to merge is waited for, else a chain would grow with every run."""
    for _ in range(40):
        played = Played(tmp_path, slow=2)
        played.run._every = Every(1e9)
        played.play(1_000)
        played.run.deliver()
    assert len(newest(tmp_path).parts) < 25
    assert len(names_in(tmp_path)) < 60


def test_rejected_records_are_merged_too(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.runtime.length = 600
    played.play(1)
    assert len(newest(tmp_path).parts) < 60
    assert played.rejected() == [n for n in range(600) if n % 3 == 0]
    again = Played(tmp_path)
    again.runtime.length = 600
    again.run.start()
    assert again.rejected() == [n for n in range(600) if n % 3 == 0]
    assert all(isinstance(one, Rejected) for one in again.run.rejected)


@pytest.mark.parametrize(
    "error", [LostError("killed"), StoreError("full"), ValueError("no state of a shard")]
)
@pytest.mark.parametrize("call", ["compact", "compacted"])
def test_a_merge_that_fails_loses_nothing(tmp_path: Path, error: Exception, call: str) -> None:
    played = Played(tmp_path, lambda name, n: error if name == call else None)
    played.runtime.length = 300
    outcome = played.play(1)
    assert outcome is not None
    numbers = [n for n in range(300) if n % 3]
    assert outcome.kept == [kept(n) for n in numbers]
    assert [line for line in played.said if "merged" in line] == [
        f"parts of a checkpoint could not be merged ({error}); they stay as they are"
    ]
    assert played.run.deaths == 0
    assert played.runtime.calls["compact"] <= 6, "not tried at every checkpoint"
    found = newest(tmp_path)
    stored = [n for part in found.parts if part.kind == SHARD for n in numbers_of(played.store.read(part))]
    assert stored == numbers


def test_a_checkpoint_is_taken_after_so_many_records_too(tmp_path: Path) -> None:
    """Where much comes at once, seconds are many records to read again."""
    played = Played(tmp_path)
    played.run._every = Every(1e9, 7)
    played.run.start()
    marked = []
    while not (progress := played.run.advance(1)).done:
        marked += [played.run._read_at_mark] * bool(progress.marked)
    *marked, _ = marked  # at the end one is taken in any case
    assert len(marked) >= 3
    assert all(later - sooner >= 7 for sooner, later in itertools.pairwise(marked))
