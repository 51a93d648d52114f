"""Files and folders as partitions: each one stream of records, with the event time at which it begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from ingest import logs, swift
from ingest.compression import CHUNK, CutShortError, chunks
from ingest.flows import FlowColumns
from ingest.ipfix import IpfixDecoder
from ingest.json_records import values
from ingest.records import Event, Rejected
from ingest.sniff import HEAD, sniff
from ingest.times import path_us

# Blocks are cut at fixed numbers of records, so that nothing hangs on how they are batched later.
BLOCK = 5_000
SORTED = 50_000  # records that are put in time order together
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

    events: list[Event] = field(default_factory=list)
    flows: FlowColumns | None = None
    rejected: list[Rejected] = field(default_factory=list)
    filtered: dict[str, int] = field(default_factory=dict)
    read: int = 0
    lost: int = 0  # records that sequence numbers say were sent, and that are not in the file
    position: Any = None  # MessagePack values; given to `blocks`, reading goes on after this block


class Partition(Protocol):
    """One stream of records, about in the order of time."""

    name: str
    first_us: int | None  # event time at which it begins; None: unknown, or it has no record

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
        return Block([], decoded.flows, decoded.rejected, decoded.filtered, decoded.read, decoded.lost)


class EventFile:
    """A file of JSON records. Its position is the number of blocks that were read."""

    def __init__(self, path: Path, lateness_us: int) -> None:
        self.name = _shown(path)
        self._path = path
        self._lateness_us = lateness_us
        self.first_us = path_us(self.name) or self._first()

    def _first(self) -> int | None:
        """The least time among the first records; among all, if the newest come first."""
        least = None
        try:
            events = (one for _, one in self._records() if isinstance(one, Event))
            times = [event.at_us for event in islice(events, PEEKED)]
            least = min(times, default=None)
            if times and self._falling(times[0], times[-1]):
                for event in events:
                    least = min(times[-1] if least is None else least, event.at_us)
        except (CutShortError, OSError):
            pass  # said when the file is read
        return least

    def _falling(self, first_us: int, last_us: int) -> bool:
        return first_us - last_us > self._lateness_us

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Blocks of 5,000 events, each 50,000 records in time order."""
        done = int(position or 0)
        for number, block in enumerate(self._blocks(), 1):
            block.position = number
            if number > done:
                yield block

    def _blocks(self) -> Iterator[Block]:
        gathered = Block()
        try:
            for _, one in self._records():
                _gather(gathered, one)
                if gathered.read >= SORTED and gathered.read % SORTED == 0 and not self._goes_on(gathered):
                    yield from _in_order(gathered)
                    gathered = Block()
        except CutShortError as error:
            gathered.rejected.append(_bad(self._path, str(error)))
        except OSError as error:
            text = f"the file can't be read further: {error.strerror or error}"
            gathered.rejected.append(_bad(self._path, text))
        yield from _in_order(gathered)

    def _goes_on(self, gathered: Block) -> bool:
        events = gathered.events
        return (
            len(events) > 1
            and gathered.read < MAX_SORTED
            and self._falling(events[0].at_us, events[-1].at_us)
        )

    def _records(self) -> Iterator[tuple[int, Event | Rejected | str]]:
        for number, value in values(_whole(self._path), self.name, partial(swift.event, source=self.name)):
            if isinstance(value, Event | Rejected):
                yield number, value
            elif isinstance(value, swift.LeftOut):
                yield number, value.reason
            else:
                yield number, logs.decode(value, self.name, number)


def _whole(path: Path) -> Iterable[bytes]:
    return chunks(path)


def _gather(block: Block, one: Event | Rejected | str) -> None:
    if isinstance(one, Event):
        block.events.append(one)
    elif isinstance(one, Rejected):
        block.rejected.append(one)
        if one.kind != "record":
            return
    else:
        block.filtered[one] = block.filtered.get(one, 0) + 1
    block.read += 1


def _in_order(gathered: Block) -> Iterator[Block]:
    """The gathered events in time order, in blocks; the first has all that was rejected and filtered."""
    events = sorted(gathered.events, key=lambda event: event.at_us)
    first = events[:BLOCK]
    if gathered.read or gathered.rejected:
        beside = gathered.read - len(events)
        yield Block(first, None, gathered.rejected, gathered.filtered, beside + len(first))
    for start in range(BLOCK, len(events), BLOCK):
        part = events[start : start + BLOCK]
        yield Block(part, read=len(part))
