"""Which of several routers reads which source, and where those sources stand that none of them has."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from actors.clock import Clock
from actors.settings import Settings
from actors.steps import Place
from ingest.blocks import Partition, is_live


class Shares:
    """Sources come with `deal` and `give`, and back with `take_back`; who reads one knows its place."""

    def __init__(self, routers: int, settings: Settings, clock: Clock, places: Iterable[Place] = ()) -> None:
        self._settings, self._clock = settings, clock
        self._routers = routers
        self._places = {place.name: place for place in places}
        self._left = {place.name for place in self._places.values() if place.resting}  # of these
        self._whose: dict[str, int] = {}  # live source -> the router that has it
        self._turn = count()

    @property
    def finished(self) -> int:
        """How many sources were read to their end before this run."""
        return sum(place.finished for place in self._places.values())

    @property
    def at_rest(self) -> bool:
        """Whether there are sources at rest."""
        return bool(self._left)

    def deal(self, partitions: Iterable[Partition]) -> list[list[Partition]]:
        """Sources that begin at one time are spread: so the routers stay close to each other in event time."""
        shares: list[list[Partition]] = [[] for _ in range(self._routers)]
        wanted = [one for one in partitions if is_live(one) or not self._is_finished(one.name)]
        for partition in sorted(wanted, key=lambda one: (one.first_us or 0, one.name)):
            mine = self._whose.get(partition.name, -1)
            mine = next(self._turn) % len(shares) if mine < 0 else mine
            shares[mine].append(partition)
            if is_live(partition):
                self._whose[partition.name] = mine
        return shares

    def _is_finished(self, name: str) -> bool:
        return name in self._places and self._places[name].finished

    def give(self, partitions: list[Partition]) -> list[Place]:
        """Where these stand; from now on their router knows."""
        self._left.difference_update(one.name for one in partitions)
        places = [self._places.pop(one.name) for one in partitions if one.name in self._places]
        return [place for place in places if not place.finished]

    def earliest(self, partitions: list[Partition], places: list[Place]) -> int | None:
        """The watermark of sources that nothing was read of since they were given."""
        silent = self._clock.now_us - self._settings.silence_us  # so far those at rest have caught up
        at = {one.name: max(one.frontier_us, silent) if one.resting else one.frontier_us for one in places}
        begins = (at.get(one.name, one.first_us or 0) for one in partitions)
        return min((begin - self._settings.lateness_us for begin in begins), default=None)

    def take_back(self, left: Iterable[Place], gone: Iterable[str]) -> None:
        """A router has these no more: some are at rest now, others at their end."""
        for place in left:
            self._places[place.name] = place
            self._left.add(place.name)
            self._whose.pop(place.name, None)
        for name in gone:
            self._whose.pop(name, None)

    def places(self) -> list[Place]:
        """Where those stand that are finished or at rest."""
        return [place for place in self._places.values() if place.finished or place.resting]

    def resting(self) -> dict[str, Any]:
        """Sources at rest with their positions."""
        return {name: self._places[name].position for name in self._left}

    def forget(self, names: Iterable[str]) -> None:
        """These are at rest no more, and nothing of them is kept."""
        for name in self._left.intersection(names):
            del self._places[name]
            self._left.remove(name)
