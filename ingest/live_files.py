"""Folders, files and patterns that are looked at again and again: each new file becomes a live partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any

from ingest.blocks import LivePartition, bad_file, shown
from ingest.errors import PositionError
from ingest.live_copies import Copies, told
from ingest.live_file import REST_S, LiveFile, untold
from ingest.live_follower import START
from ingest.live_tail import has_more, is_read_before
from ingest.live_walk import BEGINS, LONGEST_S, Changes, Seen, Walk, Which
from ingest.positions import GrowingPosition, known
from ingest.records import Rejected

NOTHING: Mapping[str, Any] = MappingProxyType({})
MOVED_S = 2 * LONGEST_S  # for which a file that went is looked for under another name

__all__ = ["BEGINS", "LiveFolder", "is_at_rest"]


class LiveFolder:
    """What is under a path: a folder, a file (which need not be there yet), or a pattern (`**` is any folders).

    `positions` are those of a checkpoint, by the names of partitions: a file that was read under one of these
    names, and was renamed since, is not read again under the new one.
    """

    def __init__(
        self,
        path: str | Path,
        positions: Mapping[str, Any] = NOTHING,
        rest_s: float = REST_S,
        now_us: Callable[[], int] = untold,
    ) -> None:
        self._walk = Walk(str(path), self._stirs)
        self._rest_s, self._now_us = rest_s, now_us
        self._resting: Mapping[str, Any] = NOTHING
        self._went: dict[Which, tuple[Seen, float]] = {}  # lately, and when
        self._read: dict[Which, tuple[str, GrowingPosition]] = {}
        self._left: dict[Which, GrowingPosition] = {}  # those that had lost their names before
        self._copies = Copies()
        self._names = frozenset(positions)  # under which files are read on
        self.said: list[Rejected] = []  # of files, for whoever looks
        for name, position in positions.items():
            try:
                at = known(position, GrowingPosition, name)
            except PositionError:
                continue  # of a source that is no file
            for one in at.before:
                self._left[one.device, one.inode] = one
            self._read[at.device, at.inode] = name, at
        self.know(positions)

    def look(self, resting: Mapping[str, Any] = NOTHING) -> list[LivePartition]:
        """The files that are new since the last look, in the order of names, and those at rest that have changed.

        `resting`: the positions of files at rest, by name. A file that is gone, and comes again later, is a new one.
        """
        self._resting = resting
        changes, now = self._walk.look(), monotonic()
        self._note(changes, now)
        came = [path for path in changes.came if not self._is_moved(path) and not self._was_read(path)]
        self._copies.forget_but(self._walk.files)
        new = {*came, *self._copies.waiting()}.difference(changes.stirred)
        files = [(path, self._begins(path, now)) for path in new]
        files += [(path, self._again(path, now)) for path in changes.stirred]
        about = self._rest_s, self._now_us
        return [
            LiveFile(Path(path), *about, at)
            for path, at in sorted(files, key=itemgetter(0))
            if at is not None
        ]

    def has(self, name: str) -> bool:
        """Whether a file of that name was there at the last look."""
        files = self._walk.files
        return name in files or ("\\" in name and any(_name(path) == name for path in files))

    def _stirs(self, path: str, which: Which, stands: tuple[int, int]) -> bool | None:
        position = self._resting.get(_name(path))
        if position is None:
            return None
        at = known(position, GrowingPosition, path)
        return (at.device, at.inode) != which or at.rests != stands

    def _note(self, changes: Changes, now: float) -> None:
        """Rotation: the file that was x.log is x.log.1 now, and whoever reads x.log reads it to its end."""
        self._went = {which: one for which, one in self._went.items() if now - one[1] <= MOVED_S}
        self._went.update((which, (seen, now)) for which, seen in changes.went.items())

    def _is_moved(self, path: str) -> bool:
        """Whether a path has a file that was seen elsewhere: an inode alone may be in use again."""
        which = self._walk.files[path].which
        begins = self._went[which][0].begins if which in self._went else b""
        if not begins:
            return False
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                return file.read(len(begins)) == begins
        except OSError:
            return False

    def _begins(self, path: str, now: float) -> GrowingPosition | None:
        """Where to begin; None: it had lost its name before the checkpoint, and nothing was written to it since. Or it
        can't be told yet whether it is a copy of what is read already."""
        at = self._left.pop(self._walk.files[path].which, None)
        if at is None or not is_read_before(Path(path), at):
            return START if _name(path) in self._names else self._copied(path, now)
        return at if has_more(Path(path), at) else None

    def _again(self, path: str, now: float) -> GrowingPosition | None:
        """The same of one at rest that stirs: another file may have its name now, say the next one that was packed."""
        at = known(self._resting[_name(path)], GrowingPosition, path)
        return START if (at.device, at.inode) == self._walk.files[path].which else self._copied(path, now)

    def _copied(self, path: str, now: float) -> GrowingPosition | None:
        at = self._copies.judge(path, now)
        if at is not None and at.offset:
            self.said.append(bad_file(Path(path), told(at)))
        return at

    def know(self, positions: Mapping[str, Any]) -> None:
        """A checkpoint has these places: what is copied or packed later is known by them."""
        self._copies.know(positions, monotonic())

    def _was_read(self, path: str) -> bool:
        """Whether it was read under another name before the checkpoint."""
        name, at = self._read.get(self._walk.files[path].which, ("", None))
        return at is not None and name != _name(path) and is_read_before(Path(path), at)


def _name(path: str) -> str:
    """As the partition has it."""
    return path if path.isascii() and not path.endswith("/-") else shown(Path(path))


def is_at_rest(position: Any) -> bool:
    """Whether it is of a file that was left to itself."""
    try:
        return known(position, GrowingPosition, "").rests != (0, 0)
    except PositionError:
        return False  # of a source that is no file
