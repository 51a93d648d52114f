"""Somebody who is known at a vault reads their usual secrets through Tor."""

from __future__ import annotations

from simulation.attacks.key_vault.regulars import a_regular, reads, usual_client
from simulation.attacks.scene import Attack, Scene
from simulation.feeds import tor_exits

TYPE = "key_vault.tor_access"


def play(scene: Scene) -> Attack:
    """The exit stands in the victim's country: only the list gives it away."""
    person, vault = a_regular(scene, lambda p, v: p.home.country == "DE", "German regular of a vault")
    address = tor_exits(scene.world.seed)[0]
    acts = reads(scene, person, usual_client(person), address, vault, scene.size(6, 2, 1), scene.start_us)
    return scene.events(("vault", vault.resource), acts, f"secrets read through the Tor exit {address}")
