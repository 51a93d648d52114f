"""A detection in shadow: it runs, learns and is recorded, and nobody else's alerts change by it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from actors.outcome import Outcome
from actors.settings import Settings
from alerts.alert import Alert, to_json
from tests.actors.running import START, TOR, Replayed, at, event
from tests.actors.test_live import Growing, take
from tests.actors.test_whole import BUSY, part

SHADOW = frozenset({"management.anonymous_ip", "network.ssh_incoming"})
BESIDE = ("incident", "joins", "severity")  # what others' alerts may change of an alert


def settings(**given: Any) -> Settings:
    return Settings(learning_days=0.0, **given)


def played(marks: Iterable[int] = (), **given: Any) -> Outcome:
    run = Replayed(part(BUSY, 0, 1 << 62).partitions(7), settings(**given))
    return run.play(marks=list(marks))


def lines(alerts: list[Alert], without: Iterable[str] = ()) -> dict[str, Any]:
    told = {alert.id: json.loads(to_json(alert)) for alert in alerts}
    assert len(told) == len(alerts)
    return {id_: {k: v for k, v in one.items() if k not in without} for id_, one in told.items()}


def test_what_a_detection_would_alert_is_recorded_and_the_others_alerts_are_as_without_it() -> None:
    everything, off, tried = played(), played(disabled=SHADOW), played(shadow=SHADOW)
    assert {alert.type for alert in tried.shadow} == SHADOW
    assert not {alert.type for alert in tried.alerts} & SHADOW
    of_shadow = [alert for alert in everything.alerts if alert.type in SHADOW]
    recorded = lines(tried.shadow, (*BESIDE, "shadow"))
    assert recorded == lines(of_shadow, BESIDE), "else it would do something else once it is switched on"
    assert lines(tried.alerts) == lines(off.alerts), "incidents and severities too"
    assert all(alert.shadow is True for alert in tried.shadow)
    assert all(not alert.shadow for alert in tried.alerts)


def test_it_makes_no_alert_graver_and_is_told_as_grave_as_it_would_be() -> None:
    grave = {alert.id: alert.severity for alert in played().alerts}
    one = frozenset({"management.anonymous_ip"})
    tried, off = played(shadow=one), played(disabled=one)
    assert {a.id: a.severity for a in tried.alerts} == {a.id: a.severity for a in off.alerts}
    assert tried.shadow
    assert {a.id: a.severity for a in tried.shadow} == {a.id: grave[a.id] for a in tried.shadow}


def test_an_alert_in_shadow_is_of_the_incident_that_it_would_be_of() -> None:
    tried = played(shadow=frozenset({"network.ssh_incoming"}))
    incidents = {alert.incident for alert in tried.alerts}
    assert {alert.incident for alert in tried.shadow} & incidents, (
        "whoever looks into one sees what else there was"
    )


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("marks", [(), (2, 5, 9)])
def test_shards_and_checkpoints_change_not_a_byte(shards: int, marks: tuple[int, ...]) -> None:
    expected = played(shadow=SHADOW)
    found = played(marks, shadow=SHADOW, shards=shards)
    assert lines(found.shadow) == lines(expected.shadow)
    assert lines(found.alerts) == lines(expected.alerts)


@pytest.mark.parametrize("steps", [10, 20, 30])
def test_after_a_death_nothing_in_shadow_is_lost_or_told_as_an_alert(steps: int) -> None:
    expected, partitions = played(shadow=SHADOW), part(BUSY, 0, 1 << 62).partitions
    died = Replayed(partitions(7), settings(shadow=SHADOW))
    died.advance(steps)
    saved = died.last_saved(died.advance(10, True).marked)
    outcome = Replayed(partitions(7), settings(shadow=SHADOW, shards=2), saved).play()
    assert lines(outcome.shadow) == lines(expected.shadow)
    assert lines(outcome.alerts) == lines(expected.alerts)


def test_a_server_tells_nothing_at_once_and_records_until_it_is_taken() -> None:
    live = settings(streaming=True, shadow=frozenset({"key_vault.tor_access"}))
    reads = [event(minute, minute, address=TOR) for minute in range(0, 200, 10)]
    source = Growing("log", reads)
    run = Replayed([source], live)
    told: list[str] = []
    for source.has in range(len(reads) + 1):
        take(run, at(10 * source.has))
        fresh = run.fresh()
        assert not fresh.alerts
        assert [one.id for one in run.fresh().shadow] == [one.id for one in fresh.shadow], "it was not taken"
        run.taken([one.id for one in fresh.shadow])
        told += [one.start for one in fresh.shadow]
    assert told == sorted(set(told))
    assert len(told) == 3, "of the fourth hour more may come"
    assert run.fresh().numbers.shadow == 3
    assert run.fresh().numbers.raised == {}
    assert told[0][11:13] == f"{START % 24:02}"


def test_what_a_server_had_not_told_when_it_died_is_told_after() -> None:
    live = settings(streaming=True, shadow=frozenset({"key_vault.tor_access"}))
    reads = [event(minute, minute, address=TOR) for minute in range(0, 200, 10)]
    run = Replayed([Growing("log", reads, len(reads))], live)
    take(run, at(200))
    saved = run.last_saved(take(run, at(200), mark=True).marked)
    before = [alert.id for alert in run.fresh().shadow]
    assert len(before) == 3
    resumed = Replayed([Growing("log", reads, len(reads))], live, saved)
    assert [alert.id for alert in resumed.fresh().shadow] == before
    assert not resumed.fresh().alerts
