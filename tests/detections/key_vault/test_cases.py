"""Each vault detection on each case: fires, silent, near miss, still learning."""

from __future__ import annotations

import copy
import json
from functools import cache

import pytest

from alerts.alert import describe, make_alert
from detections.declare import Finding
from detections.key_vault import (
    high_operation_volume,
    list_and_query,
    policy_change_and_query,
    tor_access,
    unusual_application,
    unusual_operation_pattern,
    unusual_user,
    unusual_user_application_pair,
)
from detections.view import Hour
from ingest.records import HOUR_US, Event
from tests.actors.making import acts_of
from tests.alerts.explained import explained
from tests.detections.key_vault.cases import CASES, Case
from tests.detections.key_vault.histories import START, VAULT, Habits, History, person
from tests.detections.key_vault.replay import Replay

VAULT_DETECTIONS = (
    tor_access.DETECTION,
    policy_change_and_query.DETECTION,
    list_and_query.DETECTION,
    unusual_user_application_pair.DETECTION,
    unusual_application.DETECTION,
    unusual_user.DETECTION,
    unusual_operation_pattern.DETECTION,
    high_operation_volume.DETECTION,
)
BY_TYPE = {detection.type: detection for detection in VAULT_DETECTIONS}
SEED = 7


@cache
def _learned(habits: Habits, days: int) -> Replay:
    replay = Replay(VAULT_DETECTIONS, VAULT)
    for hour, events in History(habits, SEED).hours(days):
        replay.play(hour, acts_of(events))
    return replay


def after(habits: Habits, days: int) -> Replay:
    """A vault with that history, to be changed at will."""
    return copy.deepcopy(_learned(habits, days))


def told(replay: Replay, events: list[Event]) -> dict[str, Finding]:
    """The findings over all hours of these events."""
    found: dict[str, Finding] = {}
    for hour in sorted({one.at_us // HOUR_US for one in events}):
        acts = acts_of(one for one in events if one.at_us // HOUR_US == hour)
        found |= replay.play(hour, acts)
    return found


def noon(days: int) -> int:
    """Event time of noon after so many days."""
    return (START + 24 * days + 12) * HOUR_US


def outcome(case: Case) -> dict[str, Finding]:
    """What a case leads to."""
    return told(after(case.habits, case.days), list(case.story(noon(case.days))))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_fires_what_it_should_and_nothing_else(case: Case) -> None:
    found = outcome(case)
    assert set(found) == case.fires
    assert all(one.denied == case.denied for one in found.values())
    if case.severity:
        assert case.severity in {one.severity for one in found.values()}


@pytest.mark.parametrize("case", [case for case in CASES if case.fires], ids=lambda case: case.name)
def test_an_alert_can_be_written_and_says_who_from_where_and_what(case: Case) -> None:
    for type_, found in outcome(case).items():
        text = describe(BY_TYPE[type_], VAULT, found)
        assert found.evidence["who"] in text
        assert found.evidence["from"] in text
        assert found.evidence["records"][0]["source"] == "vault.json"
        assert len(found.evidence["records"]) <= 20
        assert json.loads(json.dumps(found.evidence)) == found.evidence
        assert found.count >= 1
        assert found.first_us <= found.last_us
        hour = found.first_us // HOUR_US
        assert explained(make_alert(BY_TYPE[type_], "vault", VAULT, hour, found, "medium"))


def test_every_detection_has_a_case_that_fires_and_one_that_is_silent() -> None:
    fired = {type_ for case in CASES for type_ in case.fires}
    assert fired == set(BY_TYPE)
    assert sum(not case.fires for case in CASES) >= 9


def test_secrets_are_named_with_times_and_never_more_than_fifty() -> None:
    habits = Habits(web=60.0, admins=4)
    start = noon(21)
    events = [person(start, "SecretList", "admin7-0")]
    events += [
        person(start + n * 1_000_000, "SecretGet", "admin7-0", item=f"secrets/s{n:03}") for n in range(1, 91)
    ]
    found = told(after(habits, 21), events)["key_vault.list_and_query"]
    assert found.evidence["secrets_total"] == found.evidence["distinct_secrets"] == 90
    assert len(found.evidence["secrets"]) == 50
    first = found.evidence["secrets"][0]
    assert (first["name"], first["kind"], first["operations"]) == ("s001", "secrets", ["SecretGet"])
    assert first["first"] == "2026-03-09T12:00:01Z"


def test_a_newcomer_makes_one_alert_and_not_one_an_hour() -> None:
    replay = after(Habits(web=60.0, admins=4), 21)
    hours = [
        replay.play(
            noon(21) // HOUR_US + n,
            acts_of([person(noon(21) + n * HOUR_US, "SecretGet", "mallory", item="secrets/s1")]),
        )
        for n in range(30)
    ]
    said = [found["key_vault.unusual_user"].severity for found in hours if "key_vault.unusual_user" in found]
    assert said == ["low", "informational"]  # the second on the next day


def test_who_was_refused_for_days_is_news_when_let_in() -> None:
    replay = after(Habits(web=60.0, admins=4), 21)
    refused = [
        told(replay, [person(noon(21 + day), "SecretGet", "mallory", item="secrets/s1", outcome="denied")])
        for day in range(3)
    ]
    assert [found["key_vault.unusual_user"].denied if found else None for found in refused] == [
        True,
        None,
        None,
    ]
    let_in = told(replay, [person(noon(24), "SecretGet", "mallory", item="secrets/s1")])
    assert let_in["key_vault.unusual_user"].denied is False


def test_judging_changes_nothing_that_was_learned() -> None:
    replay = after(Habits(web=60.0, admins=4), 21)
    before = {name: json.dumps(model.state()) for name, model in replay.models.items()}
    view: Hour = replay.hour(noon(21) // HOUR_US, acts_of(CASES[5].story(noon(21))))
    for detection in VAULT_DETECTIONS:
        detection.judge(view)
    assert {name: json.dumps(model.state()) for name, model in replay.models.items()} == before
