"""Somebody who is known at a vault lists its secrets and reads all of them."""

from __future__ import annotations

from simulation.acts import Act
from simulation.attacks.key_vault.regulars import a_regular, usual_client
from simulation.attacks.scene import Attack, Scene
from simulation.rhythm import home_address

TYPE = "key_vault.list_and_query"


def play(scene: Scene) -> Attack:
    """A few seconds each, from the usual address."""
    person, vault = a_regular(
        scene, lambda p, v: len(v.secrets) >= 10, "regular of a vault with many secrets"
    )
    client, address, at_us = (
        usual_client(person),
        home_address(scene.world, person, scene.day),
        scene.start_us,
    )
    acts: list[Act] = [scene.call(at_us, person.who, client, address, "SecretList", vault)]
    names = vault.secrets[: scene.size(len(vault.secrets), 8, 4)]
    for name in names:
        at_us += scene.pause(3)
        acts.append(scene.call(at_us, person.who, client, address, "SecretGet", vault, f"secrets/{name}"))
    entity = ("vault", vault.resource)
    also = [("key_vault.unusual_operation_pattern", entity), ("key_vault.high_operation_volume", entity)]
    return scene.events(entity, acts, f"secrets listed, then {len(names)} of them read", also)
