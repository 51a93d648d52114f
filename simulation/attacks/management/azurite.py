"""Azurite's Review-AzureRmSubscription: three publishing profiles a site, then vault by vault.

The order is that of the tool's source (FSecureLABS/Azurite, AzuriteExplorer.ps1).
"""

from __future__ import annotations

from simulation.acts import POWERSHELL, Act
from simulation.attacks.scene import Attack, Entity, Scene, from_abroad
from simulation.estate import Vault
from simulation.people import Person

TYPE = "management.azurite"


def _sites(scene: Scene, victim: Person, address: str, at_us: int) -> tuple[list[Act], int]:
    acts: list[Act] = []
    sites = sorted(scene.world.estate.sites)[: scene.size(10, 3, 1)]  # by resource group
    for site in sites:
        for _ in ("WebDeploy", "FileZilla3", "Ftp"):
            operation = "Microsoft.Web/sites/publishxml/action"
            acts.append(scene.operate(at_us, victim.who, POWERSHELL, address, operation, site))
            at_us += scene.pause(1.2)
        at_us += scene.pause(6)
    return acts, at_us


def _dump(scene: Scene, victim: Person, address: str, vault: Vault, at_us: int) -> tuple[list[Act], int]:
    calls = [("KeyList", "")] + [("KeyGet", f"keys/{name}") for name in vault.keys]
    calls += [("SecretList", "")] + [("SecretGet", f"secrets/{name}") for name in vault.secrets]
    acts: list[Act] = []
    for operation, item in calls:
        acts.append(scene.call(at_us, victim.who, POWERSHELL, address, operation, vault, item))
        at_us += scene.pause(0.5)
    return acts, at_us + scene.pause(4)


def play(scene: Scene) -> Attack:
    """An admin's stolen token, used from another country; nothing is written."""
    victim = scene.cast.person(
        scene.day, lambda p: p.role == "admin" and p.uses(POWERSHELL), "admin who uses PowerShell"
    )
    address = scene.cast.country().address(scene.rng)
    vaults = [vault for vault in scene.world.estate.vaults if vault.kind == "application"][
        : scene.size(8, 3, 1)
    ]
    acts, at_us = _sites(scene, victim, address, scene.start_us)
    for vault in vaults:
        more, at_us = _dump(scene, victim, address, vault, at_us + scene.pause(3))
        acts += more
    principal: Entity = ("principal", victim.who.oid)
    also = [*from_abroad(victim.who), ("key_vault.high_vault_access_volume", principal)]
    for vault in vaults:
        also += [(f"key_vault.{kind}", ("vault", vault.resource)) for kind in OF_A_DUMP]
    return scene.events(principal, acts, f"three publishing profiles a site, then {len(vaults)} vaults", also)


OF_A_DUMP = (  # what reading a vault out raises at the vault
    "unusual_user",
    "unusual_application",
    "unusual_user_application_pair",
    "list_and_query",
    "unusual_operation_pattern",
    "high_operation_volume",
)
