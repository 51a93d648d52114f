"""An account that nobody has used for weeks grants somebody rights."""

from __future__ import annotations

from simulation.acts import CLI, MINUTE_US, Act
from simulation.attacks.scene import Attack, CannotPlayError, Scene
from simulation.bodies import assignment, role_id
from simulation.people import DORMANT_AFTER, dormant
from simulation.randomness import guid

TYPE = "management.inactive_account"
IDLE_DAYS = 46


def play(scene: Scene) -> Attack:
    """From the sleeper's own country, with its own client: only the long silence is odd."""
    first = DORMANT_AFTER + 1 + IDLE_DAYS
    if scene.world.days < first + 2:
        raise CannotPlayError(f"an account must be silent for {IDLE_DAYS} days first: needs {first + 2} days")
    if scene.day < first:
        later = scene.rng.randrange(first, scene.world.days) - scene.day
        scene.day, scene.start_us = scene.day + later, scene.start_us + later * 24 * 60 * MINUTE_US
    sleeper = dormant(scene.world.people)
    address = sleeper.home.address(scene.rng)
    subscription = scene.world.estate.subscriptions[0]
    scope, at_us, acts = f"/subscriptions/{subscription}", scene.start_us, list[Act]()
    for _ in range(scene.size(3, 1, 1)):
        name = guid(scene.rng)
        body = assignment(name, guid(scene.rng), "User", role_id(subscription, "Contributor"), scope)
        resource = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        operation = "Microsoft.Authorization/roleAssignments/write"
        acts.append(
            scene.operate(
                at_us, sleeper.who, CLI, address, operation, resource, status="Created", request=body
            )
        )
        at_us += scene.pause(60)
    note = f"silent for at least {IDLE_DAYS} days, then grants Contributor on the subscription"
    return scene.events(("principal", sleeper.who.oid), acts, note)
