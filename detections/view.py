"""What a detection is shown: one closed hour of one entity, and what was learned before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec

from ingest.records import HOUR_US, Event

T = TypeVar("T")


class Act(msgspec.Struct, array_like=True):
    """Equal events of one five-minute slot: the earliest of them, how many, and the first and last time.

    Acts are what a window keeps in place of events: the order in which events arrive does not matter for
    them, and a thousand reads of one secret are one act.
    """

    event: Event
    count: int
    first_us: int
    last_us: int


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

    @property
    def hour(self) -> int:
        """Hours since 1970."""
        return self.start_us // HOUR_US

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
    """A principal's or vault's hour: its acts in time order (ties by uid), and those of the hour before."""

    acts: tuple[Act, ...] = ()
    recent: tuple[Act, ...] = ()  # acts of the 60 minutes before this hour, in time order
    _known: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, what: Callable[[Hour], T]) -> T:
        """What a function says of this hour's acts and models, worked out once for all who ask before learning."""
        if what not in self._known:
            self._known[what] = what(self)
        known: T = self._known[what]
        return known

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
    sources: tuple[tuple[str, int], ...] = ()  # where the records stand: (source, byte offset), at most 5


@dataclass(slots=True)
class TrafficHour(View):
    """A resource's hour: peers by service ('ssh', 'rdp') and direction ('out': the resource is the client).

    A peer's list is sorted by connections (most first), then address. `malicious` holds the peers that
    threat intelligence lists as command and control, on whatever port.
    """

    peers: Mapping[tuple[str, str], tuple[Peer, ...]] = field(default_factory=dict)
    malicious: tuple[Peer, ...] = ()
