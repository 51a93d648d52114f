"""An estate of machines on the product's own path: flows, select, shards, the aggregator, hour by hour."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgpack
import numpy as np
import numpy.typing as npt

from actors.conductor import Days
from actors.keys import groups_of
from actors.messages import Batch
from actors.settings import Settings
from actors.shard_state import pack, unpack
from alerts.alert import Alert
from ingest.enrich import Enrichment
from ingest.flows import FlowColumns
from ingest.records import FLOW, HOUR_US, NETWORK, address_words
from ingest.select import select
from tests.detections.replay import OwnPath

Flows = npt.NDArray[np.void]
MINUTE_US = 60_000_000
NOTHING: Flows = np.zeros(0, FLOW)


def address(number: int) -> str:
    """An outside address."""
    return f"81.{2 + number // 65_536 % 200}.{number // 256 % 256}.{number % 256}"


class Talk(NamedTuple):
    """So many connections from one client to one server's port, one a second from a time on."""

    client: str
    server: str
    port: int
    connections: int
    at_us: int
    first_port: int = 30_000
    packets: int = 12
    octets: int = 1_100
    answered: bool = True
    denied: bool = False
    sampling: int = 0
    lasts_us: int = 900_000


def flows(talks: Iterable[Talk]) -> Flows:
    """The biflows of conversations, each connection with a client port of its own."""
    told = list(talks)
    if not told:
        return NOTHING
    counts = np.array([talk.connections for talk in told], np.int64)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    column = {name: np.repeat([talk[at] for talk in told], counts) for at, name in _PLAIN}
    rows = np.zeros(len(number), FLOW)
    for side, at in (("src", 0), ("dst", 1)):
        words = np.array([_words(talk[at]) for talk in told], np.uint64)
        rows[f"{side}_hi"], rows[f"{side}_lo"] = np.repeat(words, counts, axis=0).T
    for name in ("packets", "octets"):
        rows[name], rows[f"{name}_back"] = column[name], column[name] * column["answered"]
    rows["start_us"] = column["at_us"] + number % 1_500 * 1_000_000
    rows["end_us"] = rows["start_us"] + column["lasts_us"]
    rows["src_port"], rows["dst_port"] = (column["first_port"] + number) % 65_536, column["port"]
    rows["denied"], rows["sampling"] = column["denied"], column["sampling"]
    rows["protocol"], rows["offset"] = 6, np.arange(len(rows)) * 100
    return rows


_PLAIN = [(at, name) for at, name in enumerate(Talk._fields) if at >= 2]
_words = lru_cache(maxsize=1 << 16)(address_words)


class Estate(OwnPath):
    """Router's, shards' and aggregator's part in one; `play` gives the alerts of an hour."""

    def __init__(self, enrichment: Enrichment, shards: int = 2, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings(shards=shards), enrichment)

    def play(self, hour: int, rows: Flows) -> list[Alert]:
        """Take an hour's flows in, and close it."""
        self._apply(rows)
        self.since.setdefault(NETWORK, hour * HOUR_US)
        return self.close(hour)

    def _apply(self, rows: Flows) -> None:
        chosen = select(FlowColumns.of_rows(rows), self.enrichment.inventory, self.enrichment.indicators)
        owner = np.array([self._shard(name) for name in chosen.ids], np.int64)
        for index, shard in enumerate(self.shards):
            mine = chosen.rows[owner[chosen.rows["entity"]] == index] if len(chosen.rows) else chosen.rows
            shard.apply(Batch(rows=mine, ids=chosen.ids, since=[0] * len(chosen.ids), sources=["f.ipfix"]))

    def _shard(self, entity: str) -> int:
        return self.owner("resource", entity)

    def save(self) -> bytes:
        """All state, as a run leaves it."""
        for shard in self.shards:
            shard.mark()
        parts = [pack(shard.changes()) for shard in self.shards]
        return bytes(msgpack.packb([parts, self.aggregator.lasting(), self.days.state(), self.since]))

    @classmethod
    def resumed(cls, saved: bytes, enrichment: Enrichment, shards: int = 2) -> Estate:
        """The estate with that state, on so many shards."""
        estate = cls(enrichment, shards)
        parts, aggregator, days, estate.since = msgpack.unpackb(saved, strict_map_key=False)
        for shard in estate.shards:
            for part in parts:
                shard.load(unpack(part), groups_of(shard.index, shards))
            shard.begin(days[1])
        estate.aggregator.load(aggregator)
        estate.days = Days(*days)
        return estate
