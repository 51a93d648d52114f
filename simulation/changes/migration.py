"""A move to another region: two vaults' secrets are copied over, files by SSH, and an application moves with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation.acts import HOUR_US, Act
from simulation.automation import call, web_day
from simulation.conversations import Table, number
from simulation.conversations import talks as conversations
from simulation.estate import Machine
from simulation.places import CLOUD
from simulation.randomness import numbers, stream
from simulation.services import Service
from simulation.world import World

NAME = "migration"
COPYING_DAYS = 3
COPIES_AN_HOUR = 20
MACHINES = 3


def _moved(world: World) -> Service:
    """The application that moves: two vaults at most, and where from is another region's address."""
    webs = [service for service in world.services if service.kind == "web" and len(service.vaults) > 1]
    one = webs[-1]
    address = CLOUD["northeurope"].address(stream(world.seed, NAME, "address"))
    others = [v for v in world.estate.vaults if v.kind == "application" and v not in one.vaults]
    return replace(one, addresses=(address,), vaults=tuple(others[:2]), rates=one.rates[:2])


def acts(world: World, first: int, day: int) -> list[Act]:
    """On the first day every secret is read and written elsewhere; from then on they are read there."""
    rng, moved, made = stream(world.seed, NAME, day), _moved(world), list[Act]()
    if day == first:
        mover = next(service for service in world.services if service.kind == "pipeline")
        old = next(s for s in world.services if s.who.oid == moved.who.oid).vaults
        at_us = world.at(day) + 10 * HOUR_US
        for source, target in zip(old, moved.vaults, strict=False):
            made.append(call(rng, mover, at_us, "SecretList", source))
            for name in source.secrets:
                at_us += int(rng.uniform(1, 4) * 1e6)
                made.append(call(rng, mover, at_us, "SecretGet", source, f"secrets/{name}"))
                made.append(call(rng, mover, at_us + 500_000, "SecretSet", target, f"secrets/{name}"))
    # As the new address is learned, half the customers are sent there.
    return made + [
        act for act in web_day(world, moved, day, rng) if act.at_us > world.at(first) + 12 * HOUR_US
    ]


def talks(world: World, first: int, day: int) -> list[tuple[Machine, Table]]:
    """For three days some servers copy files to one host in the new region, all day."""
    if day - first >= COPYING_DAYS:
        return []
    made = []
    host = number(CLOUD["northeurope"].address(stream(world.seed, NAME, "host")))
    for machine in [machine for machine in world.estate.machines if machine.kind == "app"][:MACHINES]:
        rng = numbers(world.seed, NAME, machine.name, day)
        count = rng.poisson(COPIES_AN_HOUR * 24)
        start = world.at(day) + np.sort(rng.integers(0, 24 * HOUR_US, count))
        made.append((machine, conversations(rng, start, number(machine.address), host, 22, "git")))
    return made
