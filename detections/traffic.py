"""What network detections are shown: one closed hour of all of a shard's resources, as columns.

Hours of most resources are quite usual. So a detection says in columns which resources it has something to say
of (`Detection.suspects`), and only for those a `TrafficHour` is made, with a `Peer` for each peer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from baselines.owned_rows import rising
from baselines.seasonal_table import SeasonalTable
from detections.view import Flat, Peer, Seasons
from ingest.records import SERVICE_PORTS, SERVICES, address_text

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Of a resource's hour, on one service in one direction: further ones are not kept, counts are then at least what is said.
MOST_CONNECTIONS = 200_000
MOST_PLACES = 5  # records named of one peer
_PORT_OF = {code: port for port, code in SERVICE_PORTS.items()}
_text = lru_cache(maxsize=1 << 16)(address_text)

# What passed between a resource and each peer, as columns: the fields of `detections.view.Peer` under their names,
# `entity`, `service` (code), `outgoing`, both addresses in two words (`peer_hi`, ...), and `begin` and `end`, the
# peer's rows among the hour's connections. Sorted by entity, then by what makes a peer.
Peers = dict[str, npt.NDArray[Any]]


class Groups(NamedTuple):
    """Peers with connections that were let through, on one service and in one direction, by resource."""

    entity: Ints
    peers: Ints  # how many of them
    busiest: Ints  # connections of the busiest
    busiest_short: Ints  # of those, short ones
    connections: Ints  # of all of them
    short: Ints
    sampling: Ints  # largest one-in-N


@dataclass(slots=True)
class Traffic:
    """An hour of many resources. An entity is a number here: its place in `names`, and its owner in the tables."""

    hour: int
    names: Sequence[str]
    known: Peers  # on a service, by service, direction and address
    listed: Peers  # that are command and control, on any port
    places: Callable[[int, int, bool], list[tuple[str, int]]]  # begin, end, of the listed ones -> records
    tables: Mapping[str, SeasonalTable] = field(default_factory=dict)  # by counting baseline
    seasons: Seasons = field(default_factory=Flat)
    _groups: dict[tuple[str, str], Groups] = field(default_factory=dict, repr=False)

    # All resources

    def groups(self, service: str, direction: str) -> Groups:
        """Each resource's sums over its peers."""
        if (service, direction) not in self._groups:
            rows = self.known
            chosen = (rows["service"] == SERVICES.index(service)) & (rows["connections"] > 0)
            chosen &= rows["outgoing"] == (direction == "out")
            self._groups[service, direction] = _grouped(rows, np.flatnonzero(chosen))
        return self._groups[service, direction]

    def improbable(self, baseline: str, entities: Ints, counts: Ints, limit: float) -> Ints:
        """The entities whose count has at most such a chance by their own model."""
        table, season = self.tables[baseline], self.seasons.season(baseline, self.hour)
        usual = self.hour, season.profile, season.dispersion
        far = table.far(entities, counts, *usual)
        return entities[far][table.tails(entities[far], counts[far], *usual) <= limit]

    def active(self) -> Ints:
        """All entities with traffic, in rising order."""
        return rising(np.concatenate([self.known["entity"], self.listed["entity"]]).astype(np.int64))

    def connections(self, entities: Ints) -> Ints:
        """Connections on services of each."""
        rows = self.known
        sums = np.bincount(rows["entity"], rows["connections"], len(self.names))
        return sums[entities].astype(np.int64)

    # One resource

    def peers(self, entity: int) -> dict[tuple[str, str], tuple[Peer, ...]]:
        """A resource's peers by service and direction, those with most connections first."""
        order, rows = self._ranked("known", entity), self.known
        ways = rows["service"][order] * 2 + rows["outgoing"][order]
        return {
            (SERVICES[way // 2], "out" if way % 2 else "in"): self._peers(rows, order[ways == way], False)
            for way in np.unique(ways).tolist()
        }

    def malicious(self, entity: int) -> tuple[Peer, ...]:
        """A resource's peers that are listed as command and control."""
        return self._peers(self.listed, self._ranked("listed", entity), True)

    def _ranked(self, which: str, entity: int) -> Ints:
        """The positions of a resource's peers, those with most connections first, then by address."""
        rows: Peers = getattr(self, which)
        begin, end = np.searchsorted(rows["entity"], [entity, entity + 1])
        high, low = rows["peer_hi"][begin:end], rows["peer_lo"][begin:end]
        order: Ints = begin + np.lexsort((low, high, -rows["connections"][begin:end]))
        return order

    def _peers(self, rows: Peers, order: Ints, listed: bool) -> tuple[Peer, ...]:
        """Column by column: a resource that everybody knocks at has a million of them."""
        said = {name: column[order].tolist() for name, column in rows.items()}
        ports = [_PORT_OF.get(code, port) for code, port in zip(said["service"], said["port"], strict=True)]
        return tuple(
            map(
                Peer,
                map(address_text, said["peer_hi"], said["peer_lo"]),
                *(said[name] for name in _PLAIN),
                map(_text, said["own_hi"], said["own_lo"]),
                ports,
                map(_Places, repeat(self.places), said["begin"], said["end"], repeat(listed)),
            )
        )


class _Places(Iterable[tuple[str, int]]):
    """Where a peer's records stand, looked up if somebody asks: of a million peers the first ten are shown."""

    __slots__ = ("_asked",)

    def __init__(self, places: Callable[[int, int, bool], list[tuple[str, int]]], *asked: Any) -> None:
        self._asked = places, asked

    def __iter__(self) -> Iterator[tuple[str, int]]:
        places, asked = self._asked
        return iter(sorted(set(places(*asked)))[:MOST_PLACES])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __repr__(self) -> str:
        return repr(tuple(self))


# The fields of a `Peer` between its address and its own one, in their order.
_PLAIN = (
    "connections",
    "short",
    "packets",
    "octets",
    "denied",
    "answered",
    "first_us",
    "last_us",
    "sampling",
)


def _grouped(rows: Peers, chosen: Ints) -> Groups:
    """Sums over the chosen peers, which stand by entity and address."""
    entity, connections, short = (rows[name][chosen] for name in ("entity", "connections", "short"))
    starts = np.flatnonzero(np.diff(entity, prepend=-1))
    if not len(starts):
        return Groups(*(np.empty(0, np.int64) for _ in Groups._fields))
    sizes = np.diff(starts, append=len(entity))
    busiest = np.maximum.reduceat(connections, starts)
    # Of several that are as busy the one with the least address is the busiest.
    place = np.where(connections == np.repeat(busiest, sizes), np.arange(len(entity)), len(entity))
    return Groups(
        entity[starts].astype(np.int64),
        sizes,
        busiest,
        short[np.minimum.reduceat(place, starts)],
        np.add.reduceat(connections, starts),
        np.add.reduceat(short, starts),
        np.maximum.reduceat(rows["sampling"][chosen], starts).astype(np.int64),
    )
