"""Which file it is that is read under a path, while names change hands.

A file is known again by what was read of it: a mirror that writes it anew, longer, has written the same file.
Where it was replaced by another one, the old one is read to its end, if it can still be found.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from ingest.blocks import Block, bad_file, unreadable
from ingest.compression import CHUNK
from ingest.growing_file import GrowingFile, head_of, octets, stands_in, why_not
from ingest.live_tail import Tail, with_newest
from ingest.positions import GrowingPosition

START = GrowingPosition()
GONE_S = 5.0  # after which a file is taken as gone: one that is rotated is away for a moment
UNKNOWN_S = 5.0  # after which it is said that what a file holds can't be told
HELD_S = 60.0  # for which a file that does not grow is held open
MOST_HELD = 200  # files that are held open by a process while they do not grow
NOT_THERE = (0, 1)  # size and time of change of a file that is yet to come
LARGE = 1 << 20  # octets that wait for their rest and are only looked at again when an eighth has come ...
LARGE_S = 1.0  # ... or after so long

_held: dict[Follower, None] = {}  # those that hold a file open and read nothing, the longest first


class Follower:
    """Looks at the path again and again: `look` gives what is new."""

    def __init__(
        self,
        path: Path,
        reading: GrowingFile,
        rest_s: float,
        now_us: Callable[[], int],
        begins: GrowingPosition = START,
    ) -> None:
        self.reading = reading
        self._begins = begins  # where a file that has the name now is read from, if that stands in it
        self.quiet_us = 0  # the time of day of the last change, if that was before the first look
        self.is_over = False  # the file is gone
        self.rests = False  # nobody has written to it for long
        self._path, self._rest_s, self._now_us = path, rest_s, now_us
        self._file: int | None = None
        self._tail: Tail | None = None  # of the file that had the name before
        self._seen: tuple[int, ...] = ()  # at the last look: nothing is read while it stays
        self._active = time.monotonic()  # when it changed
        self._gone_since: float | None = None
        self._short_since: float | None = None
        self._trouble = ""  # that was said last

    def close(self) -> None:
        """Hold no file open."""
        _held.pop(self, None)
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _hold(self) -> None:
        """Hold it open until there is more: if it is removed meanwhile, it can still be read to its end."""
        _held.pop(self, None)
        _held[self] = None
        if len(_held) > MOST_HELD:
            next(iter(_held)).close()

    def look(self) -> Iterator[Block]:
        """What is new."""
        now = time.monotonic()
        yield from self._tailed(now)
        try:
            found = self._path.stat()
            self._gone_since = None
            seen = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
            if seen == self._seen:
                yield from self._quiet(now)
            elif not self._is_large(found.st_size, now):
                is_done = yield from self._changed(now)
                if is_done:
                    self._active = now - self._age_s(found)
                    self._seen, self._trouble = seen, ""
                    self._hold()
        except FileNotFoundError:
            self._gone_since = self._gone_since or now
            if now - self._gone_since >= GONE_S:
                yield from self._gone(now)
        except OSError as error:
            yield from self._said_once(f"the file can't be read: {error.strerror or error}")

    def _age_s(self, found: os.stat_result) -> float:
        """How long before this look it was written; 0 if we have looked before, and so have seen it change.

        A mirror gives a file the age of the original. When it came here only the file system says, by the time at
        which it last changed anything of the file (ctime): of both times the later one counts.
        """
        changed_us, now_us = max(found.st_mtime_ns, found.st_ctime_ns) // 1_000, self._now_us()
        self.quiet_us = changed_us if not self._seen and changed_us < now_us else 0
        return (now_us - self.quiet_us) / 1e6 if self.quiet_us else 0.0

    def _quiet(self, now: float) -> Iterator[Block]:
        if self._file is not None and now - self._active >= UNKNOWN_S:
            if not self.reading.at.content and self._seen[2]:
                yield from self._said_once(why_not(head_of(self._file)))
            if now - self._active > HELD_S:
                self.close()
        if now - self._active > self._rest_s:
            self.close()
            yield from self._tailed(now, ends=True)
            self.rests = True
            self.reading.at = msgspec.structs.replace(self.reading.at, rests=self._seen[2:4])

    def _is_large(self, size: int, now: float) -> bool:
        """Whether what waits is better not looked at now: a little at a time, it would be read without end."""
        if not self._seen:
            return False
        waits = self._seen[2] - self.reading.at.offset
        return waits > LARGE and 0 <= size - self._seen[2] < waits // 8 and now - self._active < LARGE_S

    def _changed(self, now: float) -> Generator[Block, None, bool]:
        """Read on; False: it is better looked at again a little later."""
        opened = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.fstat(opened)
            at, device, inode = self.reading.at, status.st_dev, status.st_ino
            if not at.inode or stands_in(opened, at):
                self.reading.at = msgspec.structs.replace(at, device=device, inode=inode, rests=(0, 0))
            elif self._is_short(opened, now):
                os.close(opened)
                return False
            else:
                yield from self._replaced(now, device, inode)
                self._skip(opened)
        except BaseException:
            os.close(opened)
            raise
        self._short_since = None
        self.close()
        self._file = opened
        yield from self.reading.read(opened, CHUNK, False)
        return True

    def _is_short(self, file: int, now: float) -> bool:
        """Whether it does not reach as far as it was read, as yet: a mirror may be about to write it anew."""
        offset = self.reading.at.offset
        if octets(file, offset - 1, offset):
            return False
        self._short_since = self._short_since or now
        return now - self._short_since < GONE_S

    def _replaced(self, now: float, device: int, inode: int) -> Iterator[Block]:
        """Another file is there, or this one was written anew. Who writes to the old one may not know it yet."""
        old, before = self.reading, self.reading.at.before
        if (old.at.device, old.at.inode) == (device, inode):
            yield self._said(f"the file was cut or written anew: {self._unread()}")
        elif (file := self._old()) is None:
            yield self._said(f"the file was replaced by another one: {self._unread()}")
        else:
            yield from self._renamed(file, now)
            before = self.reading.at.before
        self.reading = GrowingFile(old.name, GrowingPosition(device=device, inode=inode, before=before))
        yield from self._tailed(now)

    def _skip(self, file: int) -> None:
        """Read on where what was read under another name ends, if the file is a copy of that."""
        at, begins = self.reading.at, self._begins
        if begins.offset and stands_in(file, begins):
            at = msgspec.structs.replace(begins, device=at.device, inode=at.inode, before=at.before)
            self.reading = GrowingFile(self.reading.name, at)

    def _renamed(self, file: int, now: float) -> Iterator[Block]:
        """What was read so far has the name no longer."""
        yield from self._tailed(now, ends=True)
        old = self.reading
        self._tail, before = Tail(old, file, now), with_newest(old.at.before, old.at)
        self.reading = GrowingFile(old.name, GrowingPosition(before=before))

    def _old(self) -> int | None:
        """What was read so far, open, under whatever name."""
        file, self._file = self._file, None
        _held.pop(self, None)
        return self._elsewhere() if file is None else file

    def leave(self) -> None:
        """Hold open no file that had the name before."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def _tailed(self, now: float, ends: bool = False) -> Iterator[Block]:
        """What is written to the file that had the name before; `ends`: nothing more is waited for."""
        tail, at = self._tail, self.reading
        if tail is None:
            return
        try:
            for block in tail.look(now, ends):
                at.at = msgspec.structs.replace(at.at, before=[*at.at.before[:-1], tail.place()])
                block.position = at.position()
                yield block
        except OSError as error:
            self.leave()
            yield self._said(f"of the file that was replaced: {unreadable(error)}")
        if tail.is_over:
            at.at = msgspec.structs.replace(at.at, before=[*at.at.before[:-1], tail.place()])
            self._tail = None

    def _gone(self, now: float) -> Iterator[Block]:
        """It was removed; or renamed, and its name may be given anew, be it in hours: then it is at rest till then."""
        if self.reading.at.inode:
            file = self._old()
            if file is not None and os.fstat(file).st_nlink:
                yield from self._renamed(file, now)
                self.reading.at = msgspec.structs.replace(self.reading.at, rests=NOT_THERE)
                yield from self._tailed(now)
                return
            self._file = file
        elif self.reading.at.before:
            self.rests = self._tail is None
            self.reading.at = msgspec.structs.replace(self.reading.at, rests=NOT_THERE)
            return
        yield from self._tailed(now, ends=True)
        yield from self._finish("the file is gone")
        yield self._said(f"the file is gone; it was read up to octet {self.reading.at.offset}")
        self.is_over = True

    def _finish(self, what: str) -> Iterator[Block]:
        """Read the old file to its end."""
        if self._file is None:
            self._file = self._elsewhere()
        if self._file is not None:
            yield from self.reading.read(self._file, CHUNK, True)
        elif self.reading.at.inode:
            yield self._said(f"{what}: {self._unread()}")

    def _unread(self) -> str:
        return f"what had come to it behind octet {self.reading.at.offset}, if anything, was not read"

    def _elsewhere(self) -> int | None:
        """The old file under the name that rotation gave it."""
        at = self.reading.at
        with suppress(OSError), os.scandir(self._path.parent) as entries:
            for entry in entries:
                if entry.inode() == at.inode and entry.is_file():
                    file = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
                    if stands_in(file, at):
                        return file
                    os.close(file)
        return None

    def _said_once(self, reason: str) -> Iterator[Block]:
        if reason != self._trouble:
            self._trouble = reason
            yield self._said(reason)

    def _said(self, reason: str) -> Block:
        return Block(rejected=[bad_file(self._path, reason)], position=self.reading.position())
