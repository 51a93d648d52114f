"""Addresses, networks and spans of time, looked up for whole columns.

An address is 128 bits in two words, IPv4 mapped (`ingest.records.FLOW`). A network is its first address and
its number of leading bits, 0 to 128: an IPv4 /24 has 120. Networks either nest or are disjoint, so the
address space falls into segments, each with one narrowest network.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, ip_network
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Indexes = NDArray[np.int64]

ALWAYS_US = -(2**63)  # start of what has no start
FOREVER_US = 2**63 - 1  # end of what has no end
WORD = 0xFFFF_FFFF_FFFF_FFFF
MAPPED = 0xFFFF << 32  # IPv4 in IPv6
_END = 1 << 128
# Addresses that come stand apart until they are so many, and one of so many more: then they are put among the others.
FEW, SHARE = 8_192, 16


class Network(NamedTuple):
    """A network, or an address (128 bits)."""

    first: int
    bits: int

    @property
    def last(self) -> int:
        """Its last address."""
        return self.first | (_END - 1 >> self.bits)


def parse_network(text: str) -> Network:
    """An address or a CIDR; bits beyond the prefix are cut. Raises ValueError for anything else.

    >>> parse_network("10.0.0.0/8") == parse_network("::ffff:10.0.0.9/104")
    True
    >>> parse_network("2001:db8::1").bits
    128
    """
    try:
        # four times as fast as ipaddress, and just as strict; most entries are plain IPv4 addresses
        return Network(MAPPED | int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big"), 128)
    except (OSError, ValueError):
        found = ip_network(text, strict=False)
    if isinstance(found, IPv4Network):
        return Network(MAPPED | int(found.network_address), 96 + found.prefixlen)
    if found.prefixlen < 96 and int(found.network_address) <= MAPPED <= int(found.broadcast_address):
        raise ValueError(f"{text!r} would hold all of IPv4 too: name 0.0.0.0/0 or 2000::/3, or both")
    return Network(int(found.network_address), found.prefixlen)


def parse_networks(text: str) -> list[Network]:
    """Several of them, with white space between."""
    return [parse_network(one) for one in text.split()]


# Addresses that no outside party holds. The documentation networks (203.0.113.0/24 and the like) are not
# among them: they do no harm, and examples and tests use them.
NOT_PUBLIC = parse_networks(
    """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 224.0.0.0/3
    ::/128 ::1/128 fc00::/7 fe80::/10 ff00::/8
    """
)


def words(numbers: Iterable[int]) -> tuple[Words, Words]:
    """128-bit numbers as two columns."""
    numbers = list(numbers)
    high = np.array([number >> 64 for number in numbers], np.uint64)
    return high, np.array([number & WORD for number in numbers], np.uint64)


def _joined(high: Words, low: Words) -> NDArray[np.bytes_]:
    """Both words as 16 bytes: they compare as the numbers do."""
    both = np.empty((len(high), 2), ">u8")
    both[:, 0], both[:, 1] = high, low
    return both.view("S16").ravel()


class SortedAddresses:
    """Addresses in rising order, without doubles; those with high word 0 (all of IPv4) cost one word."""

    def __init__(self, high: Words, low: Words) -> None:
        self.high, self.low = high, low
        self._flat = int(np.searchsorted(high, 1))
        self._flat_low = np.ascontiguousarray(low[: self._flat])
        self._wide = _joined(high[self._flat :], low[self._flat :])

    def __len__(self) -> int:
        return len(self.low)

    def not_above(self, high: Words, low: Words) -> Indexes:
        """For each address, the index of the greatest one that is not above it; -1 if all are."""
        wide = np.flatnonzero(high)
        found = np.searchsorted(self._flat_low, low, "right") - 1
        if len(wide):
            joined = _joined(high[wide], low[wide])
            found[wide] = self._flat + np.searchsorted(self._wide, joined, "right") - 1
        return found

    def equal(self, high: Words, low: Words) -> Indexes:
        """For each address, its index; -1 if it is not among them."""
        found = self.not_above(high, low)
        if not len(self):
            return found
        same = (self.low[found] == low) & (self.high[found] == high) & (found >= 0)
        return np.where(same, found, -1)


def distinct(high: Words, low: Words) -> tuple[Words, Words, Indexes]:
    """The addresses in rising order, without doubles, and the place among them of each one given."""
    if not high.any():
        found, place = np.unique(low, return_inverse=True)
        return np.zeros(len(found), np.uint64), found, place
    joined, place = np.unique(_joined(high, low), return_inverse=True)
    both = joined.view(">u8").reshape(-1, 2).astype(np.uint64)
    return both[:, 0], both[:, 1], place


class NumberedAddresses:
    """Addresses with a number each, that become more and more.

    Those that came last stand apart until they are many, so that one more costs little however many there are.
    """

    def __init__(self) -> None:
        self._all, self._last = _Numbered(), _Numbered()

    def __len__(self) -> int:
        return len(self._all) + len(self._last)

    def numbers(self, high: Words, low: Words) -> Indexes:
        """The number of each address; -1 if it has none."""
        found = self._all.find(high, low)
        if len(self._last):
            rest = np.flatnonzero(found < 0)
            found[rest] = self._last.find(high[rest], low[rest])
        return found

    def add(self, high: Words, low: Words, numbers: Indexes) -> None:
        """Addresses that have none yet, in rising order."""
        self._last = self._last.with_more(high, low, numbers)
        if len(self._last) > FEW + len(self._all) // SHARE:
            last, self._last = self._last, _Numbered()
            self._all = self._all.with_more(last.addresses.high, last.addresses.low, last.of)


class _Numbered:
    """Some of them: the addresses, and the number of each."""

    def __init__(self, addresses: SortedAddresses | None = None, of: Indexes | None = None) -> None:
        none = np.empty(0, np.uint64)
        self.addresses = SortedAddresses(none, none) if addresses is None else addresses
        self.of: Indexes = np.empty(0, np.int64) if of is None else of

    def __len__(self) -> int:
        return len(self.of)

    def find(self, high: Words, low: Words) -> Indexes:
        """The number of each; -1 if it has none."""
        found = self.addresses.equal(high, low)
        return np.where(found >= 0, self.of[found], -1) if len(self) else found

    def with_more(self, high: Words, low: Words, numbers: Indexes) -> _Numbered:
        """These, and others in rising order."""
        known = self.addresses
        place = known.not_above(high, low) + 1
        addresses = SortedAddresses(np.insert(known.high, place, high), np.insert(known.low, place, low))
        return _Numbered(addresses, np.insert(self.of, place, numbers))


class NetworkTable:
    """Networks without doubles: for an address the narrowest of them, and from there the wider ones.

    Single addresses are found exactly, which is quick for millions; wider networks by the segments into
    which they cut the address space. Indexes are those of `first_high`, `first_low`, `bits`.
    """

    def __init__(self, high: Words, low: Words, bits: NDArray[np.uint8]) -> None:
        order, index = _distinct(high, low, bits)
        self.first_high, self.first_low, self.bits = high[order], low[order], bits[order]
        self.index: Indexes = index  # of each network given
        self.parent: Indexes = np.full(len(order), -1, np.int64)  # the next wider network; -1 = none
        single = self.bits == 128
        self._single = np.flatnonzero(single)
        self._addresses = SortedAddresses(self.first_high[single], self.first_low[single])
        self._cut(np.flatnonzero(~single).tolist())
        addresses = self._addresses
        self.parent[self._single] = self._segment(addresses.high, addresses.low)

    @classmethod
    def of(cls, networks: Iterable[Network]) -> NetworkTable:
        """From networks as such."""
        networks = list(networks)
        high, low = words(network.first for network in networks)
        return cls(high, low, np.array([network.bits for network in networks], np.uint8))

    def __len__(self) -> int:
        return len(self.bits)

    def find(self, high: Words, low: Words) -> Indexes:
        """Index of the narrowest network that each address lies in, -1 if it lies in none."""
        if not len(self):
            return np.full(len(high), -1)
        found = self._segment(high, low)
        if not len(self._single):
            return found
        exact = self._addresses.equal(high, low)
        return np.where(exact >= 0, self._single[exact], found)

    def chain(self, address: int) -> Iterator[int]:
        """All networks that an address lies in, the narrowest first."""
        high, low = words([address])
        index = int(self.find(high, low)[0])
        while index >= 0:
            yield index
            index = int(self.parent[index])

    def _segment(self, high: Words, low: Words) -> Indexes:
        found = self._starts.not_above(high, low)
        return self._owner[found + 1]

    def _cut(self, wider: list[int]) -> None:
        """Cut the address space at every start and end of a network; `wider` is sorted, outer ones first."""
        cuts: dict[int, int] = {}  # where a segment starts -> its narrowest network
        open_: list[tuple[int, int]] = []  # (last address, network) around the present one

        def close_before(address: int) -> None:
            while open_ and open_[-1][0] < address:
                last, _ = open_.pop()
                cuts[last + 1] = open_[-1][1] if open_ else -1

        high, low, bits = self.first_high.tolist(), self.first_low.tolist(), self.bits.tolist()
        for index in wider:
            network = Network(high[index] << 64 | low[index], bits[index])
            close_before(network.first)
            self.parent[index] = open_[-1][1] if open_ else -1
            open_.append((network.last, index))
            cuts[network.first] = index
        close_before(_END)
        cuts.pop(_END, None)
        self._starts = SortedAddresses(*words(cuts))
        self._owner: Indexes = np.array([-1, *cuts.values()], np.int64)


def _distinct(high: Words, low: Words, bits: NDArray[np.uint8]) -> tuple[Indexes, Indexes]:
    """Sorted order without doubles (outer networks first), and the place in it of each one given."""
    order = np.lexsort((bits, low, high))
    if not len(order):
        return order, order
    a, b = order[:-1], order[1:]
    new = np.ones(len(order), bool)
    new[1:] = (high[a] != high[b]) | (low[a] != low[b]) | (bits[a] != bits[b])
    index = np.empty(len(order), np.int64)
    index[order] = np.cumsum(new) - 1
    return order[new], index


class Spans:
    """For each of `owners` things, disjoint spans of time [start, end) with a value (at least 0) each.

    The columns must be sorted by owner, then start.
    """

    def __init__(self, owners: int, owner: Indexes, start_us: Indexes, end_us: Indexes, value: Any) -> None:
        self.begin: Indexes = np.searchsorted(owner, np.arange(owners + 1))
        self.start_us, self.end_us = start_us, end_us
        self.value: Indexes = np.asarray(value, np.int64)
        longest = int(np.diff(self.begin).max(initial=0))
        self._halvings = longest.bit_length()

    def at(self, owner: Indexes, at_us: Indexes) -> Indexes:
        """The value that holds for each owner (-1: nobody) at each time; -1 if none does."""
        found = np.full(len(owner), -1, np.int64)
        some = np.flatnonzero(owner >= 0)
        if not len(some) or not len(self.value):
            return found
        at = at_us[some]
        last = self._last_started(owner[some], at)
        holds = (last >= self.begin[owner[some]]) & (at < self.end_us[last])
        found[some[holds]] = self.value[last[holds]]
        return found

    def of(self, owner: int) -> list[tuple[int, int, int]]:
        """One owner's spans: start, end, value."""
        part = slice(int(self.begin[owner]), int(self.begin[owner + 1]))
        columns = (self.start_us[part], self.end_us[part], self.value[part])
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def _last_started(self, owner: Indexes, at_us: Indexes) -> Indexes:
        """Index of the last span that started by then; before the owner's first if none did."""
        low = self.begin[owner] - 1
        high = self.begin[owner + 1] - 1
        for _ in range(self._halvings):
            middle = (low + high + 1) >> 1
            # an owner without spans has low == high, where the comparison must change nothing
            started = (self.start_us[middle] <= at_us) | (middle == low)
            low = np.where(started, middle, low)
            high = np.where(started, high, middle - 1)
        return low
