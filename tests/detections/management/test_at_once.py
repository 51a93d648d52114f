"""What is told while an hour is open, on the cases of the management detections: it comes early, and it stands."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import pytest

from actors.settings import Settings
from alerts.alert import Alert
from detections.catalogue import CATALOGUE
from ingest.records import HOUR_US, Event
from tests.actors.making import batch
from tests.detections.management.cases import CASES
from tests.detections.management.happenings import ANONYMOUS, INACTIVE, MICROBURST, ROLE, SHELL, Case
from tests.detections.management.office import START_H, Office, habits

OF_PRINCIPALS = {
    type_ for type_, detection in CATALOGUE.items() if detection.at_once and detection.owner == "principal"
}


class Live(Office):
    """An office whose records come one by one; the alerts of open hours are taken after each."""

    def __init__(self) -> None:
        super().__init__(Settings(shards=3, streaming=True))
        self.early: list[Alert] = []

    def play(self, hour: int, events: Iterable[Event]) -> list[Alert]:
        """Take an hour's events in one by one, and close it."""
        for event in events:
            for shard, owners in self._owners(event):
                one = batch([event], owners)
                one.passed = START_H + hour
                self.aggregator.hear(self.shards[shard].apply(one))
            fresh = self.aggregator.fresh()
            self.early += fresh.alerts
            self.aggregator.taken([alert.id for alert in fresh.alerts])
        self.close(START_H + hour)
        told = self.aggregator.fresh().alerts
        self.aggregator.taken([alert.id for alert in told])
        return told


class Played(NamedTuple):
    early: list[Alert]
    told: list[Alert]


@cache
def play(case: Case) -> Played:
    office = Live()
    told = office.run([*habits(case.days), *case.events()])
    return Played(office.early, told)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_what_is_told_at_once_is_told_at_the_close_too(case: Case) -> None:
    """Somebody is woken up for it: it must not be taken back an hour later, nor told again and again."""
    early, told = play(case)
    assert not [alert for alert in told if alert.withdrawn]
    grave = {alert.id: alert.severity for alert in told}
    assert {alert.id for alert in early} <= grave.keys()
    assert len({(alert.id, alert.severity) for alert in early}) == len(early)
    order = ("informational", "low", "medium", "high")
    assert all(order.index(alert.severity) <= order.index(grave[alert.id]) for alert in early)


def test_each_that_may_be_told_at_once_is() -> None:
    """A detection that waits for the hour all the same would go unnoticed."""
    assert {alert.type for case in CASES for alert in play(case).early} == OF_PRINCIPALS
    assert {ANONYMOUS, INACTIVE, MICROBURST, ROLE, SHELL} == OF_PRINCIPALS


@pytest.mark.parametrize("type_", sorted(OF_PRINCIPALS))
def test_most_of_what_fires_comes_early(type_: str) -> None:
    """Told at once means: nearly always."""
    fire = [case for case in CASES if type_ in case.fires]
    late = [case.name for case in fire if type_ not in {alert.type for alert in play(case).early}]
    assert len(late) <= len(fire) / 3, late


def test_in_the_hours_first_minutes_what_needs_history_waits_for_the_hour_before() -> None:
    """What the hour before teaches may explain it: told too soon, it would have to be taken back."""
    case = next(one for one in CASES if one.name == "a webhook by PowerShell, first time")
    office = Live()
    office.run(habits(case.days))
    for event in case.events():
        hour = event.at_us // HOUR_US
        for shard, owners in office._owners(event):
            one = batch([event], owners)
            one.passed = hour - 1
            office.aggregator.hear(office.shards[shard].apply(one))
        assert not office.aggregator.fresh().alerts
        office.close(hour - 1)
        assert [alert.type for alert in office.aggregator.fresh().alerts] == [SHELL]
