"""Somebody acts through an anonymous proxy, in the victim's own country."""

from __future__ import annotations

from simulation.acts import Act
from simulation.attacks.scene import Attack, Scene
from simulation.feeds import proxies
from simulation.work import manage

TYPE = "management.anonymous_ip"


def play(scene: Scene) -> Attack:
    """Ordinary operations with the victim's own client."""
    victim = scene.cast.person(
        scene.day, lambda p: p.role != "office" and p.home.country == "DE", "German developer or admin"
    )
    address, at_us, acts = proxies(scene.world.seed)[0], scene.start_us, list[Act]()  # a German one
    for _ in range(scene.size(8, 2, 1)):
        act = manage(scene.rng, victim, victim.clients[0][0], address, at_us, scene.world)
        acts.append(act._replace(status="OK"))
        at_us += scene.pause(100)
    note = f"ordinary operations through the listed proxy {address}"
    return scene.events(("principal", victim.who.oid), acts, note)
