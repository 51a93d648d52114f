"""The end of a file that was renamed by rotation: who writes to it may only be told a little later."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ingest.blocks import Block
from ingest.compression import CHUNK
from ingest.growing_file import GrowingFile, octets, stands_in
from ingest.ipfix import DecoderState
from ingest.positions import GrowingPosition

TAIL_S = 60.0  # for which nobody must have written to it, until it is let go
MOST_BEFORE = 32  # renamed files of one name that are known again after a restart


class Tail:
    """An open file that another one has taken the name of."""

    def __init__(self, reading: GrowingFile, file: int, now: float) -> None:
        self.reading = reading
        self.is_over = False
        self._file = file
        self._size, self._changed = -1, now

    def look(self, now: float, ends: bool) -> Iterator[Block]:
        """What was written to it since the last look; when it is over, also what is not whole."""
        size = os.fstat(self._file).st_size
        if size != self._size:
            self._size, self._changed = size, now
            yield from self.reading.read(self._file, CHUNK, False)
        if ends or now - self._changed > TAIL_S:
            yield from self.reading.read(self._file, CHUNK, True)
            self.close()
            self.is_over = True

    def place(self) -> GrowingPosition:
        """Up to where it was read."""
        return _place(self.reading.at, self.is_over)

    def close(self) -> None:
        """Hold it open no longer."""
        os.close(self._file)


def with_newest(before: Sequence[GrowingPosition], at: GrowingPosition) -> list[GrowingPosition]:
    """These places and one in the file that has just lost its name."""
    return [*before, _place(at, False)][-MOST_BEFORE:]


def with_cut(
    before: Sequence[GrowingPosition], at: GrowingPosition, is_followed: bool
) -> list[GrowingPosition]:
    """These places and the last one in a file that was cut: a copy that was made of it before is known by that.

    `is_followed`: the newest of them is one that is still written to, and stays the newest.
    """
    end = len(before) - is_followed
    return [*before[:end], _place(at, True), *before[end:]][-MOST_BEFORE:]


def _place(at: GrowingPosition, is_over: bool) -> GrowingPosition:
    """As it is kept with the file that has the name now; templates only as long as they may be needed."""
    decoder = DecoderState() if is_over else at.decoder
    return msgspec.structs.replace(at, before=[], decoder=decoder)


def is_read_before(path: Path, at: GrowingPosition) -> bool:
    """Whether what was read up to a position stands in a file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return stands_in(file, at)
    finally:
        os.close(file)


def has_more(path: Path, at: GrowingPosition) -> bool:
    """Whether something stands in a file behind a position."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # said when it is read
    try:
        return bool(octets(file, at.offset, at.offset + 1))
    finally:
        os.close(file)
