"""A new file that holds what was read already: rotation has packed or copied a log under another name.

It is told by what was read: the first 1,024 octets of its (unpacked) content and the last 256 before the place up to
which the other file was read, both at the same places. Then it is read on from there, which mostly is its end.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ingest.errors import PositionError
from ingest.growing_file import BEGINS, mark, octets, stands_in
from ingest.live_tail import TAIL_S
from ingest.positions import GrowingPosition, known

LEAST = 128  # octets that must have been read: logs with no more than a heading begin and end alike
REMEMBERED_S = 600.0  # after a checkpoint had it last: who cuts a file copies it shortly before
CHECKPOINTS = 2  # that must have been taken since a copy was seen: one may have been under way
START = GrowingPosition()
Mark = tuple[int, int]  # of the begin: how many octets, and their CRC-32


@dataclass(slots=True)
class _Waits:
    """A new file that may be a copy, and of which it can't be told yet."""

    stands: tuple[int, ...]
    since: float
    checkpoints: int  # that there had been


@dataclass(slots=True)
class Copies:
    """What was read of files, by how they begin."""

    _read: dict[Mark, dict[tuple[int, int, int], tuple[GrowingPosition, float]]] = field(default_factory=dict)
    _places: dict[str, tuple[Any, GrowingPosition | None]] = field(
        default_factory=dict
    )  # the last checkpoint's
    _waiting: dict[str, _Waits] = field(default_factory=dict)
    _checkpoints: int = 0

    def know(self, positions: Mapping[str, Any], now: float) -> None:
        """A checkpoint has these places."""
        self._checkpoints += 1
        before, self._places = self._places, {}
        for name, position in positions.items():
            place = before.get(name)  # most files are at rest
            if place is None or place[0] != position:
                place = position, _place(name, position)
            self._places[name] = place
            if place[1] is not None:
                self._add((place[1], *place[1].before), now)
        self._forget(now)

    def _add(self, places: Iterable[GrowingPosition], now: float) -> None:
        for at in places:
            if at.offset >= LEAST:
                which = at.device, at.inode, at.offset
                self._read.setdefault(at.begins, {})[which] = at, now

    def _forget(self, now: float) -> None:
        for begins, places in list(self._read.items()):
            newest: dict[tuple[int, int], int] = {}
            for device, inode, offset in places:
                newest[device, inode] = max(offset, newest.get((device, inode), 0))
            kept = {
                which: one
                for which, one in places.items()
                if newest[which[:2]] == which[2] and now - one[1] <= REMEMBERED_S
            }
            if kept:
                self._read[begins] = kept
            else:
                del self._read[begins]

    def waiting(self) -> list[str]:
        """Paths of which it could not be told."""
        return list(self._waiting)

    def forget_but(self, paths: Container[str]) -> None:
        """Others are there no more."""
        self._waiting = {path: one for path, one in self._waiting.items() if path in paths}

    def judge(self, path: str, now: float) -> GrowingPosition | None:
        """From where a new file is to be read; None: ask again, it can't be told yet."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return START  # said when it is read
        try:
            found = self._judge(path, file, now)
        except OSError:
            found = START
        finally:
            os.close(file)
        if found is not None:
            self._waiting.pop(path, None)
        return found

    def _judge(self, path: str, file: int, now: float) -> GrowingPosition | None:
        candidates = self._candidates(file)
        if not candidates:
            return START
        status = os.fstat(file)
        longest, is_shorter = START, False
        for at in candidates:
            if stands_in(file, at):
                if not octets(file, at.offset, at.offset + 1):
                    return _afresh(at)
                longest = max(longest, at, key=lambda one: one.offset)
            else:
                is_shorter |= not octets(file, at.offset - 1, at.offset)
        if not longest.offset and not is_shorter:
            return START  # it goes on otherwise: another file that begins alike
        # The other one may yet be read to where this one ends, or this one still be written.
        stands = status.st_size, status.st_mtime_ns, longest.offset
        waits = self._waiting.get(path)
        if waits is None or waits.stands != stands:
            self._waiting[path] = _Waits(stands, now, self._checkpoints)
            return None
        # A file that is cut when it was copied has been read further than the last checkpoint says.
        is_old = now - waits.since >= TAIL_S and self._checkpoints - waits.checkpoints >= CHECKPOINTS
        return _afresh(longest) if is_old else None

    def _candidates(self, file: int) -> list[GrowingPosition]:
        which = os.fstat(file).st_dev, os.fstat(file).st_ino
        head = octets(file, 0, BEGINS)
        marks = {mark(head[:size]) for size, _ in self._read}
        places = [place for one in marks & self._read.keys() for place in self._read[one].values()]
        return [at for at, _ in places if (at.device, at.inode) != which]


def _place(name: str, position: Any) -> GrowingPosition | None:
    try:
        return known(position, GrowingPosition, name)
    except PositionError:
        return None  # of a source that is no file


def _afresh(at: GrowingPosition) -> GrowingPosition:
    """The place, in another file."""
    return msgspec.structs.replace(at, device=0, inode=0, rests=(0, 0), before=[])


def told(at: GrowingPosition) -> str:
    """What is said of a copy."""
    return f"the file holds what was read under another name: its first {at.offset} octets are not read again"
