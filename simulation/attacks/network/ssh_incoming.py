"""Somebody guesses SSH passwords of one machine."""

from __future__ import annotations

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks

TYPE = "network.ssh_incoming"


def play(scene: Scene) -> Attack:
    """One source, log-in after log-in."""
    machine = scene.cast.machine(lambda m: m.ssh and m.kind == "app", "machine that listens to SSH")
    source = number(scene.cast.country().address(scene.rng))
    start = scene.times(scene.size(1200, 200, 120), scene.rng.uniform(25, 45))
    made = talks(scene.columns, start, source, number(machine.address), 22, "login")
    return scene.network(machine, made, f"{len(made)} SSH log-ins tried by one source")
