"""Malware on a machine calls its command and control server again and again."""

from __future__ import annotations

import numpy as np

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks
from simulation.feeds import command_and_control

TYPE = "network.malicious_address"


def play(scene: Scene) -> Attack:
    """A short encrypted call each minute (each ten minutes) for two hours."""
    machine = scene.cast.machine(lambda m: m.kind in ("app", "web", "node"), "server")
    peer = number(scene.rng.choice(command_and_control(scene.world.seed)))
    count = scene.size(120, 12, 2)
    beat = 7_200_000_000 // count
    jitter = scene.columns.integers(0, beat // 5, count)
    start = scene.start_us + np.arange(count, dtype=np.int64) * beat + jitter
    made = talks(scene.columns, start, number(machine.address), peer, 443, "beacon")
    return scene.network(machine, made, f"{count} calls to a listed command and control server in two hours")
