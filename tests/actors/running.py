"""A whole run in this process: partitions in memory, the router, shards and the aggregator, saved and resumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np

from actors.aggregator import Aggregator, Outcome
from actors.conductor import Conductor, Days
from actors.keys import shard_of
from actors.router import Router
from actors.settings import Settings
from actors.shard import Shard
from cluster.local import LocalRuntime, LoopPorts, unpack_router
from cluster.state import Saved
from ingest.enrich import Enrichment
from ingest.event_columns import EventColumns
from ingest.flows import FlowColumns
from ingest.geography import Geography
from ingest.identity import operation_of, uid_of
from ingest.inventory import Inventory
from ingest.inventory_file import Claims
from ingest.logs_values import content_hash
from ingest.networks import parse_network
from ingest.records import HOUR_US, KEY_VAULT, MANAGEMENT, SUCCESS, Event
from ingest.sources import Block, Partition
from ingest.threat_intel import Entry, Indicator, Indicators

START = 490_000
MINUTE_US = 60_000_000
MACHINES = tuple(f"10.0.0.{number}" for number in range(1, 5))
TOR, BRIEFLY, TWICE = "185.220.101.1", "185.220.101.2", "185.220.101.3"
C2 = "198.51.100.7"
FOR_EVER = 1 << 62


class Listed:
    """A partition of events or of flows in memory, in blocks of a given size."""

    def __init__(self, name: str, records: Sequence[Event] | Any, size: int = 7) -> None:
        self.name = name
        self._records = records
        self._size = size
        self.first_us: int | None = None
        if len(records):
            first = records[0]
            self.first_us = first.at_us if isinstance(first, Event) else int(first["end_us"])

    def prefetch(self) -> None:
        """It is in memory."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        for start in range(0, len(self._records), self._size):
            part = self._records[start : start + self._size]
            if isinstance(part, np.ndarray):
                yield Block(flows=FlowColumns.of_rows(part), read=len(part), position=start)
            else:
                yield Block(EventColumns.of(part), read=len(part), position=start)


def at(minute: float) -> int:
    """A time, in minutes from the first hour's start."""
    return START * HOUR_US + int(minute * MINUTE_US)


def event(minute: float, request: int, **given: Any) -> Event:
    """A vault's event of some request; its uid says what an event's uid says: what, by whom, where and when."""
    values = {
        "layer": KEY_VAULT,
        "operation": "SecretGet",
        "outcome": SUCCESS,
        "principal": "p",
        "application": "a",
        "vault": "/v",
        "item": "secrets/db",
    }
    values |= given
    said = (values["operation"], values["outcome"], values["principal"], values["vault"], values["item"])
    return Event(at_us=at(minute), uid=uid_of(content_hash(*said), at(minute), str(request)), **values)


def managed(minute: float, request: int, outcome: str = SUCCESS, **given: Any) -> Event:
    """One record of a control-plane operation; those of a request are joined."""
    told: dict[str, Any] = {
        "operation": "microsoft.storage/storageaccounts/listkeys/action",
        "item": "",
        "vault": "",
    }
    told |= {"layer": MANAGEMENT, "outcome": outcome, **given}
    operation = operation_of(content_hash(told["operation"]), str(request))
    return event(minute, request, operation_id=operation, **told)


@cache
def enrichment() -> Enrichment:
    """Machines with an address each, and lists: one address always, one from 0:20 to 0:40, one on two lists in turn."""
    networks = [parse_network(ip) for ip in MACHINES]
    zeros = np.zeros(len(networks), np.int64)
    claims = Claims(
        ids=[f"/vm/{ip}" for ip in MACHINES],
        high=np.array([network.first >> 64 for network in networks], np.uint64),
        low=np.array([network.first & (1 << 64) - 1 for network in networks], np.uint64),
        bits=np.array([network.bits for network in networks], np.uint8),
        start_us=zeros - FOR_EVER,
        end_us=zeros + FOR_EVER,
        resource=np.arange(len(networks)),
        line=zeros,
    )
    spans = (
        (TOR, "tor_exit_node", -FOR_EVER, FOR_EVER),
        (BRIEFLY, "anonymous_proxy", at(20), at(40)),
        (TWICE, "anonymous_proxy", at(10), at(30)),
        (TWICE, "tor_exit_node", at(25), at(100)),
        (C2, "command_and_control", at(30), at(90)),
    )
    entries = [
        Entry(Indicator(ip, kind, f"{kind}.csv"), parse_network(ip), *span) for ip, kind, *span in spans
    ]
    return Enrichment(Inventory(claims), Indicators(entries), Geography.open(None))


class Replayed(LocalRuntime):
    """The product's plain loop over partitions in memory."""

    def __init__(
        self, partitions: Sequence[Partition], settings: Settings, saved: Saved | None = None
    ) -> None:
        resumed = unpack_router(saved)
        self._enrichment = enrichment()
        self._shards = [Shard(index, settings) for index in range(settings.shards)]
        self._aggregator = Aggregator(settings, self._enrichment)
        if saved is not None:
            self._aggregator.restore(msgspec.msgpack.decode(saved.aggregator))
            for group, packed in sorted(saved.groups.items()):
                self._shards[shard_of(group, settings.shards)].load([msgspec.msgpack.decode(packed)])
        self.router = Router(partitions, self._enrichment, settings, **resumed["router"])
        ports = LoopPorts(self._shards, self._aggregator)
        self._conductor = Conductor(self.router, ports, Days(*resumed["days"]))

    def play(self, steps: int = 5) -> Outcome:
        """The run to its end."""
        while not self.advance(steps).done:
            pass
        return self.finish()

    def stop_and_save(self) -> tuple[Saved, Outcome]:
        """The run until all is read; hours that are open then stay open."""
        while not self.advance(5).drained:
            pass
        return self.save(), self.finish()
