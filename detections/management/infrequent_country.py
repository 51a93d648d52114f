"""Activity from a country that neither the principal nor the organisation acts from."""

from __future__ import annotations

from typing import Any

from baselines.novelty import Novelty
from detections.declare import Detection, Finding, Learned, Learning, Verdict
from detections.management.clients import by_persons, is_person
from detections.management.evidence import finding
from detections.management.impossible_travel import PLACES
from detections.management.journeys import journey, on_a_journey
from detections.organisation import Organisation
from detections.passing import Passing, seen_so
from detections.view import Hour
from detections.words import rfc3339, rounded
from ingest.records import HOUR_US, SUCCESS

RECENT_HOURS = 90 * 24
# Who comes from a new country is told on the days after, too, two steps lower, but not twice within so many hours.
AGAIN_HOURS = 4 * 24
APART_HOURS = 12
# A country that was there in few hours of the first week alone, and not since: no one could tell then whose it was.
ENOUGH_DAYS = 7.0
PASSING = Passing(learning_days=ENOUGH_DAYS, few=6, gone_hours=14 * 24)
DAY_H = 24


def _observe(hour: Hour) -> list[dict[str, Any]]:
    return [{"key": country} for country in sorted(hour.once(_seen))]


def _countries() -> Novelty:
    return Novelty(limit=64, half_life_days=60.0)


COUNTRIES = Learned("principal.countries", _countries, _observe)


def _seen(hour: Hour) -> set[str]:
    return {group.event.country for group in hour.once(by_persons)} - {""}


def judge(hour: Hour) -> Finding | None:
    """Successful acts from a country that this person did not act from in 90 days."""
    model = hour.models[COUNTRIES.name]
    seen = [one for one in hour.once(_seen) if not _lately(model, one, hour.hour)]
    if not seen:
        return None
    fresh = {one for one in seen if _is_new(model, one, hour.hour)}
    doubtful = {one: text for one in seen if one not in fresh and (text := _doubtful(model, one, hour))}
    countries = sorted(fresh) or sorted(doubtful)
    if not countries:
        return None
    new = [
        a
        for a in hour.acts
        if a.event.country in countries and a.event.outcome == SUCCESS and is_person(a.event)
    ]
    known = [pair for pair in model.top(8, hour.hour) if pair[0] not in countries][:5]
    usual = [country for country, _ in known]
    return finding(
        hour,
        new,
        held=(),
        evidence={
            "country": countries[0],
            "countries": countries,
            "usual_countries": usual,
            "usual_hours": {country: rounded(weight) for country, weight in known},
            "usual": ", ".join(usual) or "no country known",
            "did": ", ".join(sorted({a.event.operation for a in new})[:3]),
            "against": [] if fresh else [doubtful[one] for one in countries],
            "journey": journey(hour, new) if fresh else {},
        },
        severity=None if fresh else "informational",
    )


def _lately(model: Any, country: str, hour: int) -> bool:
    """Whether acts from there were seen so lately that nothing is told of one more."""
    last = model.last_hour(country)
    return last is not None and hour - last < APART_HOURS


def _is_new(model: Any, country: str, hour: int) -> bool:
    last = model.last_hour(country)
    return last is None or hour - last > RECENT_HOURS


def _doubtful(model: Any, country: str, hour: Hour) -> str:
    """Why a country that was seen is no usual one yet; '' where it is."""
    first = model.first_hour(country)
    if (
        hour.hour - first < AGAIN_HOURS
        and hour.days_learned * DAY_H - (hour.hour - first) >= ENOUGH_DAYS * DAY_H
    ):
        return f"first acts from {country} were at {rfc3339(first * HOUR_US)}, and told then if nothing spoke for them"
    if PASSING.holds(hour, model, country):
        return seen_so(model, country, f"acts from {country} were seen", "hour")
    return ""


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """Withheld if others act from the country too, or the organisation is not known for long enough."""
    if (
        organisation.days_known("management") < ENOUGH_DAYS
        and organisation.days_known("key_vault") < ENOUGH_DAYS
    ):
        return Verdict(withheld="the organisation's countries are known for less than 7 days")
    principal = found.principals[0]
    fresh, said = [], []
    for country in found.evidence["countries"]:
        last = organisation.country_last_seen(country, principal)
        if last is None:
            fresh.append(country)
            said.append(f"nobody else acted from {country} before")
        elif organisation.hour - last > RECENT_HOURS:
            fresh.append(country)
            said.append(f"the last one to act from {country} did so at {rfc3339(last * HOUR_US)}")
        elif organisation.hour - last < DAY_H and not organisation.users_of_country(country, principal):
            # Whoever takes over two accounts must not speak for the second with the first.
            fresh.append(country)
            said.append(f"others act from {country} since less than a day")
    if not fresh:
        return Verdict(withheld="others in the organisation act from that country")
    way = on_a_journey(found, organisation)
    return Verdict(
        against=(way,) if way else (),
        evidence={"country": fresh[0], "countries": fresh, "organisation": said},
    )


DETECTION = Detection(
    type="management.infrequent_country",
    microsoft="ARM.MCAS_ActivityFromInfrequentCountry",
    owner="principal",
    severity="medium",
    title="Activity from an infrequent country",
    description="{name}, who acts from {usual}, acted from {country} ({from}): {did}.",
    explanation=(
        "Successful activity of a person from a country that neither the person nor anybody else in the "
        "organisation acted from in the last 90 days; others who came there within the last day do not count. Who goes on from there is told on three days more, two steps lower, and so is a country that was seen in a few hours of the first week alone, two weeks ago or earlier. Where people travel, it is said of who comes with a client of their own, after time enough for the journey. Service principals have no home country and are left out. It "
        "learns for 7 days. Country comes from the caller's address by a geography database: VPN exits and mobile "
        "carriers can lie."
    ),
    tactics=("InitialAccess",),
    techniques=("T1078.004",),
    remediation=(
        "Ask the person, by another way, whether they are travelling or use a VPN.",
        "If not: revoke sessions, reset the password, look for new sign-in methods.",
        "Look at what was done from that address, by anybody.",
        "If the organisation never works from there, block the country by conditional access.",
    ),
    judge=judge,
    baselines=(COUNTRIES, PLACES),
    learning=Learning(days=7),
    confirm=confirm,
    vouched_for=True,
    cloud_app_security=True,
)
