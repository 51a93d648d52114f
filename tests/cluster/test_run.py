"""A run goes back to its last checkpoint whatever dies and whenever, and tells everything once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.saving import SHARD
from cluster.beginning import Beginning, beginning, place_of
from cluster.checkpoints import Manifest, Store, part_name
from cluster.errors import LostError, UserError
from cluster.frame import framed
from cluster.ray_start import in_a_line, start
from cluster.run import MOST_DEATHS, Every, Run
from tests.cluster.scripted import (
    APPLIED,
    LENGTH,
    REJECTED,
    Played,
    Scripted,
    body_of,
    check,
    damage,
    deaths,
    names_in,
    newest,
    numbers_of,
)

CALLS = ("start", "advance", "checkpoint", "written", "compact", "compacted", "finish")

when = st.lists(st.tuples(st.sampled_from(CALLS), st.integers(1, 40)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(when, st.integers(1, 7), st.integers(0, 2))
def test_whatever_dies_whenever_the_run_comes_to_the_same(
    died: list[tuple[str, int]], steps: int, slow: int
) -> None:
    with TemporaryDirectory() as folder:
        played = Played(Path(folder), deaths(*died), slow=slow)
        check(played, played.play(steps))
        for read, learned in played.runtime.begun_at:
            assert learned == [n for n in range(read) if n % 3], "each start is at a whole checkpoint"
        played.run.deliver()
        left = Store(folder).latest()
        assert left is not None
        assert left.run["delivered"]
        assert [
            n for part in left.parts if part.kind == SHARD for n in numbers_of(played.store.read(part))
        ] == APPLIED


@pytest.mark.parametrize("call", CALLS)
def test_a_death_goes_back_to_the_last_checkpoint_that_held(tmp_path: Path, call: str) -> None:
    held: list[Manifest | None] = []

    def fails(name: str, number: int) -> Exception | None:
        if (name, number) == (call, 1 if call in ("finish", "compact", "compacted") else 4):
            held.append(Store(tmp_path).latest())
            return LostError("it")
        return None

    played = Played(tmp_path, fails)
    if call == "start":  # a start that dies is made again; the fourth one comes after three deaths
        played.runtime.fails = lambda name, n: (
            deaths(("advance", 3), ("advance", 5), ("advance", 8))(name, n) or fails(name, n)
        )
    check(played, played.play(1))
    assert len(held) == 1
    if call.startswith("compact"):  # nothing but a merge died: nobody goes back
        assert len(played.runtime.begun_at) == 1
        assert sum("could not be merged" in line for line in played.said) == 1
    else:
        assert held[0] is not None
        standing = place_of(held[0])
        assert standing.run is not None
        assert played.runtime.begun_at[-1][0] == standing.run.counts.read
        assert "going on from the last checkpoint" in played.said[-1]


def test_a_death_while_the_run_begins_is_no_end(tmp_path: Path) -> None:
    played = Played(tmp_path, deaths(("start", 1), ("start", 2)))
    check(played, played.play())
    assert played.run.deaths == 2


def test_no_part_ever_gets_the_name_of_another(tmp_path: Path) -> None:
    written: list[str] = []

    class Watched(Store):
        def write(self, name: str, *given: Any) -> Any:
            written.append(name)
            return super().write(name, *given)

    store = Watched(tmp_path)
    fails = deaths(("written", 2), ("advance", 9), ("written", 11), ("compacted", 1))
    for _ in range(3):
        begin = beginning(store, "me")
        run = Run(Scripted(store, LENGTH, fails), store, begin, Every(0.0))
        run.start()
        while not run.advance(1).done:
            pass
        run.deliver()
    assert len(written) == len(set(written))
    epochs = [int(name[:12]) for name in written if "merged" not in name]
    assert max(epochs) > 60


def test_a_zombies_part_is_nobodys(tmp_path: Path) -> None:
    """What was taken for dead writes a part of an epoch that is then another's."""
    played = Played(tmp_path)
    played.run.start()
    played.run.advance(5)
    tag = played.runtime.tag
    played.runtime.fails = deaths(("advance", 2))
    played.run.advance(5)
    played.store.write(part_name(played.runtime.epoch, f"{tag}-shard-0000"), body_of([7, 7, 7]), SHARD)
    while not played.run.advance(5).done:
        pass
    check(played, played.run.finish())


@pytest.mark.parametrize("call", ["start", "advance", "written", "finish"])
def test_who_dies_all_the_time_is_told_so_once(tmp_path: Path, call: str) -> None:
    played = Played(tmp_path, lambda name, number: LostError("no memory") if name == call else None)
    with pytest.raises(
        UserError, match=r"died, 21 times without getting any further \(no memory\)"
    ) as caught:
        played.play()
    assert "\n" not in str(caught.value)
    assert MOST_DEATHS < played.run.deaths <= MOST_DEATHS + 2


def test_deaths_between_which_the_run_gets_on_may_be_many(tmp_path: Path) -> None:
    played = Played(tmp_path, lambda name, n: LostError("it") if name == "advance" and n % 3 == 0 else None)
    check(played, played.play(1))
    assert played.run.deaths > MOST_DEATHS


def test_a_run_without_a_store_ends_with_its_first_death(tmp_path: Path) -> None:
    runtime = Scripted(Store(tmp_path), LENGTH, deaths(("start", 1), ("advance", 2)), saves=False)
    run = Run(runtime, None, Beginning())
    run.start()  # nothing is lost yet: it is begun again
    run.advance(1)
    with pytest.raises(UserError, match="start the run again"):
        run.advance(1)


# From one run to the next


def test_what_was_delivered_is_what_the_next_run_begins_on(tmp_path: Path) -> None:
    first = Played(tmp_path)
    first.play()
    first.run.deliver()
    begin = beginning(Store(tmp_path), "me")
    assert not begin.resumed
    assert begin.notes == []
    assert begin.manifest is not None
    standing = place_of(begin.manifest)
    assert (standing.run, standing.rejected, standing.said) == (None, 0, [])
    second = Played(tmp_path)
    outcome = second.play()
    assert outcome is not None
    assert second.runtime.begun_at == [(0, APPLIED)], "it knows what was learned, and reads from the start"
    assert second.rejected() == REJECTED
    assert [one.entity for one in outcome.kept] == list(map(str, APPLIED)), "the first run's are delivered"


def test_an_interrupted_run_over_the_same_input_is_gone_on_with(tmp_path: Path) -> None:
    Played(tmp_path).play(stop_at=17)
    again = Played(tmp_path)
    assert again.begin.resumed
    assert again.begin.notes == ["going on where an interrupted run over the same input stood"]
    check(again, again.play())
    assert again.runtime.begun_at[0][0] >= 14


@pytest.mark.parametrize("who", ["another", None])
def test_over_other_input_it_is_given_up_in_words(tmp_path: Path, who: str | None) -> None:
    first = Played(tmp_path)
    first.play()
    first.run.deliver()
    Played(tmp_path).play(stop_at=17)
    other = Played(tmp_path, who=who)
    assert not other.begin.resumed
    assert len(other.begin.notes) == 1
    assert "is given up" in other.begin.notes[0]
    outcome = other.play()
    assert other.runtime.begun_at == [(0, APPLIED)]
    assert outcome is not None
    assert [one.entity for one in outcome.kept] == list(map(str, APPLIED))
    other.run.deliver()
    assert Played(tmp_path).begin.notes == []


@pytest.mark.parametrize("what", ["manifest", "part"])
def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path: Path, what: str) -> None:
    Played(tmp_path).play(stop_at=17)
    last = newest(tmp_path)
    name = f"manifest-{last.epoch:012d}" if what == "manifest" else last.parts[-1].name
    damage(tmp_path / name)
    again = Played(tmp_path)
    assert name in again.begin.notes[0]
    assert "the checkpoint before it is taken" in again.begin.notes[0]
    assert again.begin.last_epoch == last.epoch - 1
    check(again, again.play())
    again.run.deliver()
    assert Played(tmp_path).begin.notes == []


def test_where_all_are_damaged_nothing_begins_anew_by_itself(tmp_path: Path) -> None:
    Played(tmp_path).play(stop_at=17)
    for path in tmp_path.glob("manifest-*"):
        damage(path)
    with pytest.raises(UserError, match="none of its checkpoints can be used"):
        beginning(Store(tmp_path), "me")


def test_what_was_learned_is_not_given_up_with_an_interrupted_run(tmp_path: Path) -> None:
    """The delivered checkpoint can't be read, and the whole one after it is another run's."""
    first = Played(tmp_path)
    first.play()
    first.run.deliver()
    delivered = newest(tmp_path)
    Played(tmp_path).play(stop_at=17)
    before = names_in(tmp_path)
    damage(tmp_path / f"manifest-{delivered.epoch:012d}")
    with pytest.raises(UserError, match="what earlier runs have learned is not whole"):
        beginning(Store(tmp_path), "another")
    assert names_in(tmp_path) == before
    check_again = Played(tmp_path)
    assert check_again.begin.resumed
    assert check_again.play() is not None


@pytest.mark.parametrize("where", ["manifest", "frame", "part"])
def test_a_later_versions_checkpoint_is_left_alone(tmp_path: Path, where: str) -> None:
    Played(tmp_path).play(stop_at=17)
    last = newest(tmp_path)
    path = tmp_path / (last.parts[-1].name if where == "part" else f"manifest-{last.epoch:012d}")
    if where == "manifest":
        later = msgspec.structs.replace(last, version=2)
        path.write_bytes(b"".join(framed([msgspec.msgpack.encode(later)])[0]))
    else:
        body = path.read_bytes()
        path.write_bytes(body[:8] + b"\x02" + body[9:])
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    with pytest.raises(UserError, match=r"reads 1; use that later version, or another place"):
        beginning(Store(tmp_path), "me")
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_an_actor_that_can_not_begin_is_told_with_its_reason() -> None:
    """'It died in its creation' helps nobody who has another version on one node."""
    said = "The actor died because of an error raised in its creation task, ray::A.__init__()\n  File 1\nTypeError: no"
    assert in_a_line(RuntimeError(said)).endswith("ray::A.__init__(): TypeError: no")
    assert in_a_line(RuntimeError("The actor died: killed\n  more")) == "The actor died: killed"


def test_a_ray_that_does_not_start_is_saidin_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has too much to do its start times out, with an exception of no kind of its own."""
    import ray

    tries = []

    def too_slow(**about: Any) -> None:
        tries.append(about)
        if len(tries) < comes_up:
            raise Exception("The current node timed out during startup.\nmore")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", too_slow)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    comes_up = 3
    with pytest.raises(UserError) as said:
        start(None)
    assert str(said.value) == "a local Ray: could not be reached (The current node timed out during startup.)"
    assert len(tries) == 2

    tries, comes_up = [], 2
    assert start(None) is ray
    assert tries[0] == tries[1]
    assert tries[0]["address"] == "local"
