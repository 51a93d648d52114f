"""The entries of feeds as columns: a million of them are a few arrays, which other processes map as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.networks import Indexes, Network, NetworkTable, Words


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


class Entries:
    """Sorted, without doubles; each is made anew when it is asked for.

    As objects they would take five times the memory, in each process of its own, and seconds to travel there.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        held = sorted(set(entries))
        self.table = NetworkTable.of(entry.network for entry in held)
        self.start_us: Indexes = np.array([entry.start_us for entry in held], np.int64)
        self.end_us: Indexes = np.array([entry.end_us for entry in held], np.int64)
        self._name(held)
        self._write([entry.indicator.value for entry in held])
        self._by_network: Indexes = np.argsort(self.table.index, kind="stable")
        self._begin: Indexes = np.searchsorted(
            self.table.index[self._by_network], np.arange(len(self.table) + 1)
        )

    def _name(self, held: Sequence[Entry]) -> None:
        """Category and feed of each, as the number of one of a few pairs."""
        numbers: dict[tuple[str, str], int] = {}
        kinds = [numbers.setdefault(entry.indicator[1:], len(numbers)) for entry in held]
        self.kinds = list(numbers)
        self.kind: NDArray[np.int32] = np.array(kinds, np.int32)

    def _write(self, values: Sequence[str]) -> None:
        """What the feeds have, one behind the other."""
        texts = [value.encode("utf-8", "surrogatepass") for value in values]
        self._text = np.frombuffer(b"".join(texts), np.uint8)
        self._text_begin: Indexes = np.array([0, *accumulate(map(len, texts))], np.int64)

    def __len__(self) -> int:
        return len(self.kind)

    def __iter__(self) -> Iterator[Entry]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Entry:
        first, end = self._text_begin[number : number + 2].tolist()
        value = self._text[first:end].tobytes().decode("utf-8", "surrogatepass")
        table, at = self.table, int(self.table.index[number])
        network = Network(int(table.first_high[at]) << 64 | int(table.first_low[at]), int(table.bits[at]))
        indicator = Indicator(value, *self.kinds[self.kind[number]])
        return Entry(indicator, network, int(self.start_us[number]), int(self.end_us[number]))

    def counts(self) -> dict[str, int]:
        """How many each feed gave."""
        counts: dict[str, int] = {}
        for (_, feed), many in zip(self.kinds, np.bincount(self.kind).tolist(), strict=True):
            counts[feed] = counts.get(feed, 0) + many
        return counts

    def of_category(self, category: str) -> Indexes:
        """The numbers of those of a category."""
        wanted = [number for number, kind in enumerate(self.kinds) if kind[0] == category]
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
