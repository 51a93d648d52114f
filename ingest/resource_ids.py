"""The ids of an inventory's resources, by number: those of its file, and behind them those of addresses.

An address that is a resource of its own is known by itself, so its id is made when it is asked for: of a million
of them none is kept as text.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import overload

import numpy as np

from ingest.networks import MAPPED, WORD, Indexes, Words
from ingest.records import address_text


class ResourceIds(Sequence[str]):
    """Grows at its end."""

    def __init__(self, named: list[str]) -> None:
        self._named = named
        self._high, self._low = array("Q"), array("Q")

    def __len__(self) -> int:
        return len(self._named) + len(self._low)

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

    def add(self, high: Words, low: Words) -> None:
        """Addresses, of which each gets the next number."""
        self._high.frombytes(high.astype(np.uint64).tobytes())
        self._low.frombytes(low.astype(np.uint64).tobytes())

    def some(self, places: Indexes) -> list[str]:
        """The ids with these numbers, all of which are there."""
        named = len(self._named)
        if not self._low or not len(places) or places.max() < named:
            return [self._named[place] for place in places.tolist()]
        own = places[places >= named] - named
        texts = own_ids(*(np.frombuffer(words, np.uint64)[own] for words in (self._high, self._low)))
        if len(own) == len(places):
            return texts
        rest = iter(texts)
        return [self._named[place] if place < named else next(rest) for place in places.tolist()]


def some_of(ids: Sequence[str], places: Indexes) -> list[str]:
    """The ids with these numbers; together, where they have to be made."""
    return ids.some(places) if isinstance(ids, ResourceIds) else [ids[place] for place in places.tolist()]


def own_id(address: int) -> str:
    """The id of an address that is a resource of its own.

    >>> own_id(MAPPED | 0x0A000001), own_id(0x20010DB8 << 96 | 1)
    ('ip:10.0.0.1', 'ip:2001:db8::1')
    """
    return f"ip:{address_text(address >> 64, address & WORD)}"


def own_ids(high: Words, low: Words) -> list[str]:
    """The same for many, quick for IPv4."""
    if high.any() or (low >> np.uint64(32) != MAPPED >> 32).any():
        return [own_id(a << 64 | b) for a, b in zip(high.tolist(), low.tolist(), strict=True)]
    octets = low.astype(">u4").view(np.uint8).reshape(-1, 4)
    return [f"ip:{a}.{b}.{c}.{d}" for a, b, c, d in octets.tolist()]
