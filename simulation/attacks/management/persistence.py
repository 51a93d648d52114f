"""A custom role with far-reaching rights is made and given to a new identity."""

from __future__ import annotations

from simulation.acts import Act
from simulation.attacks.scene import Attack, Scene
from simulation.bodies import assignment, definition, role_id
from simulation.randomness import guid
from simulation.rhythm import home_address

TYPE = "management.persistence"


def play(scene: Scene) -> Attack:
    """From the admin's own address and with the usual client: only what is done is odd."""
    victim = scene.cast.person(scene.day, lambda p: p.role == "admin", "admin")
    client = victim.clients[0][0]
    address, subscription = home_address(scene.world, victim, scene.day), scene.world.estate.subscriptions[0]
    scope, role, name, sleeper = (
        f"/subscriptions/{subscription}",
        guid(scene.rng),
        guid(scene.rng),
        guid(scene.rng),
    )
    actions = ["*"] if scene.size(1, 0, 0) else ["Microsoft.Authorization/*/write", "*/read"]
    base = f"{scope}/providers/Microsoft.Authorization"
    made = scene.operate(
        scene.start_us, victim.who, client, address, "Microsoft.Authorization/roleDefinitions/write",
        f"{base}/roleDefinitions/{role}", status="Created", request=definition(role, "Azure Health Reader", actions, scope),
    )  # fmt: skip
    given = scene.operate(
        scene.start_us + scene.pause(240), victim.who, client, address, "Microsoft.Authorization/roleAssignments/write",
        f"{base}/roleAssignments/{name}", status="Created",
        request=assignment(name, sleeper, "ServicePrincipal", role_id(subscription, role), scope),
    )  # fmt: skip
    acts: list[Act] = [made, given]
    note = f"role 'Azure Health Reader' with {actions} made and given to a new service principal"
    return scene.events(("principal", victim.who.oid), acts, note)
