"""What is kept for people to look at, as JSON lines in files of a bounded size: the oldest falls out, and is counted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec


class KeptLines:
    """A file that is begun anew when it has so many octets; so many old ones are kept, NAME.1 is the newest of them."""

    def __init__(self, path: Path, octets: int, files: int) -> None:
        self.dropped = 0  # lines that fell out since this process began
        self._path, self._octets, self._files = path, octets, files

    def append(self, values: Iterable[Any]) -> int:
        """Append values; how many lines fell out for them."""
        lines = [msgspec.json.encode(value) + b"\n" for value in values]
        before, at = self.dropped, 0
        while at < len(lines):
            with self._path.open("ab") as file:
                size = file.tell()
                while at < len(lines) and (not size or size + len(lines[at]) <= self._octets):
                    size += file.write(lines[at])
                    at += 1
            if at < len(lines):
                self._rotate()
        return self.dropped - before

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
