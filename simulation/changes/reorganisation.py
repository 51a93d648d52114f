"""A reorganisation: every third developer comes to other teams' vaults, and one admin gives them their rights."""

from __future__ import annotations

from dataclasses import replace

from simulation.acts import HOUR_US, MINUTE_US, Act, Management
from simulation.bodies import assignment, definition, role_id
from simulation.conversations import Table
from simulation.estate import Machine, Vault
from simulation.people import Person
from simulation.randomness import guid, poisson, stream
from simulation.rhythm import office_address, shifts
from simulation.work import pick_client, vault_session
from simulation.world import World

NAME = "reorganisation"
SHARE = 3  # one in so many developers
SESSIONS = 1.2  # a day at the new vaults


def _moves(world: World) -> list[tuple[Person, tuple[Vault, ...]]]:
    """Who comes to which vaults."""
    made = []
    for person in [p for p in world.people if p.role == "developer" and p.first == 0][::SHARE]:
        rng = stream(world.seed, NAME, person.who.oid)
        others = [
            v for v in world.estate.vaults if v.kind in ("application", "people") and v not in person.vaults
        ]
        made.append((person, tuple(rng.sample(others, 2))))
    return made


def acts(world: World, first: int, day: int) -> list[Act]:
    """Rights on the first morning; work at the new vaults from then on."""
    moves = _moves(world)
    made = _grants(world, moves, day) if day == first else []
    for person, vaults in moves:
        rng = stream(world.seed, NAME, person.who.oid, day)
        for shift in shifts(world, person, day):
            for _ in range(poisson(rng, SESSIONS * shift.share)):
                new = replace(person, vaults=vaults)
                at_us = max(shift.moment(rng), world.at(first) + 10 * HOUR_US)
                made += vault_session(rng, new, pick_client(rng, new), shift.address(rng), at_us, world)
    return made


def _grants(world: World, moves: list[tuple[Person, tuple[Vault, ...]]], day: int) -> list[Act]:
    """A role for readers of dashboards is made for the new teams, and each gets rights at its vaults."""
    rng = stream(world.seed, NAME, "grants")
    admin = next(p for p in world.people if p.role == "admin" and p.employed(day) and p.first == 0)
    client, address = admin.clients[0][0], office_address(world, admin, admin.home.country)
    subscription, at_us = world.estate.subscriptions[0], world.at(day) + 8 * HOUR_US
    scope, role = f"/subscriptions/{subscription}", guid(rng)
    title, allowed = (
        "Team dashboards",
        ["Microsoft.Portal/dashboards/read", "Microsoft.Insights/metrics/read"],
    )

    def done(operation: str, resource: str, request: str) -> Management:
        return Management(
            at_us,
            admin.who,
            client.appid,
            address,
            operation,
            resource,
            guid(rng),
            "Created",
            request=request,
        )

    made: list[Act] = [
        done(
            "Microsoft.Authorization/roleDefinitions/write",
            f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            definition(role, title, allowed, scope),
        )
    ]
    for person, vaults in moves:
        for where, given in [
            (scope, role),
            *((vault.resource, "Key Vault Secrets User") for vault in vaults),
        ]:
            at_us += int(rng.uniform(0.3, 1.5) * MINUTE_US)
            name = guid(rng)
            body = assignment(name, person.who.oid, "User", role_id(subscription, given), where)
            resource = f"{where}/providers/Microsoft.Authorization/roleAssignments/{name}"
            made.append(done("Microsoft.Authorization/roleAssignments/write", resource, body))
    return made


def talks(world: World, first: int, day: int) -> list[tuple[Machine, Table]]:
    """Nothing on the network."""
    return []
