"""Which traffic the eight brute-force detections look at, and what they count of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from baselines.seasonal_count import SeasonalCount
from detections.declare import Learned
from detections.traffic import Traffic
from detections.view import Peer, TrafficHour

NAMES = {"ssh": "SSH", "rdp": "RDP"}
PORTS = {"ssh": 22, "rdp": 3389}


@dataclass(frozen=True, slots=True)
class Aim:
    """Which traffic a detection looks at."""

    service: str  # 'ssh', 'rdp'
    direction: str  # 'in', 'out': the resource is the client
    many: bool  # distinct peers, not connections with one

    @property
    def baseline(self) -> str:
        """Name of the counting baseline."""
        return f"{self.service}.{self.direction}.{'peers' if self.many else 'connections'}"

    @property
    def by_internet(self) -> bool:
        """Whether all see more of it on some days: sources that come, not what machines do."""
        return self.many and self.direction == "in"

    @property
    def by_scanner(self) -> bool:
        """Whether it is how often one source knocks: any machine may be the next of a noisy one."""
        return not self.many and self.direction == "in"

    def peers(self, hour: TrafficHour) -> tuple[Peer, ...]:
        """The peers with connections that were let through, most connections first."""
        everyone = hour.peers.get((self.service, self.direction))
        return tuple(p for p in everyone if p.connections) if everyone else ()

    def count(self, peers: tuple[Peer, ...]) -> int:
        """What is counted."""
        return len(peers) if self.many else max((p.connections for p in peers), default=0)


def _observe(aim: Aim) -> Callable[[TrafficHour], Iterable[dict[str, Any]]]:
    def observe(hour: TrafficHour) -> Iterable[dict[str, Any]]:
        peers = aim.peers(hour)
        return [{"key": "", "count": aim.count(peers)}] if peers else ()

    return observe


def _column(aim: Aim) -> Callable[[Traffic], tuple[Any, Any]]:
    def column(traffic: Traffic) -> tuple[Any, Any]:
        groups = traffic.groups(aim.service, aim.direction)
        return groups.entity, groups.peers if aim.many else groups.busiest

    return column


# Both detections of a service and direction need both counts: one's declaration serves the other.
BASELINES: dict[str, Learned] = {
    aim.baseline: Learned(
        aim.baseline,
        SeasonalCount,
        _observe(aim),
        counts=True,
        common=aim.by_internet,
        crowd=aim.by_scanner,
        column=_column(aim),
    )
    for service in NAMES
    for direction in ("in", "out")
    for aim in (Aim(service, direction, False), Aim(service, direction, True))
}
