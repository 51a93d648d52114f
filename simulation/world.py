"""The whole organisation, as it is for the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from simulation.acts import day_us
from simulation.estate import Estate, Machine, Vault, build
from simulation.habits import Habits
from simulation.people import Person, hire
from simulation.places import OFFICES, VPN
from simulation.randomness import stream
from simulation.services import Service, launches, staff

START = date(2026, 1, 5)  # a Monday


@dataclass(frozen=True, slots=True)
class Organisation:
    """How large it is, one in how many packets its routers sample, and how it works."""

    people: int = 60
    service_principals: int = 12
    vaults: int = 25
    machines: int = 40
    subscriptions: int = 2
    sampling: int = 1
    habits: Habits = field(default_factory=Habits)

    def __post_init__(self) -> None:
        least = {
            "people": 12,
            "service_principals": 12,
            "vaults": 10,
            "machines": 16,
            "subscriptions": 1,
            "sampling": 1,
        }
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(
                    f"an organisation needs {name} of at least {value}, not {getattr(self, name)}"
                )


@dataclass
class World:
    """Everything that does not change from day to day."""

    seed: int
    start: date
    days: int
    size: Organisation
    estate: Estate
    people: list[Person]
    services: list[Service]
    launched: list[Service]
    handover: tuple[Machine, float]  # an address that changes owners late in the run, and the day when
    changes: tuple[
        tuple[str, int], ...
    ] = ()  # legitimate ones (`simulation.changes`), and the days they begin

    def at(self, day: float) -> int:
        """Microseconds since 1970 of a (fractional) day of the run."""
        whole = int(day)
        return day_us(self.start, whole) + round((day - whole) * 86_400e6)

    @cached_property
    def vpn(self) -> tuple[str, ...]:
        """The VPN's egress addresses."""
        rng = stream(self.seed, "vpn")
        return tuple(VPN.address(rng) for _ in range(3))

    @cached_property
    def offices(self) -> dict[str, tuple[str, ...]]:
        """Each office's egress addresses, by country."""
        return {
            country: tuple(place.address(stream(self.seed, "office", country, n)) for n in range(2))
            for country, place in OFFICES.items()
        }

    @cached_property
    def vaults(self) -> list[Vault]:
        """All vaults, also those that come later."""
        later = [service.vaults[0] for service in self.launched if service.vaults[0].born]
        return self.estate.vaults + later


def make_world(seed: int, start: date, days: int, size: Organisation) -> World:
    """The organisation of that seed and size."""
    estate = build(seed, size.vaults, size.machines, size.subscriptions)
    people = [hire(seed, n, size.people, days, estate, size.habits) for n in range(size.people)]
    services = staff(seed, size.service_principals, estate)
    moved = _new_owners(seed, estate, days)
    launched = launches(seed, days, estate, size.habits.launches)
    return World(seed, start, days, size, estate, people, services, launched, moved)


def _pass_on(machine: Machine, day: float) -> None:
    machine.owners.append((day, machine.owners[0][1] + "-b"))


def _new_owners(seed: int, estate: Estate, days: int) -> tuple[Machine, float]:
    """Some addresses pass to a rebuilt machine in mid-run, in the middle of an hour; one in the last quarter."""
    rng = stream(seed, "owners")
    late = rng.choice([machine for machine in estate.machines if machine.kind == "app"])
    movable = [m for m in estate.machines if m.kind in ("web", "app", "desktop") and m is not late]
    for machine in rng.sample(movable, max(1, len(estate.machines) // 10)):
        _pass_on(
            machine, int(days * rng.uniform(0.3, 0.7)) + rng.randrange(24) / 24 + rng.uniform(0.01, 0.03)
        )
    first = int(days * 0.75)
    when = first + rng.randrange(days - first) + rng.randrange(2, 22) / 24 + rng.uniform(0.018, 0.024)
    _pass_on(late, when)
    return late, when
