"""What people do all day: sessions with one client, each of a few operations."""

from __future__ import annotations

import random
from datetime import date, timedelta

from simulation.acts import HOUR_US, MINUTE_US, PORTAL, Act, Client, Management, Vaulted
from simulation.bodies import assignment, role_id
from simulation.estate import Estate, Vault, group
from simulation.people import Person
from simulation.randomness import guid, poisson, ranked, stream
from simulation.rhythm import Shift, shifts
from simulation.world import World

SESSIONS = {"admin": 5.0, "developer": 3.6, "office": 0.5}
VAULT_SHARE = {"admin": 0.3, "developer": 0.5, "office": 0.3}  # of sessions that go to a vault

# Operations with what they act on, most frequent first.
USUAL = {
    "admin": (
        ("Microsoft.Compute/virtualMachines/start/action", "machine"),
        ("Microsoft.Insights/metricAlerts/write", "alerts"),
        ("Microsoft.Compute/virtualMachines/deallocate/action", "machine"),
        ("Microsoft.Network/networkSecurityGroups/securityRules/write", "networks"),
        ("Microsoft.Storage/storageAccounts/listKeys/action", "storage"),
        ("Microsoft.Resources/deployments/write", "deployment"),
        ("Microsoft.Compute/virtualMachines/write", "machine"),
        ("Microsoft.Authorization/roleAssignments/write", "assignment"),
        ("Microsoft.Automation/automationAccounts/jobs/write", "automation"),
        ("Microsoft.Storage/storageAccounts/write", "storage"),
        ("Microsoft.Insights/diagnosticSettings/write", "storage"),
        ("Microsoft.Network/networkSecurityGroups/write", "networks"),
        ("Microsoft.Automation/automationAccounts/runbooks/write", "runbook"),
        ("Microsoft.Compute/virtualMachines/runCommand/action", "machine"),
        ("Microsoft.Resources/subscriptions/resourceGroups/write", "group"),
        ("Microsoft.Network/networkSecurityGroups/securityRules/delete", "networks"),
    ),
    "developer": (
        ("Microsoft.Web/sites/restart/action", "sites"),
        ("Microsoft.Resources/deployments/validate/action", "deployment"),
        ("Microsoft.Resources/deployments/write", "deployment"),
        ("Microsoft.Web/sites/config/write", "sites"),
        ("Microsoft.Storage/storageAccounts/listKeys/action", "storage"),
        ("Microsoft.Web/sites/write", "sites"),
        ("Microsoft.Web/sites/config/list/action", "sites"),
        ("Microsoft.DocumentDB/databaseAccounts/listKeys/action", "databases"),
        ("Microsoft.ContainerRegistry/registries/listCredentials/action", "registries"),
        ("Microsoft.Web/sites/publishxml/action", "sites"),
        ("Microsoft.Insights/metricAlerts/write", "alerts"),
        ("Microsoft.Web/sites/slots/slotsswap/action", "sites"),
    ),
    "office": (
        ("Microsoft.Portal/dashboards/write", "dashboard"),
        ("Microsoft.CostManagement/exports/run/action", "export"),
        ("Microsoft.Insights/workbooks/write", "dashboard"),
    ),
}


def target(rng: random.Random, kind: str, estate: Estate, team: str) -> str:
    """A resource id of that kind; each person's team works on few of them."""
    owner = group(estate.subscriptions[int(rng.random() * len(estate.subscriptions))], team)
    if kind in ("storage", "sites", "automation"):
        return ranked(rng, getattr(estate, kind), 0.6)  # type: ignore[no-any-return]
    if kind in estate.others:
        return ranked(rng, estate.others[kind], 0.6)
    if kind == "machine":
        return ranked(rng, estate.machines, 0.6).owners[0][1]
    if kind == "runbook":
        return f"{ranked(rng, estate.automation)}/runbooks/Stop-Idle-{team}-{rng.randrange(6)}"
    tail = {
        "deployment": f"/providers/Microsoft.Resources/deployments/deploy-{team}-{rng.randrange(400)}",
        "assignment": f"/providers/Microsoft.Authorization/roleAssignments/{guid(rng)}",
        "group": "",
        "dashboard": f"/providers/Microsoft.Portal/dashboards/{team}-{rng.randrange(5)}",
        "export": f"/providers/Microsoft.CostManagement/exports/monthly-{team}",
    }
    return owner + tail[kind]


def _body(rng: random.Random, operation: str, resource: str, world: World) -> str:
    """Grants to colleagues and pipelines: the ordinary ones that a persistence attack hides among."""
    if not operation.endswith("roleAssignments/write"):
        return ""
    scope = resource.split("/providers/Microsoft.Authorization")[0]
    role = role_id(
        scope.split("/")[2], rng.choice(("Reader", "Contributor", "Reader", "Key Vault Secrets User"))
    )
    whom = rng.choice(world.people).who
    return assignment(resource.rsplit("/", 1)[1], whom.oid, "User", role, scope)


def manage(
    rng: random.Random, person: Person, client: Client, address: str, at_us: int, world: World
) -> Management:
    """One ordinary control-plane operation of this person."""
    operation, kind = ranked(rng, USUAL[person.role], 1.1)
    resource = target(rng, kind, world.estate, person.team)
    failed = rng.random()
    status = "Forbidden" if failed < 0.006 else "Conflict" if failed < 0.02 else "OK"
    body = _body(rng, operation, resource, world)
    took = int(rng.expovariate(1 / 4e6)) + 200_000
    return Management(
        at_us, person.who, client.appid, address, operation, resource, guid(rng), status, took, request=body
    )


def challenge(
    rng: random.Random, at_us: int, agent: str, address: str, operation: str, vault: Vault, item: str
) -> Vaulted:
    """The first call of an SDK: without a token, answered with 401 and where to get one."""
    return Vaulted(
        at_us - 150_000, None, "", agent, address, operation, vault.resource, guid(rng), item, 401, 3
    )


def vault_session(
    rng: random.Random, person: Person, client: Client, address: str, at_us: int, world: World
) -> list[Act]:
    """Look up a secret or two; from the portal the list comes first."""
    known = [vault for vault in person.vaults if vault.born <= (at_us - world.at(0)) // 86_400_000_000]
    strange = rng.random() < 0.003
    vault = rng.choice(world.estate.vaults) if strange else ranked(rng, known, 1.0)
    status = 403 if strange and vault not in person.vaults else 200
    calls = [("SecretList", "")] if client is PORTAL or rng.random() < 0.15 else []
    for _ in range(1 + poisson(rng, 0.8)):
        verb = "SecretSet" if rng.random() < 0.06 else "SecretGet"
        calls.append((verb, f"secrets/{ranked(rng, vault.secrets, 0.8)}"))
    acts: list[Act] = []
    for n, (operation, item) in enumerate(calls):
        at_us += int(rng.expovariate(1 / 25e6)) + 500_000 if n else 0
        if n == 0 and client is not PORTAL:
            acts.append(challenge(rng, at_us, client.agent, address, operation, vault, item))
        took = int(rng.expovariate(0.08)) + 4
        acts.append(
            Vaulted(
                at_us, person.who, client.appid, client.agent, address, operation, vault.resource, guid(rng), item,
                status, took,
            )
        )  # fmt: skip
    return acts


def pick_client(rng: random.Random, person: Person) -> Client:
    """One of this person's clients, by how much each is used."""
    return rng.choices([client for client, _ in person.clients], [weight for _, weight in person.clients])[0]


def _session(rng: random.Random, person: Person, shift: Shift, world: World) -> list[Act]:
    client, address, at_us = pick_client(rng, person), shift.address(rng), shift.moment(rng)
    if person.vaults and rng.random() < VAULT_SHARE[person.role]:
        return vault_session(rng, person, client, address, at_us, world)
    acts: list[Act] = []
    for _ in range(1 + poisson(rng, 2.2)):
        acts.append(manage(rng, person, client, address, at_us, world))
        at_us += int(rng.expovariate(1 / (1.2 * MINUTE_US))) + 2_000_000
    return acts


def audited(today: date) -> bool:
    """Whether a quarter ends within three days, or did."""
    return (today + timedelta(days=3)).month % 3 == 1 and abs((today + timedelta(days=3)).day - 4) <= 3


def _audit(world: World, person: Person, day: int, shift: Shift) -> list[Act]:
    """Around a quarter's end admins list the secrets of every vault: half an hour each day for each of them."""
    today = world.start + timedelta(days=day)
    if not world.size.habits.audits or person.role != "admin" or not audited(today):
        return []
    rng = stream(world.seed, "audit", person.who.oid, day)
    client, address, acts = person.clients[0][0], shift.address(rng), list[Act]()
    at_us = shift.start_us + HOUR_US
    for vault in world.estate.vaults:
        acts.append(
            Vaulted(
                at_us,
                person.who,
                client.appid,
                client.agent,
                address,
                "SecretList",
                vault.resource,
                guid(rng),
            )
        )
        at_us += int(rng.uniform(0.5, 1.5) * MINUTE_US)
    return acts


def day_of_work(world: World, person: Person, day: int) -> list[Act]:
    """Everything that this person does in the work that starts on that day."""
    rng = stream(world.seed, "work", person.who.oid, day)
    acts: list[Act] = []
    for shift in shifts(world, person, day):
        for _ in range(poisson(rng, SESSIONS[person.role] * person.pace * shift.share)):
            acts += _session(rng, person, shift, world)
        acts += _audit(world, person, day, shift)
    return acts
