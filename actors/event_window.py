"""A shard's open hour of events for one kind of entity, kept so that the order of arrival leaves no trace.

Equal events of a five-minute slot become one act with a count. The start and end records of one control-plane
operation become one event with the final outcome. A flood is bounded by keeping the acts with the smallest hashes
(a bottom-k sample: Cohen and Kaplan, 2007), which no order of arrival changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from actors.act_columns import Columns, chosen, earliest, joined, nothing, place_least
from actors.closed_hour import ClosedHour
from actors.messages import COUNTED, PRINCIPAL, VAULT, Rows
from actors.part_table import PartTable, act_key
from ingest.event_columns import OWN, PARTS
from ingest.identity import content_hash
from ingest.parts import Numbers
from ingest.records import HOUR_US

SLOT_US = 5 * 60 * 1_000_000
SLOTS = HOUR_US // SLOT_US
MAX_ACTS = 20_000  # different acts kept of one entity's hour
MAX_RECORDS = 8  # of one operation that are looked at; all are counted
MAX_SEEN = 1 << 24  # deliveries of an hour remembered to recognise a second one
# Rows taken in before they are merged; or as many as there are merged ones, or an eighth of those ever seen: each
# time all of these are gone through.
MERGE_ROWS = 100_000

_pack = msgspec.msgpack.Encoder(order="deterministic").encode


class Fresh(NamedTuple):
    """What a merge took in."""

    acts: Columns
    records: Columns  # of control-plane operations
    again: Columns  # deliveries of what had come before
    seen: npt.NDArray[np.uint64]  # uids
    whose: npt.NDArray[np.int32]  # the entity of each


class EventWindow:
    """The acts of one kind of entity in an hour."""

    def __init__(self, kind: str, table: PartTable, keep: bool = False) -> None:
        self.kind = kind
        self.keep = keep  # whether `changes` will be asked for
        self.sources: dict[int, str] = {}
        self._table = table
        self._acts = nothing()  # merged: one row an act
        self._records = nothing()  # of control-plane operations: joined at the close
        self._new: list[Columns] = []
        self._waiting = 0
        self._fresh: list[Fresh] = []  # what no checkpoint has yet
        self._restored: list[Fresh] = []  # not taken in yet
        self._seen = np.empty(0, np.uint64)  # uids, rising
        self._whose = np.empty(0, np.int32)  # the entity of each
        self.counted = self.twice = 0  # records since they were last asked for

    def add(self, rows: Rows, sources: list[str]) -> None:
        """Take rows (`EVENT_ROW`) with the table's numbers of parts, and whose `source` is a place in the list."""
        hashes = [content_hash(source) for source in sources]
        self.sources.update(zip(hashes, sources, strict=True))
        names = [*PARTS, *(name for name in OWN if name != "at_us")]
        taken: Columns = {name: rows[name] for name in names}
        taken["first_us"] = taken["last_us"] = rows["at_us"]
        taken["count"] = np.ones(len(rows), np.int64)
        taken["source"] = np.array(hashes, np.uint64)[rows["source"]]
        # The kind of entity in whose window a record is counted: the principal's, if the shard owns both.
        mine = PRINCIPAL if self.kind == "principal" else VAULT
        both = rows["owners"] & (PRINCIPAL | VAULT) == PRINCIPAL | VAULT
        taken["counted"] = (rows["owners"] & COUNTED != 0) & (~both | (mine == PRINCIPAL))
        self._new.append(taken)
        self._waiting += len(rows)
        merged = len(self._acts["uid"]) + len(self._records["uid"])
        if self._waiting > max(MERGE_ROWS, merged, len(self._seen) // 8):
            self.merge()

    def merge(self) -> None:
        """Take in what waits."""
        if self._restored:
            self._take_restored()
        if not self._new:
            return
        counted = np.concatenate([rows["counted"] for rows in self._new])
        new, self._new, self._waiting = joined(self._new), [], 0
        fresh = self._once(new, counted)
        if not len(self._acts["uid"]):
            self._acts = fresh.acts
        elif len(fresh.acts["uid"]):
            self._acts = self._merged(joined([self._acts, fresh.acts]))
        if len(fresh.records["uid"]):
            self._records = joined([self._records, fresh.records])
        if self.keep:
            self._fresh.append(fresh)

    def _once(self, new: Columns, counted: npt.NDArray[np.bool_]) -> Fresh:
        """Without second deliveries; each record is counted where its first owner is."""
        order: Any = np.argsort(new["uid"])
        uids = new["uid"][order]
        first = np.ones(len(uids), bool)
        first[1:] = uids[1:] != uids[:-1]
        if not first.all():  # the first one to come is kept: batches and shards must leave no trace
            order = np.argsort(new["uid"], kind="stable")
        places = np.searchsorted(self._seen, uids)
        if len(self._seen):
            first &= self._seen[np.minimum(places, len(self._seen) - 1)] != uids
        if first.all():
            self.counted += int(np.count_nonzero(counted))
            again = nothing()
        else:
            self.counted += int(np.count_nonzero(counted[order] & first))
            self.twice += int(np.count_nonzero(counted[order] & ~first))
            new, again, order = chosen(new, order[first]), chosen(new, order[~first]), slice(None)
            for rows in (new, self._acts, self._records):
                place_least(rows, again)
        seen, whose = np.empty(0, np.uint64), np.empty(0, np.int32)
        if len(self._seen) < MAX_SEEN:
            seen, whose = uids[first], self._table.owners(self.kind, new)[order]
            self._remember(places[first], seen, whose)
        whole = new["operation_id"] == 0
        if whole.all():
            return Fresh(self._merged(new), nothing(), again, seen, whose)
        return Fresh(self._merged(chosen(new, whole)), chosen(new, ~whole), again, seen, whose)

    def _remember(self, places: Any, uids: npt.NDArray[np.uint64], whose: Any) -> None:
        """Rising uids that are new, and the place of each among those that are known."""
        self._seen = np.insert(self._seen, places, uids)
        self._whose = np.insert(self._whose, places, whose)

    def _merged(self, rows: Columns) -> Columns:
        """Rows of one act as one row, which has the time and place of the earliest."""
        if not len(rows["uid"]):
            return rows
        key = self._table.acts(rows, rows["first_us"] % HOUR_US // SLOT_US, SLOTS)
        order = np.argsort(key)
        key = key[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        if len(starts) == len(key):
            return rows
        out = chosen(rows, order[earliest(rows, order, starts)])
        out["count"] = np.add.reduceat(rows["count"][order], starts)
        out["last_us"] = np.maximum.reduceat(rows["last_us"][order], starts)
        return out

    # The close

    def close(self, unfinished: Mapping[int, set[int]]) -> tuple[ClosedHour, dict[int, set[int]]]:
        """The hour's acts, and by entity the operations that have a start and no end yet.

        `unfinished` are those of the hour before: an end of one of them was counted with its start.
        """
        self.merge()
        operations, open_now = self._join(unfinished)
        acts = self._merged(joined([self._acts, operations]))
        whose = self._table.owners(self.kind, acts)
        thin = self._thinned(acts, whose)
        if thin is not None:
            acts, whose = chosen(acts, thin), whose[thin]
        return ClosedHour(acts, whose, self._table, self.sources), open_now

    def _join(self, unfinished: Mapping[int, set[int]]) -> tuple[Columns, dict[int, set[int]]]:
        rows, open_now = self._records, dict[int, set[int]]()
        if not len(rows["uid"]):
            return rows, open_now
        whose = self._table.owners(self.kind, rows)
        order = np.lexsort((rows["uid"], rows["first_us"], rows["operation_id"], whose))
        rows, whose = chosen(rows, order), whose[order]
        new = np.ones(len(whose), bool)
        new[1:] = (whose[1:] != whose[:-1]) | (rows["operation_id"][1:] != rows["operation_id"][:-1])
        begin = np.flatnonzero(new)
        sizes = np.diff(begin, append=len(whose))
        starts = np.add.reduceat(self._table.starts(rows).astype(np.int64), begin)
        out = chosen(rows, begin)
        kept = np.ones(len(begin), bool)
        for at in np.flatnonzero(starts == 0).tolist() if unfinished else ():
            of = unfinished.get(int(whose[begin[at]]), ())
            kept[at] = int(out["operation_id"][at]) not in of
        for at in np.flatnonzero(starts == sizes).tolist():
            open_now.setdefault(int(whose[begin[at]]), set()).add(int(out["operation_id"][at]))
        out["count"] = np.maximum(starts, sizes - starts)
        self._join_parts(out, rows, begin, sizes)
        return chosen(out, kept), open_now

    def _join_parts(self, out: Columns, rows: Columns, begin: Any, sizes: Any) -> None:
        """Give each operation the parts that its records come to. Most have a start and an end, of one who and where."""
        pairs = np.flatnonzero(sizes == 2)
        first, second = begin[pairs], begin[pairs] + 1
        alike = (rows["who"][first] == rows["who"][second]) & (rows["where"][first] == rows["where"][second])
        both = rows["what"][first[alike]].astype(np.int64) << 32 | rows["what"][second[alike]]
        kinds, which = np.unique(both, return_inverse=True)
        whats = [self._table.joined_what(kind >> 32, kind & 0xFFFFFFFF) for kind in kinds.tolist()]
        out["what"][pairs[alike]] = np.array(whats, np.int32)[which]
        for at in [*pairs[~alike].tolist(), *np.flatnonzero(sizes > 2).tolist()]:
            some = slice(begin[at], begin[at] + min(sizes[at], MAX_RECORDS))
            records = zip(*(rows[name][some].tolist() for name in PARTS), strict=True)
            for name, code in zip(PARTS, self._table.joined(records), strict=True):
                out[name][at] = code

    def _thinned(self, acts: Columns, whose: Any) -> Any:
        """Where an entity has too many acts, those with the smallest hashes; None: nobody has."""
        entities, counts = np.unique(whose, return_counts=True)
        if not len(counts) or counts.max() <= MAX_ACTS:
            return None
        kept = np.ones(len(whose), bool)
        for entity in entities[counts > MAX_ACTS].tolist():
            mine = np.flatnonzero(whose == entity)
            hashes = np.array([self._hash(acts, at) for at in mine.tolist()], np.uint64)
            kept[mine[np.argsort(hashes)[MAX_ACTS:]]] = False
        return kept

    def _hash(self, acts: Columns, at: int) -> int:
        said = act_key(self._table.parts.event(int(acts[name][at]) for name in PARTS))
        packed = _pack((int(acts["first_us"][at]) // SLOT_US, *said))
        return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big")

    # State, and room

    def tables(self) -> list[Columns]:
        """All rows whose parts are needed."""
        self.merge()
        fresh = [rows for one in self._fresh for rows in (one.acts, one.records, one.again)]
        return [self._acts, self._records, *fresh]

    def rows(self) -> tuple[Columns, Columns]:
        """The acts, and the records of control-plane operations."""
        self.merge()
        return self._acts, self._records

    def renumber(self, new: Numbers) -> None:
        """The table has given the parts new numbers."""
        for rows in {id(rows): rows for rows in self.tables()}.values():
            rows.update(zip(PARTS, new.of(*(rows[name] for name in PARTS)), strict=True))

    def changes(self) -> Fresh | None:
        """What came since the last time."""
        self.merge()
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return None
        parts = zip(*fresh, strict=True)
        acts, records, again = (joined(list(next(parts))) for _ in range(3))
        seen, whose = (np.concatenate(some) for some in parts)
        return Fresh(self._merged(acts), records, again, seen, whose)

    def restore(self, saved: Fresh, sources: Iterable[tuple[int, str]]) -> None:
        """Take saved rows in, whose parts and entities are the table's numbers."""
        self.sources.update(sources)
        self._restored.append(saved)

    def _take_restored(self) -> None:
        """All parts at once: one after the other, each would be as dear as all before it."""
        parts = zip(*self._restored, strict=True)
        acts, records, again = (joined(list(next(parts))) for _ in range(3))
        seen, whose = (np.concatenate(some) for some in parts)
        self._restored = []
        self._acts = self._merged(joined([self._acts, acts]))
        self._records = joined([self._records, records])
        if len(again["uid"]):
            place_least(self._acts, again)
            place_least(self._records, again)
        if len(seen):
            order = np.argsort(seen)
            self._remember(np.searchsorted(self._seen, seen[order]), seen[order], whose[order])

    def mark(self) -> None:
        """All of it is to be among the next changes."""
        self.merge()
        self._fresh = [Fresh(self._acts, self._records, nothing(), self._seen, self._whose)]
