"""Each management detection fires, is silent, nearly fires, and is still learning; nothing else fires beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from actors.settings import Settings
from alerts.alert import Alert
from detections.catalogue import CATALOGUE
from detections.management.actions import SECRET_REVEALING
from ingest.records import Event
from tests.data import shared
from tests.detections.management.office import (
    BERLIN,
    DAY_H,
    LISTED,
    POWERSHELL,
    QUITO,
    SUBSCRIPTION,
    Office,
    act,
    habits,
    read,
)

MICROBURST, AZURITE = "management.microburst", "management.azurite"
INACTIVE, SHELL = "management.inactive_account", "management.powershell"
ROLE, COUNTRY = "management.persistence", "management.infrequent_country"
ANONYMOUS, TRAVEL = "management.anonymous_ip", "management.impossible_travel"
KEYS = "microsoft.storage/storageaccounts/listkeys/action"
PROFILE = "microsoft.web/sites/publishxml/action"
RESTART = "microsoft.web/sites/restart/action"
WEBHOOK = "microsoft.automation/automationaccounts/webhooks/write"
RUNBOOKS = "microsoft.automation/automationaccounts/runbooks"
GRANT, DEFINE = (
    "microsoft.authorization/roleassignments/write",
    "microsoft.authorization/roledefinitions/write",
)
NOW = 30 * DAY_H + 10  # the hour of the attack, after a month


def breadth(kinds: int, hour: int = NOW, who: str = "eva", **more: Any) -> list[Event]:
    """Secret-revealing operations of so many kinds within ten minutes."""
    chosen = sorted(SECRET_REVEALING - {PROFILE, KEYS})[:kinds]
    return [act(hour, n, kind, who, **more) for n, kind in enumerate(chosen)]


def runbook(
    made: tuple[int, float], deleted: tuple[int, float], name: str = "qazwsxedcrfvtgb"
) -> list[Event]:
    """A runbook's short life."""
    told: dict[str, Any] = {
        "resource": f"{SUBSCRIPTION}/Microsoft.Automation/automationAccounts/a/runbooks/{name}"
    }
    return [
        act(*made, f"{RUNBOOKS}/write", **told),
        act(made[0], made[1] + 1, f"{RUNBOOKS}/publish/action", **told),
        act(*deleted, f"{RUNBOOKS}/delete", **told),
    ]


def profiles(sites: int, each: int = 3, hour: int = NOW) -> list[Event]:
    """Publishing profiles of so many sites, seconds apart, through PowerShell."""
    return [
        act(
            hour,
            site + n / 20,
            PROFILE,
            application=POWERSHELL,
            resource=f"{SUBSCRIPTION}/Microsoft.Web/sites/w{site}",
        )
        for site in range(sites)
        for n in range(each)
    ]


def dump(vaults: int, hour: int = NOW) -> list[Event]:
    """Vault by vault, keys before secrets."""
    plan = (("KeyList", "keys"), ("KeyGet", "keys/k"), ("SecretList", "secrets"), ("SecretGet", "secrets/s"))
    return [
        read(hour, 30 + 4 * vault + n, operation, f"kv{vault}", item, application=POWERSHELL, principal="eva")
        for vault in range(vaults)
        for n, (operation, item) in enumerate(plan)
    ]


def role(
    actions: list[str], given_at: tuple[int, float] = (NOW, 20), name: str = "r1", who: str = "eva"
) -> list[Event]:
    """A custom role that is made at ten past and given."""
    definition = f"{SUBSCRIPTION}/Microsoft.Authorization/roleDefinitions/{name}"
    return [
        act(
            NOW,
            10,
            DEFINE,
            resource=definition,
            details={"role_definition": definition.lower(), "role_name": "helper", "actions": actions},
        ),
        act(
            *given_at,
            GRANT,
            who,
            details={"role_definition": definition.lower(), "grantee": "p9", "scope": "/subscriptions/s1"},
        ),
    ]


def visits(place: dict[str, Any], *people: str, day: int = 20) -> list[Event]:
    """People who acted from a place on a day, each at their own time."""
    return [act(day * DAY_H + 9 + 2 * n, 50, RESTART, who, **place) for n, who in enumerate(people)]


def from_quito(minute: float = 5, hour: int = NOW, **more: Any) -> Event:
    return act(hour, minute, RESTART, **{**QUITO, **more})


def at_desk(minute: float, hour: int = NOW) -> Event:
    return act(hour, minute, RESTART)


@dataclass(frozen=True)
class Case:
    """A month of habits, and what comes after it."""

    name: str
    events: Callable[[], list[Event]]
    fires: frozenset[str] = frozenset()
    kept: dict[str, str] = field(default_factory=dict)  # type -> part of the reason
    days: int = 30
    severity: str = ""  # of the first alert


def fires(*types: str) -> frozenset[str]:
    return frozenset(types)


def later(events: list[Event], hours: int) -> list[Event]:
    """The same so many hours later; events' ids stay as they are."""
    from msgspec.structs import replace

    return [replace(one, at_us=one.at_us + hours * 3_600_000_000) for one in events]


CASES = [
    # MicroBurst
    Case("secrets of six kinds at once", lambda: breadth(6), fires(MICROBURST), severity="high"),
    Case("secrets of six kinds, refused", lambda: breadth(6, outcome="denied"), fires(MICROBURST), severity="medium"),
    Case("secrets of two kinds", lambda: breadth(2)),
    Case(
        "an inventory scanner that does so each night",
        lambda: [e for day in range(8) for e in breadth(6, 20 * DAY_H + day * DAY_H, "scan")] + breadth(6, NOW, "scan"),
        fires(MICROBURST),  # the first nights alone: see below
    ),
    Case("a runbook that lives for minutes, with a random name", lambda: runbook((NOW, 10), (NOW, 14)), fires(MICROBURST)),
    Case("a runbook that lives over the hour's end", lambda: runbook((NOW, 55), (NOW + 1, 2)), fires(MICROBURST)),
    Case("a runbook that stays, with a name of words", lambda: runbook((NOW, 10), (NOW + 3, 14), "stop-idle-machines")),
    Case(
        "keys of many storage accounts in a row, nothing else",
        lambda: [act(NOW, n / 10, KEYS, application=POWERSHELL, resource=f"{SUBSCRIPTION}/x/s{n}") for n in range(12)],
        fires(MICROBURST),
        severity="low",
    ),
    # Azurite
    Case("three profiles of each site, then the vaults", lambda: profiles(4) + dump(3), fires(AZURITE, SHELL), severity="high"),
    Case("two profiles of each site", lambda: profiles(4, 2), fires(SHELL)),
    Case(
        "three profiles of a site by somebody who deploys to it",
        lambda: [*profiles(1), act(NOW, 3, "microsoft.web/sites/write", application=POWERSHELL)],
        fires(SHELL),
    ),
    # Inactive account
    Case("rights given after 46 days of silence", lambda: [act((29 + 46) * DAY_H + 20, 5, GRANT)], fires(INACTIVE)),
    Case("rights given after 44 days of silence", lambda: [act((29 + 44) * DAY_H + 20, 5, GRANT)]),
    Case("harmless work after 60 days of silence", lambda: [act((29 + 60) * DAY_H, 5, RESTART)]),
    Case("rights given by somebody who was never seen", lambda: [act(NOW, 5, GRANT, "zoe")]),
    # PowerShell
    Case("a webhook by PowerShell, first time", lambda: [act(NOW, 5, WEBHOOK, application=POWERSHELL)], fires(SHELL)),
    Case("a webhook by PowerShell, refused", lambda: [act(NOW, 5, WEBHOOK, application=POWERSHELL, outcome="denied")]),
    Case("harmless work by PowerShell, first time", lambda: [act(NOW, 5, RESTART, application=POWERSHELL)]),
    Case(
        "a webhook by PowerShell, used last month",
        lambda: [act(9 * DAY_H, 9, RESTART, application=POWERSHELL), act(NOW, 5, WEBHOOK, application=POWERSHELL)],
    ),
    Case(
        "a webhook by PowerShell in the first days",
        lambda: [act(5 * DAY_H + 20, 5, WEBHOOK, application=POWERSHELL)],
        kept={SHELL: "still learning"},
        days=5,
    ),
    # Custom role
    Case("a role with all rights, made and given", lambda: role(["*"]), fires(ROLE)),
    Case("a role with all rights, given by another", lambda: role(["*"], (NOW, 20), who="tim"), fires(ROLE)),
    Case("a role with all rights, given in the next hour", lambda: role(["*"], (NOW + 1, 3)), fires(ROLE)),
    Case("a role to read, made and given", lambda: role(["*/read"]), kept={ROLE: "far-reaching"}),
    Case("a role with all rights, given after nine days", lambda: role(["*"], (NOW + 9 * DAY_H, 3)), kept={ROLE: "week before"}),
    Case("a role with all rights, given to nobody", lambda: role(["*"])[:1]),
    # Country
    Case("from a country that nobody knows", lambda: [from_quito(hour=NOW + 12)], fires(COUNTRY)),
    Case(
        "from a country where a colleague was",
        lambda: [*visits(QUITO, "tim"), from_quito(hour=NOW + 12)],
        fires(COUNTRY, TRAVEL),  # Tim's own visit
        kept={COUNTRY: "others"},
    ),
    Case("a service from a country that nobody knows", lambda: [from_quito(hour=NOW + 12, kind="service_principal", name="")]),
    Case("from a country that nobody knows, in the first days", lambda: [from_quito(hour=5 * DAY_H + 20)], kept={COUNTRY: "learning"}, days=5),
    # Anonymous address
    Case("from a listed proxy", lambda: [act(NOW, 5, RESTART, **LISTED)], fires(ANONYMOUS)),
    Case("from a listed proxy, refused", lambda: [act(NOW, 5, RESTART, outcome="denied", **LISTED)], fires(ANONYMOUS), severity="low"),
    Case("from a listed proxy on the first day", lambda: [act(20, 5, RESTART, **LISTED)], fires(ANONYMOUS), days=1),
    # Travel
    Case("at the desk, and in Quito ten minutes later", lambda: [at_desk(0), from_quito(10)], fires(TRAVEL, COUNTRY)),
    Case("in Quito ten minutes later, over the hour's end", lambda: [at_desk(55), from_quito(5, NOW + 1)], fires(TRAVEL, COUNTRY)),
    Case("in Quito fourteen hours later", lambda: [at_desk(0), from_quito(10, NOW + 14)], fires(COUNTRY)),
    Case(
        "in a neighbouring country ten minutes later",
        lambda: [at_desk(0), act(NOW, 10, RESTART, country="PL", latitude=52.4, longitude=16.9, address="83.1.1.1")],
        fires(COUNTRY),
    ),
    Case("in Quito ten minutes later, in the first days", lambda: [at_desk(0, 5 * DAY_H + 16), from_quito(10, 5 * DAY_H + 16)], kept={TRAVEL: "learning", COUNTRY: "learning"}, days=5),
]  # fmt: skip


def play(case: Case, settings: Settings | None = None) -> tuple[Office, list[Alert]]:
    office = Office(settings)
    return office, office.run([*habits(case.days), *case.events()])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_case_fires_what_it_should_and_nothing_else(case: Case) -> None:
    office, alerts = play(case)
    mine = [alert for alert in alerts if alert.type.startswith("management.")]
    assert {alert.type for alert in mine} == case.fires
    if case.severity:
        assert mine[0].severity == case.severity
    for type_, reason in case.kept.items():
        assert any(reason in one.reason for one in office.kept(type_)), office.kept(type_)


def test_an_alert_tells_who_did_what_from_where_and_where_it_stands() -> None:
    _, alerts = play(Case("", lambda: role(["*"])))
    (alert,) = alerts
    evidence = alert.evidence
    assert (alert.entity.kind, alert.entity.id, evidence["name"]) == ("principal", "eva", "eva@contoso.com")
    assert (evidence["role_name"], evidence["grantee"], evidence["actions"]) == ("helper", "p9", "*")
    assert evidence["addresses"][0]["address"] == BERLIN["address"]
    assert evidence["records"][0]["source"] == "a.json"
    assert "unknown" not in alert.description


def test_a_scanners_breadth_alerts_in_its_first_nights_only() -> None:
    case = next(case for case in CASES if "inventory scanner" in case.name)
    _, alerts = play(case)
    assert len(alerts) == 5
    assert max(alert.start for alert in alerts) < "2026-01-26", "and never again"


def test_a_way_that_others_use_too_is_no_anonymous_address() -> None:
    events = [*habits(30), *visits(LISTED, "tim", "ola", "ben"), act(NOW, 5, RESTART, **LISTED)]
    office = Office()
    alerts = [alert for alert in office.run(events) if alert.entity.id == "eva"]
    assert alerts == []
    assert any("mis-tagged" in one.reason for one in office.kept(ANONYMOUS))


def test_a_vpn_where_impossible_moves_meet_is_no_travel() -> None:
    vpn = {"country": "US", "latitude": 40.7, "longitude": -74.0, "address": "20.1.1.1"}
    people = [f"p{n}" for n in range(8)]
    hops = [
        act(
            day * DAY_H + 10,
            minute,
            RESTART,
            who,
            **(vpn | {}) if minute > 20 else {**BERLIN, "address": f"91.53.2.{n}"},
        )
        for day in range(10, 14)
        for n, who in enumerate(people)
        for minute in (10, 30)
    ]
    office = Office()
    alerts = office.run([*habits(30), *hops, at_desk(0), act(NOW, 10, RESTART, **vpn)])
    assert not [alert for alert in alerts if alert.type == TRAVEL and alert.entity.id == "eva"]


def test_coming_home_from_a_journey_that_was_told_is_not_told_again() -> None:
    _, alerts = play(Case("", lambda: [at_desk(0), from_quito(10), at_desk(20), at_desk(30, NOW + 1)]))
    assert [alert.type for alert in alerts].count(TRAVEL) == 1


def test_a_sequence_over_the_hours_end_is_told_once() -> None:
    for case in CASES:
        if "over the hour's end" in case.name or "next hour" in case.name:
            _, alerts = play(case)
            assert len([a for a in alerts if a.type in case.fires]) == len(case.fires), case.name


def test_the_three_of_cloud_app_security_can_be_switched_off() -> None:
    off = frozenset(d.type for d in CATALOGUE.values() if d.cloud_app_security)
    assert off == {COUNTRY, ANONYMOUS, TRAVEL}
    events = [*habits(30), at_desk(0), from_quito(10), act(NOW, 15, RESTART, **LISTED)]
    assert Office(Settings(shards=2, disabled=off)).run(events) == []


def test_start_and_end_records_count_once() -> None:
    def twice(event: Event) -> list[Event]:
        from msgspec.structs import replace

        start = replace(event, outcome="started", operation_id=f"op{event.uid}", uid=event.uid + 1)
        return [start, replace(event, operation_id=f"op{event.uid}", at_us=event.at_us + 1_000_000)]

    _, alerts = play(Case("", lambda: [one for event in breadth(6) for one in twice(event)]))
    assert alerts[0].count == 6


def test_a_real_impossible_journey_is_found() -> None:
    """Microsoft's own sign-ins: one person in the United States and, 84 minutes later, in Belgium."""
    rows = [json.loads(line) for line in shared("azure", "aad_logons.jsonl").read_text().splitlines()]
    places = [place for row in rows if (place := _place(row)) is not None]
    assert {"US", "BE"} <= {place["country"] for place in places}
    us = next(place for place in places if place["country"] == "US")
    belgium = next(place for place in places if place["country"] == "BE")
    events = [
        *habits(30, "amy", **us),
        act(NOW, 0, RESTART, "amy", **us),
        act(NOW + 1, 24, RESTART, "amy", **belgium),
    ]
    assert TRAVEL in {alert.type for alert in Office().run(events)}


def _place(row: dict[str, Any]) -> dict[str, Any] | None:
    """Country, coordinates and address of a sign-in, however the row is nested."""
    found = row.get("LocationDetails") or row.get("location") or {}
    found = json.loads(found) if isinstance(found, str) and found.startswith("{") else found
    where = found.get("geoCoordinates") if isinstance(found, dict) else None
    if not where or not found.get("countryOrRegion"):
        return None
    address = str(row.get("IPAddress") or row.get("ipAddress") or "")
    return {
        "country": found["countryOrRegion"],
        "latitude": float(where["latitude"]),
        "longitude": float(where["longitude"]),
        "address": address,
    }
