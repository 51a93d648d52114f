"""Rows of text with a separator between their fields, read as columns of numbers: nothing per row in Python.

Octets are looked at in windows of one width that end where a field ends: a pass over the first letters of all
rows, one over the second, and so on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.records import address_words

MAX_NUMBER = 18  # digits: what has more is no count, and would run over
MAX_ADDRESS = 64  # octets of an address that are looked at
_FOUR = 15  # octets of the longest IPv4 address
_MAPPED = np.uint64(0xFFFF << 32)
_ZERO, _POINT, _DASH, _RETURN, _NEWLINE = b"0.-\r\n"

Column = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]


class Fields:
    """Rows, each with an end of line, that have the right number of fields; `rows` are their places among all."""

    def __init__(self, data: bytes, separator: bytes, number: int, comment: bytes = b"") -> None:
        """`comment`: an octet; rows that begin with it are left out."""
        # In front of the first field there is room for the widest window.
        self._letters = np.frombuffer(b"".join((bytes(MAX_ADDRESS), data)), np.uint8)
        is_end = self._letters == _NEWLINE
        marks = np.flatnonzero(is_end | (self._letters == separator[0]))
        last = np.flatnonzero(is_end[marks])  # which of them end a row
        ends = marks[last]
        starts = np.empty_like(ends)
        starts[:1], starts[1:] = MAX_ADDRESS, ends[:-1] + 1
        counts = np.diff(last, prepend=-1)
        # A line may end in a carriage return.
        trimmed = ends - ((ends > starts) & (self._letters[ends - 1] == _RETURN))
        good = counts == number
        empty = trimmed == starts
        if comment:
            empty |= self._letters[starts] == comment[0]
            good &= ~empty
        self.row_count = len(ends)
        self.rows: Index = np.flatnonzero(good)
        self.odd: Index = np.flatnonzero(~good & ~empty)  # neither these nor empty
        self.counts = counts
        self._row_starts, self._row_ends = starts, trimmed
        within = marks if good.all() else marks[np.repeat(good, counts)]
        bounds = within.reshape(len(self.rows), number).T
        self._starts = np.vstack([starts[good], bounds[:-1] + 1])
        self._ends = np.vstack([bounds[:-1], trimmed[good]])
        self._widths = self._ends - self._starts

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, place: int) -> bytes:
        """One of all rows, as it stands."""
        return self._letters[self._row_starts[place] : self._row_ends[place]].tobytes()

    def text(self, at: int, row: int) -> bytes:
        """One field."""
        return self._letters[self._starts[at][row] : self._ends[at][row]].tobytes()

    def widths(self, at: int) -> Index:
        """How many octets the fields of a column have."""
        widths: Index = self._widths[at]
        return widths

    def is_absent(self, at: int) -> Mask:
        """Whether nothing, or a dash, stands there."""
        widths = self.widths(at)
        absent: Mask = (widths == 0) | ((widths == 1) & (self._letters[self._starts[at]] == _DASH))
        return absent

    def letters(self, at: int) -> npt.NDArray[np.uint8]:
        """Fields of one letter; 0 for others."""
        return np.where(self.widths(at) == 1, self._letters[self._starts[at]], np.uint8(0))

    def equal(self, at: int, text: bytes) -> Mask:
        """Whether this stands there."""
        found: Mask = self.widths(at) == len(text)
        if found.any():
            for letter, said in zip(self._window(at, len(text)), text, strict=True):
                found &= letter == said
        return found

    def _window(self, at: int, width: int) -> npt.NDArray[np.uint8]:
        """The last letters of each field, first letters first; what stands before a field is 0."""
        view = np.lib.stride_tricks.sliding_window_view(self._letters, width)
        window = np.ascontiguousarray(view[self._ends[at] - width].T)
        before = width - np.minimum(self.widths(at), width)
        for place in range(int(before.max(initial=0))):
            window[place][before > place] = _ZERO
        return window

    def _width(self, at: int, most: int) -> int:
        """The width of a window for a column."""
        return min(int(self.widths(at).max(initial=0)), most)

    def numbers(self, at: int) -> tuple[npt.NDArray[np.uint64], Mask]:
        """Whole numbers, and which fields are some; what is absent is 0, and none."""
        values = np.zeros(len(self), np.uint64)
        good = (self.widths(at) <= MAX_NUMBER) & ~self.is_absent(at)
        width = self._width(at, MAX_NUMBER)
        for letters in self._window(at, width) if width else ():
            digits = letters - np.uint8(_ZERO)
            good &= digits <= 9
            values *= np.uint64(10)
            values += digits
        values[~good] = 0
        return values, good

    def micros(self, at: int) -> tuple[npt.NDArray[np.int64], Mask]:
        """Seconds with a fraction as microseconds; what is absent is 0, and none."""
        values, behind = np.zeros(len(self), np.int64), np.zeros(len(self), np.int64)
        points = np.zeros(len(self), np.int64)
        good = (self.widths(at) <= MAX_NUMBER + 1) & ~self.is_absent(at)
        width = self._width(at, MAX_NUMBER + 1)
        for letters in self._window(at, width) if width else ():
            is_point = letters == _POINT
            digits = letters - np.uint8(_ZERO)
            good &= is_point | (digits <= 9)
            values = np.where(is_point, values, values * 10 + digits)
            behind += (points > 0) & ~is_point
            points += is_point
        good &= points <= 1
        least = np.minimum(behind, 6)
        scaled = values // 10 ** (behind - least) * 10 ** (6 - least)
        good &= values < 10 ** (12 + least)
        return np.where(good, scaled, 0), good

    def addresses(self, at: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Mask]:
        """The two words of each address, and which fields are some."""
        four, good = self._four(at)
        high, low = np.zeros(len(self), np.uint64), four | _MAPPED
        for row in np.flatnonzero(~good & (self.widths(at) <= MAX_ADDRESS)).tolist():
            words = _words(self.text(at, row))
            if words is not None:
                high[row], low[row] = words
                good[row] = True
        return high, low, good

    def _four(self, at: int) -> tuple[npt.NDArray[np.uint64], Mask]:
        widths = self.widths(at)
        good: Mask = (widths >= 7) & (widths <= _FOUR)
        value = np.zeros(len(self), np.uint64)
        octet, points = np.zeros(len(self), np.uint16), np.zeros(len(self), np.uint8)
        digits_in = np.zeros(len(self), np.uint8)
        window = self._window(at, _FOUR)
        before = (_FOUR - np.minimum(widths, _FOUR)).astype(np.uint8)
        for place, letters in enumerate(window):
            is_point = letters == _POINT
            digits = letters - np.uint8(_ZERO)
            good &= is_point | (digits <= 9)
            good &= ~is_point | (digits_in > 0)
            value = np.where(is_point, value << np.uint64(8) | octet, value)
            octet = np.where(is_point, np.uint16(0), octet * np.uint16(10) + digits)
            # What stands before the field is no digit of it.
            digits_in = np.where(is_point, np.uint8(0), digits_in + (before <= place))
            good &= (octet <= 255) & (digits_in <= 3)
            points += is_point
        good &= (points == 3) & (digits_in > 0)
        return value << np.uint64(8) | octet, good


@lru_cache(1 << 16)
def _words(text: bytes) -> tuple[int, int] | None:
    """The words of an address, mostly IPv6; None if it is none."""
    try:
        return address_words(text.decode("ascii").partition("%")[0])
    except ValueError:
        return None


def addresses_of(texts: list[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Mask]:
    """The same for a list of texts."""
    data = "".join(f"{text}\n" for text in texts)
    if data.count("\n") != len(texts) or "\t" in data:
        data = "".join(f"{' '.join(text.split())}\n" for text in texts)
    return Fields(data.encode("utf-8", "surrogateescape"), b"\t", 1).addresses(0)
