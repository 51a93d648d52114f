"""The inventory's CSV file, read in columns: a million lines in seconds."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, compress, islice
from pathlib import Path
from socket import AF_INET, inet_pton
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from ingest.errors import ConfigurationError
from ingest.logs_values import excerpt
from ingest.networks import ALWAYS_US, FOREVER_US, MAPPED, Indexes, Words, parse_network, words
from ingest.records import SECOND_US, Rejected
from ingest.times import epoch_us

CHUNK = 10_000  # lines held as text at a time
MAX_REFUSED = 100_000  # lines refused of one file before it is taken for something else than an inventory
REQUIRED = ("ip", "resource_id", "start", "end")
OPTIONAL = ("managed_by", "region")
_SHAPE = b"0000-00-00T00:00:00Z"


@dataclass(slots=True)
class Claims:
    """The lines that could be read: one column each, in the file's order. Line numbers count from 1."""

    ids: list[str] = field(default_factory=list)
    managed_by: dict[int, str] = field(default_factory=dict)  # by index in `ids`; the last line counts
    region: dict[int, str] = field(default_factory=dict)
    high: Words = field(default_factory=lambda: np.array([], np.uint64))
    low: Words = field(default_factory=lambda: np.array([], np.uint64))
    bits: NDArray[np.uint8] = field(default_factory=lambda: np.array([], np.uint8))
    start_us: Indexes = field(default_factory=lambda: np.array([], np.int64))
    end_us: Indexes = field(default_factory=lambda: np.array([], np.int64))
    resource: Indexes = field(default_factory=lambda: np.array([], np.int64))
    line: Indexes = field(default_factory=lambda: np.array([], np.int64))


def read_claims(path: Path) -> tuple[Claims, list[Rejected]]:
    """The file's lines. Raises ConfigurationError if it can't be read or has not the columns."""
    with _opened(path) as file:
        return _Reader(path, file).read()


def claims_of(path: Path, lines: Iterable[str]) -> tuple[Claims, list[Rejected]]:
    """Lines that were made of what stands in a file."""
    return _Reader(path, lines).read()


def check_header(path: Path) -> None:
    """Raise ConfigurationError if the file is no inventory, by its first line."""
    with _opened(path) as file:
        _Reader(path, file).header()


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The file as text; errors of reading it become a ConfigurationError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise ConfigurationError(f"{path}: the inventory can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: the inventory is not text in UTF-8") from None
    except csv.Error as error:
        raise ConfigurationError(f"{path}: the inventory is not CSV: {error}") from None


class _Reader:
    def __init__(self, path: Path, file: Iterable[str]) -> None:
        self._path = path
        self._rows = csv.reader(file)
        self._claims = Claims()
        self._width = 0
        self._place: dict[str, int] = {}  # column name -> its place
        self._index: dict[str, int] = {}  # id in lower case -> its place in `ids`
        self._spellings: dict[str, int] = {}  # the same, as written
        self._rejected: list[Rejected] = []

    def read(self) -> tuple[Claims, list[Rejected]]:
        """The whole file."""
        self.header()
        parts = [self._chunk(lines, rows) for lines, rows in self._chunks()]
        names = ("high", "low", "bits", "start_us", "end_us", "resource", "line")
        for name, column in zip(names, zip(*parts, strict=True), strict=False):
            setattr(self._claims, name, np.concatenate(column))
        return self._claims, self._rejected

    def header(self) -> None:
        """Read the first line: which column stands where."""
        names = [name.strip().lower() for name in next(self._rows, [])]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise ConfigurationError(
                f"{self._path}: the inventory's first line must name the columns {', '.join(REQUIRED)}; "
                f"it has no {', '.join(missing)}"
            )
        self._width = len(names)
        self._place = {name: names.index(name) for name in (*REQUIRED, *OPTIONAL) if name in names}

    def _chunks(self) -> Iterator[tuple[Sequence[int], list[tuple[str, ...]]]]:
        """Some lines at a time: their numbers, and their columns by the header's order."""
        before = self._rows.line_num
        while rows := list(islice(self._rows, CHUNK)):
            lines = _line_numbers(rows, before, self._rows.line_num)
            before = self._rows.line_num
            if set(map(len, rows)) != {self._width}:
                whole = [self._whole(line, row) for line, row in zip(lines, rows, strict=True)]
                lines, rows = list(compress(lines, whole)), list(compress(rows, whole))
            if rows:
                yield lines, list(zip(*rows, strict=True))

    def _whole(self, line: int, row: list[str]) -> bool:
        short = len(row) < 1 + max(self._place[name] for name in REQUIRED)
        if short and row:
            self._refuse(line, row, f"has {len(row)} columns; the first line names more")
        row[:] = (row + [""] * self._width)[: self._width]
        return not short

    def _chunk(self, lines: Sequence[int], rows: list[tuple[str, ...]]) -> tuple[Any, ...]:
        texts = {name: list(map(str.strip, rows[place])) for name, place in self._place.items()}
        start, end = times(texts["start"], ALWAYS_US), times(texts["end"], FOREVER_US)
        high, low, bits, wrong = _networks(texts["ip"])
        bad = self._refusals(texts, start, end, wrong)
        for place, reason in sorted(bad.items()):
            self._refuse(lines[place], [column[place] for column in rows], reason)
        kept = np.array([place for place in range(len(lines)) if place not in bad], np.int64)
        if bad:
            texts = {name: [texts[name][place] for place in kept.tolist()] for name in texts}
        resource = self._resources(texts)
        return high[kept], low[kept], bits[kept], start[kept], end[kept], resource, np.array(lines)[kept]

    def _refusals(
        self, texts: dict[str, list[str]], start: Indexes, end: Indexes, wrong: dict[int, str]
    ) -> dict[int, str]:
        """Which rows of a chunk are refused, and why."""
        bad = dict.fromkeys(np.flatnonzero(start >= end).tolist(), "its end is not after its start")
        for name, column in (("start", start), ("end", end)):
            for place in np.flatnonzero(column == NO_TIME_US).tolist():
                bad[place] = f"{name} is no time as RFC 3339 has it: {texts[name][place][:60]!r}"
        bad |= {place: "has no resource_id" for place, id_ in enumerate(texts["resource_id"]) if not id_}
        return bad | wrong

    def _resources(self, texts: dict[str, list[str]]) -> Indexes:
        """Indexes of the resources; new ones become known. What else the lines say of them is kept."""
        known, index = self._spellings, []
        for id_ in texts["resource_id"]:
            found = known.get(id_)
            index.append(self._new(id_) if found is None else found)
        for name in OPTIONAL:
            said = getattr(self._claims, name)
            if any(texts.get(name, ())):
                said.update(pair for pair in zip(index, texts[name], strict=True) if pair[1])
        return np.array(index, np.int64)

    def _new(self, id_: str) -> int:
        """Index of a resource whose id was not yet seen in this spelling."""
        ids = self._claims.ids
        index = self._index.setdefault(id_.lower(), len(ids))
        if index == len(ids):
            ids.append(id_)
        self._spellings[id_] = index
        return index

    def _refuse(self, line: int, row: Sequence[str], reason: str) -> None:
        if len(self._rejected) >= MAX_REFUSED:
            raise ConfigurationError(
                f"{self._path}: more than {MAX_REFUSED:,} lines are no inventory (line {line}: {reason})"
            )
        shown = excerpt(",".join(row))
        self._rejected.append(
            Rejected(kind="inventory", source=str(self._path), offset=line, reason=reason, excerpt=shown)
        )


def _line_numbers(rows: Sequence[Sequence[str]], before: int, after: int) -> Sequence[int]:
    """The numbers of the lines that rows end on: a quoted text may hold line breaks."""
    if after - before == len(rows):
        return range(before + 1, after + 1)
    return list(accumulate((1 + sum(cell.count("\n") for cell in row) for row in rows), initial=before))[1:]


def _networks(texts: Sequence[str]) -> tuple[Words, Words, NDArray[np.uint8], dict[int, str]]:
    try:
        packed = b"".join([inet_pton(AF_INET, text) for text in texts])
    except (OSError, ValueError):
        return _any_networks(texts)
    low = np.frombuffer(packed, ">u4").astype(np.uint64) | np.uint64(MAPPED)
    return np.zeros_like(low), low, np.full(len(low), 128, np.uint8), {}


def _any_networks(texts: Sequence[str]) -> tuple[Words, Words, NDArray[np.uint8], dict[int, str]]:
    """Not all of them IPv4 addresses."""
    wrong: dict[int, str] = {}
    found = []
    for place, text in enumerate(texts):
        try:
            found.append(parse_network(text))
        except ValueError:
            wrong[place] = f"ip is no address or network: {text[:60]!r}"
            found.append(_NOWHERE)
    high, low = words(network.first for network in found)
    return high, low, np.array([network.bits for network in found], np.uint8), wrong


_NOWHERE = parse_network("::")
NO_TIME_US = -(2**62)


def times(texts: Sequence[str], empty_us: int) -> Indexes:
    """Times as text, in microseconds; `empty_us` for empty ones, `NO_TIME_US` for what is none.

    '2026-03-17T10:00:00Z', the usual form, is read for the whole column at once.

    >>> times(["1970-01-01T00:00:01Z", "", "1970-01-01T01:00:01+01:00", "1970-02-30T00:00:00Z"], 9).tolist()
    [1000000, 9, 1000000, -4611686018427387904]
    """
    encoded = np.array([text[:32].encode("ascii", "replace") for text in texts], "S32")
    letters = encoded.view(np.uint8).reshape(len(texts), 32)
    digits = letters[:, :20].astype(np.int64) - ord("0")
    shape = np.frombuffer(_SHAPE, np.uint8)
    fits = np.where(shape == ord("0"), (digits >= 0) & (digits <= 9), letters[:, :20] == shape).all(axis=1)
    fits &= letters[:, 20] == 0
    found = np.full(len(texts), NO_TIME_US)
    plain = np.flatnonzero(fits)
    found[plain] = _plain(digits[plain])
    for place in np.flatnonzero(found == NO_TIME_US).tolist():
        value = epoch_us(texts[place]) if texts[place] else empty_us
        found[place] = NO_TIME_US if value is None else value
    return found


def _plain(digits: Indexes) -> Indexes:
    """'0000-00-00T00:00:00Z' as digits; `NO_TIME_US` where a part is out of range."""

    def number(*places: int) -> Indexes:
        total = np.zeros(len(digits), np.int64)
        for place in places:
            total = total * 10 + digits[:, place]
        return total

    year, month, day = number(0, 1, 2, 3), number(5, 6), number(8, 9)
    hour, minute, second = number(11, 12), number(14, 15), number(17, 18)
    clock = (hour < 24) & (minute < 60) & (second < 60)
    valid = clock & (year >= 1970) & (year < 2200) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(valid, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    days = months.astype("M8[D]").astype(np.int64)
    valid &= day <= (months + 1).astype("M8[D]").astype(np.int64) - days
    seconds = (days + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    return np.where(valid, seconds * SECOND_US, NO_TIME_US)
