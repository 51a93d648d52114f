"""MicroBurst's Get-AzPasswords: every secret that the control plane will give away, in the tool's order.

The order and the operations are those of the tool's source (NetSPI/MicroBurst, Az/Get-AzPasswords.ps1).
"""

from __future__ import annotations

import string

from simulation.acts import POWERSHELL, Act
from simulation.attacks.scene import Attack, Scene, from_abroad

TYPE = "management.microburst"


def _runbook(scene: Scene) -> str:
    """Fifteen different letters, as `Get-Random -Count 15` picks them."""
    return "".join(scene.rng.sample(string.ascii_letters, 15))


def _plan(scene: Scene) -> list[tuple[str, str, float]]:
    """Operation, resource and seconds until the next one."""
    estate = scene.world.estate
    others = estate.others
    sites = estate.sites[: scene.size(len(estate.sites), 3, 2)]
    plan = [
        (f"Microsoft.Web/sites/{what}/action", site, 2.0)
        for site in sites
        for what in ("publishxml", "config/list")
    ]
    plan += [
        ("Microsoft.ContainerRegistry/registries/listCredentials/action", r, 2) for r in others["registries"]
    ]
    accounts = estate.storage[: scene.size(len(estate.storage), 4, 2)]
    plan += [("Microsoft.Storage/storageAccounts/listKeys/action", account, 1.5) for account in accounts]
    for account in estate.automation[: scene.size(3, 1, 1)]:
        for _ in range(scene.size(3, 1, 1)):
            plan += _short_life(account, _runbook(scene), scene.rng.getrandbits(48))
    if scene.size(1, 0, 0):
        plan += [("Microsoft.DocumentDB/databaseAccounts/listKeys/action", r, 2) for r in others["databases"]]
        plan += [
            (f"Microsoft.ContainerService/managedClusters/{what}/action", cluster, 2)
            for cluster in others["clusters"]
            for what in ("listClusterAdminCredential", "listClusterUserCredential")
        ]
        plan += [("Microsoft.Web/sites/host/listKeys/action", site, 2) for site in sites[:4]]
        plan += [("Microsoft.App/containerApps/listSecrets/action", r, 2) for r in others["apps"]]
        plan += [
            ("Microsoft.ApiManagement/service/namedValues/listValue/action", r, 2) for r in others["gateways"]
        ]
        plan += [
            ("Microsoft.ServiceBus/namespaces/authorizationRules/listKeys/action", r, 2)
            for r in others["buses"]
        ]
        plan += [
            ("Microsoft.AppConfiguration/configurationStores/listKeys/action", r, 2)
            for r in others["configurations"]
        ]
    return plan + [("Microsoft.Batch/batchAccounts/listKeys/action", r, 2) for r in others["batches"]]


def _short_life(account: str, name: str, job: int) -> list[tuple[str, str, float]]:
    """A runbook that is made, published, run once and deleted."""
    runbook, kind = f"{account}/runbooks/{name}", "Microsoft.Automation/automationAccounts"
    return [
        (f"{kind}/runbooks/write", runbook, 2),
        (f"{kind}/runbooks/draft/write", f"{runbook}/draft", 1),
        (f"{kind}/runbooks/publish/action", runbook, 3),
        (f"{kind}/jobs/write", f"{account}/jobs/{job:012x}", 25),
        (f"{kind}/runbooks/delete", runbook, 2),
    ]


def play(scene: Scene) -> Attack:
    """An admin's stolen token, used from another country with the admin's usual client."""
    victim = scene.cast.person(
        scene.day, lambda p: p.role == "admin" and p.uses(POWERSHELL), "admin who uses PowerShell"
    )
    address, at_us = scene.cast.country().address(scene.rng), scene.start_us
    acts: list[Act] = []
    for operation, resource, seconds in _plan(scene):
        acts.append(scene.operate(at_us, victim.who, POWERSHELL, address, operation, resource))
        at_us += scene.pause(seconds)
    note = (
        "Get-AzPasswords: publishing profiles, registry and storage keys, short-lived runbooks, further keys"
    )
    return scene.events(("principal", victim.who.oid), acts, note, from_abroad(victim.who))
