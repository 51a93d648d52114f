"""What feeds have said, and from when on: an entry that a feed has no more holds for the hours in which it stood there.

A version takes effect at the start of an hour of event time, so which one a record is matched against hangs on the
record's time alone: not on when it is read, by whom, or how often. What stands in version after version is kept once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType

import msgspec

from ingest.errors import ConfigurationError
from ingest.networks import ALWAYS_US, FOREVER_US, Network
from ingest.records import HOUR_US
from ingest.threat_intel import Entry, Indicator
from ingest.threat_intel_feeds import address_or_network

KEPT_US = 400 * 24 * HOUR_US  # after an entry's end: as long as an entity that is quiet
MOST_PAST = 1_000_000  # ended entries of a feed; beyond that those are forgotten that ended first

EMPTY: Mapping[str, Network] = MappingProxyType({})
Line = tuple[
    str, int, int
]  # address or network as the feed has it, and the time for which it says that it holds


class FeedNow(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a feed is known."""

    name: str
    category: str
    indicators: int  # that it has now
    ended: int  # that it has no more, known for the hours in which it had them
    forgotten: int  # of those, for there were too many
    refused: int = 0  # entries of what it says now that can't be taken


class History(msgspec.Struct):
    """One feed: what it says now, with since when it does, and what it has said before."""

    category: str
    name: str
    since_us: int = ALWAYS_US  # of the newest version
    standing: dict[Line, int] = {}  # -> the start of the first version that has it
    past: dict[tuple[str, int], int] = {}  # address, end -> start
    tokens: dict[str, str] = {}  # by which its server tells whether it has changed
    forgotten: int = (
        0  # ended entries beyond `MOST_PAST`, whose hours would be matched without them if read again
    )
    refused: int = 0  # entries of the newest version
    told: bytes = b""  # a hash of what of them was told last: each version's once, whatever starts again

    def take(self, entries: Iterable[Entry], at_us: int) -> bool:
        """A version that counts from then on, never before the one before it; whether it says anything new."""
        at_us = max(at_us, self.since_us)
        lines = {(e.indicator.value, e.start_us, e.end_us): at_us for e in entries}
        if lines.keys() == self.standing.keys():
            return False
        for line, since_us in self.standing.items():
            if line in lines:
                lines[line] = since_us
            else:
                self._end(line, since_us, at_us)
        self.standing, self.since_us = lines, at_us
        self._forget(at_us)
        return True

    def _end(self, line: Line, since_us: int, at_us: int) -> None:
        value, start_us, end_us = line
        start_us, end_us = max(start_us, since_us), min(end_us, at_us)
        if start_us < end_us:  # else no hour has seen it
            start_us = self.past.pop((value, start_us), start_us)
            self.past[value, end_us] = min(start_us, self.past.get((value, end_us), start_us))

    def _forget(self, at_us: int) -> None:
        self._keep_behind(at_us - KEPT_US)
        before = len(self.past)
        if before > MOST_PAST:
            self._keep_behind(sorted(end_us for _, end_us in self.past)[-MOST_PAST - 1])
            self.forgotten += before - len(self.past)

    def _keep_behind(self, last_us: int) -> None:
        self.past = {key: start_us for key, start_us in self.past.items() if key[1] > last_us}

    @property
    def now(self) -> FeedNow:
        """How it stands."""
        return FeedNow(
            name=self.name,
            category=self.category,
            indicators=len(self.standing),
            ended=len(self.past),
            forgotten=self.forgotten,
            refused=self.refused,
        )

    def entries(self, known: Mapping[str, Network] = EMPTY) -> Iterator[Entry]:
        """All that it says and has said, each with the time for which it counts; `known`: values that were read."""
        standing = ((v, max(start, since), end) for (v, start, end), since in self.standing.items())
        past = ((value, start_us, end_us) for (value, end_us), start_us in self.past.items())
        for value, start_us, end_us in chain(standing, past):
            if start_us < end_us:
                network = known.get(value) or address_or_network(value)
                yield Entry(Indicator(value, self.category, self.name), network, start_us, end_us)


class Histories(msgspec.Struct):
    """Those of all feeds of a state."""

    feeds: dict[str, History] = {}  # by category and source
    version: int = 1

    def now(self) -> list[FeedNow]:
        """How all of them stand."""
        return [history.now for _, history in sorted(self.feeds.items())]

    def packed(self) -> bytes:
        """For a checkpoint."""
        return msgspec.msgpack.encode(self)


class _Versioned(msgspec.Struct):
    version: int


def unpacked(body: bytes) -> Histories:
    """The same again. Raises ConfigurationError for anything else."""
    try:
        version = msgspec.msgpack.decode(body, type=_Versioned).version
        if version != Histories().version:
            raise ValueError(f"version {version}; this version of Redshank reads {Histories().version}")
        found = msgspec.msgpack.decode(body, type=Histories)
        for history in found.feeds.values():
            _check(history.standing, history.past)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"what is kept of the feeds can't be read ({error})") from None
    return found


def _check(standing: Mapping[Line, int], past: Mapping[tuple[str, int], int]) -> None:
    """Raises ValueError for what is no address, or no time."""
    for value in {line[0] for line in standing} | {key[0] for key in past}:
        address_or_network(value)
    times = [t for line, since_us in standing.items() for t in (*line[1:], since_us)]
    times += [t for (_, end_us), start_us in past.items() for t in (start_us, end_us)]
    if times and (min(times) < ALWAYS_US or max(times) > FOREVER_US):
        raise ValueError("a time is out of range")
