"""Legitimate changes that look like attacks: what each adds to an organisation's telemetry, one file each.

A change begins on a day of the run, and some of it stays. All that it does is added to what is there anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulation.acts import Act
from simulation.changes import deployment, incident_response, migration, new_scanner, reorganisation
from simulation.conversations import Table
from simulation.estate import Machine
from simulation.world import World

APART = 2  # days from one change to the next


class Change(NamedTuple):
    """What it does on a day of the run, if it began on the day `first`."""

    acts: Callable[[World, int, int], list[Act]]  # world, first, day
    talks: Callable[[World, int, int], list[tuple[Machine, Table]]]


CHANGES = {
    module.NAME: Change(module.acts, module.talks)
    for module in (deployment, migration, reorganisation, incident_response, new_scanner)
}


def calendar(days: int) -> tuple[tuple[str, int], ...]:
    """Every change with the day on which it begins, from the middle of the run on. Raises ValueError for few days."""
    first = days // 2
    if first + APART * len(CHANGES) > days:
        raise ValueError(f"a run with changes needs at least {2 * APART * len(CHANGES)} days, not {days}")
    return tuple((name, first + APART * n) for n, name in enumerate(CHANGES))


def changed_acts(world: World, day: int) -> list[Act]:
    """What changes do on that day in the logs."""
    return [
        act for name, first in world.changes if day >= first for act in CHANGES[name].acts(world, first, day)
    ]


def changed_talks(world: World, day: int) -> list[tuple[Machine, Table]]:
    """What changes do on that day on the network, by the machine that it is seen at."""
    return [
        made
        for name, first in world.changes
        if day >= first
        for made in CHANGES[name].talks(world, first, day)
    ]


__all__ = ["CHANGES", "Change", "calendar", "changed_acts", "changed_talks"]
