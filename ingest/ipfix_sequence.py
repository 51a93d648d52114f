"""Sequence numbers of messages that come by UDP (RFC 7011, section 3.1): what is lost, late, come again, or begun anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from ingest.ipfix_runs import Numbers

REMEMBERED = 512  # messages that a copy is recognised of
REORDERED = 1 << 15  # records by which a message may come late
MAX_GAPS = 256
BEGUN_ANEW = 1 << 24  # records: what seems lost beyond it, through 0, is an exporter that counts from 0 again
_MODULUS = 1 << 32


class Recent:
    """The messages that came last, each by its sequence number and its checksum."""

    __slots__ = ("_known", "_order")

    def __init__(self, kept: bytes = b"") -> None:
        self._order: deque[int] = deque()
        self._known: set[int] = set()
        self._extend(np.frombuffer(kept, "<u8").tolist())

    def kept(self) -> bytes:
        """To be given to another one."""
        return np.array(self._order, "<u8").tobytes()

    def meets(self, sequence: int, checksum: int) -> bool:
        """Whether the message is a copy of one of them; if not, it is one of them from now on."""
        key = sequence << 32 | checksum
        if key in self._known:
            return True
        self._extend((key,))
        return False

    def add(self, sequence: Numbers, checksums: Iterable[int]) -> None:
        """Messages that can be no copies."""
        last = list(zip(sequence.tolist(), checksums, strict=True))[-REMEMBERED:]
        self._extend([number << 32 | checksum for number, checksum in last])

    def _extend(self, keys: Iterable[int]) -> None:
        for key in keys:
            if len(self._order) == REMEMBERED:
                self._known.discard(self._order.popleft())
            self._order.append(key)
            self._known.add(key)


class Sequence:
    """Of one exporter's domain. Numbers are counted through here: they do not begin at 0 again after 2^32.

    >>> one = Sequence()
    >>> one.took(10, 0, 5), one.took(20, 0, 5), one.took(15, 0, 5), one.lost
    (0, 5, -5, 0)
    """

    __slots__ = ("first", "gaps", "latest", "lost", "newest_s", "next", "restarts")

    def __init__(self, following: int | None = None, newest_s: int = 0) -> None:
        self.next = following  # None: not known
        self.latest = following  # number of the message before which nothing is known to be missing
        self.first = 0  # what may come late from before it was never missed
        self.newest_s = newest_s  # the greatest export time
        self.gaps: list[tuple[int, int]] = []  # what may still come late, by age
        self.lost = 0  # in all
        self.restarts = 0

    def took(self, sequence: int, exported_s: int, records: int) -> int:
        """How many records were lost before a message with so many; less than 0: so many came late.

        What is behind is late if it is missing and not younger than what came before it; otherwise the exporter
        has begun to count anew. A message without records (of templates) says nothing about that.
        """
        if self.next is None:
            self._begin(sequence, exported_s, records)
            return 0
        expected = self.next
        ahead = (sequence - expected + (1 << 31)) % _MODULUS - (1 << 31)
        at, lost = expected + ahead, 0
        if ahead > BEGUN_ANEW and sequence < expected % _MODULUS:
            self._begin(sequence, exported_s, records)
            self.restarts += 1
        elif ahead >= 0:
            lost = ahead
            self._miss(expected, at)
            self.latest, self.next = sequence, at + records
        elif records and exported_s <= self.newest_s and self._fill(at, at + records):
            lost = -self._counted(at, at + records)
        elif records:
            self._begin(sequence, exported_s, records)
            self.restarts += 1
        self.newest_s = max(self.newest_s, exported_s)
        self.lost += lost
        return lost

    def took_run(self, sequence: Numbers, exported_s: Numbers, records: Numbers) -> bool:
        """Take messages in that follow one another without a gap; False: they do not."""
        first = int(sequence[0])
        if self.next is None or self.next % _MODULUS != first:
            return False
        if (sequence[1:] != (sequence + records & _MODULUS - 1)[:-1]).any():
            return False
        self.next += int(records.sum())
        self.latest = int(sequence[-1])
        self.newest_s = max(self.newest_s, int(exported_s.max()))
        return True

    def took_later(self, sequence: int, records: int | None) -> int:
        """Records of a message that counted as one without them; None: all that seem lost there are not."""
        if self.next is None:
            return 0
        if sequence == self.latest:  # nothing followed it yet
            self.next += records or 0
            return 0
        at = self.next - (self.next - sequence) % _MODULUS
        gap = next((gap for gap in self.gaps if gap[1] > at), None)
        if gap is None:
            return 0
        at = max(at, gap[0])
        end = gap[1] if records is None else min(at + records, gap[1])
        self._fill(at, end)
        found = self._counted(at, end)
        self.lost -= found
        return -found

    def _miss(self, begin: int, end: int) -> None:
        if end > begin:
            self.gaps.append((begin, end))
        if self.gaps:
            self.gaps = [gap for gap in self.gaps[-MAX_GAPS:] if gap[1] > end - REORDERED]

    def _fill(self, begin: int, end: int) -> bool:
        """Whether all of it was missing, and not more than a window ago."""
        for place, (first, last) in enumerate(self.gaps):
            if first <= begin and end <= last:
                rest = [(first, begin), (end, last)]
                self.gaps[place : place + 1] = [gap for gap in rest if gap[1] > gap[0]]
                return True
        return False

    def _counted(self, begin: int, end: int) -> int:
        """How many of what was missing there were counted as lost."""
        return max(end - max(begin, self.first), 0)

    def _begin(self, sequence: int, exported_s: int, records: int) -> None:
        """What came before may come late: nobody knows how much that is."""
        self.first, self.gaps = sequence, [(sequence - REORDERED, sequence)]
        self.latest, self.next, self.newest_s = sequence, sequence + records, exported_s
