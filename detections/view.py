"""What a detection is shown: one closed hour of one entity, and what was learned before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol, TypeVar

import msgspec

from ingest.records import HOUR_US, Event

T = TypeVar("T")

_UNKNOWN = object()
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_alike = attrgetter(
    "layer",
    "operation",
    "outcome",
    "principal",
    "name",
    "kind",
    "application",
    "address",
    "vault",
    "country",
    "latitude",
    "longitude",
    "listed",
)


class Act(msgspec.Struct, array_like=True):
    """Equal events of one five-minute slot: the earliest of them, how many, and the first and last time.

    Acts are what a window keeps in place of events: the order in which events arrive does not matter for
    them, and a thousand reads of one secret are one act.
    """

    event: Event
    count: int
    first_us: int
    last_us: int


def group_key(event: Event) -> tuple[Any, ...]:
    """What makes two events of one hour the same to all who don't ask for times, items or resources."""
    return (*_alike(event), _encode(event.details) if event.details else b"")


def age(act: Act) -> tuple[int, int]:
    """What acts are ordered by: their time, ties by the earliest event's id."""
    return act.first_us, act.event.uid


def grouped(acts: Iterable[Act]) -> tuple[Act, ...]:
    """Acts merged over slots, items, resources and clients: most of an hour is told by a few groups."""
    groups: dict[tuple[Any, ...], Act] = {}
    for act in acts:
        key = group_key(act.event)
        group = groups.get(key)
        if group is None:
            groups[key] = Act(act.event, act.count, act.first_us, act.last_us)
            continue
        group.count += act.count
        group.last_us = max(group.last_us, act.last_us)
        if age(act) < age(group):
            group.event, group.first_us = act.event, act.first_us
    return tuple(sorted(groups.values(), key=age))


@dataclass(frozen=True, slots=True)
class Season:
    """The organisation's view of a counting baseline at an hour: how busy this hour of the week is."""

    profile: float = 1.0  # mean of this hour of the week against the mean of all hours
    dispersion: float = 0.5  # phi of the negative binomial over all entities: var = mu + phi mu^2


class Seasons(Protocol):
    """Gives the `Season` of a named counting baseline at an hour (hours since 1970)."""

    def season(self, baseline: str, hour: int) -> Season: ...

    def skipped(self, baseline: str, after: int, before: int) -> float:
        """Sum of the profiles of the hours between two hours, both left out."""
        ...


class Flat:
    """No organisation-wide view: for a single entity's tests, and before a first day is over."""

    def season(self, baseline: str, hour: int) -> Season:
        """Always the flat season."""
        return Season()

    def skipped(self, baseline: str, after: int, before: int) -> float:
        """Every hour counts alike."""
        return float(max(0, before - after - 1))


@dataclass(slots=True)
class View:
    """The part that both kinds of hour share."""

    kind: str  # 'resource', 'principal', 'vault'
    entity: str  # the cloud's own id, as it came
    start_us: int  # start of the hour
    since_us: int  # this entity is watched since (its first record, or its layer's first for resources)
    events_before: int  # records learned of this entity before this hour
    models: Mapping[str, Any]  # baseline name -> model, as learned before this hour
    seasons: Seasons = field(default_factory=Flat)
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of this detection, from the configuration
    # A finding will only be counted: but for its count and what it holds back all of it may be left out.
    brief: bool = field(default=False, kw_only=True)
    hour: int = field(init=False, repr=False, compare=False)  # since 1970: asked for twenty times

    def __post_init__(self) -> None:
        self.hour = self.start_us // HOUR_US

    @property
    def end_us(self) -> int:
        """End of the hour."""
        return self.start_us + HOUR_US

    @property
    def days_learned(self) -> float:
        """Days between the first record of this entity and this hour."""
        return max(0.0, (self.start_us - self.since_us) / (24 * HOUR_US))

    def season(self, baseline: str) -> Season:
        """The organisation's season of a counting baseline at this hour."""
        return self.seasons.season(baseline, self.hour)


@dataclass(slots=True)
class Hour(View):
    """A principal's or vault's hour: its acts in time order (ties by uid), and those of the hour before.

    To look at an act is what costs most: the engine makes it when it is asked for. Most hours are quite usual,
    which `groups`, `saw` and `saw_lately` tell; only who found something of interest there looks at the acts.
    """

    acts: Sequence[Act] = ()
    recent: Sequence[Act] = ()  # acts of the 60 minutes before this hour, in time order
    given_groups: Sequence[Act] | None = None  # `grouped(acts)`, from one who knows them already
    recent_operations: frozenset[str] | None = None  # of `recent`, from one who knows them already
    _known: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    _operations: frozenset[str] | None = field(default=None, repr=False, compare=False)

    def once(self, what: Callable[[Hour], T]) -> T:
        """What a function says of this hour's acts and models, worked out once for all who ask before learning."""
        known: Any = self._known.get(what, _UNKNOWN)
        if known is _UNKNOWN:
            known = self._known[what] = what(self)
        return known  # type: ignore[no-any-return]

    @property
    def groups(self) -> Sequence[Act]:
        """This hour's acts, merged (`grouped`)."""
        if self.given_groups is None:
            self.given_groups = grouped(self.acts)
        return self.given_groups

    @property
    def operations(self) -> frozenset[str]:
        """What was done in this hour."""
        if self._operations is None:
            self._operations = frozenset([group.event.operation for group in self.groups])
        return self._operations

    @property
    def operations_before(self) -> frozenset[str]:
        """What was done in the hour before."""
        if self.recent_operations is None:
            self.recent_operations = frozenset([act.event.operation for act in self.recent])
        return self.recent_operations

    def saw(self, operations: frozenset[str]) -> bool:
        """Whether an act of this hour is one of these operations."""
        return not operations.isdisjoint(self.operations)

    def saw_before(self, operations: frozenset[str]) -> bool:
        """Whether an act of the hour before is one of these operations."""
        return not operations.isdisjoint(self.operations_before)

    def saw_lately(self, operations: frozenset[str]) -> bool:
        """Whether an act of this hour or of the hour before is one of these operations."""
        return self.saw(operations) or self.saw_before(operations)

    def with_recent(self) -> Iterator[Act]:
        """The acts of the hour before and of this hour, in time order."""
        yield from self.recent
        yield from self.acts


class Peer(msgspec.Struct, array_like=True):
    """What passed between a resource and one peer, on one service and in one direction, in an hour."""

    address: str
    connections: int  # distinct client ports that were let through
    short: int  # of them: at most 60 packets and 12,000 octets (a log-in that failed looks like this)
    packets: int
    octets: int
    denied: int  # connections that were not let through (flow logs say; not in `connections`)
    answered: bool  # packets were seen in both directions
    first_us: int
    last_us: int
    sampling: int  # largest one-in-N that an export stated; 0 = none stated
    own_address: str  # the resource's address (the first one, by text, if several)
    port: int  # the service's port; for malicious peers, the most used port of the two sides' services
    sources: Iterable[tuple[str, int]] = ()  # where the records stand: (source, byte offset), at most 5


@dataclass(slots=True)
class TrafficHour(View):
    """A resource's hour: peers by service ('ssh', 'rdp') and direction ('out': the resource is the client).

    A peer's list is sorted by connections (most first), then address. `malicious` holds the peers that
    threat intelligence lists as command and control, on whatever port.
    """

    peers: Mapping[tuple[str, str], tuple[Peer, ...]] = field(default_factory=dict)
    malicious: tuple[Peer, ...] = ()
