"""How many vaults a principal reaches in a day, against its own history or the organisation's."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from detections.declare import Finding
from detections.key_vault.high_vault_access_volume import COUNTS, DETECTION, confirm
from detections.organisation import Indicator
from ingest.records import DENIED, HOUR_US, MANAGEMENT, Event
from tests.actors.making import acts_of
from tests.detections.key_vault.histories import START, VAULT, event, person
from tests.detections.key_vault.replay import Replay

Work = Callable[[int, random.Random], Iterator[Event]]


def vault(number: int) -> str:
    """The id of a vault."""
    return f"{VAULT[:-1]}{number}"


def visit(
    hour: int, numbers: range, minute: int = 0, operation: str = "SecretGet", **more: Any
) -> Iterator[Event]:
    """One secret read in each of these vaults, by a person."""
    for number in numbers:
        at = hour * HOUR_US + (minute * 60 + number) * 1_000_000
        yield person(at, operation, "ann", item="secrets/s1", vault=vault(number), **more)


def admin(hour: int, rng: random.Random) -> Iterator[Event]:
    """Two or three vaults on most working hours."""
    if hour % 24 in range(8, 17) and rng.random() < 0.5:
        yield from visit(hour, range(1 + rng.randrange(3)))


def scanner(hour: int, rng: random.Random) -> Iterator[Event]:
    """Eighty vaults each night."""
    if hour % 24 == 3:
        for number in range(80):
            yield event(hour * HOUR_US + number * 1_000_000, "SecretList", "scan", vault=vault(number))


def growing(hour: int, rng: random.Random) -> Iterator[Event]:
    """A deployment that visits one vault more every fourth day."""
    if hour % 24 == 10:
        for number in range(3 + (hour - START) // 96):
            yield event(hour * HOUR_US + number * 1_000_000, "SecretGet", "deploy", vault=vault(number))


def manager(hour: int, rng: random.Random) -> Iterator[Event]:
    """Manages other things, and no vault."""
    if hour % 24 in (9, 14):
        at = hour * HOUR_US
        yield person(at, "microsoft.web/sites/write", "ann", layer=MANAGEMENT, vault="", resource="/sites/a")


@dataclass(frozen=True)
class Case:
    """What a principal does for so many days, and then at noon."""

    name: str
    work: Work
    then: Callable[[int], Iterator[Event]]
    fires: bool
    days: int = 21
    denied: bool = False


CASES = (
    Case("an admin reads thirty vaults", admin, lambda hour: visit(hour, range(30)), True),
    Case("a manager who used no vault reads thirty", manager, lambda hour: visit(hour, range(30)), True),
    Case("all refused", admin, lambda hour: visit(hour, range(30), outcome=DENIED), True, denied=True),
    Case("an admin's ordinary hour", admin, lambda hour: visit(hour, range(3)), False),
    Case("a scanner at noon", scanner, lambda hour: scanner(hour // 24 * 24 + 3, random.Random(0)), False),
    Case("one more than usual", admin, lambda hour: visit(hour, range(4)), False),
    Case("six vaults in the first days", admin, lambda hour: visit(hour, range(6)), False, days=7),
    Case(
        "a deployment that grows",
        growing,
        lambda hour: growing(hour // 24 * 24 + 10, random.Random(0)),
        False,
    ),
)


def history(work: Work, days: int, seed: int = 1) -> tuple[Replay, list[Finding]]:
    """A principal after so many days of work, and what was found on the way."""
    replay, rng, found = Replay((DETECTION,), "oid-ann"), random.Random(seed), []
    for hour in range(START, START + 24 * days):
        events = list(work(hour, rng))
        if events:
            found += replay.play(hour, acts_of(events, "principal")).values()
    return replay, found


def then(replay: Replay, hour: int, events: Iterator[Event]) -> Finding | None:
    """What is found in one more hour."""
    return replay.play(hour, acts_of(events, "principal")).get(DETECTION.type)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_principal_is_judged_by_how_many_vaults_it_reaches(case: Case) -> None:
    replay, before = history(case.work, case.days)
    hour = START + 24 * case.days + 12
    found = then(replay, hour, case.then(hour))
    assert (found is not None) == case.fires
    if found is not None:
        assert found.denied == case.denied
        assert found.evidence["vaults_in_24_hours"] == 30
        assert len(found.vaults) == 30
        DETECTION.description.format(entity="oid-ann", **found.evidence)
    assert all(one.evidence["judged_by"] != "its own history" for one in before)


@pytest.mark.parametrize(
    ("operation", "severity"), [("SecretGet", None), ("SecretList", "low"), ("VaultGet", "low")]
)
def test_who_only_looks_at_names_and_properties_is_told_one_step_lower(
    operation: str, severity: str | None
) -> None:
    """An audit at a quarter's end is no theft; a thief who has only looked so far is still told."""
    replay, _ = history(admin, 21)
    hour = START + 24 * 21 + 12
    found = then(replay, hour, visit(hour, range(30), operation=operation))
    assert found is not None
    assert found.severity == severity
    assert bool(found.evidence.get("against")) == (severity is not None)


def test_vaults_reached_hours_apart_are_added_up_for_a_day_and_no_longer() -> None:
    replay, _ = history(admin, 21)
    hour = START + 24 * 21 + 19
    assert then(replay, hour, visit(hour, range(10, 14))) is None
    second = then(replay, hour + 3, visit(hour + 3, range(14, 18)))
    assert second is not None
    assert second.evidence["vaults_in_24_hours"] >= 8
    assert second.evidence["never_before"] == 4
    assert {row["never_before"] for row in second.evidence["vaults"] if "first" in row} == {True}
    later, _ = history(admin, 21)
    then(later, hour, visit(hour, range(10, 14)))
    assert then(later, hour + 30, visit(hour + 30, range(14, 18))) is None


class Others:
    """An organisation in which so large a share of hours reached as many vaults."""

    hour = START

    def __init__(self, share: float | None, days: float) -> None:
        self.share, self.days = share, days

    def share_at_least(self, baseline: str, count: int) -> float | None:
        assert baseline == COUNTS
        return self.share

    def days_known(self, layer: str) -> float:
        return self.days

    def users_of_address(self, address: str, excluding: str = "", before_hours: int = 24) -> int:
        return 4

    def users_of_country(self, country: str, excluding: str = "", before_hours: int = 24) -> int:
        return 0

    def country_last_seen(self, country: str, excluding: str = "") -> int | None:
        return None

    def role_definition(self, role: str) -> dict[str, Any] | None:
        return None

    def country_of(self, address: str) -> str:
        return ""

    def indicators(self, address: str, at_us: int) -> tuple[Indicator, ...]:
        return ()

    def typical(self, baseline: str) -> float | None:
        return None


@pytest.mark.parametrize(
    ("share", "days", "withheld"),
    [(0.0001, 30, False), (0.02, 30, True), (None, 30, True), (0.0001, 3, True)],
)
def test_a_principal_without_history_is_judged_by_the_others(
    share: float | None, days: float, withheld: bool
) -> None:
    replay = Replay((DETECTION,), "oid-ann")
    found = then(replay, START, visit(START, range(30)))
    assert found is not None
    verdict = confirm(found, Others(share, days))
    assert bool(verdict.withheld) == withheld
    assert verdict.against == ("4 others in the organisation used 81.2.69.160 in the last 30 days",)


def routine(hour: int, rng: random.Random) -> Iterator[Event]:
    """Two vaults each morning, two in the evening."""
    if hour % 24 in (9, 20):
        yield from visit(hour, range(2))


def toured(days: tuple[int, ...], until: int, vaults: range = range(10, 16)) -> Replay:
    """The routine, and a tour of other vaults at noon of these days."""

    def work(hour: int, rng: random.Random) -> Iterator[Event]:
        yield from routine(hour, rng)
        if (hour - START) // 24 in days and hour % 24 == 12:
            yield from visit(hour, vaults)

    return history(work, until)[0]


def severities(replay: Replay, *days: int) -> list[str]:
    """What is said of the same tour at noon of these days, with the routine between: '' for nothing."""
    said, rng = [], random.Random(1)
    for hour in range(START + 24 * days[0], START + 24 * days[-1] + 13):
        found = (
            then(replay, hour, events) if (events := routine(hour, rng)) and hour % 24 in (9, 20) else None
        )
        assert found is None
        if hour % 24 == 12 and (hour - START) // 24 in days:
            told = then(replay, hour, visit(hour, range(10, 16)))
            said.append("" if told is None else told.severity or "declared")
    return said


def test_an_evenings_work_does_not_make_the_days_tour_a_habit() -> None:
    """Else whoever takes over a person who goes on working is told once."""
    said = severities(toured((), 21), 21, 22, 23, 24, 25)
    assert said == ["declared", "informational", "informational", "informational", ""]


def test_a_tour_of_three_days_of_learning_is_told_when_it_comes_again() -> None:
    assert severities(toured((2, 3, 4), 24), 24) == ["informational"]


def test_a_tour_that_came_on_more_days_or_lately_or_comes_monthly_is_a_habit() -> None:
    assert severities(toured((1, 3, 6, 9, 12), 24), 24) == [""]
    assert severities(toured((2, 8, 13), 18), 18) == [""]
    assert severities(toured((5,), 35), 35) == [""]
