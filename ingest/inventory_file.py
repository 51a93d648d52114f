"""The inventory's CSV file, read in columns: a million lines in seconds."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.errors import ConfigurationError
from ingest.logs_values import excerpt
from ingest.networks import ALWAYS_US, FOREVER_US, WORD, Indexes, Words, parse_network
from ingest.records import SECOND_US, Rejected
from ingest.times import epoch_us

CHUNK = 50_000  # lines held as text at a time
MAX_REFUSED = 100_000  # lines refused of one file before it is taken for something else than an inventory
REQUIRED = ("ip", "resource_id", "start", "end")
OPTIONAL = ("managed_by", "region")
_SHAPE = b"0000-00-00T00:00:00Z"


def _none(kind: Any) -> Any:
    return field(default_factory=lambda: np.array([], kind))


@dataclass(slots=True)
class Claims:
    """The lines that could be read: one column each, in the file's order. Line numbers count from 1."""

    ids: list[str] = field(default_factory=list)
    managed_by: dict[int, str] = field(default_factory=dict)  # by index in `ids`; the last line counts
    region: dict[int, str] = field(default_factory=dict)
    high: Words = _none(np.uint64)
    low: Words = _none(np.uint64)
    bits: NDArray[np.uint8] = _none(np.uint8)
    start_us: Indexes = _none(np.int64)
    end_us: Indexes = _none(np.int64)
    resource: Indexes = _none(np.int64)
    line: Indexes = _none(np.int64)


def read_claims(path: Path) -> tuple[Claims, list[Rejected]]:
    """The file's lines. Raises ConfigurationError if it can't be read or has not the columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _Reader(path, file).read()
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
        self._index: dict[str, int] = {}
        self._rejected: list[Rejected] = []

    def read(self) -> tuple[Claims, list[Rejected]]:
        columns = self._header()
        parts = [self._chunk(chunk, columns) for chunk in self._chunks()]
        names = ("high", "low", "bits", "start_us", "end_us", "resource", "line")
        for name, column in zip(names, zip(*parts, strict=True), strict=False):
            setattr(self._claims, name, np.concatenate(column))
        return self._claims, self._rejected

    def _header(self) -> dict[str, int]:
        names = [name.strip().lower() for name in next(self._rows, [])]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise ConfigurationError(
                f"{self._path}: the inventory's first line must name the columns {', '.join(REQUIRED)}; "
                f"it has no {', '.join(missing)}"
            )
        return {name: names.index(name) for name in (*REQUIRED, *OPTIONAL) if name in names}

    def _chunks(self) -> Iterator[list[tuple[int, list[str]]]]:
        numbered = ((self._rows.line_num, row) for row in self._rows if row)
        while chunk := list(islice(numbered, CHUNK)):
            yield chunk

    def _chunk(self, chunk: list[tuple[int, list[str]]], columns: dict[str, int]) -> tuple[Any, ...]:
        width = 1 + max(columns[name] for name in REQUIRED)
        whole = [(line, row) for line, row in chunk if len(row) >= width]
        if len(whole) < len(chunk):
            for line, row in chunk:
                if len(row) < width:
                    self._refuse(line, row, f"has {len(row)} columns; the first line names more")
        texts = {name: [row[columns[name]].strip() for _, row in whole] for name in REQUIRED}
        start, end = times(texts["start"], ALWAYS_US), times(texts["end"], FOREVER_US)
        high, low, bits, wrong = _networks(texts["ip"])
        bad = self._refusals(texts, start, end, wrong)
        for place, reason in sorted(bad.items()):
            self._refuse(*whole[place], reason)
        keep = [place for place in range(len(whole)) if place not in bad] if bad else range(len(whole))
        resource = [self._resource(whole[place][1], columns) for place in keep]
        kept = np.fromiter(keep, np.int64, len(keep))
        line = np.array([whole[place][0] for place in keep], np.int64)
        index = np.array(resource, np.int64)
        return high[kept], low[kept], bits[kept], start[kept], end[kept], index, line

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

    def _resource(self, row: Sequence[str], columns: dict[str, int]) -> int:
        id_ = row[columns["resource_id"]].strip()
        index = self._index.setdefault(id_.lower(), len(self._claims.ids))
        if index == len(self._claims.ids):
            self._claims.ids.append(id_)
        for name in OPTIONAL:
            place = columns.get(name, len(row))
            if place < len(row) and (value := row[place].strip()):
                getattr(self._claims, name)[index] = value
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


def _networks(texts: Sequence[str]) -> tuple[Words, Words, NDArray[np.uint8], dict[int, str]]:
    wrong: dict[int, str] = {}
    first, bits = [], []
    for place, text in enumerate(texts):
        try:
            network = parse_network(text)
        except ValueError:
            wrong[place] = f"ip is no address or network: {text[:60]!r}"
            network = _NOWHERE
        first.append(network.first)
        bits.append(network.bits)
    high = np.array([number >> 64 for number in first], np.uint64)
    low = np.array([number & WORD for number in first], np.uint64)
    return high, low, np.array(bits, np.uint8), wrong


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
