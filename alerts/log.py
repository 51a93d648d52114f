"""Alerts as they come, in a file of JSON lines: an id that stands there again is a newer word on the same alert."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec

from alerts.alert import Alert, to_json
from alerts.appending import append
from detections.declare import SEVERITIES, Severity

KNOWN = 100_000  # alerts of which the last word is remembered: what comes again is one of the newest
TAIL = 256 << 20  # octets at the end of the file that are looked through for them at the start


class _Line(msgspec.Struct):
    id: str
    severity: Severity
    complete: bool = True


class _Known(NamedTuple):
    """The last word on an alert."""

    id: str
    hashed: bytes
    grave: int
    early: bytes  # the line, if its hour was open; else empty

    @property
    def complete(self) -> bool:
        """Whether its hour had closed."""
        return not self.early

    def is_news_after(self, known: _Known) -> bool:
        """Whether it says what is not known."""
        is_old = not self.complete and (known.complete or known.grave >= self.grave)
        return not (known.hashed == self.hashed or is_old)


def _word(line: bytes) -> _Known:
    told = msgspec.json.decode(line, type=_Line)
    early = b"" if told.complete else line
    return _Known(told.id, blake2b(line, digest_size=16).digest(), SEVERITIES.index(told.severity), early)


class AlertLog:
    """Appends alerts; what stands there already, to the octet, is not written again, if it is among the newest.

    Neither is a word of an hour that was open where a complete one stands, or one as grave: after a death the same
    is told again, from what was read by then.

    The file may be renamed at any time, as log rotation does: the next alert begins a new one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, _Known] = {}
        self._mend()

    def _mend(self) -> None:
        """Read what is there; a line that a crash has cut short is taken away, one that is no alert is let stand."""
        if not self._path.exists():
            return
        with self._path.open("rb+") as file:
            whole = max(0, file.seek(0, os.SEEK_END) - TAIL)
            file.seek(whole)
            if whole:
                whole += len(file.readline())  # it began before
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                with suppress(msgspec.MsgspecError, RecursionError):
                    self._note(line.rstrip(b"\n"))
            file.truncate(whole)

    def _note(self, line: bytes) -> None:
        """It stands in the file."""
        now = _word(line)
        known = self._known.pop(now.id, None)
        new = known is None or now.is_news_after(known)
        self._known[now.id] = now if new or known is None else known  # the newest stand last
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]

    def _is_news(self, line: bytes) -> bool:
        now = _word(line)
        known = self._known.get(now.id)
        return known is None or now.is_news_after(known)

    def early(self) -> list[Alert]:
        """What was told of hours that were open then, and had no later word."""
        told = []
        for known in self._known.values():
            if known.early:
                with suppress(msgspec.MsgspecError, RecursionError):  # somebody's own line
                    told.append(msgspec.json.decode(known.early, type=Alert))
        return told

    def write(self, alerts: Iterable[Alert]) -> None:
        """Append what is news, and see that it is on the disk. Raises OSError: then all of it is still news."""
        lines = [line for line in map(to_json, alerts) if self._is_news(line)]
        if lines:
            append(self._path, lines, synced=True)
        for line in lines:
            self._note(line)
