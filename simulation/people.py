"""The people: what each is like for the whole run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from simulation.acts import CLI, EDITOR, PORTAL, POWERSHELL, TERRAFORM, Client, Identity
from simulation.estate import TEAMS, Estate, Vault
from simulation.habits import Habits
from simulation.places import CONFERENCES, HOMES, OFFICES, Place
from simulation.randomness import guid, stream

DORMANT_AFTER = 5  # days in which the later victim of `inactive_account` is still active
_FIRST = "anna ben clara david eva felix greta hugo ines jan kavya lena meera nikhil olga priya rahul sonia tim uma"
_LAST = "bauer iyer klein kumar lopez meyer nair novak patel rao schulz shah sharma weber wolf yadav"


@dataclass(frozen=True, slots=True)
class Trip:
    """Out at noon of `first` (a day of the run), at work there until `last`, back the day after."""

    first: int
    last: int
    to: Place


@dataclass(slots=True)
class Person:
    """Somebody with an account. Days are days of the run; `last` is the first day without them."""

    who: Identity
    role: str  # 'admin', 'developer', 'office'
    team: str
    home: Place
    clients: tuple[tuple[Client, float], ...]
    vaults: tuple[Vault, ...]
    start_h: float  # local time
    length_h: float
    pace: float
    vpn: float  # share of sessions at home that go through the company's VPN
    first: int = 0
    last: int = 1_000_000
    on_call: bool = False
    holidays: frozenset[int] = field(default_factory=frozenset)
    trips: tuple[Trip, ...] = ()

    def employed(self, day: int) -> bool:
        """Whether the account is somebody's on that day."""
        return self.first <= day < self.last

    def uses(self, client: Client) -> bool:
        """Whether the client is among this person's usual ones."""
        return any(known.appid == client.appid for known, _ in self.clients)


def _clients(rng: random.Random, role: str) -> tuple[tuple[Client, float], ...]:
    if role == "office":
        return ((PORTAL, 1.0),)
    if role == "admin":
        return ((POWERSHELL, rng.uniform(0.35, 0.7)), (PORTAL, 0.3), (CLI, rng.uniform(0, 0.3)))
    style = rng.random()
    if style < 0.35:
        return ((PORTAL, 1.0),)
    if style < 0.7:
        return ((CLI, 0.7), (EDITOR, 0.3))
    return ((CLI, 0.5), (PORTAL, 0.3), (TERRAFORM, 0.2))


def _vaults(rng: random.Random, role: str, team: str, estate: Estate) -> tuple[Vault, ...]:
    own = [vault for vault in estate.vaults if vault.team == team and vault.kind != "build"]
    shared = [vault for vault in estate.vaults if vault.kind == "people"]
    rng.shuffle(own)
    chosen = own + [vault for vault in shared if vault not in own]
    if role == "office":
        return tuple(shared[:1]) if rng.random() < 0.3 else ()
    return tuple(chosen[: rng.randint(2, 4)])


def _off(rng: random.Random, days: int) -> frozenset[int]:
    """Vacations: one or two blocks in two months, and single days of sickness."""
    off: set[int] = set()
    for _ in range(rng.choice((0, 1, 1, 2)) if days > 20 else 0):
        first = rng.randrange(days)
        off.update(range(first, first + rng.choice((2, 5, 5, 10))))
    off.update(day for day in range(days) if rng.random() < 0.01)
    return frozenset(off)


def _trips(rng: random.Random, country: str, days: int, share: float) -> tuple[Trip, ...]:
    if days < 10 or rng.random() > share:
        return ()
    offices = [place for code, place in OFFICES.items() if code != country]
    to = rng.choice(offices) if rng.random() < 0.7 else rng.choice(CONFERENCES)
    first = rng.randrange(2, days - 6)
    return (Trip(first, first + rng.randint(2, 4), to),)


def _role(n: int, count: int) -> str:
    admins, developers = max(2, count // 6), max(3, count * 6 // 10)
    return "admin" if n < admins else "developer" if n < admins + developers else "office"


def _country(n: int) -> str:
    return ("DE", "DE", "IN", "DE", "IN", "DE", "IN", "DE", "DE", "IN", "IN", "US")[n % 12]


def _employed(n: int, count: int, days: int, rng: random.Random) -> tuple[int, int]:
    """New hires and leavers: one in twenty each; the last developer left early (see DORMANT_AFTER)."""
    if n == _dormant(count):
        return 0, min(DORMANT_AFTER, days)
    if n % 20 == 13:
        return rng.randint(days // 4, max(1, days * 3 // 4)), 1_000_000
    if n % 20 == 17:
        return 0, rng.randint(days // 2, days)
    return 0, 1_000_000


def _dormant(count: int) -> int:
    """The number of the person whose account falls asleep: the last who isn't in an office."""
    return max(n for n in range(count) if _role(n, count) != "office")


def hire(seed: int, n: int, count: int, days: int, estate: Estate, habits: Habits) -> Person:
    """The n-th of so many people."""
    rng = stream(seed, "person", n)
    role, country, team = _role(n, count), _country(n), TEAMS[rng.randrange(len(TEAMS))]
    first_name, last_name = rng.choice(_FIRST.split()), rng.choice(_LAST.split())
    upn = f"{first_name}.{last_name}{n:02d}@northwind-example.com"
    title = f"{first_name.title()} {last_name.title()}"
    granted = "Owner" if role == "admin" else "Contributor" if role == "developer" else "Reader"
    first, last = _employed(n, count, days, rng)
    dormant = n == _dormant(count)
    return Person(
        Identity(guid(rng), title, upn, "", granted),
        role,
        team,
        rng.choice(HOMES[country]),
        ((CLI, 1.0),) if dormant else _clients(rng, role),
        _vaults(rng, role, team, estate),
        start_h=rng.uniform(7.2, 10.0),
        length_h=rng.uniform(7.5, 9.5),
        pace=1.5 if dormant else rng.gammavariate(6, 1 / 6),
        vpn=rng.choice(habits.vpn),
        first=first,
        last=last,
        on_call=role == "admin",
        holidays=frozenset() if dormant else _off(rng, days),
        trips=() if dormant else _trips(rng, country, days, habits.trips),
    )


def dormant(people: list[Person]) -> Person:
    """The one whose account falls asleep."""
    return people[_dormant(len(people))]
