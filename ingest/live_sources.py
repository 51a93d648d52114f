"""Everything that a server reads: folders in which files appear and grow, and ports that exporters send to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.blocks import Partition
from ingest.collector import Collector
from ingest.live_files import LiveFolder
from ingest.sources import Found


@dataclass(slots=True)
class LiveSources:
    """Finds what is there, and what comes. `now_us` gives the time of a datagram's arrival."""

    folders: tuple[str, ...]
    listen: tuple[tuple[str, int], ...]  # host and port
    journal: Path  # a folder: one in it for each port
    journal_octets: int  # the bound of each
    now_us: Callable[[], int]
    _looking: list[LiveFolder] = field(default_factory=list)

    def found(self, positions: Mapping[str, Any]) -> Found:
        """What is there to begin with; the positions tell a file again that was renamed meanwhile."""
        self._looking = [LiveFolder(Path(folder), positions=dict(positions)) for folder in self.folders]
        listeners: list[Partition] = [
            Collector(host, port, self.journal / str(port), self.now_us, journal_bound=self.journal_octets)
            for host, port in self.listen
        ]
        found = self.look()
        found.partitions = [*listeners, *found.partitions]
        return found

    def look(self) -> Found:
        """Files that have appeared since."""
        return Found([partition for folder in self._looking for partition in folder.look()])
