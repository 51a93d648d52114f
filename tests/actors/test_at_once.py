"""What needs no hour is told at once by whatever runs without an end: once, and as the hour's close will tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from actors.settings import Settings
from alerts.alert import Alert
from detections.catalogue import CATALOGUE
from ingest.records import DENIED, FAILURE, HOUR_US, STARTED, SUCCESS, Event
from tests.actors.running import BRIEFLY, MINUTE_US, TOR, TWICE, Listed, Replayed, at, event, managed
from tests.actors.test_live import LIVE, Growing, take, taken
from tests.actors.test_whole import BUSY, MINUTES, QUICK, World, part, worlds

TOR_ACCESS, ANONYMOUS = "key_vault.tor_access", "management.anonymous_ip"


class Following:
    """A run that follows one log."""

    def __init__(self, events: Sequence[Event], **more: Any) -> None:
        self.source = Growing("log", sorted(events, key=lambda one: one.at_us))
        self.settings = replace(LIVE, **more)
        self.run = Replayed([self.source], self.settings)

    def until(self, minute: float) -> list[Alert]:
        """What is told of all that comes by then."""
        self.source.has = sum(one.at_us <= at(minute) for one in self.source.events)
        take(self.run, at(minute))
        return taken(self.run)

    def close(self, minute: float) -> list[Alert]:
        """What is told when nothing but what has come by then comes, and it falls silent."""
        self.source.has = sum(one.at_us <= at(minute) for one in self.source.events)
        take(self.run, at(minute))
        take(self.run, at(minute) + LIVE.silence_us + 1)
        return taken(self.run)


def test_a_record_that_says_it_all_is_told_before_its_hour_is_over() -> None:
    log = Following([event(5, 1), event(6, 2, address=TOR), event(50, 3, address=TOR)])
    assert log.until(5) == []
    (early,) = log.until(6)
    assert (early.type, early.count, early.complete) == (TOR_ACCESS, 1, False)
    assert log.until(50) == [], "the hour's close completes it"
    (whole,) = log.close(75)
    assert (whole.id, whole.count, whole.complete) == (early.id, 2, msgspec.UNSET)


def test_it_is_told_again_where_it_became_graver() -> None:
    """That somebody came through is news to whoever knows of refused attempts only."""
    refused = [event(minute, minute, address=TOR, outcome=DENIED, item=f"s{minute}") for minute in (5, 6)]
    log = Following([*refused, event(7, 7, address=TOR), event(8, 8, address=TOR, item="other")])
    assert [alert.severity for alert in log.until(5)] == ["low"]
    assert log.until(6) == []
    assert [alert.severity for alert in log.until(7)] == ["medium"]
    assert log.until(8) == []


@pytest.mark.parametrize("outcome", [SUCCESS, DENIED, FAILURE])
def test_an_operation_is_told_when_its_end_says_that_it_was_one(outcome: str) -> None:
    """What failed raises nothing at the close: told when it began, it would have to be taken back."""
    log = Following([managed(5, 1, STARTED, address=TOR), managed(6, 1, outcome, address=TOR)])
    assert log.until(5) == []
    assert [alert.type for alert in log.until(6)] == ([] if outcome == FAILURE else [ANONYMOUS])
    assert [alert.type for alert in log.close(75)] == ([] if outcome == FAILURE else [ANONYMOUS])


def test_an_operations_end_is_not_told_of_an_hour_in_which_it_did_not_begin() -> None:
    """It belongs to the hour of its start, whose alert tells of it."""
    log = Following([managed(59, 1, STARTED, address=TOR), managed(61, 1, SUCCESS, address=TOR)])
    assert log.until(59) == log.until(61) == []
    assert [alert.start[11:16] for alert in log.close(140)] == [
        f"{log.source.events[0].at_us // HOUR_US % 24:02}:00"
    ]


def test_an_incident_that_was_told_too_early_is_known_by_its_id_when_it_became_part_of_another() -> None:
    """The id stands in a ticket and in a mail. The hour before was open then: nobody knew what belongs together."""
    log = Following([event(50, 1, address=TOR), event(61, 2, address=TOR, vault="/v/other")])
    (first,), (second,) = log.until(50), log.until(61)
    assert first.incident != second.incident
    told = {alert.id: alert for alert in log.close(140)}
    assert told[second.id].incident == told[first.id].incident == first.incident
    assert told[second.id].joins == (second.incident,)
    assert told[first.id].joins is msgspec.UNSET


def test_a_late_record_that_says_it_all_is_told_at_once() -> None:
    """Where it is quiet no other hour may close for a day: nobody would hear of it until then."""
    log = Following([event(5, 1), event(50, 2, address=TOR)])
    assert log.until(5) == []
    log.source.has = 1
    take(log.run, at(5) + 90 * MINUTE_US)  # silent for so long that its hour is closed
    (late,) = log.until(150)
    assert (late.type, late.start[11:16], late.complete) == (TOR_ACCESS, "16:00", msgspec.UNSET)


def test_what_late_records_said_of_an_open_hour_is_part_of_its_alert() -> None:
    """A source is late by itself: its hour may still be open for another one, and its close must not forget."""
    ahead = Growing("ahead", [event(5, 1, address=TOR), event(130, 9)], 1)
    behind = Growing("behind", [event(6, 2), event(125, 8), event(7, 3, address=TOR, item="other")], 1)
    run = Replayed([ahead, behind], LIVE)
    take(run, at(6))
    assert [(one.type, one.count) for one in taken(run)] == [(TOR_ACCESS, 1)]
    for behind.has in (2, 3):
        take(run, at(8))
    ahead.has = 2
    take(run, at(131))
    take(run, at(131) + LIVE.silence_us + 1)
    whole = {one.id: one for one in taken(run) if one.type == TOR_ACCESS and one.start[11:16] == "16:00"}
    assert [(one.count, one.evidence["late_records"]) for one in whole.values()] == [(2, 1)]


def test_an_address_that_others_use_widely_wakes_nobody() -> None:
    """A VPN on a list of proxies would be told each time that somebody uses it, and taken back each hour."""
    usual = [
        managed(day * 1440 + n, 100 + day * 10 + n, principal=f"q{n}", address=TOR)
        for day in (0, 1)
        for n in range(3)
    ]
    log = Following([*usual, managed(3 * 1440, 1, address=TOR)])
    log.until(1440 + 30)
    assert [
        alert for alert in log.until(3 * 1440) if alert.start > "2025-11-27" and alert.complete is False
    ] == []
    assert ANONYMOUS not in {alert.type for alert in log.close(3 * 1440 + 75)}


def test_contradicting_records_take_an_alert_back_with_a_reason() -> None:
    """An operation that succeeded and then failed: who was told of it is told that it is none."""
    log = Following(
        [
            managed(4, 1, STARTED, address=TOR),
            managed(5, 1, SUCCESS, address=TOR),
            managed(6, 1, FAILURE, address=TOR),
        ]
    )
    (early,) = log.until(5)
    assert log.until(6) == []
    (last,) = log.close(75)
    assert last.id == early.id
    assert last.withdrawn


def test_it_is_taken_back_after_a_death_too() -> None:
    """Only the checkpoint knows that it was told: its records, as they are by then, say nothing of it."""
    contradiction = [(4, STARTED), (5, SUCCESS), (6, FAILURE)]
    log = Following([managed(minute, 1, outcome, address=TOR) for minute, outcome in contradiction])
    (early,) = log.until(5)
    log.source.has = 3
    (marked,) = take(log.run, at(6), mark=True).marked
    log.run = Replayed([log.source], log.settings, log.run.saved(marked))
    (last,) = log.close(75)
    assert (last.id, bool(last.withdrawn)) == (early.id, True)


def test_what_no_checkpoint_knows_of_is_taken_back_too() -> None:
    """It dies before the next checkpoint, and by then all has come: nobody but the alerts' file knows that it was told."""
    log = Following([managed(0, 1, STARTED, address=BRIEFLY), managed(30, 1, SUCCESS, address=BRIEFLY)])
    (early,) = log.until(30)
    log.run = Replayed([log.source], log.settings)
    log.run.remember([early])
    (last,) = log.close(75)
    assert (last.id, bool(last.withdrawn)) == (early.id, True)


def test_what_was_told_of_a_closed_hour_is_let_stand() -> None:
    """A file of alerts may be older than the state: what became of those hours is not known any more."""
    log = Following([event(5, 1, address=TOR), event(65, 2)])
    (early,) = log.until(5)
    log.close(70)
    (marked,) = take(log.run, at(70), mark=True).marked
    log.run = Replayed([log.source], log.settings, log.run.saved(marked))
    log.run.remember([early])
    assert early.id not in {alert.id for alert in log.close(140)}


def test_what_changes_while_it_is_written_is_told_again() -> None:
    """The hour may close between the moment at which its alert is handed over and the word that it is written."""
    log = Following([event(5, 1, address=TOR), event(6, 2, address=TOR, item="other")])
    log.source.has = 2
    take(log.run, at(6))
    (early,) = log.run.fresh().alerts
    take(log.run, at(75))
    take(log.run, at(75) + LIVE.silence_us + 1)
    log.run.taken([early.id])
    assert [(one.id, one.complete) for one in taken(log.run)] == [(early.id, msgspec.UNSET)]


def test_a_run_with_an_end_tells_nothing_early() -> None:
    """Its file has each alert once, complete."""
    run = Replayed([Listed("log", [event(5, 1, address=TOR)])], Settings(learning_days=0.0))
    alerts = run.play().alerts
    assert [alert.complete for alert in alerts if alert.type == TOR_ACCESS] == [msgspec.UNSET]
    assert not run.fresh().alerts


def followed(
    world: World, shards: int, batch: int, every: int, dies: int
) -> tuple[dict[str, Alert], dict[str, Alert]]:
    """The last word on each alert of a server that follows the world's logs, and all that was told early.

    Every so many minutes something comes; at each `dies`-th time it dies without having said what was taken.
    """
    files = part(world, 0, 1 << 62)
    sources = [Growing(f"log {n}", some) for n, some in enumerate(files.events)]
    # What comes later than the silence that is waited for is late, and judged by itself.
    settings = replace(
        LIVE, shards=shards, routers=1 + shards // 3, batch_records=batch, silence_us=(every + 1) * MINUTE_US
    )
    run, last, early, saved = Replayed(sources, settings), dict[str, Alert](), dict[str, Alert](), None
    for number, minute in enumerate((*range(0, MINUTES, every), MINUTES, MINUTES + 90, MINUTES + 180)):
        for source in sources:
            source.has = sum(one.at_us <= at(minute) for one in source.events)
        for marked in take(run, at(minute), mark=number % 2 == 0).marked:
            saved = run.saved(marked)
        dead = dies and number % dies == dies - 1
        for alert in run.fresh().alerts if dead else taken(run):
            if alert.complete is False:
                early[alert.id] = alert
                if alert.id in last and last[alert.id].complete is not False:
                    continue  # as `AlertLog` has it
            last[alert.id] = alert
        if dead:
            run = Replayed(sources, settings, saved)
            run.remember([alert for alert in last.values() if alert.complete is False])
    return last, early


def plain(alerts: dict[str, Alert]) -> list[Any]:
    """An incident joins what was told by then."""
    return [
        msgspec.to_builtins(msgspec.structs.replace(alerts[id_], incident="", joins=msgspec.UNSET))
        for id_ in sorted(alerts)
    ]


def expected(world: World) -> dict[str, Alert]:
    """What `detect` makes of the logs."""
    logs = [Listed(f"log {n}", some) for n, some in enumerate(part(world, 0, 1 << 62).events)]
    return {alert.id: alert for alert in Replayed(logs, Settings(learning_days=0.0)).play().alerts}


@QUICK
@given(
    worlds,
    st.sampled_from([1, 3]),
    st.sampled_from([1, 9, 1_000]),
    st.integers(1, 40),
    st.sampled_from([0, 3]),
)
def test_what_comes_out_in_the_end_is_what_detect_says(
    world: World, shards: int, batch: int, every: int, dies: int
) -> None:
    """Whatever the shards and routers, the batches and the deaths, and nothing was told that the hours do not bear out."""
    told = {(one.uid, one.address) for one, _ in world.events}
    assume(len(told) == len({uid for uid, _ in told}))  # one record from two addresses contradicts itself
    last, early = followed(world, shards, batch, every, dies)
    standing = {id_: alert for id_, alert in last.items() if not alert.withdrawn}
    assert plain(standing) == plain(expected(world))
    assert early.keys() <= last.keys()
    # An address that is listed from the middle of an operation on: the close goes by its start.
    if not any(one.operation_id and one.address in (BRIEFLY, TWICE) for one, _ in world.events):
        assert standing.keys() == last.keys()


def test_in_a_busy_world_most_is_told_early() -> None:
    """Else the test above might have nothing to compare."""
    last, early = followed(BUSY, 3, 9, 10, 3)
    whole = [id_ for id_, alert in last.items() if CATALOGUE[alert.type].at_once]
    assert len(early) >= len(whole) / 2 > 10


@pytest.mark.parametrize("most", [1, 3])
def test_starting_over_with_parts_in_the_middle_changes_nothing(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record must not be told as of the part that had its number before."""
    last, early = followed(BUSY, 3, 9, 10, 0)
    for where in ("event_routes.MAX_PARTS", "open_hours.MAX_SHARD_PARTS"):
        monkeypatch.setattr(f"actors.{where}", most)
    other, too = followed(BUSY, 3, 9, 10, 0)
    assert plain(other) == plain(last)
    assert too.keys() == early.keys()
    assert all(too[id_].evidence["records"] == early[id_].evidence["records"] for id_ in early)
