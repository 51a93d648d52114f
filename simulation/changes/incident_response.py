"""A day of incident response: secrets listed, read and renewed, disks kept, every machine logged in to."""

from __future__ import annotations

import numpy as np

from simulation.acts import HOUR_US, MINUTE_US, POWERSHELL, Act, Management, Vaulted
from simulation.conversations import Table, number, session
from simulation.estate import Machine, Vault
from simulation.people import Person
from simulation.randomness import guid, numbers, stream
from simulation.rhythm import vpn_address
from simulation.world import World

NAME = "incident response"
VAULTS = 3
DISKS = 15


def _responders(world: World, day: int) -> list[Person]:
    admins = [p for p in world.people if p.role == "admin" and p.first == 0 and p.employed(day)]
    return admins[-2:]


def acts(world: World, first: int, day: int) -> list[Act]:
    """From two in the afternoon until night, through the VPN, with PowerShell."""
    if day != first:
        return []
    made: list[Act] = []
    people = _responders(world, day)
    vaults = [vault for vault in world.estate.vaults if vault.kind != "build"][: VAULTS * len(people)]
    for n, person in enumerate(people):
        at_us = world.at(day) + (14 + n) * HOUR_US
        made += _disks(world, person, at_us)
        for vault in vaults[n :: len(people)]:
            at_us += 40 * MINUTE_US
            made += _renewed(world, person, vault, at_us)
    return made


def _disks(world: World, person: Person, at_us: int) -> list[Act]:
    """Snapshots of disks, and a rule that cuts each machine off."""
    rng, made, address = stream(world.seed, NAME, person.who.oid), list[Act](), vpn_address(world, person)
    networks = world.estate.others["networks"]
    for n, machine in enumerate(world.estate.machines[:DISKS]):
        disk = machine.owners[0][1].replace("virtualMachines", "snapshots") + "-evidence"
        rule = f"{networks[n % len(networks)]}/securityRules/isolate-{machine.name}"
        for operation, resource in (
            ("Microsoft.Compute/snapshots/write", disk),
            ("Microsoft.Network/networkSecurityGroups/securityRules/write", rule),
        ):
            at_us += int(rng.uniform(5, 40) * 1e6)
            made.append(
                Management(
                    at_us, person.who, POWERSHELL.appid, address, operation, resource, guid(rng), "Created"
                )
            )
    return made


def _renewed(world: World, person: Person, vault: Vault, at_us: int) -> list[Act]:
    """A vault's secrets listed, each read and set anew."""
    rng, address = stream(world.seed, NAME, person.who.oid, vault.name), vpn_address(world, person)
    made: list[Act] = []
    names = [f"secrets/{name}" for name in vault.secrets]
    for operation, item in [
        ("SecretList", ""),
        *((verb, name) for name in names for verb in ("SecretGet", "SecretSet")),
    ]:
        made.append(
            Vaulted(
                at_us, person.who, POWERSHELL.appid, POWERSHELL.agent, address, operation, vault.resource,
                guid(rng), item,
            )
        )  # fmt: skip
        at_us += int(rng.uniform(2, 8) * 1e6)
    return made


def talks(world: World, first: int, day: int) -> list[tuple[Machine, Table]]:
    """From a jump host somebody logs in to every machine that listens, one after another."""
    if day != first:
        return []
    rng, made = numbers(world.seed, NAME, "logins"), list[tuple[Machine, Table]]()
    jump = next(machine for machine in world.estate.machines if machine.kind == "jump")
    at_us = world.at(day) + 14 * HOUR_US
    for machine in world.estate.machines:
        if machine is jump or not (machine.ssh or machine.rdp):
            continue
        at_us += int(rng.uniform(1, 4) * MINUTE_US)
        port = 22 if machine.ssh else 3389
        made.append(
            (
                machine,
                session(
                    rng, at_us, float(np.minimum(rng.exponential(6), 40)), number(jump.address),
                    number(machine.address), port,
                ),
            )
        )  # fmt: skip
    return made
