"""Live sources: what comes bit by bit, with silences and deaths, raises the alerts of the same records in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from actors.conductor import Progress
from actors.settings import Settings
from alerts.alert import Alert
from ingest.blocks import Block
from ingest.event_columns import EventColumns
from ingest.records import HOUR_US, Event
from tests.actors.running import MINUTE_US, START, TOR, Listed, Replayed, at, event
from tests.actors.test_whole import BUSY, part

LIVE = Settings(learning_days=0.0, streaming=True)


@pytest.fixture(params=[1, 2, 5], ids="{}-routers".format)
def live(request: pytest.FixtureRequest) -> Settings:
    """As a server has them."""
    return replace(LIVE, routers=request.param)


class Growing:
    """A live source of events: `has` says how many of them have come by now."""

    live = True
    first_us: int | None = None

    def __init__(self, name: str, events: Sequence[Event], has: int = 0, quiet_us: int = 0) -> None:
        self.name, self.events, self.has, self.quiet_us = name, events, has, quiet_us
        self.released: list[Any] = []
        self.stopped = False

    def prefetch(self, position: Any = None) -> None:
        """It is in memory."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Whatever has come, in blocks of five."""
        done = position or 0
        while True:
            some = self.events[done : min(done + 5, self.has)]
            done += len(some)
            quiet_us = 0 if some else self.quiet_us
            yield Block(
                EventColumns.of(some), read=len(some), idle=not some, quiet_us=quiet_us, position=done
            )

    def release(self, position: Any) -> None:
        self.released.append(position)

    def stop(self) -> None:
        self.stopped = True


def take(run: Replayed, now_us: int, mark: bool = False) -> Progress:
    """All that is there by now."""
    marked = []
    while True:
        progress = run.advance(10, mark and not marked, now_us)
        marked += progress.marked
        if (progress.waiting and (marked or not mark)) or progress.done:
            progress.marked = marked
            return progress


def told(run: Replayed) -> list[Alert]:
    """What is to be told now of hours that have closed; all of it is taken."""
    return [alert for alert in taken(run) if alert.complete is not False]


def taken(run: Replayed) -> list[Alert]:
    """What is to be told now, and is taken."""
    fresh = run.fresh()
    run.taken([alert.id for alert in fresh.alerts])
    return fresh.alerts


def test_an_hour_is_told_when_it_has_closed_and_only_once(live: Settings) -> None:
    reads = [event(minute, minute, address=TOR) for minute in range(0, 200, 10)]
    source = Growing("log", reads)
    run = Replayed([source], live)
    seen: list[str] = []
    for source.has in range(len(reads) + 1):
        take(run, at(10 * source.has))
        seen += [alert.start for alert in told(run)]
    assert seen == sorted(set(seen))
    assert len(seen) == 3, "of the fourth hour more may come"


def test_a_source_that_falls_silent_does_not_hold_the_hours_open_for_ever(live: Settings) -> None:
    loud = Growing("loud", [event(minute, minute, address=TOR) for minute in range(0, 200, 10)], 20)
    silent = Growing("silent", [event(5, 1_000)], 1)
    run = Replayed([loud, silent], live)
    take(run, at(200))
    assert told(run) == []
    take(run, at(200) + live.silence_us + 1)
    assert len(told(run)) == 3


@pytest.mark.parametrize(("quiet_us", "steps"), [(0, 500), (at(5_000), 3)], ids=["just come", "old"])
def test_a_backlog_is_judged_as_it_is_read(live: Settings, quiet_us: int, steps: int) -> None:
    """All the hours of weeks of old files would be open at once; and a server would say nothing for a while."""
    sources, hours = [], 40
    for hour in range(hours):
        reads = [event(60 * hour + minute, 100 * hour + minute, address=TOR) for minute in range(0, 60, 6)]
        sources.append(Growing(f"{hour:02}", reads, 10, quiet_us))
        sources[-1].first_us = reads[0].at_us
    run, now, most = Replayed(sources, live), at(60 * 24 * 14), 0
    for _ in range(20 * hours):  # with old ones that are asked all the time it would get no further
        progress = run.advance(steps, now_us=now)
        most = max(most, progress.open_hours)
    assert (progress.counts.read, progress.counts.late) == (10 * hours, 0)
    if quiet_us:
        assert most <= 2 + 4 * (live.routers > 1), "several routers read up to four hours ahead of each other"
        assert len(told(run)) == hours
    else:  # others of the series may be about to come
        assert most == hours
        assert told(run) == []


def test_a_source_that_says_it_is_silent_since_later_than_now_is_so_since_now(live: Settings) -> None:
    """Clocks differ between machines."""
    silent = Growing("silent", [event(5, 1, address=TOR)], 1, at(60 * 24 * 365))
    run = Replayed([silent], live)
    take(run, at(300))
    assert told(run) == []
    take(run, at(300) + live.silence_us + 1)
    assert len(told(run)) == 1


def test_with_all_sources_silent_the_last_hour_closes_by_the_clock(live: Settings) -> None:
    run = Replayed([Growing("log", [event(5, 1, address=TOR)], 1)], live)
    take(run, at(6))
    assert told(run) == []
    take(run, at(60) + live.silence_us + live.lateness_us + MINUTE_US)
    assert [alert.start[11:16] for alert in told(run)] == [f"{START % 24:02}:00"]


def test_a_late_record_adds_to_an_alert_that_was_told(live: Settings) -> None:
    source = Growing(
        "log", [event(5, 1, address=TOR), event(300, 2), event(6, 3, address=TOR), event(400, 4)], 2
    )
    run = Replayed([source], live)
    take(run, at(300))
    (first,) = told(run)
    source.has = 4
    take(run, at(400))
    again = {alert.id: alert for alert in told(run)}
    assert again[first.id].evidence["late_records"] == 1
    assert again[first.id].count == 2


def test_alerts_are_counted_once_whatever_is_said_of_them_later_and_over_a_death(live: Settings) -> None:
    """Who plots them would see a burst where a file came late, and fewer than there are after each start."""
    late = [event(minute, minute, address=TOR) for minute in (6, 7, 8)]
    source = Growing("log", [event(5, 1, address=TOR), event(300, 2), *late, event(400, 4)], 2)
    run = Replayed([source], live)
    (marked,) = take(run, at(300), mark=True).marked
    assert sum(run.fresh().numbers.raised.values()) == 1
    again = Replayed([source], live, run.saved(marked))
    source.has = 6
    take(again, at(400))
    (alert,) = told(again)
    assert alert.count == 4
    assert sum(again.fresh().numbers.raised.values()) == 1


def test_records_of_a_wrong_clock_do_not_move_the_time(live: Settings) -> None:
    source = Growing("log", [event(5, 1, address=TOR), event(60 * 24 * 30, 2)], 2)
    run = Replayed([source], live)
    progress = take(run, at(10))
    assert progress.counts.rejected == 1
    assert progress.watermark_us < at(10)


def test_sources_that_come_later_are_taken_in(live: Settings) -> None:
    run = Replayed([Growing("log", [event(5, 1)], 1)], live)
    take(run, at(6))
    run._conductor.add([Listed("file", [event(6, 2), event(7, 3)])], [])
    progress = take(run, at(8))
    assert (progress.counts.read, progress.sources, progress.finished) == (3, 2, 1)


def test_a_server_whose_folders_are_empty_reads_what_comes(live: Settings) -> None:
    """It was started before whatever fills its folder: it must not take that for the end of its input."""
    run = Replayed([], live)
    assert take(run, at(1)).waiting
    run._conductor.add([Growing("log", [event(5, 1, address=TOR)], 1)], [])
    assert take(run, at(6)).counts.read == 1


def test_a_server_whose_last_file_is_gone_closes_its_hours_by_the_clock(live: Settings) -> None:
    """What was read is judged, though nothing is left that could tell the time."""
    run = Replayed([Listed("log", [event(5, 1, address=TOR)])], live)
    take(run, at(6))
    assert told(run) == []
    take(run, at(60) + live.silence_us + live.lateness_us + MINUTE_US)
    assert len(told(run)) == 1


def test_a_live_source_hears_what_it_need_not_keep(live: Settings) -> None:
    source = Growing("log", [event(minute, minute) for minute in range(7)], 7)
    run = Replayed([source], live)
    take(run, at(8))
    (marked,) = take(run, at(8), mark=True).marked
    run.release(marked.standing)
    assert source.released == [7]
    run.stop()
    assert source.stopped


@pytest.mark.parametrize("shards", [1, 3])
def test_deaths_of_a_server_lose_no_alert_and_tell_none_that_differs(live: Settings, shards: int) -> None:
    """Told again after a death, an alert is the same alert: who keeps them by id has each once."""
    files = part(BUSY, 0, 1 << 62)
    sources = [Growing(f"log {n}", some) for n, some in enumerate(files.events)]
    settings = replace(live, shards=shards, batch_records=9)
    expected = Replayed([Listed(s.name, s.events) for s in sources], Settings(learning_days=0.0)).play()
    run, kept, saved = Replayed(sources, settings), dict[str, Alert](), None
    end = at(290)
    for minute in range(0, 291, 15):
        for source in sources:
            source.has = sum(one.at_us <= at(minute) for one in source.events)
        for marked in take(run, at(minute), mark=minute % 30 == 0).marked:
            saved = run.saved(marked)
        if minute % 45 == 0:  # it dies before it could say that they were taken
            kept.update((alert.id, alert) for alert in run.fresh().alerts)
            run = Replayed(sources, settings, saved)
        else:
            kept.update((alert.id, alert) for alert in taken(run))
    for source in sources:
        source.has = len(source.events)
    for later in (HOUR_US, 2 * HOUR_US):  # first they are read, then they fall silent
        take(run, end + later)
    kept.update((alert.id, alert) for alert in taken(run))
    bare = [
        msgspec.structs.replace(one, incident="", joins=msgspec.UNSET)
        for one in sorted(kept.values(), key=lambda one: one.id)
    ]
    wanted = [
        msgspec.structs.replace(one, incident="", joins=msgspec.UNSET)
        for one in sorted(expected.alerts, key=lambda one: one.id)
    ]
    assert [msgspec.to_builtins(one) for one in bare] == [msgspec.to_builtins(one) for one in wanted]


class Away(Growing):
    """A source that can't be reached, or whose next records are on their way."""

    def __init__(self, *given: Any, why: str) -> None:
        super().__init__(*given)
        self.why: str | None = why

    def blocks(self, position: Any = None) -> Iterator[Block]:
        for block in super().blocks(position):
            if block.idle and self.why:
                setattr(block, self.why, True)
            yield block


@pytest.mark.parametrize(("why", "holds_us"), [("down", LIVE.outage_us), ("awaited", 10 * LIVE.outage_us)])
def test_hours_wait_longer_for_a_source_that_may_have_more(live: Settings, why: str, holds_us: int) -> None:
    """A broker that is away for a while has what came meanwhile: it must not all be late."""
    loud = Growing("loud", [event(minute, minute, address=TOR) for minute in range(0, 200, 10)], 20)
    away = Away("away", [event(5, 1_000), event(10, 1_001, address=TOR)], 1, why=why)
    run = Replayed([loud, away], live)
    for later in range(0, holds_us, live.silence_us):
        take(run, at(200) + later)
    assert told(run) == []
    away.has = 2
    progress = take(run, at(200) + holds_us)
    assert (progress.counts.read, progress.counts.late) == (22, 0)
    away.why = None
    take(run, at(200) + holds_us + MINUTE_US)
    take(run, at(200) + holds_us + MINUTE_US + live.silence_us + 1)
    assert [alert.count for alert in told(run)] == [7, 6, 6, 2]


def test_the_hours_do_not_wait_for_ever_for_a_source_that_is_down(live: Settings) -> None:
    loud = Growing("loud", [event(minute, minute, address=TOR) for minute in range(0, 200, 10)], 20)
    run = Replayed([loud, Away("away", [event(5, 1_000)], 1, why="down")], live)
    take(run, at(200))
    take(run, at(200) + live.outage_us + 1)
    assert len(told(run)) == 3


def test_hours_wait_while_there_may_be_sources_that_nobody_knows_of(live: Settings) -> None:
    """A store that can't be listed at the start has files of hours that must not be closed by then."""
    run = Replayed(
        [Growing("log", [event(minute, minute, address=TOR) for minute in range(0, 200, 10)], 20)], live
    )
    run._conductor.add([], [], unlisted=True)
    take(run, at(200))
    take(run, at(200) + live.silence_us + 1)
    assert told(run) == []
    run._conductor.add([Listed("late", [event(7, 1_000, address=TOR)])], [], unlisted=False)
    progress = take(run, at(200) + live.silence_us + 2)
    assert progress.counts.late == 0
    take(run, at(200) + 2 * live.silence_us)
    assert [alert.count for alert in told(run)] == [7, 6, 6]
    run._conductor.add([], [], unlisted=True)
    run._conductor.add([], [], unlisted=True)
    take(run, at(300))
    assert told(run) == []
    take(run, at(300) + live.outage_us + 1)
    assert [alert.count for alert in told(run)] == [2], "not for ever"


def test_what_came_while_nothing_was_read_is_not_late(live: Settings) -> None:
    """Nothing was read for hours, for the disk was full or the machine asleep: no source was silent, nobody has asked."""
    run = Replayed(
        [one := Growing("one", [event(1, 1)], 1), other := Growing("other", [event(1, 2)], 1)], live
    )
    take(run, at(2))
    for source, number in ((one, 3), (other, 4)):  # a block of one has more than two hours
        source.events = [*source.events, *(event(minute, minute) for minute in range(number, 250, 30))]
        source.has = len(source.events)
    progress = take(run, at(260))
    assert progress.counts.late == 0
    assert progress.counts.read == one.has + other.has
