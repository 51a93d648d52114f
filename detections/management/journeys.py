"""Whether somebody in a new country may be on a journey: there was time for it, and others go on some too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from baselines.whereabouts import Place, distance_km
from detections.declare import Finding
from detections.management.clients import is_person
from detections.management.impossible_travel import PLACES, SPEED_KM_H, way_out
from detections.organisation import Organisation
from detections.view import Act, Hour
from detections.words import rounded
from ingest.records import SUCCESS

TRAVELLERS = 3  # others who were away lately: then journeys are usual here
DOOR_TO_DOOR_H = 3.0  # to the airport, through it and away from it, beside the flight
CLIENT_DAYS = 2.0  # since when the application must be the person's


def journey(hour: Hour, new: Sequence[Act]) -> dict[str, Any]:
    """How the person may have come to the first of these acts, as evidence; {} where that says nothing.

    Whoever acts from elsewhere in between is in two places at once, and so is one for whom there was no time.
    """
    first = new[0].event
    acts = [a for a in hour.acts if a.event.outcome == SUCCESS and is_person(a.event)]
    before = hour.models[PLACES.name].last
    elsewhere = [a for a in acts if a.event.country != first.country]
    if before is None or not before.country or elsewhere or before.country == first.country:
        return {}
    if first.latitude is None or first.longitude is None:
        return {}
    here = Place(new[0].first_us, first.latitude, first.longitude, first.country, first.address)
    km, hours = distance_km(before, here), (here.at_us - before.at_us) / 3.6e9
    if hours < km / SPEED_KM_H + DOOR_TO_DOOR_H:
        return {}
    return {
        "from": before.country,
        "address": before.address,
        "km": rounded(km),
        "hours": rounded(hours),
        "applications": sorted({a.event.application for a in new} - {""}),
    }


def on_a_journey(found: Finding, organisation: Organisation) -> str:
    """What speaks for a traveller; '' where journeys are rare here, the client is not theirs, or nothing says that
    there was time."""
    way, principal = found.evidence.get("journey"), found.principals[0]
    if not way or way_out(way["address"], way["from"], organisation):
        return ""
    days = [organisation.days_with_application(principal, one) for one in way["applications"]]
    others = organisation.travellers(principal)
    if others < TRAVELLERS or not days or min(days) < CLIENT_DAYS:
        return ""
    return (
        f"it may be a journey: {way['hours']:g} hours for the {way['km']:g} km from {way['from']}, a client that is theirs, and "
        f"{others} others were away for some days in the last 30"
    )
