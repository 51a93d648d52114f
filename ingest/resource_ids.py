"""The ids of resources, by number: those that an inventory's file names, and those of addresses.

An address that is a resource of its own is known by itself, so its id is made when it is asked for: of a million
of them none is kept as text.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ingest.networks import MAPPED, WORD, Indexes, Words
from ingest.records import address_text

OWN = np.dtype([("high", "<u8"), ("low", "<u8")])  # an address that is a resource of its own
Addresses = NDArray[np.void]


class Ids(Sequence[str]):
    """Grows at its end."""

    def __init__(self, named: list[str] | None = None) -> None:
        self._named: list[str] = [] if named is None else named
        self._own = bytearray()

    def __len__(self) -> int:
        return len(self._named) + len(self._own) // OWN.itemsize

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return self.some(np.arange(*place.indices(len(self))))
        return self.some(np.array([range(len(self))[place]]))[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def _places(self, numbers: Indexes) -> Indexes:
        """Where each is: its place among those with a name, or behind these that among the addresses."""
        return numbers

    def apart(self, numbers: Indexes) -> tuple[NDArray[np.bool_], list[str], Addresses]:
        """Which of the numbers are addresses; the names of the others; and the addresses."""
        places, named = self._places(numbers), len(self._named)
        own = places >= named
        names = [self._named[place] for place in places[~own].tolist()]
        return own, names, np.frombuffer(self._own, OWN)[places[own] - named]

    def some(self, numbers: Indexes) -> list[str]:
        """The ids with these numbers, all of which are there."""
        own, names, addresses = self.apart(numbers)
        if not len(addresses):
            return names
        texts = own_ids(addresses)
        if not names:
            return texts
        of_names, of_addresses = iter(names), iter(texts)
        return [next(of_addresses if one else of_names) for one in own.tolist()]


class ResourceIds(Ids):
    """Of an inventory: those of its file, and behind them those of addresses."""

    def name(self, id_: str) -> None:
        """One more, which no address is."""
        self._named.append(id_)

    def add(self, high: Words, low: Words) -> None:
        """Addresses, of which each gets the next number."""
        rows = np.empty(len(low), OWN)
        rows["high"], rows["low"] = high, low
        self._own += rows.tobytes()


class ToldIds(Ids):
    """Of those that another process tells: by its numbers, in the order in which they are told."""

    def __init__(self) -> None:
        super().__init__()
        self._behind = array("q")  # place of each among those with a name; of an address ~ its place

    def __len__(self) -> int:
        return len(self._behind)

    def add(self, names: list[str], addresses: bytes) -> None:
        """Names, and behind them addresses (octets of `OWN`), of which each gets the next number."""
        own = len(self._own) // OWN.itemsize
        self._behind.extend(range(len(self._named), len(self._named) + len(names)))
        self._behind.extend(range(~own, ~(own + len(addresses) // OWN.itemsize), -1))
        self._named += names
        self._own += addresses

    def _places(self, numbers: Indexes) -> Indexes:
        behind = np.frombuffer(self._behind, np.int64)[numbers]
        return np.where(behind < 0, len(self._named) + ~behind, behind)


def own_id(address: int) -> str:
    """The id of an address that is a resource of its own.

    >>> own_id(MAPPED | 0x0A000001), own_id(0x20010DB8 << 96 | 1)
    ('ip:10.0.0.1', 'ip:2001:db8::1')
    """
    return f"ip:{address_text(address >> 64, address & WORD)}"


def own_ids(addresses: Addresses) -> list[str]:
    """The same for many, quick for IPv4."""
    high, low = addresses["high"], addresses["low"]
    if high.any() or (low >> np.uint64(32) != MAPPED >> 32).any():
        return [own_id(a << 64 | b) for a, b in zip(high.tolist(), low.tolist(), strict=True)]
    octets = low.astype(">u4").view(np.uint8).reshape(-1, 4)
    return [f"ip:{a}.{b}.{c}.{d}" for a, b, c, d in octets.tolist()]
