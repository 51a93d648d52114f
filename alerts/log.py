"""Alerts as they come, in a file of JSON lines: an id that stands there again is a newer word on the same alert."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alerts.alert import Alert, to_json
from detections.declare import SEVERITIES, Severity


class _Line(msgspec.Struct):
    id: str
    severity: Severity
    complete: bool = True


class _Known(NamedTuple):
    """The last word on an alert."""

    hashed: bytes
    complete: bool
    grave: int


class AlertLog:
    """Appends alerts; what stands there already, to the octet, is not written again.

    Neither is a word of an hour that was open where a complete one stands, or one as grave: after a death the same
    is told again, from what was read by then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, _Known] = {}
        self._mend()

    def _mend(self) -> None:
        """Read what is there; a line that a crash has cut short is taken away."""
        if not self._path.exists():
            return
        whole = 0
        with self._path.open("rb+") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self._note(line.rstrip(b"\n"))
            file.truncate(whole)

    def _note(self, line: bytes) -> bool:
        """Whether it is news."""
        told = msgspec.json.decode(line, type=_Line)
        now = _Known(blake2b(line, digest_size=16).digest(), told.complete, SEVERITIES.index(told.severity))
        known = self._known.get(told.id)
        if known is not None and (known.hashed == now.hashed or _is_old(known, now)):
            return False
        self._known[told.id] = now
        return True

    def write(self, alerts: Iterable[Alert]) -> None:
        """Append what is news, and see that it is on the disk."""
        lines = [line for line in map(to_json, alerts) if self._note(line)]
        if not lines:
            return
        with self._path.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())


def append_lines(path: Path, values: Iterable[Any]) -> None:
    """Append values as JSON lines, for people to look at."""
    lines = [msgspec.json.encode(value) + b"\n" for value in values]
    if lines:
        with path.open("ab") as file:
            file.write(b"".join(lines))


def _is_old(known: _Known, now: _Known) -> bool:
    return not now.complete and (known.complete or known.grave >= now.grave)
