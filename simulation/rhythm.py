"""When people work, and from where."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from simulation.acts import HOUR_US
from simulation.people import Person, Trip
from simulation.places import HOMES, OFFICES, Place, journey_hours
from simulation.randomness import stream
from simulation.world import World

# Days off by country, month and day (the moving ones as they fall in 2026).
HOLIDAYS = {
    "DE": {(1, 1), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (10, 3), (12, 25), (12, 26)},
    "IN": {(1, 26), (3, 4), (8, 15), (10, 2), (11, 8), (12, 25)},
    "US": {(1, 1), (1, 19), (2, 16), (5, 25), (7, 3), (9, 7), (11, 26), (12, 25)},
}


@dataclass(slots=True)
class Shift:
    """A span of work at one place. `addresses` with the share of sessions from each."""

    start_us: int
    end_us: int
    place: Place
    addresses: tuple[tuple[str, float], ...]
    share: float = 1.0  # of a full day's work

    def moment(self, rng: random.Random) -> int:
        """Some time in it; fewer at its very start, end and at noon."""
        part = rng.betavariate(1.6, 1.5)
        if 0.45 < part < 0.55 and rng.random() < 0.6:
            part = rng.random()
        return self.start_us + int(part * (self.end_us - self.start_us))

    def address(self, rng: random.Random) -> str:
        """Where a session comes from."""
        pick = rng.random() * sum(weight for _, weight in self.addresses)
        for address, weight in self.addresses:
            pick -= weight
            if pick <= 0:
                return address
        return self.addresses[-1][0]


def home_address(world: World, person: Person, day: int) -> str:
    """Their provider gives them another address every two weeks."""
    return person.home.address(stream(world.seed, "home", person.who.oid, day // 14))


def vpn_address(world: World, person: Person) -> str:
    """The egress that this person's VPN goes out by."""
    return world.vpn[int(person.who.oid[:2], 16) % len(world.vpn)]


def office_address(world: World, person: Person, country: str) -> str:
    """The egress of an office that this person goes out by."""
    egress = world.offices[country]
    return egress[int(person.who.oid[:2], 16) % len(egress)]


def free_day(country: str, day: date) -> bool:
    """Weekend or holiday."""
    return day.weekday() >= 5 or (day.month, day.day) in HOLIDAYS.get(country, set())


def _span(world: World, day: int, place: Place, start_h: float, length_h: float) -> tuple[int, int]:
    start = world.at(day) + int((start_h - place.utc_offset_h) * HOUR_US)
    return start, start + int(length_h * HOUR_US)


def _at_home(world: World, person: Person, day: int) -> tuple[tuple[str, float], ...]:
    home, mobile = home_address(world, person, day), _phone_address(world, person, day)
    vpn = (vpn_address(world, person), person.vpn)
    return (home, 1 - person.vpn), vpn, (mobile, world.size.habits.phone)


def _phone_address(world: World, person: Person, day: int) -> str:
    """The phone's own of that day; behind a carrier's NAT one of few that the country's phones share."""
    if not world.size.habits.carriers:
        return person.home.address(stream(world.seed, "phone", person.who.oid, day))
    homes = HOMES[person.home.country]
    n = stream(world.seed, "carrier", person.who.oid, day).randrange(world.size.habits.carriers)
    return homes[n % len(homes)].address(stream(world.seed, "carrier", person.home.country, n))


def _abroad(world: World, person: Person, trip: Trip) -> tuple[tuple[str, float], ...]:
    hotel = trip.to.address(stream(world.seed, "hotel", person.who.oid, trip.first))
    vpn = (vpn_address(world, person), person.vpn)
    if trip.to.country in OFFICES and trip.to is OFFICES[trip.to.country]:
        return (office_address(world, person, trip.to.country), 0.8), (hotel, 0.2), vpn
    return (hotel, 1.0), vpn


def _travelling(world: World, person: Person, trip: Trip, day: int) -> list[Shift]:
    """The morning at home, the flight, the evening there; days there, from the landing on; a day back in the air."""
    if day > trip.last:
        return []
    noon, _ = _span(world, trip.first, person.home, 11.0, 0)
    late = stream(world.seed, "shift", person.who.oid, trip.first).uniform(0.5, 2)
    landed = noon + int((journey_hours(person.home, trip.to) + late) * HOUR_US)
    if day > trip.first:
        start, end = _span(world, day, trip.to, person.start_h, person.length_h)
        there = Shift(max(start, landed), end, trip.to, _abroad(world, person, trip), 0.8)
        return [there] if there.start_us < end else []
    start, _ = _span(world, day, person.home, person.start_h, 0)
    evening = Shift(landed, landed + 2 * HOUR_US, trip.to, _abroad(world, person, trip), 0.2)
    return [Shift(start, noon, person.home, _at_home(world, person, day), 0.3), evening]


def shifts(world: World, person: Person, day: int) -> list[Shift]:
    """This person's work that starts on that day of the run: none, one, or two on a day of travel."""
    rng = stream(world.seed, "shift", person.who.oid, day)
    if not person.employed(day):
        return []
    for trip in person.trips:
        if trip.first <= day <= trip.last + 1:
            return _travelling(world, person, trip, day)
    night = _on_call(world, person, day, rng)
    if day in person.holidays:
        return []
    if free_day(person.home.country, world.start + timedelta(days=day)):
        return night + (_weekend(world, person, day, rng) if rng.random() < 0.06 else [])
    return [*night, _office_or_home(world, person, day, rng)]


def _office_or_home(world: World, person: Person, day: int, rng: random.Random) -> Shift:
    span = _span(
        world, day, person.home, person.start_h + rng.gauss(0, 0.3), person.length_h + rng.gauss(0, 0.5)
    )
    if rng.random() < 0.45:
        return Shift(*span, person.home, _at_home(world, person, day))
    office = office_address(world, person, person.home.country)
    return Shift(*span, OFFICES[person.home.country], ((office, 0.97), (vpn_address(world, person), 0.03)))


def _weekend(world: World, person: Person, day: int, rng: random.Random) -> list[Shift]:
    span = _span(world, day, person.home, rng.uniform(9, 20), 2)
    return [Shift(*span, person.home, _at_home(world, person, day), 0.3)]


def _on_call(world: World, person: Person, day: int, rng: random.Random) -> list[Shift]:
    """Each week another admin is on call: an hour of work in one night of three."""
    admins = [other for other in world.people if other.on_call and other.employed(day)]
    turn = admins[day // 7 % len(admins)] if admins else None
    if turn is not person or rng.random() > 0.33:
        return []
    span = _span(world, day, person.home, rng.uniform(0, 5), 1)
    return [Shift(*span, person.home, _at_home(world, person, day), 0.25)]
