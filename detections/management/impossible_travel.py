"""Two activities of one person too far apart for the time between them."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from baselines.whereabouts import Place, Whereabouts, distance_km
from detections.declare import Detection, Finding, Learned, Learning, Verdict
from detections.management.clients import by_persons, is_person
from detections.management.evidence import finding
from detections.organisation import Organisation
from detections.view import Act, Hour
from detections.words import rfc3339, rounded
from ingest.records import SUCCESS

LEAST_KM = 500.0
COARSE_KM = 120.0  # by which a geography database may be off, at each end
SPEED_KM_H = 900.0
SHARE = 0.05  # of the person's hours: a place that is used so often is theirs
VPN_PARTNERS = 5  # addresses at impossible distances that share an end, before it is taken for a VPN's
VPN_COUNTRIES = 2  # that people come from who meet at addresses of another and are at one of them each
OTHERS = 3  # principals that use a place before it is taken for a way to work


_where = attrgetter("country", "address", "latitude", "longitude")
Move = tuple[Place, Act, float, float]  # place before, act, km, km/h


def _acts(hour: Hour) -> list[Act]:
    """What a person did successfully, and from where is known."""
    return [
        a
        for a in hour.acts
        if a.event.latitude is not None
        and a.event.longitude is not None
        and a.event.outcome == SUCCESS
        and is_person(a.event)
    ]


def _place(act: Act) -> Place:
    event = act.event
    assert event.latitude is not None
    assert event.longitude is not None
    return Place(act.first_us, event.latitude, event.longitude, event.country, event.address)


def _observe(hour: Hour) -> list[dict[str, Any]]:
    """Each act, in the order of time; or each place once, at its last time, where that teaches the same."""
    model, places = hour.models.get(PLACES.name), hour.once(_each_place)
    seen = places if model is not None and _plain(model, places) else hour.once(_acts)
    return [
        {
            "key": a.event.country,
            "at_us": a.last_us,
            "latitude": a.event.latitude,
            "longitude": a.event.longitude,
            "country": a.event.country,
            "address": a.event.address,
        }
        for a in seen
    ]


def _each_place(hour: Hour) -> list[Act]:
    """Of each place the group that ends last, in the order in which the places were seen first."""
    latest: dict[Any, Act] = {}
    for group in hour.once(by_persons):
        event = group.event
        if event.latitude is None or event.longitude is None:
            continue
        where = _where(event)
        if where not in latest or group.last_us > latest[where].last_us:
            latest[where] = group
    return list(latest.values())


def _plain(model: Any, places: list[Act]) -> bool:
    """Whether of an hour only matters what was seen, and what was seen last; not its order otherwise."""
    names = {name for place in places for name in (place.event.country, place.event.address) if name}
    if len(places) > 1:
        last_us = max(place.last_us for place in places)
        if sum(place.last_us == last_us for place in places) > 1:
            return False
    return bool(model.has_room(names))


PLACES = Learned("principal.whereabouts", Whereabouts, _observe)


def _moves(model: Any, acts: list[Act]) -> Iterator[Move]:
    """Each move that is too quick; not of the way home from such a one."""
    before, suspect = model.last, model.suspect
    for act in acts:
        here = _place(act)
        km, speed = _speed(before, here) if before is not None else (0.0, 0.0)
        home = _theirs(model, here)
        if speed > SPEED_KM_H and not (suspect and home):
            yield before, act, km, km / _hours(before, here)
        stayed = before is not None and before.country == here.country
        suspect = not home and (speed > SPEED_KM_H or (suspect and stayed))
        before = here._replace(at_us=act.last_us)


def _moves_of(hour: Hour, model: Any) -> Iterator[Move]:
    """The moves of this hour; who stays in one country makes none, nor who is no person."""
    if not hour.once(by_persons):
        return iter(())
    countries = {place.event.country for place in hour.once(_each_place)}
    if model.last is not None:
        countries.add(model.last.country)
    return _moves(model, hour.once(_acts)) if len(countries) > 1 else iter(())


def _hours(before: Place, here: Place) -> float:
    return max((here.at_us - before.at_us) / 3.6e9, 1 / 60)


def _speed(before: Place, here: Place) -> tuple[float, float]:
    """Distance and the least speed of a move to another country; 0 where it is too short to say anything."""
    if before.country == here.country:
        return 0.0, 0.0
    km = distance_km(before, here)
    return (km, (km - 2 * COARSE_KM) / _hours(before, here)) if km >= LEAST_KM + COARSE_KM else (km, 0.0)


def quick_moves(hour: Hour) -> Iterator[tuple[str, str]]:
    """The two addresses of each move that is too quick: where many such meet is a VPN, not a place."""
    model = hour.models.get(PLACES.name)
    for before, act, *_ in _moves_of(hour, model) if model is not None else ():
        if before.address and act.event.address:
            yield before.address, act.event.address


def judge(hour: Hour) -> Finding | None:
    """The quickest move of the hour, if neither end is a place that the person uses regularly."""
    model = hour.models[PLACES.name]
    moves = [
        move
        for move in _moves_of(hour, model)
        if not (_theirs(model, move[0]) and _theirs(model, _place(move[1])))
    ]
    if not moves:
        return None
    before, act, km, speed = max(moves, key=lambda move: (move[3], -move[1].first_us))
    after = _place(act)
    return finding(
        hour,
        [act],
        addresses=tuple(sorted({before.address, after.address} - {""})),
        held=tuple((PLACES.name, place.country) for place in (before, after) if not _theirs(model, place)),
        evidence={
            "from_place": _told(before, _theirs(model, before)),
            "to_place": _told(after, _theirs(model, after)),
            "from_country": before.country,
            "to_country": after.country,
            "km": rounded(km),
            "minutes": rounded(max(0.0, (after.at_us - before.at_us) / 6e7)),
            "km_h": rounded(speed),
            "usual": f"up to {SPEED_KM_H:g} km/h",
            "did": act.event.operation,
        },
    )


def _theirs(model: Any, place: Place) -> bool:
    return bool(model.share(place.country) >= SHARE)


def _told(place: Place, usual: bool) -> dict[str, Any]:
    return {
        "usual_here": usual,
        "time": rfc3339(place.at_us),
        "country": place.country,
        "address": place.address,
        "latitude": rounded(place.latitude, 4),
        "longitude": rounded(place.longitude, 4),
    }


def way_out(address: str, country: str, organisation: Organisation) -> str:
    """Why an address is a VPN's and says nothing of where somebody is; '' where it is not."""
    if (partners := organisation.partners(address)) >= VPN_PARTNERS:
        return f"{address} is a way out of a VPN: people were there and at {partners} other addresses within minutes"
    people, countries = organisation.meets(address)
    if people >= VPN_PARTNERS and countries >= VPN_COUNTRIES:
        return (
            f"{address} is a way out of a VPN: {people} people of {countries} other countries come by it or by others of its "
            f"kind in {country}, and each by no other address there"
        )
    return ""


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """Withheld where an end is a VPN's, or a place that is not the person's own is others' way to work."""
    principal = found.principals[0]
    known = []
    for end in ("from_place", "to_place"):
        place = found.evidence[end]
        if way := way_out(place["address"], place["country"], organisation):
            return Verdict(withheld=way)
        by_address = organisation.users_of_address(place["address"], principal)
        if by_address >= OTHERS and not place["usual_here"]:
            return Verdict(withheld=f"{by_address} others use {place['address']}: a VPN or an office")
        known.append(organisation.users_of_country(place["country"], principal))
    if min(known) >= OTHERS:
        return Verdict(withheld=f"at least {min(known)} others act from each of the two countries")
    against = ("geography databases place VPN exits and mobile carriers wrongly",)
    return Verdict(against=against, evidence={"others_from_the_countries": known})


DETECTION = Detection(
    type="management.impossible_travel",
    microsoft="ARM.MCAS_ImpossibleTravelActivity",
    owner="principal",
    severity="medium",
    title="Impossible travel activity",
    description=(
        "{name} acted from {from_country} and {minutes} minutes later from {to_country}, {km} km away "
        "({did} from {from})."
    ),
    explanation=(
        "Two successful activities of a person in different countries, at least 500 km apart (and more than "
        "geography databases are wrong by), between which one would have to travel faster than 900 km/h. Ignored "
        "where both places are regularly the person's own, where one end is a VPN's (other people's impossible moves "
        "meet there, or people of several countries do who are nowhere else in its own), where others use the end that is not the person's own, or where others act from both countries. It learns for 7 days; service principals are left out."
    ),
    tactics=("InitialAccess",),
    techniques=("T1078.004",),
    remediation=(
        "Ask the person, by another way, which of the two it was.",
        "Revoke sessions and reset credentials if one of them was not; look for new sign-in methods.",
        "Look at what was done from the address that is not theirs.",
        "If it was a VPN, it is learned once several people use it.",
    ),
    judge=judge,
    baselines=(PLACES,),
    learning=Learning(days=7),
    confirm=confirm,
    vouched_for=True,
    cloud_app_security=True,
)
