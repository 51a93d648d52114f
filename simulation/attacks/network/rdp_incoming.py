"""Somebody guesses RDP passwords of one machine."""

from __future__ import annotations

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks

TYPE = "network.rdp_incoming"


def play(scene: Scene) -> Attack:
    """One source, log-in after log-in."""
    machine = scene.cast.machine(lambda m: m.rdp and m.kind == "desktop", "machine that listens to RDP")
    source = number(scene.cast.country().address(scene.rng))
    start = scene.times(scene.size(900, 160, 100), scene.rng.uniform(25, 45))
    made = talks(scene.columns, start, source, number(machine.address), 3389, "rdp_login")
    return scene.network(machine, made, f"{len(made)} RDP log-ins tried by one source")
