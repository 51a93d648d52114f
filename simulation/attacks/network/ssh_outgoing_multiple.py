"""A taken-over server looks for others whose SSH passwords it can guess."""

from __future__ import annotations

import numpy as np

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks, together
from simulation.places import ABROAD

TYPE = "network.ssh_outgoing_multiple"


def play(scene: Scene) -> Attack:
    """Many peers, once or twice each; a quarter of them answer."""
    machine = scene.cast.machine(lambda m: m.kind in ("web", "node"), "web server")
    places = list(ABROAD.values())
    peers = [number(scene.rng.choice(places).address(scene.rng)) for _ in range(scene.size(400, 90, 20))]
    column = np.repeat(np.array(peers, np.uint32), scene.columns.integers(1, 3, len(peers)))
    scene.columns.shuffle(column)
    start = scene.times(len(column), scene.rng.uniform(25, 45))
    answered, own = scene.columns.random(len(column)) < 0.25, number(machine.address)
    parts = [
        talks(scene.columns, start[answered], own, column[answered], 22, "login"),
        talks(scene.columns, start[~answered], own, column[~answered], 22, "unanswered"),
    ]
    return scene.network(machine, together(parts), f"SSH tried at {len(peers)} outside addresses")
