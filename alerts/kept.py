"""What is kept for people to look at, as JSON lines in files of a bounded size: the oldest falls out, and is counted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from alerts.appending import append


class KeptLines:
    """A file that is begun anew when it has so many octets; so many old ones are kept, NAME.1 is the newest of them.

    What can't be written now, on a full disk, waits in memory: whoever appends is to append no more till it was.
    """

    def __init__(self, path: Path, octets: int, files: int) -> None:
        self.dropped = 0  # lines that fell out since this process began
        self.fault = ""  # why lines wait
        self.waiting: list[bytes] = []
        self._path, self._octets, self._files = path, octets, files

    def append(self, values: Iterable[Any]) -> int:
        """Append values, and what waits before them; how many lines fell out for them."""
        self.waiting += map(msgspec.json.encode, values)
        before = self.dropped
        try:
            while self.waiting:
                self._fill()
            self.fault = ""
        except OSError as error:
            self.fault = f"{self._path} can't be written: {(error.strerror or str(error)).lower()}"
        return self.dropped - before

    def _fill(self) -> None:
        """Write as many lines as there is room for; where there is none for the next one, begin a new file."""
        size, number = self._path.stat().st_size if self._path.exists() else 0, 0
        while number < len(self.waiting):
            octets = len(self.waiting[number]) + 1
            if size and size + octets > self._octets:
                break
            size, number = size + octets, number + 1
        append(self._path, self.waiting[:number])
        del self.waiting[:number]
        if self.waiting:
            self._rotate()

    def _rotate(self) -> None:
        """Oldest first: whatever is left when this is interrupted, the next time goes on from it."""
        for old in self._path.parent.glob(f"{self._path.name}.*"):
            suffix = old.name.rpartition(".")[2]
            if suffix.isdecimal() and int(suffix) >= self._files:
                self._drop(old)
        for number in range(self._files - 1, 0, -1):
            if self._old(number).exists():
                self._old(number).rename(self._old(number + 1))
        self._path.rename(self._old(1))

    def _old(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _drop(self, path: Path) -> None:
        with path.open("rb") as file:
            self.dropped += sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
        path.unlink()
