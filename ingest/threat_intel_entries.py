"""The entries of feeds as columns: a million of them are a few arrays, which other processes map as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.networks import Indexes, Network, NetworkTable, Words, words

PIECE = 20_000  # entries that are objects at a time, where columns are made of them


class Indicator(NamedTuple):
    """An entry that holds for an address: the same fields as `detections.organisation.Indicator`."""

    value: str  # address or network, as the feed has it
    category: str
    feed: str  # name of the feed: its file name


class Entry(NamedTuple):
    """A line of a feed that was taken, with the time [start, end) for which it holds."""

    indicator: Indicator
    network: Network
    start_us: int
    end_us: int


class _Columns(NamedTuple):
    """Of so many entries."""

    high: Words
    low: Words
    bits: NDArray[np.uint8]
    start_us: Indexes
    end_us: Indexes
    kind: NDArray[np.int32]
    text: NDArray[np.uint8]  # what the feeds have, one behind the other ...
    length: NDArray[np.int32]  # ... in so many octets each


class Entries:
    """Without doubles, in the order given; each is made anew when it is asked for.

    As objects they would take five times the memory, in each process of its own, and seconds to travel there. They are
    taken in by pieces, so as many objects are never there at once; `check` is called before each, and may raise.
    """

    def __init__(self, entries: Iterable[Entry] = (), check: Callable[[], None] = lambda: None) -> None:
        self._numbers: dict[tuple[str, str], int] = {}  # of category and feed: a few pairs
        given, pieces = iter(entries), [self._columns(())]
        while some := tuple(islice(given, PIECE)):
            check()
            pieces.append(self._columns(some))
        columns = _Columns(*map(np.concatenate, zip(*pieces, strict=True)))
        self.table = NetworkTable(columns.high, columns.low, columns.bits)
        self._text, begin = columns.text, np.cumsum(columns.length, dtype=np.int64) - columns.length
        self._set(columns.start_us, columns.end_us, columns.kind, begin, columns.length)
        if len(doubles := self._doubles()):
            held = (self.start_us, self.end_us, self.kind, self._text_begin, self._text_length)
            self._set(*(np.delete(column, doubles) for column in held))
            self.table.index = np.delete(self.table.index, doubles)
        self._by_network: Indexes = np.argsort(self.table.index, kind="stable")
        places = np.arange(len(self.table) + 1)
        self._begin: Indexes = np.searchsorted(self.table.index[self._by_network], places)

    def _columns(self, some: Sequence[Entry]) -> _Columns:
        numbers = self._numbers
        texts = [entry.indicator.value.encode("utf-8", "surrogatepass") for entry in some]
        return _Columns(
            *words(entry.network.first for entry in some),
            np.array([entry.network.bits for entry in some], np.uint8),
            np.array([entry.start_us for entry in some], np.int64),
            np.array([entry.end_us for entry in some], np.int64),
            np.array([numbers.setdefault(e.indicator[1:], len(numbers)) for e in some], np.int32),
            np.frombuffer(b"".join(texts), np.uint8),
            np.array([len(text) for text in texts], np.int32),
        )

    def _set(self, start_us: Indexes, end_us: Indexes, kind: Any, begin: Indexes, length: Any) -> None:
        self.start_us, self.end_us = start_us, end_us
        self.kind: NDArray[np.int32] = kind
        self._text_begin, self._text_length = begin, length

    def _doubles(self) -> Indexes:
        """Those that stand before, too. Where all but the text is the same, which is rare, the texts are looked at."""
        columns = (self.end_us, self.start_us, self.kind, self.table.index)
        order = np.lexsort(columns)
        before, after = order[:-1], order[1:]
        same = np.all([column[before] == column[after] for column in columns], axis=0)
        alike = np.unique(np.concatenate([before[same], after[same]]))
        first: dict[Entry, int] = {}
        return np.array([n for n in alike.tolist() if first.setdefault(self[n], n) != n], np.int64)

    def __len__(self) -> int:
        return len(self.kind)

    def __iter__(self) -> Iterator[Entry]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Entry:
        begin, length = int(self._text_begin[number]), int(self._text_length[number])
        value = self._text[begin : begin + length].tobytes().decode("utf-8", "surrogatepass")
        table, at = self.table, int(self.table.index[number])
        network = Network(int(table.first_high[at]) << 64 | int(table.first_low[at]), int(table.bits[at]))
        indicator = Indicator(value, *self._kinds()[self.kind[number]])
        return Entry(indicator, network, int(self.start_us[number]), int(self.end_us[number]))

    def _kinds(self) -> list[tuple[str, str]]:
        return list(self._numbers)

    def counts(self) -> dict[str, int]:
        """How many each feed gave."""
        counts: dict[str, int] = {}
        for (_, feed), many in zip(self._numbers, np.bincount(self.kind).tolist(), strict=True):
            counts[feed] = counts.get(feed, 0) + many
        return counts

    def of_category(self, category: str) -> Indexes:
        """The numbers of those of a category."""
        wanted = [number for kind, number in self._numbers.items() if kind[0] == category]
        return np.flatnonzero(np.isin(self.kind, wanted))

    def networks(self, numbers: Indexes) -> tuple[Words, Words, NDArray[np.uint8]]:
        """First addresses and bits."""
        at = self.table.index[numbers]
        return self.table.first_high[at], self.table.first_low[at], self.table.bits[at]

    def of_address(self, address: int) -> Iterator[Entry]:
        """Those that ever held for an address (128 bits)."""
        for network in self.table.chain(address):
            first, end = self._begin[network : network + 2].tolist()
            yield from (self[number] for number in self._by_network[first:end].tolist())
