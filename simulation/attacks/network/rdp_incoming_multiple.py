"""A botnet guesses RDP passwords of one machine."""

from __future__ import annotations

import numpy as np

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks
from simulation.places import ABROAD

TYPE = "network.rdp_incoming_multiple"


def play(scene: Scene) -> Attack:
    """Many sources, a few log-ins each."""
    machine = scene.cast.machine(lambda m: m.rdp and m.kind == "desktop", "machine that listens to RDP")
    places = list(ABROAD.values())
    sources = [number(scene.rng.choice(places).address(scene.rng)) for _ in range(scene.size(260, 70, 26))]
    column = np.repeat(np.array(sources, np.uint32), scene.columns.integers(2, 6, len(sources)))
    scene.columns.shuffle(column)
    start = scene.times(len(column), scene.rng.uniform(25, 45))
    made = talks(scene.columns, start, column, number(machine.address), 3389, "rdp_login")
    return scene.network(machine, made, f"RDP log-ins tried by {len(sources)} sources")
