"""A server's reading of a folder whose logs are rotated, and what rotation does to a log, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ingest.blocks import Block, LivePartition
from ingest.live_sources import LiveSources
from ingest.records import Rejected
from tests.ingest.conftest import TimePasses
from tests.ingest.test_sources import audits, lines

RECORDS = audits(30)
RESTS_S = 600.0


class Server:
    """What a server does with a folder: looks for files, reads what is there, keeps the places of checkpoints."""

    def __init__(self, folder: Path, passes: TimePasses) -> None:
        self.folder, self.passes = folder, passes
        self.places: dict[str, Any] = {}
        self.blocks: list[Block] = []
        self.told: list[Rejected] = []  # of files, by who looks for them
        self.begin()

    def begin(self) -> None:
        """A new process, from the last checkpoint."""
        places = msgspec.msgpack.decode(msgspec.msgpack.encode(self.places))
        self.places = places
        self.found = LiveSources(
            (str(self.folder),), (), self.folder / "journal", 1 << 20, lambda: 0, RESTS_S
        )
        found = self.found.found(places)
        self.told += found.rejected
        self.open = {one.name: self._blocks(one) for one in found.partitions}
        self.look()

    def _blocks(self, file: LivePartition) -> Any:
        return iter(file.blocks(self.places.get(file.name)))

    def resting(self) -> dict[str, Any]:
        return {name: at for name, at in self.places.items() if name not in self.open}

    def look(self) -> list[Block]:
        """All that is there now."""
        some: list[Block] = []
        found = self.found.look(self.resting())
        self.told += found.rejected
        for file in found.partitions:
            self.open.setdefault(file.name, self._blocks(file))
        for name, blocks in list(self.open.items()):
            for block in blocks:
                self.places[name] = block.position
                if block.rests:
                    del self.open[name]
                if block.idle:
                    break
                some.append(block)
            else:
                self.open.pop(name, None)
                self.places.pop(name, None)
        self.blocks += some
        return some

    def after(self, seconds: float) -> list[Block]:
        """All that is there after some seconds."""
        self.passes(seconds)
        return self.look()

    def said(self) -> list[str]:
        return [one.reason for block in self.blocks for one in block.rejected]


def begun(folder: Path) -> Path:
    """A log with the first ten records."""
    path = folder / "x.log"
    path.write_bytes(lines(RECORDS[:10]))
    return path


def rotate(log: Path, number: int = 1) -> Path:
    """As `logrotate` does."""
    older = log.with_name(f"{log.name}.{number}")
    if older.exists():
        rotate(log, number + 1)
    (log if number == 1 else log.with_name(f"{log.name}.{number - 1}")).rename(older)
    return older
