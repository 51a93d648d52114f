"""The ids of resources, by number: those that an inventory's file names, and those of addresses.

An address that is a resource of its own is known by itself, so its id is made when it is asked for: of a million
of them none is kept as text.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntoa, inet_pton
from struct import iter_unpack

import numpy as np
from numpy.typing import NDArray

from ingest.networks import MAPPED, WORD, Indexes, Words
from ingest.records import address_text

OWN = np.dtype([("high", "<u8"), ("low", "<u8")])  # an address that is a resource of its own
Addresses = NDArray[np.void]
_OWN = "ip:"
_UNTOLD = np.iinfo(np.int64).max


class Ids:
    """Ids by number."""

    def __init__(self, named: list[str] | None = None) -> None:
        self._named: list[str] = [] if named is None else named
        self._own = bytearray()

    def __getitem__(self, number: int) -> str:
        """Raises IndexError where there is none."""
        return self.some(np.array([number]))[0]

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

    def __len__(self) -> int:
        return len(self._named) + len(self._own) // OWN.itemsize

    def name(self, id_: str) -> None:
        """One more, which no address is."""
        self._named.append(id_)

    def add(self, high: Words, low: Words) -> None:
        """Addresses, of which each gets the next number."""
        rows = np.empty(len(low), OWN)
        rows["high"], rows["low"] = high, low
        self._own += rows.tobytes()


class ToldIds(Ids):
    """Of those that another process tells, by its numbers: with each file those that it touches."""

    def __init__(self) -> None:
        super().__init__()
        # Place of each among those with a name, and of an address ~ its place; _UNTOLD: neither.
        self._behind = np.empty(0, np.int64)

    def add(self, numbers: Indexes, names: list[str], addresses: bytes) -> None:
        """What the numbers mean: names first, then addresses (octets of `OWN`). Those that are known stay as they are."""
        if not len(numbers):
            return
        if (more := int(numbers.max()) + 1 - len(self._behind)) > 0:
            untold = np.full(max(more, len(self._behind) // 2), _UNTOLD)
            self._behind = np.append(self._behind, untold)
        new = self._behind[numbers] == _UNTOLD
        named, own = new[: len(names)], new[len(names) :]
        first = len(self._named)
        self._named += [name for name, one in zip(names, named.tolist(), strict=True) if one]
        self._behind[numbers[: len(names)][named]] = np.arange(first, len(self._named))
        first = len(self._own) // OWN.itemsize
        self._own += np.frombuffer(addresses, OWN)[own].tobytes()
        self._behind[numbers[len(names) :][own]] = ~np.arange(first, len(self._own) // OWN.itemsize)

    def _places(self, numbers: Indexes) -> Indexes:
        behind = self._behind[numbers]
        return np.where(behind < 0, len(self._named) + ~behind, behind)


def own_id(address: int) -> str:
    """The id of an address that is a resource of its own.

    >>> own_id(MAPPED | 0x0A000001), own_id(0x20010DB8 << 96 | 1)
    ('ip:10.0.0.1', 'ip:2001:db8::1')
    """
    return f"{_OWN}{address_text(address >> 64, address & WORD)}"


def own_address(id_: str) -> tuple[int, int] | None:
    """The two words of the address whose id this is; None of any other id.

    >>> own_address("ip:10.0.0.1") == (0, MAPPED | 0x0A000001), own_address("ip:2001:DB8::1"), own_address("ip:10.0.0.01")
    (True, None, None)
    """
    if not id_.startswith(_OWN):
        return None
    text = id_.removeprefix(_OWN)
    try:
        if ":" not in text:
            high, low = 0, MAPPED | int.from_bytes(inet_pton(AF_INET, text))
        else:
            number = int.from_bytes(inet_pton(AF_INET6, text))
            high, low = number >> 64, number & WORD
    except (OSError, ValueError):  # the latter of what no text for the system is
        return None
    return (high, low) if address_text(high, low) == text else None


def own_ids(addresses: Addresses) -> list[str]:
    """The same for many, quick for IPv4."""
    high, low = addresses["high"], addresses["low"]
    if high.any() or (low >> np.uint64(32) != MAPPED >> 32).any():
        return [own_id(a << 64 | b) for a, b in zip(high.tolist(), low.tolist(), strict=True)]
    return [f"{_OWN}{inet_ntoa(octets)}" for (octets,) in iter_unpack("4s", low.astype(">u4").tobytes())]
