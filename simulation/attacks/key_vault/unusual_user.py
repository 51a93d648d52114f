"""Somebody who was never at a vault reads from it, with a client that others use there."""

from __future__ import annotations

from simulation.attacks.key_vault.regulars import a_regular, reads, usual_client
from simulation.attacks.scene import Attack, Scene
from simulation.rhythm import home_address

TYPE = "key_vault.unusual_user"


def play(scene: Scene) -> Attack:
    """From their own address: only that they are here is odd."""
    other, vault = a_regular(scene, lambda p, v: True, "regular of a vault")
    client = usual_client(other)
    stranger = scene.cast.person(
        scene.day,
        lambda p: p.role != "office" and vault not in p.vaults and p.uses(client),
        f"developer or admin who uses {client.name} elsewhere",
    )
    address = home_address(scene.world, stranger, scene.day)
    acts = reads(scene, stranger, client, address, vault, scene.size(6, 2, 1), scene.start_us)
    return scene.events(("vault", vault.resource), acts, f"{stranger.who.upn} was never at this vault")
