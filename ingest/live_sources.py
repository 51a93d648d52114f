"""Everything that a server reads: folders in which files appear and grow, ports that exporters send to, topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.blocks import Partition
from ingest.collector import Collector
from ingest.kafka import KafkaSettings
from ingest.kafka_topics import KafkaTopics
from ingest.live_bucket import LiveBucket
from ingest.live_file import REST_S
from ingest.live_files import LiveFolder, is_at_rest
from ingest.object_store import Bucket
from ingest.positions import GrowingPosition, known
from ingest.records import Rejected
from ingest.sources import Found
from ingest.stream_receive import Tls

FORGET_S = 86_400.0


@dataclass(slots=True)
class LiveSources:
    """Finds what is there, and what comes. `now_us` gives the time of day."""

    folders: tuple[str, ...]
    listen: tuple[tuple[str, int], ...]  # host and port
    journal: Path  # a folder: one in it for each port
    journal_octets: int  # the bound of each
    now_us: Callable[[], int]
    rest_s: float = REST_S  # after which a file that does not grow is left to itself
    forget_s: float = FORGET_S  # for which such a file may be away before its place is forgotten
    streams: tuple[KafkaSettings, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    connections: tuple[tuple[str, int, Tls | None], ...] = ()  # host and port by TCP, with TLS or without
    _stores: list[LiveBucket] = field(default_factory=list)
    _topics: list[KafkaTopics] = field(default_factory=list)
    _looking: list[LiveFolder] = field(default_factory=list)
    _missed: dict[str, float] = field(
        default_factory=dict
    )  # files at rest that are not there, and since when

    @property
    def ports(self) -> int:
        """How many ports are listened on."""
        return len(self.listen) + len(self.connections)

    def found(self, positions: Mapping[str, Any]) -> Found:
        """What is there to begin with; the positions tell a file again that was renamed meanwhile."""
        about = dict(positions), self.rest_s, self.now_us
        self._looking = [LiveFolder(Path(folder), *about) for folder in self.folders]
        listeners: list[Partition] = [
            Collector(host, port, self.journal / str(port), self.now_us, journal_bound=self.journal_octets)
            for host, port in self.listen
        ]
        listeners += [
            Collector(
                host,
                port,
                self.journal / f"tcp-{port}",
                self.now_us,
                journal_bound=self.journal_octets,
                is_stream=True,
                tls=tls,
            )
            for host, port, tls in self.connections
        ]
        self._topics = [KafkaTopics(one, positions) for one in self.streams]
        resting = {name: position for name, position in positions.items() if is_at_rest(position)}
        self._stores = [LiveBucket(one, positions, self.rest_s) for one in self.buckets]
        places: list[KafkaTopics | LiveBucket] = [*self._topics, *self._stores]
        for place in places:  # all are asked at once
            place.begin()
        streams = [partition for topics in self._topics for partition in topics.found()]
        objects = [partition for store in self._stores for partition in store.found(resting)]
        found = self.look(resting)
        found.partitions = [*listeners, *streams, *objects, *found.partitions]
        return found

    def look(self, resting: Mapping[str, Any]) -> Found:
        """Files that have appeared since; of those at rest, the ones that stir, and what is gone for good."""
        found = Found([partition for folder in self._looking for partition in folder.look(resting)])
        for topics in self._topics:
            found.partitions += topics.look()
            found.health += topics.health()
            found.unlisted |= topics.is_unlisted
        for store in self._stores:
            found.partitions += store.look(resting)
            found.health += store.health()
            found.unlisted |= store.is_unlisted
        looking: list[LiveFolder | LiveBucket] = [*self._looking, *self._stores]
        missing = [name for name in resting if not any(one.has(name) for one in looking)]
        found.gone = self._gone(missing)
        found.rejected = [
            Rejected(reason=_left(resting[name]), source=name, kind="file") for name in found.gone
        ]
        for folder in self._looking:
            found.rejected += folder.said
            folder.said = []
        return found

    def know(self, positions: Mapping[str, Any]) -> None:
        """A checkpoint has these places."""
        for folder in self._looking:
            folder.know(positions)

    def _gone(self, missing: list[str]) -> list[str]:
        """Those that are missing for long: a disk that is away for a while has not lost its files."""
        now = time.monotonic()
        self._missed = {name: self._missed.get(name, now) for name in missing}
        return [name for name, since in self._missed.items() if now - since >= self.forget_s]


def _left(position: Any) -> str:
    offset = known(position, GrowingPosition, "").offset
    return f"the file is gone; it was read up to octet {offset}, and had not changed for long"
