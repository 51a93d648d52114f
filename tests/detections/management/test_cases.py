"""Each management detection fires, is silent, nearly fires, and is still learning; nothing else fires beside it."""

from __future__ import annotations

import json
from functools import cache

import pytest

from actors.aggregator_state import Kept
from alerts.alert import Alert
from detections.catalogue import CATALOGUE
from ingest.times import epoch_us
from tests.alerts.explained import explained
from tests.detections.management.cases import CASES
from tests.detections.management.happenings import Case
from tests.detections.management.office import DAY_H, START_H, Office, habits


@cache
def play(case: Case) -> tuple[tuple[Alert, ...], tuple[Kept, ...]]:
    """The alerts on the one whom a case is about, since the last day's work ended, and what was kept of them."""
    office, since = Office(), START_H + case.days * DAY_H - 8
    alerts = office.run([*habits(case.days), *case.events()])
    mine = [alert for alert in alerts if alert.entity.id == case.who and _hour(alert.start) >= since]
    return tuple(mine), tuple(one for one in office.kept() if one.entity == case.who)


def _hour(start: str) -> int:
    at_us = epoch_us(start)
    assert at_us is not None
    return at_us // 3_600_000_000


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_case_fires_what_it_should_and_nothing_else(case: Case) -> None:
    alerts, kept = play(case)
    assert {alert.type for alert in alerts} == case.fires
    if case.severity:
        assert alerts[0].severity == case.severity
    for type_, reason in case.kept.items():
        assert any(reason in one.reason for one in kept if one.type == type_), kept


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.fires], ids=lambda case: case.name.replace(" ", "_")
)
def test_an_alert_says_who_did_what_from_where_and_where_it_stands(case: Case) -> None:
    for alert in play(case)[0]:
        told = alert.evidence
        assert (alert.entity.kind, alert.entity.id, told["principal"]) == ("principal", case.who, case.who)
        assert told["name"] in alert.description
        assert told["from"] in alert.description
        assert told["addresses"][0]["address"] in told["from"]
        assert told["usual"]
        assert 1 <= len(told["records"]) <= 20
        assert told["records"][0]["source"] == "a.json"
        assert alert.start <= alert.last_seen < alert.end
        assert json.loads(json.dumps(told)) == told
        assert explained(alert)


def test_every_detection_has_cases_that_fire_and_more_that_are_silent() -> None:
    fired = {type_ for case in CASES for type_ in case.fires}
    assert fired == {type_ for type_ in CATALOGUE if type_.startswith("management.")}
    assert sum(not case.fires for case in CASES) >= 30
