"""What can happen in the office, and what a case is: a month of habits, what then happens, all that may fire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from detections.management.actions import SECRET_REVEALING
from ingest.records import MANAGEMENT, Event
from tests.detections.management.office import (
    BERLIN,
    DAY_H,
    POWERSHELL,
    SUBSCRIPTION,
    act,
    read,
)

MICROBURST, AZURITE = "management.microburst", "management.azurite"
INACTIVE, SHELL = "management.inactive_account", "management.powershell"
ROLE, COUNTRY = "management.persistence", "management.infrequent_country"
ANONYMOUS, TRAVEL = "management.anonymous_ip", "management.impossible_travel"
KEYS = "microsoft.storage/storageaccounts/listkeys/action"
PROFILE = "microsoft.web/sites/publishxml/action"
RESTART = "microsoft.web/sites/restart/action"
COMMAND = "microsoft.compute/virtualmachines/runcommand/action"
WEBHOOK = "microsoft.automation/automationaccounts/webhooks/write"
RUNBOOKS = "microsoft.automation/automationaccounts/runbooks"
GRANT = "microsoft.authorization/roleassignments/write"
DEFINE = "microsoft.authorization/roledefinitions/write"
COMMAND_LINE = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
RESOURCE_GRAPH = "509e4652-da8d-478d-a730-e9d4a1996ca4"
NOW = 30 * DAY_H + 10  # the hour of what happens, after a month
Events = list[Event]
Time = tuple[int, float]  # hour, minute


@dataclass(frozen=True, eq=False)
class Case:
    """A month of habits, and what comes after it."""

    name: str
    events: Callable[[], Events]
    fires: frozenset[str] = frozenset()  # on eva, from the case's hour on; nothing else may
    kept: dict[str, str] = field(default_factory=dict)  # type -> part of the reason why it is no alert
    days: int = 30
    severity: str = ""  # of the first alert
    who: str = "eva"


def fires(*types: str) -> frozenset[str]:
    """The detections that fire, and no other may."""
    return frozenset(types)


# Toolkits. A minute of 60 or more is in the hour after.


def breadth(
    kinds: int, hour: int = NOW, who: str = "eva", gap: float = 1.0, at: float = 0, **more: Any
) -> Events:
    """Secret-revealing operations of so many kinds, a minute apart."""
    chosen = sorted(SECRET_REVEALING - {PROFILE, KEYS})[:kinds]
    return [act(hour, at + n * gap, kind, who, **more) for n, kind in enumerate(chosen)]


def storage(accounts: int, hour: int = NOW, at: float = 0, **more: Any) -> Events:
    """The keys of so many storage accounts, seconds apart."""
    kind = f"{SUBSCRIPTION}/Microsoft.Storage/storageAccounts"
    return [act(hour, at + n / 10, KEYS, resource=f"{kind}/s{n}", **more) for n in range(accounts)]


def runbook(made: Time, deleted: Time, name: str = "qazwsxedcrfvtgb", **more: Any) -> Events:
    """A runbook's short life."""
    where = f"{SUBSCRIPTION}/Microsoft.Automation/automationAccounts/a/runbooks/{name}"
    told: dict[str, Any] = {"resource": where, **more}
    return [
        act(*made, f"{RUNBOOKS}/write", **told),
        act(made[0], made[1] + 1, f"{RUNBOOKS}/publish/action", **told),
        act(*deleted, f"{RUNBOOKS}/delete", **told),
    ]


def vault_steps(*steps: str, at: float = 5, **more: Any) -> Events:
    """What is done with one vault, half a minute apart; 'policy' changes it."""
    policy = "microsoft.keyvault/vaults/write"
    told: dict[str, Any] = {"application": POWERSHELL, **more}
    return [
        read(NOW, at + n / 2, policy, "kv", **told | {"layer": MANAGEMENT})
        if step == "policy"
        else read(NOW, at + n / 2, step, "kv", "" if step.endswith("List") else "secrets/s", **told)
        for n, step in enumerate(steps)
    ]


def commands(machines: int, hour: int = NOW, at: float = 5, **more: Any) -> Events:
    """A command run on so many machines, half a minute apart."""
    kind = f"{SUBSCRIPTION}/Microsoft.Compute/virtualMachines"
    return [act(hour, at + n / 2, COMMAND, resource=f"{kind}/vm{n}", **more) for n in range(machines)]


def profiles(
    sites: int,
    each: int = 3,
    hour: int = NOW,
    at: float = 0,
    gap: float = 1 / 20,
    first: int = 0,
    **more: Any,
) -> Events:
    """Publishing profiles of so many sites, a minute between sites, through PowerShell."""
    kind = f"{SUBSCRIPTION}/Microsoft.Web/sites"
    told: dict[str, Any] = {"application": POWERSHELL, **more}
    return [
        act(hour, at + site + n * gap, PROFILE, resource=f"{kind}/w{first + site}", **told)
        for site in range(sites)
        for n in range(each)
    ]


def dump(vaults: int, hour: int = NOW) -> Events:
    """Vault by vault, keys before secrets."""
    plan = (("KeyList", "keys"), ("KeyGet", "keys/k"), ("SecretList", "secrets"), ("SecretGet", "secrets/s"))
    return [
        read(hour, 30 + 4 * vault + n, operation, f"kv{vault}", item, application=POWERSHELL)
        for vault in range(vaults)
        for n, (operation, item) in enumerate(plan)
    ]


# Ways back in


def shell(operation: str, hour: int = NOW, minute: float = 5, **more: Any) -> Event:
    """Something done through PowerShell, which nobody in the office uses."""
    return act(hour, minute, operation, application=POWERSHELL, **more)


def define(actions: list[str], at: Time = (NOW, 10), name: str = "r1", **more: Any) -> Event:
    """A custom role is made."""
    where = f"{SUBSCRIPTION}/Microsoft.Authorization/roleDefinitions/{name}"
    details = {"role_definition": where.lower(), "role_name": "helper", "actions": actions}
    return act(*at, DEFINE, resource=where, details=details, **more)


def give(at: Time = (NOW, 20), who: str = "eva", name: str = "r1", to: str = "p9", **more: Any) -> Event:
    """A role is given."""
    where = f"{SUBSCRIPTION}/microsoft.authorization/roledefinitions/{name}"
    details = {"role_definition": where.lower(), "grantee": to, "scope": "/subscriptions/s1"}
    return act(*at, GRANT, who, details=details, **more)


def role(*actions: str, given: Time = (NOW, 20), who: str = "eva", **more: Any) -> Events:
    """A custom role is made at ten past, and given."""
    return [define(list(actions)), give(given, who, **more)]


# Places


def away(degrees: float, country: str, address: str = "83.1.1.1") -> dict[str, Any]:
    """A place so many degrees south of Berlin: 111.2 km each."""
    return {**BERLIN, "latitude": 52.5 - degrees, "country": country, "address": address}


def visits(place: dict[str, Any], *people: str, hour: int = 20 * DAY_H + 9, **more: Any) -> Events:
    """People who acted from a place, each two hours after the one before."""
    return [act(hour + 2 * n, 50, RESTART, who, **{**place, **more}) for n, who in enumerate(people)]


def at_desk(minute: float = 0, hour: int = NOW) -> Event:
    """Eva at work."""
    return act(hour, minute, RESTART)


def there(place: dict[str, Any], minute: float = 10, hour: int = NOW, **more: Any) -> Event:
    """Eva somewhere else."""
    return act(hour, minute, RESTART, **{**place, **more})


def commuter() -> Events:
    """Eva works from two countries every day, by a gateway in each; once more, ten minutes apart."""
    swiss = away(9, "CH")
    days = [there(swiss, 10, day * DAY_H + 18) for day in range(10, 30)]
    return [*days, at_desk(0), there(swiss)]


SERVICE = {"kind": "service_principal", "name": "deployer"}
POLAND = {**BERLIN, "longitude": 16.9, "country": "PL", "address": "83.1.1.1"}
VPN = {"country": "US", "latitude": 40.7, "longitude": -74.0, "address": "20.1.1.1"}
