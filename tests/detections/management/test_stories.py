"""Stories over days: what becomes a habit, who speaks for whom, what is switched off, and a real journey."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from actors.settings import Settings
from alerts.alert import Alert
from cluster.config import load
from cluster.detect import settings_of
from detections.catalogue import CATALOGUE
from ingest.records import Event
from ingest.times import epoch_us
from tests.data import shared
from tests.detections.management.happenings import (
    ANONYMOUS,
    COUNTRY,
    GRANT,
    INACTIVE,
    MICROBURST,
    NOW,
    RESTART,
    ROLE,
    TRAVEL,
    VPN,
    at_desk,
    breadth,
    commands,
    define,
    dump,
    give,
    profiles,
    role,
    runbook,
    there,
)
from tests.detections.management.office import (
    BERLIN,
    DAY_H,
    LISTED,
    POWERSHELL,
    QUITO,
    START_H,
    Office,
    act,
    habits,
)


def alerts_of(type_: str, events: list[Event], office: Office | None = None) -> list[Alert]:
    """The alerts of a type after a month of habits."""
    return [one for one in (office or Office()).run([*habits(30), *events]) if one.type == type_]


def nights(kinds: int, number: int = 8, at: float = 0) -> list[Event]:
    """An inventory scanner, night after night."""
    return [
        event for day in range(20, 20 + number) for event in breadth(kinds, day * DAY_H + 2, "scan", at=at)
    ]


# Habits


def test_a_scanners_breadth_alerts_in_its_first_nights_only() -> None:
    alerts = alerts_of(MICROBURST, nights(6, 10))
    assert [alert.start[:10] for alert in alerts] == [f"2026-01-{day}" for day in range(21, 26)]


def test_a_scanner_that_runs_over_an_hours_end_becomes_a_habit_too() -> None:
    alerts = alerts_of(MICROBURST, nights(6, 10, at=57))
    assert len(alerts) == 5


@pytest.mark.parametrize("kinds", [5, 6, 7])
def test_a_scanner_that_finds_one_service_more_or_less_stays_a_habit(kinds: int) -> None:
    assert alerts_of(MICROBURST, nights(6) + breadth(kinds, NOW, "scan"))[5:] == []


def test_who_climbs_by_one_kind_a_day_is_told_all_the_same() -> None:
    climb = [
        event
        for kinds in range(3, 7)
        for n in range(4)
        for event in breadth(kinds, (4 * kinds + n) * DAY_H + 2, "scan")
    ]
    assert [one.evidence["kinds_number"] for one in alerts_of(MICROBURST, climb)] == [6] * 4


def test_a_scanners_identity_does_not_hide_the_toolkit() -> None:
    last = alerts_of(MICROBURST, nights(6) + breadth(12, NOW, "scan"))[-1]
    assert (last.start, last.evidence["kinds_number"]) == ("2026-01-31T10:00:00Z", 12)


def test_who_comes_once_in_two_months_is_not_inactive() -> None:
    visits = [act(number * 60 * DAY_H, 5, GRANT, "auditor") for number in range(8)]
    alerts = [alert for alert in Office().run(visits) if alert.type == INACTIVE]
    assert max(alert.start for alert in alerts) < "2026-12", "five pauses tell what is usual"


# Evidence: what only one detection tells


def test_a_toolkits_alert_names_its_marks() -> None:
    (alert,) = alerts_of(MICROBURST, breadth(6) + runbook((NOW, 7), (NOW, 11)))
    told = alert.evidence
    assert told["signs"] == ["breadth", "short-lived runbook", "name of 15 different letters"]
    assert (told["kinds_number"], len(told["kinds"]), told["runbooks"]) == (6, 6, ["qazwsxedcrfvtgb"])
    assert alert.count == len(told["records"]) == 9
    assert (alert.first_seen, alert.last_seen) == ("2026-01-31T10:00:00Z", "2026-01-31T10:11:00Z")


def test_a_bulk_commands_alert_says_on_how_many_machines() -> None:
    (alert,) = alerts_of(MICROBURST, commands(20, application=POWERSHELL))
    assert (alert.evidence["machines"], alert.count) == (20, 20)


def test_azurites_alert_names_sites_and_vaults_and_holds_their_records_alone() -> None:
    (alert,) = alerts_of("management.azurite", [*profiles(2), *dump(2), act(NOW, 50, RESTART)])
    told = alert.evidence
    assert [name[-2:] for name in told["sites"]] == ["w0", "w1"]
    assert [name[-3:] for name in told["vaults"]] == ["kv0", "kv1"]
    assert (told["nothing_written"], alert.count) == (True, 2 * 3 + 2 * 4)
    assert RESTART not in {record["operation"] for record in told["records"]}


def test_an_inactive_accounts_alert_says_how_long_and_since_when() -> None:
    (alert,) = alerts_of(INACTIVE, [act((29 + 46) * DAY_H + 20, 5, GRANT)])
    assert (alert.evidence["last_activity"], alert.evidence["idle_days"]) == ("2026-01-30T15:18:00Z", 46.2)
    assert alert.evidence["operations"] == [GRANT]


def test_powershells_alert_says_what_is_used_instead() -> None:
    (alert,) = alerts_of("management.powershell", [act(NOW, 5, GRANT, application=POWERSHELL)])
    assert alert.evidence["usual_clients"] == {"portal": 1.0}
    assert (alert.evidence["clients"], alert.evidence["did"]) == (["PowerShell"], GRANT)
    assert alert.evidence["powershell_last"] is None


def test_a_roles_alert_names_maker_taker_and_rights_and_points_at_its_own_record() -> None:
    others = [give((NOW, n / 4), name="old", to=f"t{n}") for n in range(30)]
    (alert,) = alerts_of(ROLE, [*others, *role("*", who="tim")])
    (told,) = alert.evidence["roles"]
    assert (alert.entity.id, told["made_by"], told["grantee"]) == ("tim", "eva", "p9")
    assert (told["role_name"], told["far_reaching"], told["scope"]) == ("helper", ["*"], "/subscriptions/s1")
    assert (told["made_at"], told["given_at"]) == ("2026-01-31T10:10:00Z", "2026-01-31T10:20:00Z")


def test_a_roles_alert_points_at_the_assignment_and_not_at_others_of_the_hour() -> None:
    others = [give((NOW, n / 4), name="old", to=f"t{n}") for n in range(30)]
    (alert,) = alerts_of(ROLE, [define(["*"]), *others, give()])
    assert [record["time"] for record in alert.evidence["records"]] == ["2026-01-31T10:20:00Z"]


def test_a_countrys_alert_says_where_the_person_and_the_organisation_are() -> None:
    (alert,) = alerts_of(COUNTRY, [there(QUITO, hour=NOW + 12)])
    told = alert.evidence
    assert (told["country"], told["usual_countries"]) == ("EC", ["DE"])
    assert told["organisation"] == ["nobody else acted from EC before"]
    assert told["from"] == "190.152.1.1 (EC)"


def test_an_anonymous_addresss_alert_names_its_lists_and_who_else_uses_it() -> None:
    (alert,) = alerts_of(ANONYMOUS, [act(20 * DAY_H + 9, 0, RESTART, "svc", **LISTED), there(LISTED)])[1:]
    assert alert.evidence["lists"] == ["anonymous_proxy"]
    assert alert.evidence["against"] == ["1 other uses 185.220.101.1"]


def test_a_journeys_alert_tells_both_ends_distance_and_time() -> None:
    (alert,) = alerts_of(TRAVEL, [at_desk(0), there(QUITO)])
    told = alert.evidence
    ends = [(told[end]["country"], told[end]["usual_here"]) for end in ("from_place", "to_place")]
    assert ends == [("DE", True), ("EC", False)]
    assert (told["km"], told["minutes"]) == (10200.0, 10.0)
    assert [record["time"] for record in told["records"]] == ["2026-01-31T10:10:00Z"]


# Who speaks for whom


def test_a_vpn_where_impossible_moves_meet_is_no_travel() -> None:
    """Two people are too few to make the address a way to work: it is the moves that tell."""
    hops = [
        act(day * DAY_H + 10, minute, RESTART, f"p{n}", **place)
        for day in range(10, 14)
        for n in range(2)
        for minute, place in ((10, {**BERLIN, "address": f"91.53.2.{2 * day + n}"}), (30, VPN))
    ]
    office = Office()
    alerts = alerts_of(TRAVEL, [*hops, at_desk(0), there(VPN)], office)
    assert "eva" not in {alert.entity.id for alert in alerts}
    assert "20.1.1.1 is a way out of a VPN" in office.kept(TRAVEL)[-1].reason


def test_coming_home_from_a_journey_that_was_told_is_not_told_again() -> None:
    assert len(alerts_of(TRAVEL, [at_desk(0), there(QUITO), at_desk(20), at_desk(30, NOW + 1)])) == 1


def test_a_stolen_token_beside_its_owner_raises_both_signs() -> None:
    found = {one.type: one.severity for one in Office().run([*habits(30), at_desk(0), there(QUITO)])}
    assert found == {TRAVEL: "high", COUNTRY: "high"}


# The configuration


def test_the_three_of_cloud_app_security_can_be_switched_off(tmp_path: Path) -> None:
    file = tmp_path / "redshank.toml"
    file.write_text("[integrations]\ncloud_app_security = false\n")
    settings = settings_of(load(file, frozenset(CATALOGUE)), 2, None)
    assert settings.disabled == {COUNTRY, ANONYMOUS, TRAVEL}
    office = Office(settings)
    events = [*habits(30), at_desk(0), there(QUITO), act(NOW, 15, RESTART, **LISTED), *breadth(6, at=30)]
    assert [alert.type for alert in office.run(events)] == [MICROBURST]
    assert office.kept() == []


def test_an_idle_time_of_ones_own_is_taken() -> None:
    shorter = Settings(shards=2, parameters={INACTIVE: {"idle_days": 30.0}})
    silent = [act((29 + 35) * DAY_H + 20, 5, GRANT)]
    assert len(alerts_of(INACTIVE, silent, Office(shorter))) == 1
    assert alerts_of(INACTIVE, silent) == []


# A real journey


def test_a_real_impossible_journey_is_found() -> None:
    """One of Microsoft's own users: Atlanta, and 84 minutes later Liège.

    Sign-in logs are no input: place and time of the pair become Activity Log events. The first of the two
    sign-ins was refused; here both are activities, since a refused one says nothing of where a person is.
    """
    us, belgium = _real_pair()
    usual = {name: us[name] for name in ("country", "latitude", "longitude", "address")}
    since = _hour_of(us) - START_H - 30 * DAY_H
    month = [act(since + (one.at_us // 3_600_000_000 - START_H), 5, RESTART, "megan", **usual) for one in habits(30, "megan")[::2]]  # fmt: skip
    (alert,) = [
        one for one in Office().run([*month, _activity(us), _activity(belgium)]) if one.type == TRAVEL
    ]
    told = alert.evidence
    assert (told["from_country"], told["to_country"]) == ("US", "BE")
    assert 84 <= told["minutes"] < 85
    assert 7_100 < told["km"] < 7_300
    assert told["records"][0]["time"].startswith("2020-05-20T13:11:35")


def _real_pair() -> tuple[dict[str, Any], dict[str, Any]]:
    """The two sign-ins of the person who was in two countries, next to each other in time."""
    rows = [json.loads(line) for line in shared("azure", "aad_logons.jsonl").read_text().splitlines()]
    places = sorted((_place(row) for row in rows), key=lambda place: (place["who"], place["at_us"]))
    pairs = [(a, b) for a, b in pairwise(places) if a["who"] == b["who"] and a["country"] != b["country"]]
    assert len(pairs) == 1
    return pairs[0]


def _place(row: dict[str, Any]) -> dict[str, Any]:
    found = row["LocationDetails"]
    found = json.loads(found) if isinstance(found, str) else found
    where = found.get("geoCoordinates") or {}
    return {
        "who": row["UserPrincipalName"],
        "at_us": epoch_us(row["TimeGenerated"] + "Z"),
        "country": found.get("countryOrRegion", ""),
        "latitude": where.get("latitude"),
        "longitude": where.get("longitude"),
        "address": row["IPAddress"],
    }


def _hour_of(place: dict[str, Any]) -> int:
    return int(place["at_us"]) // 3_600_000_000


def _activity(place: dict[str, Any]) -> Event:
    told = {name: place[name] for name in ("country", "latitude", "longitude", "address")}
    minute = place["at_us"] % 3_600_000_000 / 60_000_000
    return act(_hour_of(place) - START_H, minute, RESTART, "megan", **told)


def test_what_is_done_with_a_role_that_was_given_is_part_of_the_same_incident() -> None:
    """Whoever looks into the new identity's toolkit sees who gave it its rights."""
    office = Office()
    events = [
        *role("*", given=(NOW, 20)),
        *breadth(12, NOW + 5, "p9", address="83.1.1.8"),
        *breadth(12, NOW + 5, "tim", address="83.1.1.9"),
    ]
    office.run([*habits(30), *events])
    alerts = {(one.type, one.entity.id): one.incident for one in office.aggregator.finish().alerts}
    given = alerts[ROLE, "eva"]
    assert alerts[MICROBURST, "p9"] == given
    assert alerts[MICROBURST, "tim"] != given
