"""What sources give: blocks of records, each with the position behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import msgspec

from ingest.event_columns import EventColumns
from ingest.flows import FlowColumns
from ingest.records import Rejected
from ingest.select import Selected


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
    idle: bool = False  # a live source has nothing for now
    rests: bool = False  # ... and is not asked again: who finds sources says when there is something new
    # ... and had nothing since this time of day, from before we first looked; 0: we have seen it
    quiet_us: int = 0
    awaited: bool = False  # ... but there is more, which is yet to be fetched
    soon: bool = False  # ... and is on its way: it is worth while to ask again at once
    down: bool = False  # ... for it can't be reached: nobody knows whether there is more
    position: Any = None  # MessagePack values; given to `blocks`, reading goes on after this block
    # Greatest end of any of the flows, also of those that were left out where they were read; None: ask them.
    newest_us: int | None = None
    blocks: int = 1  # so many were made one, where they were read


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a source is doing that is somewhere else: a broker, a store."""

    name: str
    fault: str = ""  # why nothing can be read of it now
    since_s: float = 0.0  # how long ago that began
    behind: int | None = None  # messages that it has and that were not read yet


class Partition(Protocol):
    """One stream of records, about in the order of time."""

    name: str
    first_us: int | None  # event time at which it begins; None: unknown, or it has no record

    def prefetch(self, position: Any = None) -> None:
        """It is among the next to be read, from this position on."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """The blocks behind a block's position. Raises PositionError, at once, if it is none of this partition."""
        ...


class LivePartition(Partition, Protocol):
    """A stream whose end is not known: its blocks never end by themselves, they are idle at times.

    It may be pickled until its blocks are iterated: only then what it needs is opened.
    """

    live: bool  # True

    def release(self, position: Any) -> None:
        """A checkpoint with this position holds: what stands before it is not needed any more."""

    def stop(self) -> None:
        """Close what is open; its blocks end."""


class Followed:
    """What live partitions have in common that are read when they are wanted, and are not ours to tidy up."""

    live = True
    _stopped = False

    def prefetch(self, position: Any = None) -> None:
        """Nothing: it is read when it is wanted."""

    def release(self, position: Any) -> None:
        """Nothing: it is not ours."""

    def stop(self) -> None:
        """Have `blocks` end at its next step; it closes what is open."""
        self._stopped = True

    def _is_stopped(self) -> bool:
        return self._stopped


def is_live(partition: Partition) -> TypeGuard[LivePartition]:
    """Whether its end is never known."""
    return bool(getattr(partition, "live", False))


def shown(path: Path) -> str:
    """The path as text that can be written anywhere: a name on disk need not be UTF-8.

    Standard input is put into a file called '-' somewhere: '-' is what it is called.

    >>> shown(Path("/tmp/x1/-")), shown(Path("logs/a.json"))
    ('-', 'logs/a.json')
    """
    if path.name == "-":
        return "-"
    return str(path).encode("utf-8", "backslashreplace").decode()


def bad_file(path: Path, reason: str) -> Rejected:
    """What is said of a file as a whole."""
    return Rejected(reason=reason, source=shown(path), kind="file")


def unreadable(error: OSError) -> str:
    """Why a file that was opened before can't be read."""
    return f"the file can't be read further: {error.strerror or error}"


def stuck(path: Path, error: Exception, position: Any) -> Block:
    """For a file that changed under us: what is wrong with it, and that we still are where we were."""
    if isinstance(error, OSError):
        reason = f"{unreadable(error)}; it was read in part before, and what is new in it was not read"
    else:
        reason = str(error)
    return Block(rejected=[bad_file(path, reason)], position=position)
