"""A bounded journal of datagrams in a folder: what came by UDP can't be asked for again, so it is kept first.

A folder holds segments, `000000000001.seg` and so on, each of records one after another. A batch of records is
written and synced before anybody can read it; what a crash tore at the end of the last segment is cut off when
the journal is opened again. Numbers of segments are never used twice. One process has a journal open.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from zlib import crc32

from ingest.errors import ConfigurationError
from ingest.journal_files import (
    CHECK,
    HEAD,
    MAGIC,
    RECORD,
    START,
    At,
    Datagram,
    locked,
    path_of,
    records_in,
    sizes,
    sync_folder,
    write,
)

SEGMENT = 16 << 20  # octets after which the next segment begins
BOUND = 1 << 30  # octets of all segments
NEARLY = 0.75  # of the bound


class Read(NamedTuple):
    """What was read: up to `at`, and what could not be."""

    datagrams: list[Datagram]
    at: At
    problems: list[str]


class Journal:
    """Appends from one thread (`append`, `commit`), reads from another (`read`, `release`).

    `lost` counts datagrams that neither the bound nor the disk had room for, `problem` says once why.
    Raises ConfigurationError where the folder can't be used, or another process has it open.
    """

    def __init__(self, folder: Path, bound: int = BOUND, segment: int = SEGMENT, after: int = 0) -> None:
        """`after`: the number of a segment that was known before, should the folder have been emptied."""
        self.lost = 0
        self.problem = ""
        self._folder, self.bound = folder, bound
        self._segment = min(segment, max(bound // 8, 1 << 12))
        self._mutex = Lock()
        self._batch: list[bytes] = []
        self._batch_size = self._batch_count = 0
        self._reading: tuple[int, int] | None = None  # segment and descriptor
        self._lock: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = locked(folder)
            self._ends = sizes(folder)  # of each segment: how far it is synced
            self._recover()
            self._current = max(self._ends, default=0)
            if self._ends.get(self._current) != START:  # an empty one is used as it is
                self._current = max(self._current, after) + 1
            self._file = self._begin(self._current)
        except OSError as error:
            self._unlock()
            raise ConfigurationError(f"the journal {folder} can't be used: {error.strerror}") from None

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # Appending

    def append(self, source: tuple[bytes, int], received_us: int, data: bytes | memoryview) -> bool:
        """Put a datagram into the next batch; False: there is no room for it."""
        size = RECORD + len(data)
        if self.octets + self._batch_size + size > self.bound:
            self.lost += 1
            self.problem = self.problem or (
                f"the journal {self._folder} holds its {self.bound} octets: datagrams are dropped until a "
                "checkpoint releases some"
            )
            return False
        head = HEAD.pack(crc32(data), len(data), source[1], received_us, source[0])
        self._batch += (CHECK.pack(crc32(head)), head, bytes(data))
        self._batch_size += size
        self._batch_count += 1
        return True

    def commit(self) -> None:
        """Write the batch and sync it: from then on it can be read, and survives."""
        if not self._batch:
            return
        batch, count = b"".join(self._batch), self._batch_count
        self._batch, self._batch_size, self._batch_count = [], 0, 0
        try:
            if self._ends[self._current] >= self._segment:
                self._next()
            write(self._file, batch, self._ends[self._current])
            os.fdatasync(self._file)
        except OSError as error:
            self._failed(error, count)
            return
        with self._mutex:
            self._ends[self._current] += len(batch)

    def _failed(self, error: OSError, count: int) -> None:
        """Nothing of the batch counts; what was written of it is cut off, for it may be there in part."""
        self.lost += count
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "no space is left on its disk" if full else f"it can't be written: {error.strerror}"
        self.problem = self.problem or f"the journal {self._folder}: {reason}; datagrams are dropped"
        with suppress(
            OSError
        ):  # else the next batch is written over it, or it is cut off at the next opening
            os.ftruncate(self._file, self._ends[self._current])

    def _next(self) -> None:
        made = self._begin(self._current + 1)
        os.close(self._file)
        self._file, self._current = made, self._current + 1

    def _begin(self, number: int) -> int:
        """An empty segment that survives a crash."""
        path = path_of(self._folder, number)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            write(file, MAGIC, 0)
            os.fsync(file)
            sync_folder(self._folder)
        except OSError:
            os.close(file)
            raise
        with self._mutex:
            self._ends[number] = START
        return file

    def _recover(self) -> None:
        """Cut off what a crash tore. Only the last segment can be torn: one is synced before the next begins."""
        if not self._ends:
            return
        last = max(self._ends)
        file = os.open(path_of(self._folder, last), os.O_RDWR | os.O_CLOEXEC)
        try:
            data = os.pread(file, self._ends[last], 0)
            end = START
            if data[:START] == MAGIC:
                end = max((after for _, after in records_in(data, START)), default=START)
            os.ftruncate(file, end)
            write(file, MAGIC, 0)
            os.fsync(file)
            self._ends[last] = end
        finally:
            os.close(file)

    # Reading

    @property
    def octets(self) -> int:
        """Of all segments."""
        with self._mutex:
            return sum(self._ends.values())

    @property
    def is_nearly_full(self) -> bool:
        """A checkpoint should come soon, so that something can be released."""
        return self.octets > self.bound * NEARLY

    @property
    def end(self) -> At:
        """Behind what is synced."""
        with self._mutex:
            return At(self._current, self._ends[self._current])

    def read(self, at: At, limit: int = 1 << 20) -> Read:
        """Datagrams behind a place, of about `limit` octets; none: there are no more now."""
        with self._mutex:
            ends = dict(self._ends)
            last = self._current
        problems = []
        if at.segment not in ends:
            following = min((one for one in ends if one > at.segment), default=last)
            if at.segment:
                problems.append(f"segment {at.segment} of the journal is gone: what was in it is not read")
            at = At(following, START)
        elif at.offset > ends[at.segment]:
            problems.append(
                f"segment {at.segment} of the journal is shorter than it was: some of it is not read"
            )
            at = At(at.segment, ends[at.segment])
        at = At(at.segment, max(at.offset, START))
        if at.offset == ends[at.segment]:
            if at.segment >= last:
                return Read([], at, problems)
            found = self.read(At(min(one for one in ends if one > at.segment), START), limit)
            if found.at.segment > at.segment + 1 and at.segment + 1 not in ends:
                problems.append(
                    f"segment {at.segment + 1} of the journal is gone: what was in it is not read"
                )
            return found._replace(problems=problems + found.problems)
        return self._read(at, ends[at.segment], max(limit, 1 << 17), problems)

    def _read(self, at: At, end: int, limit: int, problems: list[str]) -> Read:
        data = os.pread(self._opened(at.segment), min(limit, end - at.offset), at.offset)
        found = list(records_in(data, 0))
        datagrams, used = [datagram for datagram, _ in found], found[-1][1] if found else 0
        if not used:  # the limit is greater than any record
            problems.append(
                f"segment {at.segment} of the journal is damaged at octet {at.offset}: "
                f"{end - at.offset} octets of it are not read"
            )
            used = end - at.offset
        return Read(datagrams, At(at.segment, at.offset + used), problems)

    def _opened(self, segment: int) -> int:
        if self._reading is None or self._reading[0] != segment:
            self._close_reading()
            file = os.open(path_of(self._folder, segment), os.O_RDONLY | os.O_CLOEXEC)
            self._reading = segment, file
        return self._reading[1]

    def _close_reading(self) -> None:
        if self._reading is not None:
            os.close(self._reading[1])
            self._reading = None

    def release(self, at: At) -> None:
        """Delete the segments that are wholly before a place; the last one stays."""
        with self._mutex:
            gone = [number for number in self._ends if number < min(at.segment, self._current)]
            for number in gone:
                del self._ends[number]
        for number in gone:
            path_of(self._folder, number).unlink(missing_ok=True)
        if gone:
            self.problem = ""  # there is room again: say it anew, should it be full once more

    def close(self) -> None:
        """Let another process open it. What was not committed is gone."""
        self._close_reading()
        os.close(self._file)
        self._unlock()


def release(folder: Path, at: At) -> None:
    """`Journal.release` for a journal that this process does not have open."""
    held = sizes(folder)
    for number in held:
        if number < min(at.segment, max(held)):
            path_of(folder, number).unlink(missing_ok=True)
