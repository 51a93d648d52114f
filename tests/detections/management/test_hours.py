"""What goes on over an hour's end is found, and told once; what was told is not told again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.alert import Alert
from ingest.records import Event
from tests.detections.management.happenings import (
    AZURITE,
    GRANT,
    INACTIVE,
    MICROBURST,
    NOW,
    PROFILE,
    RESTART,
    ROLE,
    RUNBOOKS,
    SHELL,
    TRAVEL,
    WEBHOOK,
    Events,
    at_desk,
    breadth,
    commands,
    define,
    dump,
    give,
    profiles,
    runbook,
    shell,
    storage,
    there,
    vault_steps,
)
from tests.detections.management.office import (
    DAY_H,
    POWERSHELL,
    QUITO,
    SUBSCRIPTION,
    Office,
    act,
    habits,
    read,
)

BACK = (29 + 46) * DAY_H + 10  # after 46 days of silence
TOLD_BEFORE = runbook((NOW, 50), (NOW, 54))


def told(events: Events, type_: str) -> list[Alert]:
    """The alerts of a type that come of some events after a month of habits."""
    return [alert for alert in Office().run([*habits(30), *events]) if alert.type == type_]


def starts(events: Events, type_: str) -> list[str]:
    """The hours of the day of which they tell."""
    return [alert.start[11:13] for alert in told(events, type_)]


OVER_THE_END: dict[str, tuple[str, Callable[[], Events]]] = {
    "secrets of six kinds": (MICROBURST, lambda: breadth(6, at=57)),
    "keys of ten accounts": (MICROBURST, lambda: storage(10, at=59.7, application=POWERSHELL)),
    "a runbook's life": (MICROBURST, lambda: runbook((NOW, 55), (NOW + 1, 2))),
    "a vault opened and closed": (
        MICROBURST,
        lambda: vault_steps("policy", "SecretList", "SecretGet", "policy", at=59),
    ),
    "commands on machines": (MICROBURST, lambda: commands(8, at=58, application=POWERSHELL)),
    "profiles of a site": (AZURITE, lambda: profiles(1, at=59.9)),
    "profiles, then the vaults": (AZURITE, lambda: [*profiles(1, at=59.9), *dump(2, NOW + 1)]),
    "a role that is made and given": (ROLE, lambda: [define(["*"], (NOW, 58)), give((NOW + 1, 3))]),
    "work, then a webhook, by PowerShell": (SHELL, lambda: [shell(RESTART, NOW, 58), shell(WEBHOOK, NOW + 1, 3)]),
    "the return, then rights": (INACTIVE, lambda: [act(BACK, 58, RESTART), act(BACK + 1, 3, GRANT)]),
    "a journey": (TRAVEL, lambda: [at_desk(55), there(QUITO, 5, NOW + 1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", OVER_THE_END)
def test_what_goes_on_over_an_hours_end_is_told_once_in_the_hour_that_completes_it(name: str) -> None:
    type_, events = OVER_THE_END[name]
    assert starts(events(), type_) == ["11"]


def site(number: int) -> dict[str, Any]:
    return {"resource": f"{SUBSCRIPTION}/Microsoft.Web/sites/w{number}", "application": POWERSHELL}


TOLD: dict[str, tuple[str, Callable[[], Events]]] = {
    "one of the secrets once more": (
        MICROBURST,
        lambda: [*breadth(6, at=50), replace(breadth(1)[0], at_us=breadth(1, at=62)[0].at_us, uid=1)],
    ),
    "another runbook published": (
        MICROBURST,
        lambda: [*TOLD_BEFORE, act(NOW + 1, 2, f"{RUNBOOKS}/publish/action", **site(1))],
    ),
    "one more profile": (AZURITE, lambda: [*profiles(4, at=50), act(NOW + 1, 20, PROFILE, **site(1))]),
    "one more secret of a vault that was read out": (
        AZURITE,
        lambda: [
            *profiles(2),
            *dump(2),
            read(NOW + 1, 20, "SecretGet", "kv1", "secrets/s", application=POWERSHELL),
        ],
    ),
    "more rights an hour after the return": (
        INACTIVE,
        lambda: [act(BACK, 5, GRANT), act(BACK + 1, 5, GRANT), act(BACK + 3, 5, GRANT)],
    ),
    "another webhook": (SHELL, lambda: [shell(WEBHOOK), shell(WEBHOOK, NOW + 1), shell(WEBHOOK, NOW + 3)]),
    "the way home": (TRAVEL, lambda: [at_desk(50), there(QUITO, 55), at_desk(5, NOW + 1)]),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_was_told_is_not_told_again_for_what_follows_in_the_next_hour(name: str) -> None:
    type_, events = TOLD[name]
    assert starts(events(), type_) == ["10"]


REFUSED: dict[str, tuple[str, Callable[[], Events]]] = {
    "webhooks": (
        SHELL,
        lambda: [shell(WEBHOOK, outcome="denied"), *(shell(WEBHOOK, NOW + n) for n in (1, 2))],
    ),
    "rights": (
        INACTIVE,
        lambda: [act(BACK, 5, GRANT, outcome="denied"), *(act(BACK + n, 5, GRANT) for n in (1, 2))],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_who_was_refused_at_first_is_told_again_and_higher_when_let_through(name: str) -> None:
    type_, events = REFUSED[name]
    assert [(alert.start[11:13], alert.severity) for alert in told(events(), type_)] == [
        ("10", "low"),
        ("11", "medium"),
    ]


def test_a_toolkit_that_goes_on_after_it_was_told_is_told_in_both_hours() -> None:
    assert starts([*breadth(6, at=50), *breadth(9, NOW + 1)], MICROBURST) == ["10", "11"]
    assert starts([*profiles(4, at=50), *profiles(4, hour=NOW + 1, first=4)], AZURITE) == ["10", "11"]


def pair(event: Event, seconds: float = 1) -> Events:
    """The start and the end record of one operation."""
    start = replace(event, outcome="started", operation_id=event.uid, uid=event.uid + 1)
    return [start, replace(event, operation_id=event.uid, at_us=event.at_us + int(seconds * 1e6))]


def test_start_and_end_records_count_once() -> None:
    (alert,) = told([one for event in breadth(6) for one in pair(event)], MICROBURST)
    assert alert.count == 6
    assert [record["outcome"] for record in alert.evidence["records"]] == ["success"] * 6


def test_start_and_end_records_count_once_over_an_hours_end() -> None:
    (alert,) = told([one for event in breadth(6, at=54.99) for one in pair(event, 90)], MICROBURST)
    assert alert.count == 6


def test_a_role_is_known_though_its_definition_ends_in_the_next_hour() -> None:
    made = pair(define(["*"], (NOW, 59.99)))
    assert starts([*made, give((NOW + 1, 3))], ROLE) == ["11"]


def test_a_role_that_is_narrowed_after_it_was_given_was_given_with_all_rights() -> None:
    narrowed = define(["*/read"], (NOW, 30))
    assert starts([define(["*"]), give(), narrowed], ROLE) == ["10"]
