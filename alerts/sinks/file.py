"""Alerts in a file of JSON lines, or in another of the formats. Rotation may rename it at any time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from alerts.formats import FORMATS
from alerts.output import worded
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError
from alerts.store.outbox import Row


class LineFile:
    """Appends; what it says is on the disk when `send` comes back."""

    most = 200

    def __init__(self, path: Path, form: str = "json") -> None:
        self._path, self._json = path, form == "json"
        self._head, self._line = FORMATS[form]

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Raises NotNowError."""
        lines = b"".join(self._line(row.alert if self._json else worded(row.alert)) for row in rows)
        try:
            self._append(lines)
        except OSError as error:
            raise NotNowError(f"{self._path}: {error.strerror}") from None

    def _append(self, lines: bytes) -> None:
        with self._path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            if not size:
                lines = self._head + lines
            elif os.pread(file.fileno(), 1, size - 1) != b"\n":
                lines = b"\n" + lines  # a death has cut its last line short: that one comes again, whole
            try:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)  # a full disk: all or none
                raise

    def check(self) -> str:
        """Raises NotNowError."""
        folder = self._path.parent
        if not folder.is_dir():
            raise NotNowError(f"{folder}: no such folder")
        there = self._path.exists()
        if not os.access(self._path if there else folder, os.W_OK) or self._path.is_dir():
            raise NotNowError(f"{self._path}: can't be written")
        return f"{self._path} can be written"

    def close(self) -> None:
        """Nothing is open."""
