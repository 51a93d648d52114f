"""A taken-over web server guesses one outside host's SSH passwords."""

from __future__ import annotations

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks

TYPE = "network.ssh_outgoing"


def play(scene: Scene) -> Attack:
    """Log-in after log-in to the same peer, each short."""
    machine = scene.cast.machine(lambda m: m.kind in ("web", "node"), "web server")
    peer = number(scene.cast.country().address(scene.rng))
    start = scene.times(scene.size(900, 150, 24), scene.rng.uniform(25, 45))
    made = talks(scene.columns, start, number(machine.address), peer, 22, "login")
    return scene.network(machine, made, f"{len(made)} SSH log-ins tried at one outside address")
