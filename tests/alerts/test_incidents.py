"""Alerts of one attack belong together; those that merely share a day do not."""

from __future__ import annotations

from typing import Any

from alerts.alert import Alert, Entity, alert_id
from alerts.incidents import Incidents
from detections.words import rfc3339
from ingest.records import HOUR_US


def alert(hour: int, name: str) -> Alert:
    start = rfc3339(hour * HOUR_US)
    fields: dict[str, Any] = dict.fromkeys(("title", "description", "end", "first_seen", "last_seen"), "")
    return Alert(
        id=alert_id("t", "vault", name, start),
        type="t",
        severity="low",
        tactics=(),
        techniques=(),
        entity=Entity("vault", name),
        start=start,
        count=1,
        evidence={},
        remediation=(),
        **fields,
    )


def joined(*alerts: tuple[int, str, list[str]]) -> list[str]:
    incidents = Incidents()
    made = [(alert(hour, name), hour, links) for hour, name, links in alerts]
    for one, hour, links in made:
        incidents.add(one, hour, links)
    return [incidents.root(one.incident) for one, _, _ in made]


def test_alerts_that_share_an_address_in_neighbouring_hours_are_one_incident() -> None:
    first, second = joined((10, "a", ["address:1"]), (11, "b", ["address:1", "vault:b"]))
    assert first == second


def test_an_incident_goes_on_from_hour_to_hour() -> None:
    assert len(set(joined(*((hour, "a", ["vault:a"]) for hour in range(10, 20))))) == 1


def test_hours_apart_or_nothing_in_common_is_two_incidents() -> None:
    assert len(set(joined((10, "a", ["vault:a"]), (12, "a", ["vault:a"]), (12, "b", ["vault:b"])))) == 3


def test_an_alert_that_joins_two_incidents_makes_them_one_under_the_older_id() -> None:
    a, b, c = joined((10, "a", ["vault:a"]), (10, "b", ["vault:b"]), (11, "c", ["vault:a", "vault:b"]))
    assert a == b == c
    assert a.startswith("19700101T100000Z-")


def test_saved_incidents_go_on() -> None:
    incidents = Incidents()
    first, second = alert(10, "a"), alert(11, "b")
    incidents.add(first, 10, ["vault:a"])
    restored = Incidents.restore(incidents.state())
    restored.add(second, 11, ["vault:a"])
    assert second.incident == first.incident
