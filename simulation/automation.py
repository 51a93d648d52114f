"""What service principals do: steady reading, pipelines, nightly and monthly jobs."""

from __future__ import annotations

import math
import random
from datetime import timedelta

from simulation.acts import HOUR_US, MINUTE_US, TERRAFORM, Act, Identity, Management, Vaulted
from simulation.estate import Vault, group
from simulation.places import CLOUD
from simulation.randomness import Zipf, guid, poisson, stream
from simulation.services import Service
from simulation.work import challenge
from simulation.world import World


def call(
    rng: random.Random,
    service: Service,
    at_us: int,
    operation: str,
    vault: Vault,
    item: str = "",
    status: int = 200,
) -> Vaulted:
    """One call of a service to a vault."""
    took = int(rng.expovariate(0.1)) + 3
    return Vaulted(
        at_us, service.who, service.who.appid, service.agent, service.address(rng), operation, vault.resource,
        guid(rng), item, status, took,
    )  # fmt: skip


def operate(rng: random.Random, service: Service, at_us: int, operation: str, resource: str) -> Management:
    """One control-plane operation of a service."""
    took = int(rng.expovariate(1 / 3e6)) + 150_000
    return Management(
        at_us,
        service.who,
        service.who.appid,
        service.address(rng),
        operation,
        resource,
        guid(rng),
        "OK",
        took,
    )


def load(hour: float, weekend: bool) -> float:
    """How busy the applications' customers are at that local hour, against the mean."""
    return (1 + 0.7 * math.sin((hour - 9) / 24 * 2 * math.pi)) * (0.55 if weekend else 1.15)


def web_day(world: World, service: Service, day: int, rng: random.Random) -> list[Act]:
    """Applications read their secrets again and again; a restart begins with a challenge."""
    weekend = (world.start + timedelta(days=day)).weekday() >= 5
    acts: list[Act] = []
    for vault, rate in zip(service.vaults, service.rates, strict=True):
        items = vault.items()
        secrets, restarts = Zipf(items, 0.9), rng.randrange(24)
        for hour in range(24):
            base = world.at(day) + hour * HOUR_US
            mean = rate * load(hour + service.utc_offset_h, weekend) * rng.gammavariate(12, 1 / 12)
            for _ in range(poisson(rng, min(mean, 45.0))):
                item = items[secrets.index(rng)]
                operation = "SecretGet" if item.startswith("secrets") else "KeyUnwrap"
                acts.append(call(rng, service, base + int(rng.random() * HOUR_US), operation, vault, item))
            if hour == restarts:
                address = service.address(rng)
                acts.append(
                    challenge(rng, base + MINUTE_US, service.agent, address, "SecretGet", vault, items[0])
                )
    return acts


def _batch(world: World, service: Service, day: int, rng: random.Random) -> list[Act]:
    """Each night, more on Sundays, several times as much when a month ends."""
    today = world.start + timedelta(days=day)
    rounds = world.size.habits.month_end if today.day <= 2 else 3 if today.weekday() == 6 else 1
    at_us, acts = world.at(day) + HOUR_US + int(rng.random() * 10 * MINUTE_US), list[Act]()
    for vault in service.vaults:
        acts.append(challenge(rng, at_us, service.agent, service.addresses[0], "SecretGet", vault, ""))
        for _ in range(rounds):
            for item in vault.secrets:
                acts.append(call(rng, service, at_us, "SecretGet", vault, f"secrets/{item}"))
                at_us += int(rng.expovariate(1 / 2e6)) + 100_000
            at_us += 5 * MINUTE_US
    return acts


def _ephemeral(world: World, rng: random.Random, at_us: int) -> list[Act]:
    """A build job with an identity of its own, made for this job alone, reads from the build vault."""
    vault, region = world.estate.vaults[0], CLOUD["westeurope"]
    who = Identity(guid(rng), "job-" + guid(rng)[:8], "", guid(rng))
    job = Service(who, "pipeline", TERRAFORM.agent, (region.address(rng),), (vault,))
    acts: list[Act] = [challenge(rng, at_us, job.agent, job.addresses[0], "SecretGet", vault, "")]
    for n in range(rng.randint(1, 3)):
        item = f"secrets/{vault.secrets[n]}"
        acts.append(call(rng, job, at_us + n * 700_000, "SecretGet", vault, item))
    return acts


def pipeline_run(world: World, service: Service, rng: random.Random, at_us: int) -> list[Act]:
    """One pipeline run: state key, deployment, now and then a vault put and its secrets read."""
    team = rng.choice(world.estate.vaults).team
    owner = group(rng.choice(world.estate.subscriptions), team)
    deployment = f"{owner}/providers/Microsoft.Resources/deployments/ci-{rng.randrange(10**6)}"
    acts: list[Act] = [
        operate(
            rng, service, at_us, "Microsoft.Storage/storageAccounts/listKeys/action", world.estate.storage[0]
        ),
        operate(rng, service, at_us + 9_000_000, "Microsoft.Resources/deployments/write", deployment),
    ]
    for n in range(rng.randint(0, 3)):
        at = at_us + (20 + 15 * n) * 1_000_000
        acts.append(
            operate(rng, service, at, "Microsoft.Web/sites/config/write", rng.choice(world.estate.sites))
        )
    vault = rng.choice(service.vaults)
    at = at_us + 90_000_000
    acts.append(operate(rng, service, at, "Microsoft.KeyVault/vaults/write", vault.resource))
    acts.append(call(rng, service, at, "VaultPut", vault))
    for n in range(rng.randint(2, 5)):
        item = f"secrets/{vault.secrets[n % len(vault.secrets)]}"
        acts.append(call(rng, service, at + (2 + n) * 1_000_000, "SecretGet", vault, item))
    for n in range(world.size.habits.identities):
        acts += _ephemeral(world, rng, at_us + (30 + 4 * n) * 1_000_000)
    return acts


def _pipeline(world: World, service: Service, day: int, rng: random.Random) -> list[Act]:
    weekend = (world.start + timedelta(days=day)).weekday() >= 5
    acts: list[Act] = []
    nightly = world.at(day) + 3 * HOUR_US + int(rng.random() * 5 * MINUTE_US)
    for at_us in [nightly] + [
        world.at(day) + int(rng.triangular(6, 18, 11) * HOUR_US)
        for _ in range(poisson(rng, world.size.habits.builds * (0.1 if weekend else 1)))
    ]:
        acts += pipeline_run(world, service, rng, at_us)
    return acts


def _scanner(world: World, service: Service, day: int, rng: random.Random) -> list[Act]:
    """The nightly inventory: the keys of every storage account, one after another."""
    at_us, acts = world.at(day) + int(2.5 * HOUR_US + rng.random() * 4 * MINUTE_US), list[Act]()
    for account in world.estate.storage:
        acts.append(
            operate(rng, service, at_us, "Microsoft.Storage/storageAccounts/listKeys/action", account)
        )
        at_us += 2_000_000 + int(rng.random() * 6e6)
    return acts


def _backup(world: World, service: Service, day: int, rng: random.Random) -> list[Act]:
    """Nightly disk snapshots; on Saturdays a backup of some vaults, item by item."""
    at_us, acts = world.at(day) + 22 * HOUR_US, list[Act]()
    for machine in world.estate.machines[:10]:
        disk = machine.owners[0][1].replace("virtualMachines", "snapshots") + f"-{day}"
        acts.append(operate(rng, service, at_us, "Microsoft.Compute/snapshots/write", disk))
        at_us += 20_000_000
    if (world.start + timedelta(days=day)).weekday() != 5:
        return acts
    for vault in service.vaults:
        for item in vault.items():
            verb = "SecretBackup" if item.startswith("secrets") else "KeyBackup"
            acts.append(call(rng, service, at_us, verb, vault, item))
            at_us += 1_500_000
    return acts


def _rotation(world: World, service: Service, day: int, rng: random.Random) -> list[Act]:
    """On the fifth of each month: new versions of keys and of a few secrets in every vault."""
    if (world.start + timedelta(days=day)).day != 5:
        return []
    at_us, acts = world.at(day) + 4 * HOUR_US, list[Act]()
    for vault in service.vaults:
        for item in [f"keys/{name}" for name in vault.keys] + [
            f"secrets/{name}" for name in vault.secrets[:2]
        ]:
            verb = "SecretSet" if item.startswith("secrets") else "KeyCreate"
            acts.append(call(rng, service, at_us, verb, vault, item))
            at_us += 3_000_000
    return acts


def _each_hour(world: World, service: Service, day: int, rng: random.Random) -> list[Act]:
    """Monitoring (two vaults of three) and Resource Graph (all) look at the vaults' own settings."""
    acts: list[Act] = []
    for hour in range(24):
        at_us = world.at(day) + hour * HOUR_US + int(rng.random() * 20 * MINUTE_US)
        for n, vault in enumerate(service.vaults):
            if service.kind == "graph" or (n % 3 and hour % 4 == 0):
                acts.append(call(rng, service, at_us + n * 400_000, "VaultGet", vault))
    return acts


_WORK = {
    "web": web_day,
    "batch": _batch,
    "pipeline": _pipeline,
    "scanner": _scanner,
    "backup": _backup,
    "rotation": _rotation,
    "monitor": _each_hour,
    "graph": _each_hour,
}


def _birth(world: World, service: Service, rng: random.Random) -> list[Act]:
    """A pipeline deploys the application: its vault, where it is new, and its right to read it."""
    vault = service.vaults[0]
    pipeline = next(other for other in world.services if other.kind == "pipeline")
    at_us = world.at(service.born) + 9 * HOUR_US
    acts: list[Act] = [
        operate(
            rng, pipeline, at_us, "Microsoft.Web/sites/write", f"{world.estate.sites[0]}-{service.who.name}"
        )
    ]
    acts.append(operate(rng, pipeline, at_us + 9_000_000, "Microsoft.KeyVault/vaults/write", vault.resource))
    acts.append(call(rng, pipeline, at_us + 9_000_000, "VaultPut", vault))
    if vault.born == service.born:
        for n, secret in enumerate(vault.secrets):
            at = at_us + (20 + n) * 1_000_000
            acts.append(call(rng, pipeline, at, "SecretSet", vault, f"secrets/{secret}"))
    return acts


def day_of_services(world: World, service: Service, day: int) -> list[Act]:
    """Everything that this service does on that day."""
    rng = stream(world.seed, "service", service.who.oid, day)
    if day < service.born:
        return []
    acts = _WORK[service.kind](world, service, day, rng)
    if service.born and day == service.born:
        start = world.at(day) + 9 * HOUR_US + 2 * MINUTE_US
        return _birth(world, service, rng) + [act for act in acts if act.at_us >= start]
    return acts
