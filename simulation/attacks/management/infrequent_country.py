"""Somebody acts with a stolen password from a country where nobody of the organisation is."""

from __future__ import annotations

from simulation.acts import Act
from simulation.attacks.scene import Attack, Scene
from simulation.work import manage

TYPE = "management.infrequent_country"


def play(scene: Scene) -> Attack:
    """Ordinary operations with the victim's own client."""
    victim = scene.cast.person(scene.day, lambda p: p.role == "developer", "developer")
    place, at_us, acts = scene.cast.country(), scene.start_us, list[Act]()
    address, client = place.address(scene.rng), victim.clients[0][0]
    for _ in range(scene.size(8, 2, 1)):
        acts.append(manage(scene.rng, victim, client, address, at_us, scene.world)._replace(status="OK"))
        at_us += scene.pause(100)
    principal = ("principal", victim.who.oid)
    note = f"ordinary operations from {place.city}, {place.country}"
    attack = scene.events(principal, acts, note, [("management.impossible_travel", principal)])
    attack.signs_in = True
    return attack
