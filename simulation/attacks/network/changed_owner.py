"""Log-ins tried at an address in the very hour in which it passes to another machine.

It looks like `network.ssh_incoming`, but which machine was attacked can't be said: no alert must come.
"""

from __future__ import annotations

from dataclasses import replace

from simulation.attacks.scene import Attack, Scene
from simulation.conversations import number, talks

TYPE = "network.ssh_incoming"


def play(scene: Scene) -> Attack:
    """One source, log-in after log-in, within the hour of the change."""
    machine, day = scene.world.handover
    hour_us = scene.world.at(day) // 3_600_000_000 * 3_600_000_000
    scene.day, scene.start_us = int(day) + 1, hour_us + 4 * 60_000_000
    source = number(scene.cast.country().address(scene.rng))
    made = talks(scene.columns, scene.times(900, 50), source, number(machine.address), 22, "login")
    attack = scene.network(machine, made, "900 SSH log-ins tried while the address changed owners")
    attack.truth = replace(attack.truth, withheld=True)
    return attack
