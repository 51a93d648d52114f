"""A new scanner of weaknesses: from one day on it knocks at every machine and looks at every vault, each night."""

from __future__ import annotations

import numpy as np

from simulation.acts import HOUR_US, Act, Identity
from simulation.automation import call
from simulation.conversations import SERVICE_PORT, Table, number, together
from simulation.conversations import talks as conversations
from simulation.estate import Machine
from simulation.places import CLOUD, LONDON
from simulation.randomness import guid, numbers, stream
from simulation.services import Service
from simulation.world import World

NAME = "new scanner"
SOURCES = 2
KNOCKS = 30  # at each service of each machine, by each source
HOUR = 22


def _service(world: World) -> Service:
    rng = stream(world.seed, NAME)
    who = Identity(guid(rng), "sp-posture", "", guid(rng), "Reader")
    agent = "azsdk-python-keyvault-secrets/4.8.0 Python/3.12.3 (Linux)"
    address = CLOUD["westeurope"].address(rng)
    return Service(who, "monitor", agent, (address,), tuple(world.estate.vaults))


def acts(world: World, first: int, day: int) -> list[Act]:
    """Names and properties of every vault; it reads no secret."""
    service, rng, made = _service(world), stream(world.seed, NAME, day), list[Act]()
    at_us = world.at(day) + HOUR * HOUR_US + int(rng.uniform(0, 240) * 1e6)
    for vault in service.vaults:
        for operation in ("VaultGet", "SecretList", "KeyList"):
            at_us += int(rng.uniform(1, 5) * 1e6)
            made.append(call(rng, service, at_us, operation, vault))
    return made


def talks(world: World, first: int, day: int) -> list[tuple[Machine, Table]]:
    """The vendor's addresses try SSH and RDP of every machine within an hour."""
    place = stream(world.seed, NAME, "vendor")
    sources = np.array([number(LONDON.address(place)) for _ in range(SOURCES)], np.uint32)
    made = []
    for machine in world.estate.machines:
        rng, parts = numbers(world.seed, NAME, machine.name, day), list[Table]()
        for service, port in SERVICE_PORT.items():
            start = world.at(day) + HOUR * HOUR_US + np.sort(rng.integers(0, HOUR_US, KNOCKS * SOURCES))
            kind = "banner" if getattr(machine, service) else "refused"
            column = np.tile(sources, KNOCKS)
            parts.append(conversations(rng, start, column, number(machine.address), port, kind))
        made.append((machine, together(parts)))
    return made
