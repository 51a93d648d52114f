"""Files and folders as partitions: each one stream of records, with the event time at which it begins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ingest.blocks import Block, Health, Partition, bad_file, shown
from ingest.compression import CutShortError, chunks
from ingest.event_file import EventFile
from ingest.file_kinds import file_of
from ingest.flow_file import FlowFile
from ingest.object_store import Bucket, mended
from ingest.records import Rejected
from ingest.remote_file import discover_objects
from ingest.sniff import HEAD, sniff

__all__ = ["Block", "EventFile", "FlowFile", "Found", "Partition", "discover"]

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
_OURS = re.compile(r"(truth|benign|alerts|rejected|withheld)\.jsonl?(\.\d+)?$")  # with a number: rotated


@dataclass(slots=True)
class Found:
    """What is in the given files and folders."""

    partitions: list[Partition] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # files in folders that are plainly no telemetry
    gone: list[str] = field(default_factory=list)  # sources at rest that are not there any more
    health: list[Health] = field(default_factory=list)  # of those that could not be looked at
    unlisted: bool = False  # ... so there may be sources that nobody knows of


class Finder(Protocol):
    """Finds the partitions of a run. It travels to whoever reads them."""

    def found(self, positions: Mapping[str, Any]) -> Found:
        """What is there to begin with; the positions are those of sources that were read before, by name."""

    def look(self, resting: Mapping[str, Any]) -> Found:
        """What has come since; `resting` are the positions of the sources at rest, by name: those that stir come, too."""

    def know(self, positions: Mapping[str, Any]) -> None:
        """A checkpoint holds, with these positions of all sources."""


@dataclass(frozen=True, slots=True)
class Files:
    """Files and folders as they are, and what is under URLs."""

    paths: tuple[str, ...]
    lateness_us: int
    buckets: tuple[Bucket, ...] = ()

    def found(self, positions: Mapping[str, Any]) -> Found:
        """All of them."""
        found = discover(self.paths, self.lateness_us)
        for bucket in self.buckets:
            _add_objects(bucket, found, self.lateness_us)
        return found

    def look(self, resting: Mapping[str, Any]) -> Found:
        """Nothing comes."""
        return Found()

    def know(self, positions: Mapping[str, Any]) -> None:
        """Nothing hangs on it."""


def discover(paths: Sequence[str | Path], lateness_us: int) -> Found:
    """All partitions of files and folders, in the order of names; a file named twice is read once."""
    found, seen = Found(), set[str]()
    for given in paths:
        for path in _files(Path(given), found, seen):
            _add(path, found, lateness_us)
    return found


def _files(given: Path, found: Found, seen: set[str]) -> Iterator[Path]:
    ahead = [given]  # a list, no recursion: folders may be nested deeper than Python calls
    while ahead:
        path = ahead.pop()
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        # `Path.is_dir` raises in a folder that lets nobody in.
        if os.path.isdir(path):  # noqa: PTH112
            ahead += reversed(_inside(path, found))
        elif os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
            found.rejected.append(bad_file(path, "it is no regular file"))
        elif path is given or not is_left_out(path.name):
            yield path
        else:
            found.skipped.append(shown(path))


def _inside(folder: Path, found: Found) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as error:
        found.rejected.append(bad_file(folder, f"the folder can't be read: {error.strerror}"))
        return []


def is_left_out(name: str) -> bool:
    """Whether a file in a folder is plainly no telemetry, by its name."""
    return os.path.splitext(name)[1].lower() in _NOT_TELEMETRY or bool(_OURS.match(name))  # noqa: PTH122


def _add_objects(bucket: Bucket, found: Found, lateness_us: int) -> None:
    try:
        objects = bucket.objects()
    except Exception as error:  # every library has errors of its own
        found.rejected.append(Rejected(reason=f"it {mended(error)}", source=bucket.url, kind="file"))
        return
    skipped = [name for name in objects if is_left_out(name.rpartition("/")[2]) and name != bucket.url]
    found.skipped += skipped
    wanted = {name: stands for name, stands in objects.items() if name not in skipped}
    for one in discover_objects(bucket, wanted, lateness_us):
        if isinstance(one, Rejected):
            found.rejected.append(one)
        else:
            found.partitions.append(one)


def _add(path: Path, found: Found, lateness_us: int) -> None:
    try:
        head = next(chunks(path, HEAD), b"")
    except CutShortError as error:
        found.rejected.append(bad_file(path, str(error)))
        return
    except OSError as error:
        found.rejected.append(bad_file(path, f"the file can't be read: {error.strerror or error}"))
        return
    kind = sniff(head)
    if not kind.kind:
        found.rejected.append(bad_file(path, kind.reason))
    else:
        found.partitions.append(file_of(kind.kind, path, lateness_us))
