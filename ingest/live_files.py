"""Folders, files and patterns that are looked at again and again: each new file becomes a live partition."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from ingest.blocks import LivePartition, shown
from ingest.errors import PositionError
from ingest.live_file import LiveFile, is_read_before
from ingest.positions import GrowingPosition, known
from ingest.sources import is_left_out

_MAGIC = "*?["
BEGINS = 256  # octets by which a renamed file is known again


class _Seen(NamedTuple):
    """A file: device and inode, and how it begins."""

    which: tuple[int, int]
    begins: bytes


_NONE = _Seen((-1, -1), b"")


class LiveFolder:
    """What is under a path: a folder, a file (which need not be there yet), or a pattern (`**` is any folders).

    `positions` are those of a checkpoint, by the names of partitions: a file that was read under one of these
    names, and was renamed since, is not read again under the new one.
    """

    def __init__(self, path: str | Path, positions: Mapping[str, Any] | None = None) -> None:
        self._path = Path(path)
        self._known: dict[Path, _Seen] = {}
        self._read: dict[tuple[int, int], tuple[str, GrowingPosition]] = {}
        for name, position in (positions or {}).items():
            try:
                at = known(position, GrowingPosition, name)
            except PositionError:
                continue  # of a source that is no file
            self._read[at.device, at.inode] = name, at

    def look(self) -> list[LivePartition]:
        """The files that are new since the last look, in the order of names.

        A file that is gone, and comes again later, is a new one.
        """
        found = {path: seen for path in self._files() if (seen := _seen(path, self._known.get(path)))}
        # Rotation: the file that was x.log is x.log.1 now, and whoever reads x.log reads it to its end.
        moved = {
            old.which: old for path, old in self._known.items() if found.get(path, _NONE).which != old.which
        }
        new = [path for path in sorted(found) if path not in self._known]
        self._known = found
        return [
            LiveFile(path)
            for path in new
            if not _is_of(moved.get(found[path].which), path) and not self._was_read(path, found[path])
        ]

    def _was_read(self, path: Path, seen: _Seen) -> bool:
        """Whether it was read under another name before the checkpoint."""
        name, at = self._read.get(seen.which, ("", None))
        return at is not None and name != shown(path) and is_read_before(path, at)

    def _files(self) -> Iterator[Path]:
        text = str(self._path)
        if os.path.isdir(text):  # noqa: PTH112
            yield from _inside(text)
        elif not any(letter in text for letter in _MAGIC) or os.path.exists(text):  # noqa: PTH110
            yield self._path
        else:
            for one in glob.iglob(text, recursive=True):  # noqa: PTH207
                if not is_left_out(Path(one)):
                    yield Path(one)


def _inside(folder: str) -> Iterator[Path]:
    try:
        with os.scandir(folder) as some:
            entries = sorted(some, key=lambda entry: entry.name)
    except OSError:
        return  # gone meanwhile, or not ours to read: the next look tells
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _inside(entry.path)
        elif not is_left_out(Path(entry.path)):
            yield Path(entry.path)


def _seen(path: Path, before: _Seen | None) -> _Seen | None:
    """A regular file as it is now; of one that was seen before, what is known stays known."""
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            return None
        which = status.st_dev, status.st_ino
        if before is not None and before.which == which and len(before.begins) == BEGINS:
            return before
        with path.open("rb") as file:
            return _Seen(which, file.read(BEGINS))
    except OSError:
        return _Seen((0, 0), b"") if path.exists() else None  # its partition says what is wrong


def _is_of(old: _Seen | None, path: Path) -> bool:
    """Whether a path has the file that was seen elsewhere: an inode alone may be in use again."""
    if old is None or not old.begins:
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(old.begins)) == old.begins
    except OSError:
        return False
