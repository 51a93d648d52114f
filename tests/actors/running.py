"""A whole run in this process: partitions in memory, the router, shards and the aggregator, saved and resumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import msgspec
import numpy as np

from actors.conductor import Marked, Standing
from actors.outcome import Outcome
from actors.saving import AGGREGATOR, LASTING, SHARD, still_needed
from actors.settings import Settings
from cluster.checkpoints import Part
from cluster.deadline import Deadline
from cluster.local import LocalRuntime
from ingest.enrich import Enrichment
from ingest.event_columns import EventColumns
from ingest.flows import FlowColumns
from ingest.geography import Geography
from ingest.identity import content_hash, operation_of, uid_of
from ingest.inventory import Inventory
from ingest.inventory_file import Claims
from ingest.networks import parse_network
from ingest.records import HOUR_US, KEY_VAULT, MANAGEMENT, SIGN_IN, SUCCESS, Event
from ingest.sources import Block, Files, Found, Partition
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
        for start in range(position or 0, len(self._records), self._size):
            part = self._records[start : start + self._size]
            after = start + len(part)
            if isinstance(part, np.ndarray):
                yield Block(flows=FlowColumns.of_rows(part), read=len(part), position=after)
            else:
                yield Block(EventColumns.of(part), read=len(part), position=after)


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


def signed_in(minute: float, request: int, **given: Any) -> Event:
    """Somebody signed in; it touches no vault."""
    how = {"mfa": True, "interactive": True}
    told = {"operation": "SignIn", "details": how, **given, "layer": SIGN_IN, "vault": "", "item": ""}
    return event(minute, request, **told)


@cache
def enrichment() -> Enrichment:
    """Machines with an address each, and lists: one address always, one from 0:20 to 0:40, one on two lists in turn."""
    return enriched(MACHINES)


def enriched(named: Sequence[str], own: Sequence[str] = ()) -> Enrichment:
    """The same with these machines; in the networks `own` others are resources of their own, by number as they are met."""
    networks = [parse_network(ip) for ip in named]
    zeros = np.zeros(len(networks), np.int64)
    claims = Claims(
        ids=[f"/vm/{ip}" for ip in named],
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
    return Enrichment(Inventory(claims, own), Indicators(entries), Geography.open(None))


class Kept:
    """A store in memory: `actors.saving.Store`."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def write(self, name: str, body: bytes, kind: str = "", low: int = 0, high: int = 4096) -> Part:
        """The part that was written."""
        assert name not in self.bodies, "a part is never written anew"
        self.bodies[name] = bytes(body)
        return Part(name, len(body), b"", kind, low, high)

    def read(self, part: Part) -> bytes:
        """Its body."""
        return self.bodies[part.name]


class Saved(NamedTuple):
    """A checkpoint."""

    store: Kept
    standing: Standing
    parts: list[Part]

    def delivered(self) -> Saved:
        """What it leaves to the next run, as `cluster.run.Run.deliver` does."""
        parts = [part for part in self.parts if part.kind == SHARD]
        parts += [
            msgspec.structs.replace(part, kind=AGGREGATOR) for part in self.parts if part.kind == LASTING
        ]
        return self._replace(
            standing=msgspec.structs.replace(self.standing, run=None, rejected=0, said=[]), parts=parts
        )


class Replayed(LocalRuntime):
    """The product's plain loop over partitions in memory."""

    def __init__(
        self, partitions: Sequence[Partition], settings: Settings, saved: Saved | None = None
    ) -> None:
        self._enrichment, self._finder, self.deadline = enrichment(), Files((), 0), Deadline()
        self._settings = replace(settings, checkpoints=True)
        self._store = saved.store if saved else Kept()
        self._parts = list(saved.parts) if saved else []
        self._wrote = saved.standing.shards if saved else 0
        self._begin(
            Found(list(partitions)),
            through_msgpack(saved.standing, Standing) if saved else None,
            self._parts,
            tag=f"{len(self._store.bodies)}",
        )
        self.router = self._conductor.router

    def play(self, steps: int = 5, marks: Sequence[int] = ()) -> Outcome:
        """The run to its end, with a checkpoint at some of the advances."""
        for number in count():
            if self.advance(steps, number in marks).done:
                return self.finish()
        raise AssertionError

    def stop_and_save(self) -> tuple[Saved, Outcome]:
        """The run until all is read; hours that are open then stay open."""
        while not (progress := self.advance(5)).drained:
            pass
        return self.last_saved(progress.marked).delivered(), self.finish()

    def saved(self, marked: Marked) -> Saved:
        """A checkpoint as it holds from then on; the next one writes what changes after it."""
        self._parts = [*still_needed(self._parts, self._wrote, marked.standing.shards), *marked.parts]
        self._wrote = marked.standing.shards
        return Saved(self._store, marked.standing, list(self._parts))

    def last_saved(self, marked: Sequence[Marked]) -> Saved:
        """The last of those that were marked in a while: each has only what changed since the one before."""
        return [self.saved(one) for one in marked][-1]


def through_msgpack(value: Any, kind: Any) -> Any:
    """As it comes back from a file."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind)
