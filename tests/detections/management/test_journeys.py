"""Of a traveller it is said that it may be a journey, where people travel; of whoever is abroad too soon it is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from alerts.alert import Alert
from detections.management.journeys import on_a_journey
from tests.detections.key_vault.histories import POWERSHELL
from tests.detections.management.happenings import POLAND, RESTART, away
from tests.detections.management.office import DAY_H, QUITO, Office, act, habits

DAYS = 30
MORNING = DAYS * DAY_H + 8  # 16 hours after everybody's last act
TRIPS = {"tim": POLAND, "ola": away(5, "CH", "83.1.1.2"), "ben": away(4, "FR", "83.1.1.3")}


def away_for_days(*people: str) -> list[Any]:
    """Each acts from another country on two days; before and since from home."""
    return [
        act(day * DAY_H + 20, 10 + number, RESTART, who, **TRIPS[who])
        for number, who in enumerate(people)
        for day in (16, 17)
    ]


def told(*events: Any, travellers: tuple[str, ...] = ("tim", "ola", "ben")) -> Alert:
    """The alert on eva's country."""
    history = [*habits(DAYS), *away_for_days(*travellers)]
    alerts = Office().run([*history, *events])
    return next(
        one for one in alerts if one.type == "management.infrequent_country" and one.entity.id == "eva"
    )


def quito(hour: int = MORNING, **more: Any) -> Any:
    return act(hour, 10, RESTART, "eva", **{**QUITO, **more})


def test_of_a_traveller_it_is_said_where_people_travel_and_changes_no_severity() -> None:
    alert = told(quito())
    assert alert.severity == "medium"
    said = [text for text in alert.evidence["against"] if text.startswith("it may be a journey: ")]
    way = alert.evidence["journey"]
    text = (
        f"it may be a journey: {way['hours']:g} hours for the {way['km']:g} km from DE, a client that is theirs, and 3 others "
        f"were away for some days in the last 30"
    )
    assert said == [text]
    assert 16 < alert.evidence["journey"]["hours"] < 17


@pytest.mark.parametrize(
    ("why", "events", "travellers"),
    [
        ("two others travelled, by which nobody is used to it", [quito()], ("tim", "ola")),
        ("nobody flies 10,000 km in 12 hours from door to door", [quito(MORNING - 4)], ("tim", "ola", "ben")),
        ("a client that is not theirs", [quito(application=POWERSHELL)], ("tim", "ola", "ben")),
        (
            "at their desk in the same hour",
            [act(MORNING, 40, RESTART, "eva"), quito()],
            ("tim", "ola", "ben"),
        ),
    ],
)
def test_nothing_speaks_for_who_could_not_have_come_so_or_where_nobody_travels(
    why: str, events: list[Any], travellers: tuple[str, ...]
) -> None:
    against = told(*events, travellers=travellers).evidence["against"]
    assert not [text for text in against if text.startswith("it may be a journey")], why


@pytest.mark.parametrize(("meets", "said"), [((0, 0), True), ((8, 1), True), ((8, 2), False)])
def test_from_a_vpn_nobody_is_on_a_journey(meets: tuple[int, int], said: bool) -> None:
    """Where they were is not known: else whoever is robbed while on the VPN is told to be away."""
    way = {"from": "NL", "address": "20.1.1.1", "km": 1470.0, "hours": 18.0, "applications": ["portal"]}
    found: Any = SimpleNamespace(evidence={"journey": way}, principals=("eva",))
    organisation: Any = SimpleNamespace(
        partners=lambda address: 0,
        meets=lambda address: meets,
        travellers=lambda excluding: 3,
        days_with_application=lambda principal, application: 9.0,
    )
    assert bool(on_a_journey(found, organisation)) is said
