"""Threat intelligence: which address was listed as what, and when.

Feeds are read by `threat_intel_feeds`; here stand what their entries must be, and how they are looked up.
Most addresses are on no list: for IPv4 one look at a table of all /24 networks tells.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.networks import (
    MAPPED,
    NOT_PUBLIC,
    Indexes,
    Network,
    NetworkTable,
    Spans,
    Words,
    parse_networks,
)
from ingest.records import Rejected, address_words
from ingest.threat_intel_entries import Entries, Entry, Indicator

__all__ = ["CATEGORIES", "Entry", "Feed", "Indicator", "Indicators", "refusal"]

TOR_EXIT_NODE = "tor_exit_node"
ANONYMOUS_PROXY = "anonymous_proxy"
COMMAND_AND_CONTROL = "command_and_control"
CATEGORIES = (ANONYMOUS_PROXY, COMMAND_AND_CONTROL, TOR_EXIT_NODE)

CACHED = 65_536  # addresses whose entries are remembered
_BITS_24 = 96 + 24  # of an IPv4 /24


_Bounds = tuple[list[int], list[int]]


def _bounds(networks: Iterable[Network]) -> _Bounds:
    """First and last addresses of networks that are disjoint, in rising order."""
    pairs = sorted((network.first, network.last) for network in networks)
    return [first for first, _ in pairs], [last for _, last in pairs]


_NOT_PUBLIC = _bounds(NOT_PUBLIC)
# Half the internet talks with these all day: public resolvers, and 168.63.129.16, which is Azure's own
# resolver and health probe on every virtual machine. Malware uses them too, and feeds made from sandbox
# runs list them; as command and control they would condemn every machine.
_SHARED = _bounds(
    parse_networks(
        """
    1.1.1.1 1.0.0.1 8.8.8.8 8.8.4.4 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 4.2.2.1 4.2.2.2
    64.6.64.6 64.6.65.6 114.114.114.114 223.5.5.5 223.6.6.6 77.88.8.8 94.140.14.14 168.63.129.16
    2606:4700:4700::1111 2606:4700:4700::1001 2001:4860:4860::8888 2001:4860:4860::8844 2620:fe::fe
    """
    )
)
_WIDEST_IPV4, _WIDEST_IPV6 = 96 + 8, 19  # the largest blocks that one organisation was ever given


class Feed(NamedTuple):
    """A file of indicators, all of one category."""

    path: str
    category: str
    name: str = ""  # shown in alerts; by default the file's name


def refusal(network: Network, category: str) -> str | None:
    """Why a network can't be an indicator of that category, None if it can.

    >>> refusal(parse_networks("10.1.2.3")[0], TOR_EXIT_NODE)
    'is private, local or multicast: nobody outside holds it'
    >>> refusal(parse_networks("8.8.8.8")[0], TOR_EXIT_NODE) is None
    True
    """
    mapped = network.first >> 32 == 0xFFFF
    if network.bits < (_WIDEST_IPV4 if mapped else _WIDEST_IPV6):
        return "is wider than any one organisation's network: it would list half the internet"
    # the first words of IPv6 are reserved, but for the mapped IPv4 addresses in them
    if _overlaps(network, _NOT_PUBLIC) or (not mapped and not network.first >> 64):
        return "is private, local or multicast: nobody outside holds it"
    if category == COMMAND_AND_CONTROL and _overlaps(network, _SHARED):
        return "is a public resolver or other shared infrastructure: traffic with it says nothing"
    return None


def _overlaps(network: Network, bounds: _Bounds) -> bool:
    starts, ends = bounds
    before = bisect_right(starts, network.last) - 1
    return before >= 0 and network.first <= ends[before]


class _Category:
    """When the networks of one category are listed."""

    def __init__(self, entries: Entries, numbers: Indexes) -> None:
        self._table = NetworkTable(*entries.networks(numbers))
        times = (entries.start_us[numbers].tolist(), entries.end_us[numbers].tolist())
        spans = _union(zip(self._table.index.tolist(), *times, strict=True))
        # Each by itself: one that strides through the others would be copied by every process that has it.
        columns = np.ascontiguousarray(np.array(spans, np.int64).reshape(-1, 3).T)
        self._spans = Spans(len(self._table), columns[0], columns[1], columns[2], np.zeros(len(spans)))

    def holds(self, high: Words, low: Words, at_us: Indexes) -> NDArray[np.bool_]:
        """Whether each address was listed at each time."""
        network = self._table.find(high, low)
        listed = self._spans.at(network, at_us) >= 0
        rest = np.flatnonzero(~listed & (network >= 0))
        while len(rest):
            network[rest] = self._table.parent[network[rest]]
            listed[rest] = self._spans.at(network[rest], at_us[rest]) >= 0
            rest = rest[~listed[rest] & (network[rest] >= 0)]
        return listed


def _union(times: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Disjoint times of each network: (network, start, end), sorted."""
    spans: list[tuple[int, int, int]] = []
    for network, start_us, end_us in sorted(times):
        if spans and spans[-1][0] == network and start_us <= spans[-1][2]:
            end_us = max(end_us, spans[-1][2])
            start_us = spans.pop()[1]
        spans.append((network, start_us, end_us))
    return spans


class Indicators:
    """The entries of all feeds, looked up by address and time.

    `counts` tells how many distinct ones each feed gave. Memory: 16 MB for the table of /24 networks, of
    which only what lies near an entry is ever touched, and about 0.2 KB an entry.
    """

    def __init__(self, entries: Iterable[Entry] = (), check: Callable[[], None] = lambda: None) -> None:
        self.entries = Entries(entries, check)
        self.counts = self.entries.counts()
        self._categories = self._by_category()
        self._table24 = self._draw()
        self.of_address = self._remembering()

    def __getstate__(self) -> dict[str, Any]:
        """For another process: all but what remembers look-ups."""
        return {name: value for name, value in self.__dict__.items() if name != "of_address"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The same indicators."""
        self.__dict__.update(state)
        self.of_address = self._remembering()

    def _remembering(self) -> Callable[[str], tuple[Entry, ...]]:
        """What looks an address up. Nothing of it leads back to here: a version that has had its time is gone at once,
        not when garbage is looked for next."""
        return lru_cache(CACHED)(partial(_of_address, self._table24, self.entries))

    @classmethod
    def read(cls, feeds: Iterable[Feed]) -> tuple[Indicators, list[Rejected]]:
        """From files. Raises ConfigurationError for one that can't be read at all."""
        from ingest.threat_intel_feeds import read_feed  # which needs this module first

        entries: list[Entry] = []
        rejected: list[Rejected] = []
        for feed in feeds:
            taken, refused = read_feed(feed)
            entries += taken
            rejected += refused
        return cls(entries), rejected

    def __len__(self) -> int:
        return len(self.entries)

    # Whole columns

    def lists(self, category: str) -> bool:
        """Whether any address was ever listed in a category."""
        return category in self._categories

    def near_four(self, four: NDArray[np.uint32], category: str) -> Indexes:
        """Positions of the IPv4 addresses that may be listed in a category: something of their /24 is."""
        return np.flatnonzero(self._drawn((four >> np.uint32(8)).astype(np.int64), category))

    def near(self, high: Words, low: Words, category: str) -> Indexes:
        """The same for addresses of either family; those of IPv6 all may be."""
        # Outside of IPv4 a number falls anywhere in the table, or on its ends, which are never listed
        place = (low >> np.uint64(8)).view(np.int64) - (MAPPED >> 8)
        near = self._drawn(np.clip(place, 0, len(self._table24) - 1), category)
        if high.any():
            near |= high != 0
        return np.flatnonzero(near)

    def _drawn(self, place: Indexes, category: str) -> NDArray[np.bool_]:
        bit = np.uint8(1 << CATEGORIES.index(category))
        drawn: NDArray[np.bool_] = (self._table24.take(place) & bit) != 0
        return drawn

    def listed(self, high: Words, low: Words, at_us: Indexes | int, category: str) -> NDArray[np.bool_]:
        """Whether each address was listed in a category at each time."""
        result = np.zeros(len(low), bool)
        held = self._categories.get(category)
        chosen = np.empty(0, np.int64) if held is None else self.near(high, low, category)
        if held is not None and len(chosen):
            at = np.broadcast_to(np.asarray(at_us, np.int64), low.shape)[chosen]
            result[chosen] = held.holds(high[chosen], low[chosen], at)
        return result

    def _by_category(self) -> Mapping[str, _Category]:
        found = {name: self.entries.of_category(name) for name in CATEGORIES}
        return {name: _Category(self.entries, numbers) for name, numbers in found.items() if len(numbers)}

    def _draw(self) -> NDArray[np.uint8]:
        """A bit for each category and /24 of IPv4, set where any address of it is listed at any time."""
        table = np.zeros(1 << 24, np.uint8)
        for place, category in enumerate(CATEGORIES):
            bit = np.uint8(1 << place)
            high, low, bits = self.entries.networks(self.entries.of_category(category))
            four = (high == 0) & (low >> np.uint64(32) == 0xFFFF)
            first = (low[four] - np.uint64(MAPPED) >> np.uint64(8)).astype(np.int64)
            wide = bits[four] < _BITS_24
            table[first[~wide]] |= bit
            for begin, of in zip(first[wide].tolist(), bits[four][wide].tolist(), strict=True):
                table[begin : begin + (1 << _BITS_24 - of)] |= bit
        return table

    # Single addresses

    def lookup(self, address: str, at_us: int) -> tuple[Indicator, ...]:
        """The entries that hold for an address (canonical text) at a time, sorted; () for what is none."""
        entries = self.of_address(address)
        return tuple(e.indicator for e in entries if e.start_us <= at_us < e.end_us) if entries else ()

    def categories(self, address: str, at_us: int) -> tuple[str, ...]:
        """The categories in which an address is listed at a time, sorted."""
        return tuple(sorted({indicator.category for indicator in self.lookup(address, at_us)}))


def _of_address(table24: NDArray[np.uint8], entries: Entries, address: str) -> tuple[Entry, ...]:
    """The entries that ever held for an address, sorted."""
    try:
        high, low = address_words(address)
    except ValueError:
        return ()
    if not high and low >> 32 == 0xFFFF and not table24[low - MAPPED >> 8]:
        return ()  # nothing of its /24 is listed: most addresses end here
    return tuple(sorted(entries.of_address(high << 64 | low)))
