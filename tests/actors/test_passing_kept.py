"""Who was seen in passing while all was learned is told alike, however a run is cut into shards, blocks and runs."""

from __future__ import annotations

from functools import cache

import pytest

from actors.settings import Settings
from alerts.alert import to_json
from ingest.records import Event
from tests.actors.running import Listed, Replayed, event

DAY = 24 * 60
TYPE = "key_vault.unusual_user"
VISITS = (2, 3, 4, 24, 25)  # days of somebody who attacks while all is learned, and again


@cache
def life() -> list[Event]:
    """Two people's weeks at a vault, and a third one's visits."""
    events = []
    for day in range(27):
        for hour in range(8, 12):
            for who in ("ann", "ben"):
                minute = day * DAY + hour * 60 + 3 * len(events) % 50
                events.append(event(minute, len(events), principal=who, kind="user"))
        if day in VISITS:
            minute = day * DAY + 12 * 60
            events.append(event(minute, len(events), principal="mallory", kind="user"))
    return events


def told(shards: int, size: int, cut: int = 0) -> list[bytes]:
    """The alerts on her; `cut`: two runs, the second from that day on."""
    settings = Settings(shards=shards)
    found, saved = {}, None
    for number, part in enumerate(
        [
            [one for one in life() if (one.at_us < life()[0].at_us + cut * DAY * 60_000_000) == early]
            for early in ((True, False) if cut else (False,))
        ]
    ):
        replay = Replayed([Listed(f"part{number}", part, size)], settings, saved)
        saved, outcome = replay.stop_and_save()
        found |= {one.id: to_json(one) for one in outcome.alerts if one.type == TYPE}
    hers = [found[id_].replace(b"part1", b"part0") for id_ in sorted(found)]  # where the records stand
    return [one for one in hers if b"mallory" in one]


def test_she_is_told_on_both_days_on_which_she_comes_back() -> None:
    said = told(1, 7)
    assert len(said) == 2
    assert all(b"informational" in one for one in said)


@pytest.mark.parametrize(("shards", "size", "cut"), [(3, 50, 0), (2, 3, 10), (1, 7, 20), (3, 7, 25)])
def test_shards_blocks_and_runs_change_nothing(shards: int, size: int, cut: int) -> None:
    assert told(shards, size, cut) == told(1, 7)
