"""The machines' ordinary traffic: the internet's background, administration, builds, and the web."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from simulation.acts import HOUR_US, MINUTE_US
from simulation.automation import load
from simulation.conversations import SERVICE_PORT, Longs, Table, number, session, talks, together
from simulation.estate import Machine
from simulation.places import ABROAD, FRANKFURT, LONDON, NEWARK, PARIS, SINGAPORE
from simulation.randomness import numbers, stream
from simulation.rhythm import free_day
from simulation.world import World

BACKGROUND = {"ssh": 1.9, "rdp": 1.4}  # sources that find an address in a mean hour
Addresses = npt.NDArray[np.uint32]


@lru_cache(maxsize=4)
def scanners(seed: int, count: int = 4000) -> tuple[Addresses, npt.NDArray[np.float64]]:
    """Addresses that scan the whole internet, and their cumulated shares: a few do most of it."""
    rng, places = stream(seed, "scanners"), [*ABROAD.values(), NEWARK, SINGAPORE, LONDON, PARIS]
    addresses = np.array([number(rng.choice(places).address(rng)) for _ in range(count)], np.uint32)
    weights = numbers(seed, "scanners").pareto(1.1, count) + 0.2
    return addresses, np.cumsum(weights) / weights.sum()


@lru_cache(maxsize=64)
def outside(seed: int, purpose: str, count: int) -> tuple[int, ...]:
    """Fixed hosts of partners on the internet, for one purpose."""
    rng = stream(seed, "outside", purpose)
    return tuple(number(rng.choice((FRANKFURT, NEWARK, PARIS, LONDON)).address(rng)) for _ in range(count))


def _wave(world: World, service: str, day: int) -> float:
    """Some days the whole internet scans more."""
    return float(numbers(world.seed, "wave", service, day).lognormal(-0.06, 0.35))


def _tries(rng: np.random.Generator, count: int) -> Longs:
    """Connections that each source makes: one to three, seldom more, a noisy one now and then."""
    tries = rng.choice([1, 2, 3], count, p=[0.72, 0.19, 0.09])
    kind = rng.random(count)
    tries[kind > 0.972] = rng.integers(4, 9, int((kind > 0.972).sum()))
    tries[kind > 0.9988] = np.minimum(6 + rng.geometric(1 / 12, int((kind > 0.9988).sum())), 40)
    return tries.astype(np.int64)


def _background(world: World, machine: Machine, day: int, service: str, rng: np.random.Generator) -> Table:
    """Everybody on the internet is found by scanners; what listens answers them."""
    mean = BACKGROUND[service] * world.size.habits.scanning * machine.scanned * _wave(world, service, day)
    hours = np.repeat(np.arange(24), rng.poisson(mean * rng.gamma(3, 1 / 3, 24)))
    tries = _tries(rng, len(hours))
    addresses, shares = scanners(world.seed)
    source = np.repeat(addresses[np.searchsorted(shares, rng.random(len(hours)))], tries)
    first = np.repeat((hours + rng.random(len(hours))) * HOUR_US, tries)
    start = world.at(day) + (first + rng.exponential(40e6, len(first))).astype(np.int64)
    is_open, server = getattr(machine, service), number(machine.address)
    kinds = ("banner", "login" if service == "ssh" else "rdp_login") if is_open else ("unanswered", "refused")
    often = rng.random(len(start)) < 0.7
    return together(
        [
            talks(rng, start[chosen], source[chosen], server, SERVICE_PORT[service], kind)
            for kind, chosen in zip(kinds, (often, ~often), strict=True)
        ]
    )


def _hourly(world: World, day: int, counts: Longs, rng: np.random.Generator) -> Longs:
    """Random times of the day with that many in each hour."""
    hours = np.repeat(np.arange(24), counts)
    return world.at(day) + ((hours + rng.random(len(hours))) * HOUR_US).astype(np.int64)


def _web(world: World, machine: Machine, day: int, rng: np.random.Generator) -> Table:
    """Customers of web servers; everybody's own updates, calls and name queries."""
    own = number(machine.address)
    busy = 26.0 if machine.kind in ("web", "node") else 2.0
    shape = np.array(
        [load(hour + 1, free_day("DE", world.start + timedelta(days=day))) for hour in range(24)]
    )
    inward = _hourly(world, day, rng.poisson(busy * shape), rng)
    customers = rng.choice(np.array(outside(world.seed, "customers", 3000), np.uint32), len(inward))
    out = _hourly(world, day, rng.poisson(3.0, 24), rng)
    names = _hourly(world, day, rng.poisson(2.0, 24), rng)
    return together(
        [
            talks(rng, inward, customers, own, 443, "web"),
            talks(
                rng, out, own, rng.choice(np.array(outside(world.seed, "services", 40)), len(out)), 443, "web"
            ),
            talks(rng, names, own, outside(world.seed, "resolvers", 2)[0], 53, "name"),
        ]
    )


def _staff_addresses(world: World) -> list[int]:
    return [number(address) for egress in world.offices.values() for address in egress] + list(
        map(number, world.vpn)
    )


def _administration(world: World, machine: Machine, day: int, rng: np.random.Generator) -> Table:
    """Admins log in from the offices and the VPN, most of all to the jump hosts."""
    service = "ssh" if machine.ssh and (not machine.rdp or rng.random() < 0.5) else "rdp"
    if not getattr(machine, service):
        return together([])
    holiday = free_day("DE", world.start + timedelta(days=day))
    count = rng.poisson((9.0 if machine.kind == "jump" else 0.7) * (0.1 if holiday else 1.0))
    made = []
    for _ in range(count):
        start = world.at(day) + int(rng.triangular(4, 9, 18) * HOUR_US)
        client = int(rng.choice(_staff_addresses(world)))
        made.append(
            session(
                rng, start, float(rng.exponential(22)), client, number(machine.address), SERVICE_PORT[service]
            )
        )
    return together(made)


def _probe(world: World, machine: Machine, day: int, rng: np.random.Generator) -> Table:
    """An uptime service knocks at each jump host every five minutes."""
    start = world.at(day) + np.arange(288, dtype=np.int64) * 5 * MINUTE_US + rng.integers(0, 20_000_000, 288)
    return talks(rng, start, outside(world.seed, "uptime", 1)[0], number(machine.address), 22, "banner")


def _build(world: World, machine: Machine, day: int, rng: np.random.Generator) -> Table:
    """A build machine fetches from the code host over SSH all day, most in working hours."""
    free = free_day("DE", world.start + timedelta(days=day))
    shape = np.array([90.0 if 6 <= hour <= 17 and not free else 14.0 for hour in range(24)])
    start = _hourly(world, day, rng.poisson(shape * rng.gamma(8, 1 / 8, 24)), rng)
    host = rng.choice(np.array(outside(world.seed, "code", 2), np.uint32), len(start), p=[0.85, 0.15])
    return talks(rng, start, number(machine.address), host, 22, "git")


def _controller(world: World, machine: Machine, day: int, rng: np.random.Generator) -> Table:
    """Configuration management reaches every partner host on Tuesday nights, a handful on others."""
    tuesday = (world.start + timedelta(days=day)).weekday() == 1
    hosts = outside(world.seed, "managed", 45)[: 45 if tuesday else 3]
    start = world.at(day) + 2 * HOUR_US + np.sort(rng.integers(0, 40 * MINUTE_US, len(hosts) * 3))
    return talks(rng, start, number(machine.address), np.repeat(np.array(hosts, np.uint32), 3), 22, "git")


def _backup(world: World, machine: Machine, day: int, rng: np.random.Generator) -> Table:
    """Each night some forty transfers to one outside store over SSH."""
    start = world.at(day) + HOUR_US + np.sort(rng.integers(0, 50 * MINUTE_US, rng.poisson(40)))
    return talks(rng, start, number(machine.address), outside(world.seed, "store", 1)[0], 22, "git")


def _helpdesk(world: World, machine: Machine, day: int, rng: np.random.Generator) -> Table:
    """Remote help: some desktops open RDP to a few customers on working days."""
    if int(machine.name[-2:]) % 3 or free_day("DE", world.start + timedelta(days=day)):
        return together([])
    made = []
    for _ in range(rng.poisson(2.5)):
        start = world.at(day) + int(rng.triangular(7, 10, 16) * HOUR_US)
        peer = int(rng.choice(outside(world.seed, "helped", 4)))
        made.append(session(rng, start, float(rng.exponential(15)), number(machine.address), peer, 3389))
    return together(made)


_WORK = {
    "jump": _probe,
    "build": _build,
    "controller": _controller,
    "backup": _backup,
    "desktop": _helpdesk,
}


def day_of_traffic(world: World, machine: Machine, day: int) -> Table:
    """All conversations that begin on that day at this machine's address (rows of `TALK`)."""
    rng = numbers(world.seed, "traffic", machine.name, day)
    parts = [_background(world, machine, day, service, rng) for service in ("ssh", "rdp")]
    parts += [_web(world, machine, day, rng), _administration(world, machine, day, rng)]
    if machine.kind in _WORK:
        parts.append(_WORK[machine.kind](world, machine, day, rng))
    return together(parts)
