"""The victim works in the office, and half an hour later acts from the other end of the world."""

from __future__ import annotations

from simulation.acts import MINUTE_US, Act
from simulation.attacks.scene import Attack, Scene
from simulation.rhythm import office_address
from simulation.work import manage

TYPE = "management.impossible_travel"


def play(scene: Scene) -> Attack:
    """The victim's own acts before and after are part of the scene: the two must be there to compare."""
    victim = scene.cast.person(
        scene.day, lambda p: p.role == "developer" and p.home.country == "DE", "German developer"
    )
    client, place = victim.clients[0][0], scene.cast.country()
    office, far = office_address(scene.world, victim, "DE"), place.address(scene.rng)
    plan = (
        [(0, office), (4, office)] + [(30 + 2 * n, far) for n in range(scene.size(6, 2, 1))] + [(55, office)]
    )
    acts: list[Act] = [
        manage(scene.rng, victim, client, address, scene.start_us + minute * MINUTE_US, scene.world)._replace(
            status="OK"
        )
        for minute, address in plan
    ]
    principal = ("principal", victim.who.oid)
    note = f"at the office in Frankfurt, 26 minutes later in {place.city}, {place.country}"
    return scene.events(principal, acts, note, [("management.infrequent_country", principal)])
