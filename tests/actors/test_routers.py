"""Several routers: hours close for all of them, and none runs away from the others."""

from __future__ import annotations

import pytest

from actors.conductor import Progress
from actors.routers import MOST_AHEAD_US
from actors.settings import Settings
from actors.steps import RunState
from alerts.alert import to_json
from ingest.records import HOUR_US
from tests.actors.running import TOR, Listed, Replayed, at, event
from tests.actors.test_live import Growing, take, told


def days(name: str, first_hour: int = 0, hours: int = 48, size: int = 3) -> Listed:
    """A file with an event every ten minutes."""
    minutes = range(60 * first_hour, 60 * (first_hour + hours), 10)
    number = sum(map(ord, name)) * 1_000
    return Listed(name, [event(minute, number + minute, address=TOR) for minute in minutes], size)


def progress_of(run: Replayed) -> list[Progress]:
    """Of every single step."""
    seen = []
    while not (progress := run.advance(1)).done:
        seen.append(progress)
    return seen


@pytest.mark.parametrize("routers", [2, 3])
def test_none_reads_far_ahead_of_the_one_that_is_behind(routers: int) -> None:
    """Else the open hours of a month would be held in memory because one file is read faster."""
    files = [days("a", size=1), days("b", size=40), days("c", first_hour=20, hours=2)]
    run = Replayed(files, Settings(routers=routers))
    bound = MOST_AHEAD_US // HOUR_US + 8  # a block of b is seven hours long
    assert max(progress.open_hours for progress in progress_of(run)) <= bound
    assert run.router.counts.late == 0


def test_with_more_routers_than_sources_some_have_nothing_to_do() -> None:
    one, many = (Replayed([days("a")], Settings(learning_days=0.0, routers=n)) for n in (1, 9))
    alerts = [list(map(to_json, run.play().alerts)) for run in (one, many)]
    assert alerts[0] == alerts[1] != []
    assert many.router.sources == many.router.finished == 1


def test_without_any_source_it_is_done_at_once() -> None:
    assert Replayed([], Settings(routers=3)).play().alerts == []


def test_live_files_of_past_hours_hold_nobody_back() -> None:
    """A server's backlog is a file an hour, and none of them ever says that it is at its end."""
    settings = Settings(learning_days=0.0, streaming=True, routers=3)
    hours = [
        Growing(f"h{hour:02}", [event(60 * hour + minute, 60 * hour + minute) for minute in range(60)], 60)
        for hour in range(48)
    ]
    for one in hours:
        one.first_us = one.events[0].at_us  # type: ignore[assignment]
    assert take(Replayed(hours, settings), at(60 * 48)).counts.read == 48 * 60


def test_a_source_that_comes_with_older_records_holds_the_hours_open() -> None:
    """Its records are of hours that nobody has closed: none may be late because another router was quicker."""
    settings = Settings(learning_days=0.0, streaming=True, routers=2)
    source = Growing("log", [event(minute, minute, address=TOR) for minute in range(0, 600, 10)], 8)
    run = Replayed([source], settings)
    take(run, at(80))
    older = Listed("older", [event(75 + n / 10, 5_000 + n, address=TOR) for n in range(100)], 1)
    run._conductor.add([older], [])
    source.has = 60
    while (progress := take(run, at(600))).finished < 1:
        pass
    assert progress.counts.late == 0
    assert sum(alert.count for alert in told(run)) == 54 + 100, "the tenth hour is open"


def test_a_restart_with_other_routers_counts_each_source_once() -> None:
    files = [days(name, hours=9) for name in "abcd"]
    run = Replayed(files, Settings(routers=3))
    saved = None
    for number in range(12):
        for marked in run.advance(20, mark=number % 3 == 0).marked:
            saved = run.saved(marked)
    assert saved is not None
    places = (saved.standing.run or RunState(0, run.router.counts, [])).places
    assert sorted(place.name for place in places) == ["a", "b", "c", "d"]
    for routers in (1, 2, 4):
        again = Replayed(files, Settings(routers=routers), saved)
        again.play()
        assert again.router.counts.read == 4 * 54
        assert again.router.sources == again.router.finished == 4
