"""Where events go: each part of one is enriched and routed once, and told once to the shards that need it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
import numpy.typing as npt

from actors.keys import entity_key, group_of, shard_of
from actors.messages import COUNTED, EVENT_ROW, PRINCIPAL, SIGNED_IN, VAULT, Batch, Routed
from ingest.enrich import Enrichment
from ingest.event_columns import OWN, PARTS, EventColumns
from ingest.holding_records import told_of
from ingest.parts import MAX_PARTS, Numbers, Parts, Who
from ingest.records import INVENTORY, KEY_VAULT, MANAGEMENT, SIGN_IN, Event
from ingest.told_holders import Told

LAYERS = (MANAGEMENT, KEY_VAULT, SIGN_IN, INVENTORY)
Codes = npt.NDArray[np.int32]  # of records: one row each, with the numbers of its parts as in `PARTS`


class _Routes:
    """What is known of each part: the layer of a what; the shard of a who's principal and of a where's vault (-1:
    none), and whether a who's address was ever on a list. Growing arrays, as in `ingest.parts.Numbers`.
    """

    def __init__(self) -> None:
        self.layer, self.principal, self.vault, self.timed = array("b"), array("h"), array("h"), array("b")

    def owners(self, codes: Codes) -> tuple[Any, Any]:
        """The shards of the principals and of the vaults."""
        if not len(codes):
            return np.empty(0, np.int16), np.empty(0, np.int16)
        principal, vault = np.frombuffer(self.principal, np.int16), np.frombuffer(self.vault, np.int16)
        return principal[codes[:, 1]], vault[codes[:, 2]]


class EventRoutes:
    """Gathers events by shard."""

    def __init__(self, enrichment: Enrichment, shards: int) -> None:
        self._enrichment = enrichment
        self._batches = [Batch() for _ in range(shards)]
        self._rows: list[list[Any]] = [[] for _ in range(shards)]
        self._waiting = 0
        self._start_over()

    def _start_over(self) -> None:
        self._parts = Parts()  # as they came, which is what they are found by
        self._met: WeakKeyDictionary[Parts, Numbers] = WeakKeyDictionary()
        self._whos: list[Who] = []  # enriched
        self._variants: dict[tuple[int, tuple[str, ...]], int] = {}
        self._routes = _Routes()
        # By shard and kind of part: our number -> the shard's.
        self._told: list[list[Codes]] = [[np.empty(0, np.int32) for _ in PARTS] for _ in self._batches]
        self._count = [[0] * len(PARTS) for _ in self._batches]
        for batch in self._batches:
            batch.forget = True

    def __len__(self) -> int:
        return self._waiting

    def is_full(self) -> bool:
        """Whether so many parts are known that it is time to begin anew, when nothing waits to be sent."""
        return len(self._parts) > MAX_PARTS

    # What records are of

    def meet(self, events: EventColumns) -> Codes:
        """The numbers of the records' parts here."""
        numbers = self._met.setdefault(events.parts, Numbers())
        numbers.learn(events.parts, self._parts)
        self._learn()
        return np.stack(numbers.of(*(events.columns[name] for name in PARTS)), axis=1)

    def _learn(self) -> None:
        """Find out about parts that are new."""
        parts, routes = self._parts, self._routes
        routes.layer.extend(LAYERS.index(what.layer) for what in parts.whats[len(routes.layer) :])
        routes.vault.extend(self._shard("vault", where.vault) for where in parts.wheres[len(routes.vault) :])
        for who in parts.whos[len(self._whos) :]:
            self._add(who, self._enrichment.who(who))

    def _add(self, who: Who, enriched: Who) -> None:
        self._whos.append(enriched)
        self._routes.principal.append(self._shard("principal", who.principal))
        self._routes.timed.append(self._is_timed(who))

    def _is_timed(self, who: Who) -> bool:
        return bool(who.address and self._enrichment.indicators.of_address(who.address))

    def renew(self) -> None:
        """Threat intelligence is another: look again who of those that are known was ever on a list."""
        self._routes.timed = array("b", map(self._is_timed, self._whos))

    def _shard(self, kind: str, entity: str) -> int:
        return shard_of(group_of(entity_key(kind, entity)), len(self._batches)) if entity else -1

    def listed(self, codes: Codes, at_us: npt.NDArray[np.int64]) -> None:
        """Put in place of who acted whoever it was with the address as it was listed at the time."""
        for at in np.flatnonzero(np.frombuffer(self._routes.timed, np.bool_)[codes[:, 1]]).tolist():
            number = int(codes[at, 1])
            who = self._whos[number]
            categories = self._enrichment.indicators.categories(who.address, int(at_us[at]))
            if (number, categories) not in self._variants:
                variant = msgspec.structs.replace(who, listed=categories)
                self._variants[number, categories] = self._parts.another_who(variant)
                self._add(variant, variant)
            codes[at, 1] = self._variants[number, categories]

    def is_owned(self, codes: Codes) -> Any:
        """Which of the records name a principal or touch a vault."""
        principal, vault = self._routes.owners(codes)
        return (principal >= 0) | (vault >= 0)

    def layers(self, codes: Codes) -> Any:
        """Places of the records' layers in `LAYERS`."""
        return np.frombuffer(self._routes.layer, np.int8)[codes[:, 0]]

    def of_inventory(self, numbers: Codes) -> Any:
        """Which of the records tell who holds an address: they are the router's alone."""
        return self.layers(numbers) == LAYERS.index(INVENTORY)

    def told(self, numbers: Codes, at_us: npt.NDArray[np.int64]) -> Iterator[Told]:
        """What such records tell."""
        for number, at in zip(numbers[:, 0].tolist(), at_us.tolist(), strict=True):
            what = self._parts.whats[number]
            yield told_of(what.operation, what.details, at)

    # Records in, batches out

    def add(self, events: EventColumns, codes: Codes, source: str) -> None:
        """Take records of hours that are open."""
        principal, vault = self._routes.owners(codes)
        role = np.where(self.layers(codes) == LAYERS.index(SIGN_IN), SIGNED_IN, PRINCIPAL).astype(np.uint8)
        for shard in np.unique(np.concatenate([principal, vault])).tolist():
            if shard >= 0:
                # The first owner's shard counts the record.
                owners = (principal == shard) * (role | np.uint8(COUNTED))
                owners |= (vault == shard) * np.uint8(VAULT)
                owners |= ((vault == shard) & (principal < 0)) * np.uint8(COUNTED)
                self._add_rows(shard, events, codes, owners, source)
        self._waiting += len(codes)

    def _add_rows(self, shard: int, events: EventColumns, codes: Codes, owners: Any, source: str) -> None:
        mine = np.flatnonzero(owners)
        sources = self._batches[shard].sources
        if sources[-1:] != [source]:
            sources.append(source)
        rows = np.empty(len(mine), EVENT_ROW)
        for name in OWN:
            rows[name] = events.columns[name][mine]
        for kind, name in enumerate(PARTS):
            rows[name] = self._tell(shard, kind, codes[mine, kind])
        rows["source"], rows["owners"] = len(sources) - 1, owners[mine]
        self._rows[shard].append(rows)

    def _tell(self, shard: int, kind: int, codes: Any) -> Any:
        """A shard's numbers of some parts of one kind; those it does not know yet are told."""
        ours: Any = (self._parts.whats, self._whos, self._parts.wheres)[kind]
        told = self._told[shard][kind]
        if len(told) < len(ours):
            more = np.full(max(len(ours), 2 * len(told)) - len(told), -1, np.int32)
            told = self._told[shard][kind] = np.concatenate([told, more])
        numbers = told[codes]
        new = np.unique(codes[numbers < 0])
        if not len(new):
            return numbers
        known = self._count[shard][kind]
        told[new] = np.arange(known, known + len(new))
        self._count[shard][kind] += len(new)
        waiting: Any = self._batches[shard].told
        (waiting.whats, waiting.whos, waiting.wheres)[kind].extend(ours[number] for number in new.tolist())
        return told[codes]

    def add_late(self, events: EventColumns, source: str) -> None:
        """Take records of closed hours: they are rare, and go as whole events."""
        for event in events.events(source):
            enriched = self._enrichment.event(event)
            for shard, owners in self._owners(enriched).items():
                self._batches[shard].late.append(Routed(enriched, owners))
        self._waiting += len(events)

    def _owners(self, event: Event) -> dict[int, int]:
        """Shard -> what it owns of the event."""
        owners: dict[int, int] = {}
        whose = (
            (SIGNED_IN if event.layer == SIGN_IN else PRINCIPAL, self._shard("principal", event.principal)),
            (VAULT, self._shard("vault", event.vault)),
        )
        for role, shard in whose:
            if shard >= 0:
                owners[shard] = owners.get(shard, 0) | role | (0 if owners else COUNTED)
        return owners

    def take(self) -> list[tuple[int, Batch]]:
        """What was gathered for each shard; it is theirs now."""
        ready = []
        for shard, rows in enumerate(self._rows):
            batch = self._batches[shard]
            if rows or batch.late:
                batch.events = np.concatenate(rows) if rows else batch.events
                ready.append((shard, batch))
                self._batches[shard], self._rows[shard] = Batch(), []
        self._waiting = 0
        if self.is_full():
            self._start_over()
        return ready
