"""Sources that come and go: of one that is at rest nothing is kept but its place, and that only while it is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from actors import steps
from actors.far_calls import REPORTS_IN_FLIGHT, RayPorts, ShardCalls
from actors.far_reader import FarReader
from actors.router import Router
from actors.settings import Settings
from actors.sources import Reader
from actors.steps import CloseHour, Counts, Place, RunState
from ingest.blocks import Block
from ingest.event_columns import EventColumns
from ingest.positions import GrowingPosition
from tests.actors.running import MINUTE_US, TOR, Replayed, at, enrichment, event
from tests.actors.test_live import LIVE, Growing, take, told


class Resting(Growing):
    """A live source that is left to itself once it was read; it ends when it is gone."""

    gone = False

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Whatever has come, then rest."""
        done = position or 0
        while done < self.has:
            some = self.events[done : min(done + 5, self.has)]
            done += len(some)
            yield Block(EventColumns.of(some), read=len(some), position=done)
        if not self.gone:
            yield Block(idle=True, position=done)
            yield Block(idle=True, rests=True, position=done)


def read(run: Replayed, minute: float) -> int:
    """What was read when all that is there was, and a second later once more."""
    take(run, at(minute))
    return take(run, at(minute) + 2_000_000).counts.read


@pytest.fixture(params=[1, 2], ids=["one router", "two routers"])
def live(request: pytest.FixtureRequest) -> Settings:
    return replace(LIVE, routers=request.param)


def test_a_source_at_rest_is_asked_no_more_and_read_on_when_it_stirs(live: Settings) -> None:
    old = Resting("old", [event(minute, minute) for minute in range(8)], 6)
    run = Replayed([old, Growing("log", [event(5, 100)], 1)], live)
    assert read(run, 10) == 7
    assert run.router.resting() == {"old": 6}
    assert take(run, at(10)).sources == 1
    old.has = 8
    assert read(run, 11) == 7, "it is not asked"
    run._conductor.add([old], [])
    assert read(run, 12) == 9
    assert run.router.resting() == {"old": 8}


def test_a_checkpoint_keeps_the_place_of_a_source_at_rest_until_it_is_gone(live: Settings) -> None:
    old = Resting("old", [event(minute, minute) for minute in range(8)], 6)
    log = Growing("log", [event(5, 100)], 1)
    run = Replayed([old, log], live)
    read(run, 10)
    (marked,) = take(run, at(10), mark=True).marked
    again = Replayed([log], live, run.saved(marked))
    assert again.router.resting() == {"old": 6}
    assert take(again, at(10)).rejected == [], "nothing is missing"
    old.has = 8
    again._conductor.add([old], [])
    assert read(again, 11) == 9
    again._conductor.add([], [], ["old"])
    (marked,) = take(again, at(11), mark=True).marked
    assert marked.standing.run is not None
    assert [place.name for place in marked.standing.run.places] == ["log"]


def test_live_sources_that_are_gone_leave_nothing_in_the_checkpoints(live: Settings) -> None:
    gone = Resting("gone", [event(1, 1)], 1)
    gone.gone = True
    run = Replayed([gone, Growing("log", [event(5, 100)], 1)], live)
    assert read(run, 10) == 2
    (marked,) = take(run, at(10), mark=True).marked
    assert marked.standing.run is not None
    assert [place.name for place in marked.standing.run.places] == ["log"]


def test_a_file_that_comes_back_while_its_old_reader_is_about_to_end_is_read_once_it_has(
    live: Settings,
) -> None:
    run = Replayed([gone := Resting("x", [event(1, 1)], 1), Growing("log", [event(5, 100)], 1)], live)
    gone.gone = True
    run.advance(1, now_us=at(6))
    run._conductor.add([Growing("x", [event(2, 2), event(3, 3)], 2)], [])
    assert read(run, 7) == 4


def test_hours_close_by_the_clock_when_all_sources_are_at_rest(live: Settings) -> None:
    run = Replayed([Resting("log", [event(5, 1, address=TOR)], 1)], live)
    read(run, 6)
    assert told(run) == []
    take(run, at(60) + live.silence_us + live.lateness_us + MINUTE_US)
    assert len(told(run)) == 1


def test_a_file_that_stirs_does_not_turn_the_time_back(live: Settings) -> None:
    """Someone has touched it: there is nothing new in it."""
    run = Replayed([old := Resting("old", [event(5, 1)], 1), Growing("log", [event(400, 2)], 1)], live)
    read(run, 400)
    before = take(run, at(401)).watermark_us
    run._conductor.add([old], [])
    assert run.router.watermark_us() >= before


def test_a_server_without_any_source_waits_for_one(live: Settings) -> None:
    run = Replayed([], live)
    assert take(run, at(1)).waiting
    run._conductor.add([Growing("log", [event(5, 1)], 1)], [])
    assert read(run, 6) == 1


def test_a_block_does_not_cost_a_look_at_all_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of files that would be what a server does all day."""
    asked = 0
    really = Reader.caught_up_us

    def counted(reader: Any, now_us: int, bound_us: int) -> int:
        nonlocal asked
        asked += 1
        return really(reader, now_us, bound_us)

    monkeypatch.setattr(Reader, "caught_up_us", counted)
    number = 300
    sources = [Growing(f"{n}", [event(5 * m, 100 * n + m) for m in range(30)], 30) for n in range(number)]
    stream = Router(sources, enrichment(), LIVE)
    stream.clock.set(at(150))
    blocks = closed = 0
    for step in stream.steps():
        closed += isinstance(step, CloseHour)
        blocks += isinstance(step, steps.Took)
        if isinstance(step, steps.Waiting):
            break
    assert (blocks, closed) == (7 * number, 2)
    assert asked < 10 * blocks, "not 300 of each block"


def test_a_reader_forgets_what_is_at_rest() -> None:
    far = FarReader(Settings(), enrichment())
    for number in range(3):
        far.open(number, Resting(f"{number}", [event(1, 1)], 1))
        for _ in range(3):
            assert far.next(number, None)
        assert not far.next(number, None)
    assert not far._open
    assert not far._live


def test_late_records_of_any_number_of_sources_are_counted_in_bounded_room() -> None:
    counts = Counts()
    for number in range(steps.MOST_LATE + 7):
        counts.drop_late(f"file {number}", 2)
    counts.drop_late("file 0", 1)
    assert len(counts.late_by_source) == steps.MOST_LATE + 1
    assert counts.late_by_source["file 0"] == 3
    assert counts.late_by_source[""] == 14


def test_a_checkpoint_before_there_was_rest_is_read() -> None:
    state = RunState(0, Counts(), [Place("a", 5, 3), Place("b", finished=True)])
    stream = Router([Growing("a", [])], enrichment(), LIVE, run=state)
    assert (stream.sources, stream.finished, stream.resting()) == (2, 1, {})


class _Actor:
    """Answers any call with a promise that is kept."""

    def __getattr__(self, name: str) -> Any:
        return self

    def options(self, **_: Any) -> _Actor:
        return self

    def remote(self, *_: Any) -> Any:
        return "parts", "report"


class _Ray:
    """Keeps a promise when somebody waits for it, and those that are `done`."""

    def __init__(self) -> None:
        self.done: set[Any] = set()

    def get(self, promise: Any) -> None:
        self.done.add(promise)

    def wait(self, promises: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return [one for one in promises if one in self.done], [p for p in promises if p not in self.done]


def test_checkpoints_of_a_server_that_nothing_comes_to_leave_no_promises_behind() -> None:
    ports = RayPorts(_Ray(), [_Actor()], _Actor(), Settings(), None, "tag")
    for epoch in range(1_000):
        ports.checkpoint(epoch, False)
    assert len(ports.reports) <= REPORTS_IN_FLIGHT


def test_calls_that_are_done_do_not_count_as_waiting() -> None:
    """Else an idle server looks as if its shards could not keep up."""
    ray = _Ray()
    calls = ShardCalls(ray, [None, None], None, Settings(in_flight=4))
    for ref in range(6):
        calls.track(0, ref)
    assert calls.queues() == [4, 0]
    ray.done |= {3, 4, 5}
    assert calls.queues() == [1, 0]


def test_of_each_router_only_the_last_call_is_waited_for() -> None:
    """Else a call that closes a busy hour would name each batch of it."""
    calls = ShardCalls(_Ray(), [None], None, Settings())
    for number in range(1_000):
        calls.hold([f"batch {number}", None], router=number % 2)
    assert sorted(calls.take_after(0)) == ["batch 998", "batch 999"]
    assert calls.take_after(0) == calls.take_after(-1) == []


def test_a_file_that_was_renamed_when_the_run_died_is_not_missed(live: Settings) -> None:
    """Logs are rotated every night: a start would say each time that a file is gone, though all of it was read."""
    log = Growing("log", [event(5, 100)], 1)
    run = Replayed([old := Resting("old", [event(minute, minute) for minute in range(3)], 2), log], live)
    run.advance(200, now_us=at(10))
    (marked,) = take(run, at(10), mark=True).marked
    place = GrowingPosition(before=[GrowingPosition(inode=7)], rests=(0, 1))
    renamed = msgspec.msgpack.decode(msgspec.msgpack.encode(place))
    assert marked.standing.run is not None
    marked.standing.run.places = [
        Place(place.name, place.frontier_us, renamed) if place.name == "old" else place
        for place in marked.standing.run.places
    ]
    again = Replayed([log], live, run.saved(marked))
    assert again.router.resting() == {"old": renamed}
    assert take(again, at(11)).rejected == []
    assert old.has == 2
