"""Files and folders as partitions: each one stream of records, with the event time at which it begins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ingest.compression import CHUNK, CutShortError, chunks
from ingest.event_columns import EventColumns, joined
from ingest.event_reader import EventReader, Piece
from ingest.flows import FlowColumns
from ingest.ipfix import IpfixDecoder
from ingest.json_records import pieces
from ingest.records import Rejected
from ingest.select import Selected
from ingest.sniff import HEAD, sniff
from ingest.times import path_us

# Blocks are cut at fixed numbers of records, so that nothing hangs on how they are batched later.
BLOCK = 5_000
SORTED = 50_000  # records, or some more, that are put in time order together
MAX_SORTED = 1_000_000  # ... of a file whose newest record comes first
PEEKED = 200

_NOT_TELEMETRY = {
    ".toml",
    ".md",
    ".csv",
    ".txt",
    ".ini",
    ".cfg",
    ".yaml",
    ".yml",
    ".py",
    ".svg",
    ".png",
    ".html",
}
_OURS = {"truth.jsonl", "benign.jsonl", "alerts.jsonl", "alerts.json", "rejected.jsonl", "withheld.jsonl"}


@dataclass(slots=True)
class Block:
    """A piece of a partition: read = events + flows + rejected records + filtered."""

    events: EventColumns = field(default_factory=EventColumns)
    flows: FlowColumns | None = None
    chosen: Selected | None = None  # what bears on a detection of flows that were read elsewhere
    rejected: list[Rejected] = field(default_factory=list)
    filtered: dict[str, int] = field(default_factory=dict)
    read: int = 0
    lost: int = 0  # records that sequence numbers say were sent, and that are not in the file
    position: Any = None  # MessagePack values; given to `blocks`, reading goes on after this block


class Partition(Protocol):
    """One stream of records, about in the order of time."""

    name: str
    first_us: int | None  # event time at which it begins; None: unknown, or it has no record

    def prefetch(self) -> None:
        """It is among the next to be read."""

    def blocks(self, position: Any = None) -> Iterator[Block]: ...


@dataclass(slots=True)
class Found:
    """What is in the given files and folders."""

    partitions: list[Partition] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # files in folders that are plainly no telemetry


def discover(paths: Sequence[str | Path], lateness_us: int) -> Found:
    """All partitions of files and folders, in the order of names; a file named twice is read once."""
    found, seen = Found(), set[str]()
    for given in paths:
        for path in _files(Path(given), found, seen, named=True):
            _add(path, found, lateness_us)
    return found


def _files(path: Path, found: Found, seen: set[str], *, named: bool = False) -> Iterator[Path]:
    real = os.path.realpath(path)
    if real in seen:
        return
    seen.add(real)
    # `Path.is_dir` raises in a folder that lets nobody in.
    if not os.path.isdir(path):  # noqa: PTH112
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
            found.rejected.append(_bad(path, "it is no regular file"))
        elif named or not _left_out(path):
            yield path
        else:
            found.skipped.append(_shown(path))
        return
    try:
        inside = sorted(path.iterdir())
    except OSError as error:
        found.rejected.append(_bad(path, f"the folder can't be read: {error.strerror}"))
        return
    for one in inside:
        if not one.name.startswith("."):
            yield from _files(one, found, seen)


def _left_out(path: Path) -> bool:
    return path.suffix.lower() in _NOT_TELEMETRY or path.name in _OURS


def _add(path: Path, found: Found, lateness_us: int) -> None:
    try:
        head = next(chunks(path, HEAD), b"")
    except CutShortError as error:
        found.rejected.append(_bad(path, str(error)))
        return
    except OSError as error:
        found.rejected.append(_bad(path, f"the file can't be read: {error.strerror or error}"))
        return
    kind = sniff(head)
    if not kind.kind:
        found.rejected.append(_bad(path, kind.reason))
    elif kind.kind == "flows":
        found.partitions.append(FlowFile(path))
    else:
        found.partitions.append(EventFile(path, lateness_us))


def _shown(path: Path) -> str:
    """The path as text that can be written anywhere: a name on disk need not be UTF-8.

    Standard input is put into a file called '-' somewhere: '-' is what it is called.

    >>> _shown(Path("/tmp/x1/-")), _shown(Path("logs/a.json"))
    ('-', 'logs/a.json')
    """
    if path.name == "-":
        return "-"
    return str(path).encode("utf-8", "backslashreplace").decode()


def _bad(path: Path, reason: str) -> Rejected:
    return Rejected(reason=reason, source=_shown(path), kind="file")


class FlowFile:
    """A file of IPFIX messages. Its position is the number of blocks that were read."""

    def __init__(self, path: Path) -> None:
        self.name = _shown(path)
        self._path = path
        self.first_us = self._first()

    def _first(self) -> int | None:
        """The least time in the first part of the file; flows are exported about in the order of their ends."""
        for block in islice(self._decoded(1 << 18), 4):
            if block.flows is not None and len(block.flows):
                return int(block.flows.column("end_us").min())
        return None

    def prefetch(self) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Blocks of about 4 MB of the file."""
        done = int(position or 0)
        # Read from the start also when resuming: later records need the templates that stand there.
        for number, block in enumerate(self._decoded(CHUNK), 1):
            block.position = number
            if number > done:
                yield block

    def _decoded(self, size: int) -> Iterator[Block]:
        decoder = IpfixDecoder(self.name)
        broken = ""
        try:
            for chunk in chunks(self._path, size):
                yield self._block(decoder, chunk, False)
        except CutShortError as error:
            broken = str(error)
        except OSError as error:
            broken = f"the file can't be read further: {error.strerror or error}"
        last = self._block(decoder, b"", True)
        if broken:
            last.rejected.append(_bad(self._path, broken))
        yield last

    def _block(self, decoder: IpfixDecoder, data: bytes, at_end: bool) -> Block:
        decoded = decoder.feed(data, at_end)
        return Block(
            EventColumns(),
            decoded.flows,
            None,
            decoded.rejected,
            decoded.filtered,
            decoded.read,
            decoded.lost,
        )


class EventFile:
    """A file of JSON records. Its position is the number of blocks that were read."""

    def __init__(self, path: Path, lateness_us: int) -> None:
        self.name = _shown(path)
        self._path = path
        self._lateness_us = lateness_us
        self.first_us = path_us(self.name) or self._first()

    def _first(self) -> int | None:
        """The least time among the first records; among all, if the newest come first."""
        least, peeked = None, 0
        try:
            for piece in self._pieces():
                times = piece.events.columns["at_us"]
                if len(times):
                    least = int(times.min()) if least is None else min(least, int(times.min()))
                    peeked += len(times)
                    if peeked >= PEEKED and not self._falling(times):
                        break
        except (CutShortError, OSError):
            pass  # said when the file is read
        return least

    def _falling(self, times: Any) -> bool:
        return len(times) > 1 and int(times[0] - times[-1]) > self._lateness_us

    def prefetch(self) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Blocks of 5,000 events, of 50,000 records or more in time order."""
        done = int(position or 0)
        for number, block in enumerate(self._blocks(), 1):
            block.position = number
            if number > done:
                yield block

    def _blocks(self) -> Iterator[Block]:
        gathered: list[Piece] = []
        broken = ""
        try:
            for piece in self._pieces():
                gathered.append(piece)
                if sum(one.read for one in gathered) >= SORTED and not self._goes_on(gathered):
                    yield from _in_order(gathered)
                    gathered = []
        except CutShortError as error:
            broken = str(error)
        except OSError as error:
            broken = f"the file can't be read further: {error.strerror or error}"
        if broken:
            gathered.append(Piece(EventColumns(), [_bad(self._path, broken)]))
        yield from _in_order(gathered)

    def _goes_on(self, gathered: list[Piece]) -> bool:
        """Whether the newest comes first: then more is gathered before it is put in order."""
        times = [piece.events.columns["at_us"] for piece in gathered]
        ends = np.array([one for some in times if len(some) for one in (some[0], some[-1])])
        return sum(piece.read for piece in gathered) < MAX_SORTED and self._falling(ends)

    def _pieces(self) -> Iterator[Piece]:
        reader = EventReader(self.name)
        return map(reader.read, pieces(chunks(self._path)))


def _in_order(gathered: list[Piece]) -> Iterator[Block]:
    """The gathered events in time order, in blocks; the first has all that was rejected and filtered."""
    events = joined([piece.events for piece in gathered])
    events = events.take(np.argsort(events.columns["at_us"], kind="stable"))
    rejected = [one for piece in gathered for one in piece.rejected]
    beside = sum(piece.read for piece in gathered) - len(events)
    filtered: dict[str, int] = {}
    for piece in gathered:
        for reason, number in piece.filtered.items():
            filtered[reason] = filtered.get(reason, 0) + number
    if beside or rejected or len(events):
        yield Block(
            events.take(slice(0, BLOCK)), None, None, rejected, filtered, beside + min(BLOCK, len(events))
        )
    for start in range(BLOCK, len(events), BLOCK):
        part = events.take(slice(start, start + BLOCK))
        yield Block(part, read=len(part))
