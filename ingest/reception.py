"""From a UDP socket to a journal: one thread reads, one writes, so that a slow disk does not keep the socket waiting.

What waits between them is bounded: beyond it the socket is not read, and the kernel drops and counts.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from ingest.journal import Journal
from ingest.receive import Arrived, Receiver, receiver
from ingest.stream_receive import CLOSED

QUEUED = 64 << 20  # octets that wait for the journal
BATCH = 4 << 20  # octets that are synced together
PAUSE_S = 0.05  # between two syncs, where little comes
DRAIN_S = 1.0  # for which what the socket still holds is read at the end


@dataclass(slots=True)
class Counts:
    """What came since the process began; `flows` and `applied` are counted where it is decoded."""

    received: int = 0
    octets: int = 0
    applied: int = 0
    flows: int = 0
    dropped: int | None = None


@dataclass(slots=True)
class _Batch:
    arrived: list[Arrived]
    received_us: int
    octets: int


class Reception:
    """The socket, the journal and the two threads between them."""

    def __init__(
        self,
        journal: Journal,
        made: socket.socket,
        now_us: Callable[[], int],
        counts: Counts,
        streams: Receiver | None = None,
    ) -> None:
        """`streams` receives connections, whose senders can be made to wait: then nothing is dropped."""
        self.journal, self.socket = journal, made
        self._source, self._can_wait = streams, streams is not None
        self.more = Event()  # something was synced
        self._now_us, self._counts = now_us, counts
        self._queue: deque[_Batch] = deque()
        self._queued = 0  # octets: added by one thread ...
        self._taken = 0  # ... and by the other
        self._came, self._stop, self._done = Event(), Event(), Event()
        self._failed = ""
        self._said = ""
        self._threads = [
            Thread(target=self._run, args=(one,), daemon=True) for one in (self._receive, self._write)
        ]
        for thread in self._threads:
            thread.start()

    def problems(self) -> list[str]:
        """What went wrong, each said once."""
        if self._failed:
            raise RuntimeError(f"a collector's thread ended: {self._failed}")
        problem = self.journal.problem
        said, self._said = self._said, problem
        told = self._source.problems() if self._source else []
        return [problem, *told] if problem and problem != said else told

    def close(self) -> None:
        """Close both, after what the socket holds is in the journal."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.socket.close()
        self.journal.close()

    def _run(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:
            self._failed = f"{type(error).__name__}: {error}"
        finally:
            self._stop.set()
            self._came.set()

    def _receive(self) -> None:
        source = self._source = self._source or receiver(self.socket)
        until = 0.0
        try:
            while True:
                if self._stop.is_set():
                    until = until or time.monotonic() + DRAIN_S
                if self._must_wait() and not until:
                    self._stop.wait(0.001)
                    continue
                arrived = source.receive()
                if arrived:
                    self._put(arrived)
                if until and (not arrived or time.monotonic() > until):
                    if arrived := source.end():
                        self._put(arrived)
                    return
        finally:
            self._done.set()

    def _must_wait(self) -> bool:
        """Whether what came is better written before more is taken."""
        waits = self._queued - self._taken
        if self._can_wait and (waits > self.journal.bound // 8 or self.journal.is_nearly_full):
            return True
        return waits > QUEUED

    def _put(self, arrived: list[Arrived]) -> None:
        octets = sum(len(data) for _, data in arrived)
        ends = sum(data == CLOSED for _, data in arrived) if self._can_wait else 0
        self._counts.received += len(arrived) - ends
        self._counts.octets += octets - ends * len(CLOSED)
        self._queued += octets
        self._queue.append(_Batch(arrived, self._now_us(), octets))
        self._came.set()

    def _write(self) -> None:
        while True:
            done = self._done.is_set()
            self._came.clear()
            if self._queue:
                self._commit()
            elif done:
                return
            elif not self._came.wait(PAUSE_S):
                continue
            if self._queued - self._taken < BATCH and not done:
                self._done.wait(PAUSE_S)

    def _commit(self) -> None:
        """Sync what came, up to a batch."""
        octets = 0
        while self._queue and octets < BATCH:
            batch = self._queue.popleft()
            for source, data in batch.arrived:
                self.journal.append(source, batch.received_us, data)
            octets += batch.octets
        self.journal.commit()
        self._taken += octets
        self.more.set()
