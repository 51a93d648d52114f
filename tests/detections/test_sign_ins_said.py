"""A sign-in speaks for its caller only where it can be nobody else's; it never hides an alert."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.settings import Settings
from actors.sign_ins import Principal, SignIns
from alerts.alert import Alert
from detections.sign_ins import SignIn
from ingest.records import HOUR_US, Event
from tests.detections.management.happenings import (
    ANONYMOUS,
    COUNTRY,
    GRANT,
    INACTIVE,
    NOW,
    RESTART,
    TRAVEL,
    Events,
    at_desk,
    there,
)
from tests.detections.management.office import DAY_H, LISTED, QUITO, Office, act, habits, signed_in

AWAY = NOW + 12  # so late that nobody travelled too fast
STRONG = {"mfa": True, "interactive": True}


def told(type_: str, events: Events, shards: int = 3) -> list[Alert]:
    """The alerts of a type after a month of habits."""
    alerts = Office(Settings(shards=shards)).run([*habits(30), *events])
    return [alert for alert in alerts if alert.type == type_]


def from_quito(*before: Event) -> Alert:
    """The alert on an act from a country that is nobody's."""
    (alert,) = told(COUNTRY, [*before, there(QUITO, 30, AWAY)])
    return alert


def quito(minute: float, hour: int = AWAY, **how: Any) -> Event:
    return signed_in(hour, minute, **QUITO, details=STRONG | how)


def test_without_sign_ins_nothing_is_said_of_them() -> None:
    alert = from_quito()
    assert "sign_ins" not in alert.evidence
    assert (alert.severity, alert.evidence["against"]) == ("medium", [])


def test_a_sign_in_from_the_same_address_is_told_with_the_minutes_between() -> None:
    alert = from_quito(quito(18, to="Azure Portal"))
    (row,) = alert.evidence["sign_ins"]
    said = "signed in to Azure Portal from 190.152.1.1 12 minutes before, with a second factor"
    assert (row["said"], row["time"], row["mfa"]) == (said, "2026-01-31T22:18:00Z", True)
    assert alert.evidence["against"] == [said]


@pytest.mark.parametrize(
    ("before", "severity"),
    [
        ([quito(18)], "medium"),  # who phished the token signs in with a second factor, too
        ([quito(18, managed=True)], "low"),
        ([quito(10, AWAY - 30), quito(18)], "low"),
        ([quito(10, AWAY - 30)], "medium"),  # too long ago
        ([quito(18, managed=True, risk="high")], "medium"),
        ([quito(16, managed=True, risk="low"), quito(28, managed=True)], "medium"),
        ([quito(18, managed=True, mfa=False)], "medium"),
        ([quito(18, managed=True, interactive=False)], "medium"),
        ([quito(18, managed=True), quito(28, interactive=False)], "low"),
        ([quito(31, managed=True)], "medium"),  # only after it was done
        ([signed_in(AWAY, 18, **QUITO, details=STRONG | {"managed": True}, outcome="failure")], "medium"),
        ([signed_in(AWAY, 18, "tim", **QUITO, details=STRONG | {"managed": True})], "medium"),
    ],
)
def test_only_a_sign_in_that_is_theirs_makes_it_less_grave(before: Events, severity: str) -> None:
    assert from_quito(*before).severity == severity


def test_a_risk_is_told_and_speaks_for_nobody() -> None:
    alert = from_quito(quito(18, risk="high"))
    assert "at high risk" in alert.evidence["sign_ins"][0]["said"]
    assert alert.evidence["against"] == []


def test_who_signs_in_and_acts_from_elsewhere_has_perhaps_lost_a_token() -> None:
    (row,) = from_quito(signed_in(AWAY, 10)).evidence["sign_ins"]
    assert row["said"] == (
        "no sign-in from 190.152.1.1 is known ever before; the last one was from 91.53.1.1 at 2026-01-31T22:10:00Z"
    )


def test_both_ends_of_a_journey_must_be_vouched_for() -> None:
    home, away = signed_in(NOW, 0), signed_in(NOW, 9, **QUITO, details=STRONG | {"managed": True})
    (alert,) = told(TRAVEL, [signed_in(NOW - 30, 0), home, away, at_desk(1), there(QUITO)])
    (alone,) = told(TRAVEL, [signed_in(NOW - 30, 0), home, at_desk(1), there(QUITO)])
    assert (alert.severity, alone.severity) == ("low", "high"), (
        "the new country is a second sign, unless it is doubted"
    )


def test_an_anonymous_address_on_a_managed_device_is_less_doubtful() -> None:
    (alert,) = told(
        ANONYMOUS, [signed_in(NOW, 5, **LISTED, details=STRONG | {"managed": True}), there(LISTED)]
    )
    (without,) = told(ANONYMOUS, [there(LISTED)])
    assert (without.severity, alert.severity) == ("medium", "low")


BACK = (29 + 60) * DAY_H + 20


def pause(*days: int) -> Events:
    """Sign-ins so many days before the return, and rights given then."""
    return [*(signed_in(BACK - DAY_H * day, 0) for day in sorted(days, reverse=True)), act(BACK, 5, GRANT)]


@pytest.mark.parametrize(
    ("days", "is_told"),
    [((), True), ((50, 40, 25, 12), False), ((3, 2, 1), True), ((50,), True), ((45, 20, 1), False)],
)
def test_an_account_whose_owner_signed_in_all_along_is_not_inactive(
    days: tuple[int, ...], is_told: bool
) -> None:
    assert len(told(INACTIVE, pause(*days))) == is_told


def test_a_program_left_running_does_not_keep_an_account_in_use() -> None:
    renewals = [signed_in(BACK - DAY_H * day, 0, details={"mfa": True}) for day in (50, 40, 25, 12)]
    assert len(told(INACTIVE, [*renewals, act(BACK, 5, GRANT)])) == 1


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_the_number_of_shards_changes_nothing(shards: int) -> None:
    events = [quito(10, AWAY - 30), quito(18), there(QUITO, 30, AWAY), act(AWAY, 40, RESTART, "tim", **QUITO)]
    assert told(COUNTRY, events, shards) == told(COUNTRY, events)


def test_sign_ins_alone_raise_nothing() -> None:
    flood = [quito(n / 10, AWAY) for n in range(500)]
    assert Office().run([*habits(30), *flood]) == Office().run(habits(30))


@pytest.mark.parametrize(
    ("kind", "how", "said"),
    [
        (
            "user",
            {"mfa": True},
            "a program renewed the sign-in from 190.152.1.1 12 minutes before, with a second factor",
        ),
        (
            "user",
            {"interactive": True},
            "signed in from 190.152.1.1 12 minutes before, without a second factor",
        ),
        ("service_principal", {"to": "x"}, "signed in to x from 190.152.1.1 12 minutes before"),
    ],
)
def test_a_program_and_an_application_are_not_taken_for_a_person(
    kind: str, how: dict[str, Any], said: str
) -> None:
    (row,) = from_quito(signed_in(AWAY, 18, **QUITO, kind=kind, details=how)).evidence["sign_ins"]
    assert row["said"] == said


# Failed ones


def failed(number: int, minute: float = 12, hour: int = AWAY, **how: Any) -> Events:
    """So many in vain, from Quito."""
    place = {**QUITO, "details": STRONG | how, "outcome": "failure"}
    return [signed_in(hour, minute + at / 100, **place) for at in range(number)]


@pytest.mark.parametrize(
    ("before", "severity", "number"),
    [
        (failed(3), "low", 3),  # anybody mistypes a password
        (failed(10), "medium", 10),
        ([*failed(6), *failed(6, hour=AWAY - 20)], "medium", 12),
        (failed(12, hour=AWAY - 24), "low", 0),  # too long ago
    ],
)
def test_who_came_in_after_many_failures_may_have_guessed(before: Events, severity: str, number: int) -> None:
    alert = from_quito(quito(10, AWAY - 30), *before, quito(18, managed=True))
    (row,) = alert.evidence["sign_ins"]
    assert (alert.severity, row.get("failed_within_a_day", 0)) == (severity, number)
    assert (f"{number} sign-ins from there failed within a day" in row["said"]) == bool(number)
    assert bool(alert.evidence["against"]) == (number < 10)


def test_failures_alone_are_told_and_change_nothing() -> None:
    alert = from_quito(signed_in(AWAY, 10), *failed(4))
    (row,) = alert.evidence["sign_ins"]
    assert row["said"].endswith("; 4 sign-ins from there failed within a day")
    assert alert.severity == "medium"


def test_failures_of_guessed_names_are_not_remembered() -> None:
    """Who sprays a million names would fill the table else."""
    known = SignIns()
    known.add_failed("nobody", "190.152.1.1", 5, 100)
    assert known.changes() == []
    known.add("tim", SignIn(5 * HOUR_US, "91.53.1.1", True, True, False, "", "", "user"))
    for number in range(100):
        known.add_failed("tim", f"10.0.0.{number}", 5 + number // 50, 1 + number)
    known.load(
        msgspec.msgpack.decode(
            msgspec.msgpack.encode(known.changes()), type=list[tuple[str, Principal | None]]
        )
    )
    told = [known.failed("tim", f"10.0.0.{number}", 6 * HOUR_US) for number in range(100)]
    assert sum(map(bool, told)) == 32
    assert told[99] == 100
    assert known.failed("tim", "10.0.0.99", 31 * HOUR_US) == 0
