"""A large release: builds all day, three new applications at vaults that were there, and one that is far busier."""

from __future__ import annotations

from dataclasses import replace

from simulation.acts import HOUR_US, Act, Identity
from simulation.automation import day_of_services, pipeline_run, web_day
from simulation.conversations import Table
from simulation.estate import Machine
from simulation.places import CLOUD
from simulation.randomness import guid, stream
from simulation.services import Service
from simulation.world import World

NAME = "deployment"
NEW = 3
RUNS = 12  # of a pipeline, on each of the first two days
BUSIER = 1.5  # times its usual calls that an application makes on top of them, for good


def _released(world: World, first: int) -> list[Service]:
    """New identities that read application vaults of old."""
    rng = stream(world.seed, NAME)
    like = next(service for service in world.services if service.kind == "web")
    vaults = [vault for vault in world.estate.vaults if vault.kind == "application"]
    return [
        replace(
            like,
            who=Identity(guid(rng), f"sp-release-{n:02d}", "", guid(rng)),
            addresses=(CLOUD[vault.region].address(rng),),
            vaults=(vault,),
            rates=(3 + rng.gammavariate(2, 3),),
            born=first,
        )
        for n, vault in enumerate(rng.sample(vaults, min(NEW, len(vaults))))
    ]


def acts(world: World, first: int, day: int) -> list[Act]:
    """Pipelines on the first two days; the new applications and the busier one from then on."""
    made = [act for service in _released(world, first) for act in day_of_services(world, service, day)]
    rng = stream(world.seed, NAME, day)
    busier = next(service for service in world.services if service.kind == "web")
    more = replace(busier, rates=tuple(BUSIER * rate for rate in busier.rates))
    made += web_day(world, more, day, rng)
    if day - first < 2:
        pipeline = next(service for service in world.services if service.kind == "pipeline")
        for _ in range(RUNS):
            made += pipeline_run(world, pipeline, rng, world.at(day) + int(rng.uniform(7, 18) * HOUR_US))
    return made


def talks(world: World, first: int, day: int) -> list[tuple[Machine, Table]]:
    """Nothing that network detections look at."""
    return []
