"""Somebody gives themselves the right to a vault's secrets and reads them."""

from __future__ import annotations

from simulation.acts import Act, Client
from simulation.attacks.key_vault.regulars import a_regular, usual_client
from simulation.attacks.scene import Attack, Scene
from simulation.bodies import access_policy, assignment, role_id
from simulation.estate import Vault
from simulation.people import Person
from simulation.randomness import guid
from simulation.rhythm import home_address

TYPE = "key_vault.policy_change_and_query"


def _grant(scene: Scene, person: Person, client: Client, address: str, vault: Vault) -> list[Act]:
    """An access policy (seen by the vault and by the Activity Log), or a role where the vault has roles."""
    if vault.rbac:
        subscription, name = vault.resource.split("/")[2], guid(scene.rng)
        role = role_id(subscription, "Key Vault Administrator")
        body = assignment(name, person.who.oid, "User", role, vault.resource)
        resource = f"{vault.resource}/providers/Microsoft.Authorization/roleAssignments/{name}"
        operation = "Microsoft.Authorization/roleAssignments/write"
        return [
            scene.operate(
                scene.start_us,
                person.who,
                client,
                address,
                operation,
                resource,
                status="Created",
                request=body,
            )
        ]
    permissions = {"secrets": "all", "keys": "all", "certificates": "all"}
    extra = {f"addedAccessPolicy_Permissions_{kind}": given for kind, given in permissions.items()}
    extra |= {
        "addedAccessPolicy_ObjectId": person.who.oid,
        "addedAccessPolicy_TenantId": scene.world.estate.tenant,
    }
    body = access_policy(scene.world.estate.tenant, person.who.oid, ["all"], ["all"])
    operation, resource = (
        "Microsoft.KeyVault/vaults/accessPolicies/write",
        f"{vault.resource}/accessPolicies/add",
    )
    patch = scene.call(scene.start_us + 400_000, person.who, client, address, "VaultPatch", vault)
    return [
        scene.operate(scene.start_us, person.who, client, address, operation, resource, request=body),
        patch._replace(extra=extra, agent="azure-resource-manager/2.0"),
    ]


def play(scene: Scene) -> Attack:
    """The same person, minutes apart; from the usual address."""
    person, vault = a_regular(scene, lambda p, v: True, "regular of a vault")
    client, address = usual_client(person), home_address(scene.world, person, scene.day)
    acts, at_us = _grant(scene, person, client, address, vault), scene.start_us + scene.pause(150)
    acts.append(scene.call(at_us, person.who, client, address, "SecretList", vault))
    for name in vault.secrets[: scene.size(10, 3, 1)]:
        at_us += scene.pause(6)
        acts.append(scene.call(at_us, person.who, client, address, "SecretGet", vault, f"secrets/{name}"))
    entity = ("vault", vault.resource)
    note = "a role" if vault.rbac else "an access policy"
    also = [("key_vault.list_and_query", entity), ("key_vault.unusual_operation_pattern", entity)]
    return scene.events(entity, acts, f"gives themselves {note}, then lists and reads secrets", also)
