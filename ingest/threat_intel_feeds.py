"""Feeds of indicators: what format a file has is found by its content.

Plain lists and CSV are read here, STIX and MISP in files of their own. A line that can't be taken is
refused with its reason and number; the rest goes on.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from ingest.errors import ConfigurationError
from ingest.logs_values import excerpt
from ingest.networks import ALWAYS_US, FOREVER_US, Network, parse_network
from ingest.records import SECOND_US, Rejected
from ingest.threat_intel import CATEGORIES, Entry, Feed, Indicator, refusal
from ingest.times import epoch_us

MAX_BYTES = 512 << 20  # of one feed
MAX_REJECTED = 1_000  # kept of one feed; the last one then says how many more there are
# An address that was bad when it was last seen may belong to someone else by now. Feeds renew those that
# still are; after a month without that an entry no longer holds.
LAST_SEEN_HOLDS_US = 30 * 86_400 * SECOND_US

_START = ("valid_from", "first_seen", "first_seen_utc", "firstseen")
_END = ("valid_until", "valid_to", "expires", "expiration")
_LAST = ("last_seen", "last_seen_utc", "lastseen", "last_online")
# Where several columns hold addresses: the first of these names counts.
_ADDRESS = (
    *("ip", "ipaddr", "ip_address", "ipaddress", "address", "ioc", "indicator", "value", "ioc_value"),
    *("network", "cidr", "prefix", "subnet", "dst_ip", "dest_ip", "destination", "src_ip", "source", "host"),
)
_KIND = ("type", "ioc_type", "indicator_type")
_OF_ADDRESSES = re.compile(r"(?:^|[^a-z])ip", re.IGNORECASE)  # 'ipv4', 'ip:port', 'ip-dst', 'src_ip'
_COMMENT = re.compile(r"#.*|(?:^|\s)(?:;|//).*")
_TOR_EXIT = re.compile(r"^ExitAddress (\S+)")  # the Tor project's own 'exit-addresses'
_TOR_OTHER = re.compile(r"^(?:ExitNode|Published|LastStatus) ")
SAMPLE = 200  # lines by which the columns are recognised


class Taken:
    """The entries taken from one feed, and what was refused of it."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.name = feed.name or Path(feed.path).name
        self.entries: list[Entry] = []
        self.rejected: list[Rejected] = []
        self._more = 0

    def add(self, value: str, line: int, start_us: int = ALWAYS_US, end_us: int = FOREVER_US) -> None:
        """Take an address or network, or refuse it."""
        try:
            network = address_or_network(value)
        except ValueError:
            self.refuse(value, line, "is no address or network")
            return
        if reason := refusal(network, self.feed.category):
            self.refuse(value, line, reason)
        elif start_us >= end_us:
            self.refuse(value, line, "ends before it starts to hold")
        else:
            shown = Indicator(value, self.feed.category, self.name)
            self.entries.append(Entry(shown, network, start_us, end_us))

    def refuse(self, value: str, line: int, reason: str) -> None:
        """Refuse what stands in a line (counted from 1), or in an object of that number."""
        if len(self.rejected) >= MAX_REJECTED:
            self._more += 1
            return
        shown = excerpt(value)
        told = f"{shown[:60]!r} {reason}"
        self.rejected.append(
            Rejected(kind="indicator", source=self.feed.path, offset=line, reason=told, excerpt=shown)
        )

    @property
    def refused(self) -> int:
        """How many, with those that are only counted."""
        return min(len(self.rejected), MAX_REJECTED) + self._more

    def finish(self) -> tuple[list[Entry], list[Rejected]]:
        """All of it."""
        if self._more:
            told = f"{self._more:,} more entries were refused"
            self.rejected.append(Rejected(kind="indicator", source=self.feed.path, reason=told))
        return self.entries, self.rejected


def read_feed(feed: Feed) -> tuple[list[Entry], list[Rejected]]:
    """A feed's entries, and what was refused. Raises ConfigurationError if the file can't be read at all."""
    return read_content(feed, file_content(feed.path))


def read_content(feed: Feed, content: bytes) -> tuple[list[Entry], list[Rejected]]:
    """The same of what a feed holds, wherever it came from."""
    return taken_of(feed, content).finish()


def taken_of(feed: Feed, content: bytes) -> Taken:
    """The same with how much was refused, not yet finished."""
    if feed.category not in CATEGORIES:
        raise ConfigurationError(
            f"{feed.path}: no such category: {feed.category!r} ({', '.join(CATEGORIES)})"
        )
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig", "replace")
    taken = Taken(feed)
    if text.lstrip()[:1] in ("{", "["):
        _read_json(text, taken)
    else:
        _read_lines(re.split(r"\r\n|\n|\r", text), taken)
    return taken


def address_or_network(value: str) -> Network:
    """An address, with a port or not, or a CIDR. Raises ValueError for anything else.

    >>> address_or_network("198.51.100.7:8080") == address_or_network("198.51.100.7")
    True
    """
    if value.startswith("["):
        value = value[1:].partition("]")[0]
    elif value.count(":") == 1:
        value, _, port = value.partition(":")
        if not port.isdigit():
            raise ValueError(port)
    return parse_network(value)


def file_content(path: str) -> bytes:
    """A feed's file. Raises ConfigurationError if it can't be read, or is too large."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: the feed can't be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{path}: the feed is larger than {MAX_BYTES >> 20} MB")
    return content


def _read_json(text: str, taken: Taken) -> None:
    from ingest.threat_intel_misp import is_misp, read_misp
    from ingest.threat_intel_stix import is_stix, read_stix

    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        taken.refuse(text[:200], 1, f"begins the file, which is not JSON ({str(error)[:100]})")
        return
    if is_stix(content):
        read_stix(content, taken)
    elif is_misp(content):
        read_misp(content, taken)
    else:
        taken.refuse(text[:200], 1, "begins the file, which is JSON, but neither STIX nor MISP")


# Lines


def _read_lines(lines: list[str], taken: Taken) -> None:
    telling = [line for line in lines if _bare(line)][:SAMPLE]
    if not telling:
        taken.refuse("", 1, "is all that the file holds: there are no indicators in it")
    elif delimiter := _delimiter(telling):
        _read_csv(lines, delimiter, taken)
    else:
        _read_plain(lines, taken)


def _bare(line: str) -> str:
    """A line without its comment."""
    return _COMMENT.sub("", line).strip()


def _read_plain(lines: Iterable[str], taken: Taken) -> None:
    for number, line in enumerate(lines, 1):
        if not (bare := _bare(line)) or _TOR_OTHER.match(bare):
            continue
        exit_address = _TOR_EXIT.match(bare)
        taken.add(exit_address[1] if exit_address else re.split(r"[\s,;]", bare)[0], number)


def _delimiter(lines: list[str]) -> str | None:
    """What separates the columns; None for a plain list."""
    bare = [_bare(line) for line in lines]
    for delimiter in ",\t;|":
        parted = [line for line in bare if delimiter in line]
        # what only ends each line, parts nothing
        if 2 * len(parted) > len(lines) and any(delimiter in line.rstrip(delimiter) for line in parted):
            return delimiter
    return None


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1):
        if _bare(line):
            # A quoted text with a line break in it would be two lines here: the second is refused, no more
            row = next(csv.reader([line[:10_000]], delimiter=delimiter, skipinitialspace=True))
            yield number, [cell.strip() for cell in row]


def _read_csv(lines: list[str], delimiter: str, taken: Taken) -> None:
    rows = _rows(lines, delimiter)
    sample = list(islice(rows, SAMPLE))
    number, names = sample[0]
    header, data = _above(lines[: number - 1], delimiter, len(names)), sample
    if not header and not any(map(_is_address, names)):
        header, data = [name.lower() for name in names], sample[1:]
    column = _address_column([row for _, row in data], header)
    if column is None:
        taken.refuse(",".join(names), number, "begins a file of columns, none of which holds addresses")
        return
    times, kind = _Times(header), _column(header, _KIND)
    for number, row in (*data, *rows):
        if kind is not None and kind < len(row) and not _OF_ADDRESSES.search(row[kind]):
            continue  # a file name or a domain: no fault of the line
        value = _bare(row[column]) if column < len(row) else ""
        try:
            start_us, end_us = times.of(row)
        except ValueError as error:
            taken.refuse(value, number, f"has no time in its column {error}")
        else:
            taken.add(value, number, start_us, end_us)


def _above(lines: list[str], delimiter: str, width: int) -> list[str]:
    """The column names, where they stand in the last comment above the first line; [] if they don't."""
    line = next((line.lstrip("#; ") for line in reversed(lines) if line.strip()), "")
    names = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    header = [name.strip().lower() for name in names]
    known = {*_ADDRESS, *_START, *_END, *_LAST, *_KIND}
    return header if len(header) == width and known.intersection(header) else []


def _column(header: list[str], names: Iterable[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _is_address(cell: str) -> bool:
    try:
        return bool(address_or_network(_bare(cell)))
    except ValueError:
        return False


def _address_column(rows: list[list[str]], header: list[str]) -> int | None:
    """The column that holds the most addresses; of equals the one with the better name, then the first."""
    width = max((len(row) for row in rows), default=0)
    counts = [sum(_is_address(row[n]) for row in rows if n < len(row)) for n in range(width)]
    full = [n for n, count in enumerate(counts) if count and 2 * count > max(counts)]
    names = [header[n] if n < len(header) else "" for n in range(width)]
    rank = {name: place for place, name in enumerate(reversed(_ADDRESS))}
    return max(full, key=lambda n: (rank.get(names[n], -1), counts[n], -n), default=None)


class _Times:
    """The columns that tell for which time a line holds."""

    def __init__(self, header: list[str]) -> None:
        self._start, self._end, self._last = (_column(header, names) for names in (_START, _END, _LAST))
        self._header = header

    def of(self, row: list[str]) -> tuple[int, int]:
        """Start and end. Raises ValueError, naming the column, for what is no time."""
        start, end, last = (self._time(row, column) for column in (self._start, self._end, self._last))
        if end is None and last is not None:
            end = last + LAST_SEEN_HOLDS_US
        return ALWAYS_US if start is None else start, FOREVER_US if end is None else end

    def _time(self, row: list[str], column: int | None) -> int | None:
        if column is None or column >= len(row) or not row[column]:
            return None
        # abuse.ch writes '2026-08-01 10:00:00 UTC'
        found = epoch_us(row[column].removesuffix(" UTC"))
        if found is None:
            raise ValueError(self._header[column])
        return found
