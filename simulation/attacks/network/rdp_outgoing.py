"""A taken-over machine guesses one outside host's RDP passwords."""

from __future__ import annotations

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks

TYPE = "network.rdp_outgoing"


def play(scene: Scene) -> Attack:
    """Log-in after log-in to the same peer, each short."""
    machine = scene.cast.machine(lambda m: m.kind in ("web", "desktop"), "machine to take over")
    peer = number(scene.cast.country().address(scene.rng))
    start = scene.times(scene.size(700, 120, 24), scene.rng.uniform(25, 45))
    made = talks(scene.columns, start, number(machine.address), peer, 3389, "rdp_login")
    return scene.network(machine, made, f"{len(made)} RDP log-ins tried at one outside address")
