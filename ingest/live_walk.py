"""What is under a path that is looked at again and again: what came, what went, what stands there.

Logs are laid down by date, and a year of them must not be gone through every few seconds: a folder that is named for
a date, and not the last one so named beside it, is entered the less often the longer nothing has come or gone in it.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from stat import S_ISREG
from time import monotonic
from typing import NamedTuple
from zlib import crc32

from ingest.sources import is_left_out

Which = tuple[int, int]  # device and inode
BEGINS = 256  # octets by which a renamed file is known again
LONGEST_S = 120.0  # between two visits of a folder
SHARE = 10  # a folder that was quiet for so many seconds is visited after one more
_DATED = re.compile(r"(?:[a-z]+=)?\d[\d_T-]*$")  # 'y=2026', 'h=07', '2026-01-05'
_MAGIC = "*?["


class Seen(NamedTuple):
    """A file at the last look: how it begins, and its size and time of change (ns)."""

    which: Which
    begins: bytes
    stands: tuple[int, int] = (0, 0)


UNKNOWN = Seen((0, 0), b"")  # it is there, and can't be looked at


@dataclass(slots=True)
class _Folder:
    files: list[str]
    folders: list[str]
    visited: float  # by a clock that only runs on
    changed: float  # when something in or under it last came, went or stirred

    def is_due(self, now: float, path: str) -> bool:
        share = 0.5 + crc32(path.encode("utf-8", "replace")) / (1 << 33)  # else all were due at once
        return now - self.visited >= share * min(LONGEST_S, (self.visited - self.changed) / SHARE)


@dataclass(slots=True)
class Changes:
    """What a look has found."""

    came: list[str] = field(default_factory=list)
    stirred: list[str] = field(default_factory=list)
    went: dict[Which, Seen] = field(default_factory=dict)  # from where they were: removed, renamed, replaced

    def __len__(self) -> int:
        return len(self.came) + len(self.stirred) + len(self.went)


class Walk:
    """A folder, a file (which need not be there yet), or a pattern (`**` is any folders)."""

    def __init__(self, path: str, stirs: Callable[[str, Which, tuple[int, int]], bool | None]) -> None:
        """`stirs`: whether a file, that is like this now, has changed since it was left to itself; None: it was not."""
        self.files: dict[str, Seen] = {}
        self.paths: dict[Which, str] = {}
        self._path, self._stirs = path, stirs
        self._folders: dict[str, _Folder] = {}

    def look(self) -> Changes:
        """What has changed since the last look, as far as it was looked at."""
        changes, now = Changes(), monotonic()
        if os.path.isdir(self._path):  # noqa: PTH112
            # What visits wait for is in a list: folders may be nested deeper than Python calls.
            visits = [self._visit(self._path, changes, now)]
            while visits:
                inner = next(visits[-1], None)
                if inner is None:
                    visits.pop()
                else:
                    visits.append(self._visit(inner, changes, now))
            return changes
        self._drop_folder(self._path, changes)
        found = {path for path in self._named() if self._meet(path, changes)}
        for path in self.files.keys() - found:
            self._drop(path, changes)
        return changes

    def _named(self) -> Iterable[str]:
        if not any(letter in self._path for letter in _MAGIC) or os.path.exists(self._path):  # noqa: PTH110
            return [self._path]
        some = glob.iglob(self._path, recursive=True)  # noqa: PTH207
        return [one for one in some if not is_left_out(os.path.basename(one))]  # noqa: PTH119

    def _visit(self, path: str, changes: Changes, now: float) -> Iterator[str]:
        """Look into a folder; gives the folders in it that are to be visited before it goes on."""
        known, before = self._folders.get(path), len(changes)
        try:
            with os.scandir(path) as some:
                entries = sorted((one for one in some if one.name[0] != "."), key=lambda one: one.name)
        except FileNotFoundError:
            self._drop_folder(path, changes)
            return
        except OSError:
            return  # not ours to read, for now
        inner = [entry for entry in entries if entry.is_dir()]
        folders = [entry.path for entry in inner]
        files = [entry.path for entry in entries if not entry.is_dir() and not is_left_out(entry.name)]
        files = [file for file in files if self._meet(file, changes)]
        if known is not None:
            for gone in set(known.files).difference(files):
                self._drop(gone, changes)
            for gone in set(known.folders).difference(folders):
                self._drop_folder(gone, changes)
        dated = [entry.name for entry in inner if _DATED.match(entry.name)]
        past = set(dated) - {max(dated, key=lambda name: (len(name), name), default="")}
        for entry in inner:
            about = self._folders.get(entry.path)
            if about is None or entry.name not in past or about.is_due(now, entry.path):
                yield entry.path
        changed = now if known is None or len(changes) > before else known.changed
        self._folders[path] = _Folder(files, folders, now, changed)

    def _meet(self, path: str, changes: Changes) -> bool:
        """Whether it is a file that is there."""
        before = self.files.get(path)
        try:
            status = os.stat(path)  # noqa: PTH116
            if not S_ISREG(status.st_mode):
                return False
            which, stands = (status.st_dev, status.st_ino), (status.st_size, status.st_mtime_ns)
            stirs = self._stirs(path, which, stands)
            begins = before.begins if before is not None and before.which == which else b""
            if len(begins) < BEGINS and (before is None or before.stands != stands) and stirs is not False:
                with open(path, "rb") as file:  # noqa: PTH123
                    begins = file.read(BEGINS)
            seen = Seen(which, begins, stands)
        except OSError:
            if not os.path.exists(path):  # noqa: PTH110
                return False
            seen, stirs = UNKNOWN, None  # its partition says what is wrong
        if before is not None and before.which != seen.which:
            changes.went[before.which] = before
            self._unname(before.which, path)
        elif before is None:
            self._note_moved(seen.which, changes)
        if stirs:
            changes.stirred.append(path)
        elif before is None and stirs is None:
            changes.came.append(path)
        self.files[path], self.paths[seen.which] = seen, path
        return True

    def _note_moved(self, which: Which, changes: Changes) -> None:
        """A new name may have a file from a folder that is not visited now."""
        other = self.paths.get(which)
        try:
            moved = other is not None and os.stat(other).st_ino != which[1]  # noqa: PTH116
        except OSError:
            moved = True
        if other is not None and moved:
            changes.went[which] = self.files[other]

    def _drop(self, path: str, changes: Changes) -> None:
        seen = self.files.pop(path, None)
        if seen is None:
            return
        changes.went[seen.which] = seen
        self._unname(seen.which, path)

    def _unname(self, which: Which, path: str) -> None:
        if self.paths.get(which) == path:
            del self.paths[which]

    def _drop_folder(self, path: str, changes: Changes) -> None:
        ahead = [path]
        while ahead:
            known = self._folders.pop(ahead.pop(), None)
            if known is not None:
                for file in known.files:
                    self._drop(file, changes)
                ahead += known.folders
