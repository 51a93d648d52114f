"""The events' job as a Bytewax dataflow in one process, with Redshank's own decoding and its detections' own state.

    python -m benchmarks.peer_judged vault|activity FILE...

What differs from Redshank is how the records are brought to the state: as items, one by one, through the dataflow.
Acts of five minutes, operations of two records, baselines and judges are those that Redshank has. It does less:
addresses are placed and looked up nowhere, nothing is seen over the whole organisation, nothing is saved.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from actors.judging import Judge
from actors.keys import entity_key
from actors.recent import new_state
from actors.settings import Settings
from baselines.tally import Tally
from benchmarks import peer_jobs as jobs
from benchmarks.peer_bytewax import BATCH, Files, Hour, run
from detections import view
from detections.view import Act
from ingest.event_columns import COLUMNS
from ingest.event_reader import EventReader
from ingest.json_records import Lines
from ingest.parts import Parts
from ingest.records import HOUR_US, STARTED, Event

SLOT_US = 300_000_000
SETTINGS = Settings()
JUDGES = {kind: Judge(kind, SETTINGS) for kind in ("principal", "vault")}
Row = tuple[Parts, int, int, int, int, int, int, int]  # the parts, and an event's columns
Item = tuple[str, Row]


class Decoder:
    """Lines of one kind of log into rows for each of their owners."""

    def __init__(self) -> None:
        self._reader = EventReader("peer")
        self.records = 0

    def rows(self, batches: list[bytes]) -> Iterator[tuple[str, Item]]:
        """Each row under the key of its principal, and of its vault if it has one."""
        events = self._reader.read(Lines(b"".join(batches))).events
        self.records += len(events)
        parts = events.parts
        columns = (events.columns[name].tolist() for name in COLUMNS)
        for row in zip(*columns, strict=True):
            who, where = parts.whos[row[1]], parts.wheres[row[2]]
            whole = (parts, *row)
            if who.principal:
                key = entity_key("principal", who.principal)
                yield key, (key, whole)
            if where.vault:
                key = entity_key("vault", where.vault)
                yield key, (key, whole)


class Entity(Hour):
    """An entity's open hour, judged and learned at its end."""

    def __init__(self) -> None:
        super().__init__(None)
        self._acts: dict[Any, Act] = {}
        self._operations: dict[int, Row] = {}
        self._seen: set[int] = set()
        self._key = ""

    def on_batch(self, values: list[Item]) -> tuple[list[Any], bool]:
        """Take rows in, each once."""
        for self._key, row in values:
            if row[5] in self._seen:
                continue
            self._seen.add(row[5])
            if row[6]:
                self._operation(row)
            else:
                self._act(row, row[4])
        return [], False

    def _operation(self, row: Row) -> None:
        """An operation is one: its start's time, its end's outcome."""
        other = self._operations.get(row[6])
        if other is None:
            self._operations[row[6]] = row
            return
        end = other if row[0].whats[row[1]].outcome == STARTED else row
        self._operations[row[6]] = (*end[:4], min(row[4], other[4]), *end[5:])

    def _act(self, row: Row, at_us: int) -> None:
        key = id(row[0]), row[1], row[2], row[3], at_us // SLOT_US
        act = self._acts.get(key)
        if act is None:
            self._acts[key] = Act(_event(row), 1, at_us, at_us)
            return
        act.count += 1
        act.first_us, act.last_us = min(act.first_us, at_us), max(act.last_us, at_us)

    def on_eof(self) -> tuple[list[Any], bool]:
        """Judge the hour, learn it."""
        for row in self._operations.values():
            self._act(row, row[4])
        kind = self._key.split(":", 1)[0]
        acts = sorted(self._acts.values(), key=view.age)
        state = new_state(kind, self._key, acts[0].event)
        judge = JUDGES[kind]
        judge.prepare(state.models)
        hour = view.Hour(
            *(kind, state.entity, acts[0].first_us // HOUR_US * HOUR_US, state.since_us, 0, state.models),
            acts=acts,
            given_groups=view.grouped(acts),
            recent_operations=frozenset(),
        )
        found, faults = judge.judge(hour)
        faults += judge.learn(hour, found, Tally())
        if faults:
            raise RuntimeError(str(faults[0]))
        return [self._counts(kind, acts)], True

    def _counts(self, kind: str, acts: Iterable[Act]) -> jobs.Counts:
        if kind == "vault":
            return 0, 0
        return len(self._seen), len({act.event.vault or act.event.resource for act in acts})


def _event(row: Row) -> Event:
    parts, what, who, where, *own = row
    return parts.event((what, who, where), *own, "peer")


def events(kind: str, paths: list[Path]) -> dict[str, int]:
    """Events by vault and principal."""
    decoder = Decoder()
    flow = Dataflow(kind)
    read = op.input("read", flow, Files(paths, _batches, 1))
    items = op.flat_map("decode", read, decoder.rows)
    told = op.stateful_batch("hour", items, lambda _: Entity())
    counted = list(run(flow, told))
    return jobs.total(decoder.records, counted)


def _batches(path: Path) -> Iterator[Any]:
    """Lists of lines: columns are decoded of many at a time."""
    lines = jobs.lines(path)
    while batch := list(islice(lines, BATCH)):
        yield batch


def main(arguments: list[str] | None = None) -> None:
    """Do the job, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=["vault", "activity"])
    parser.add_argument("paths", type=Path, nargs="+")
    chosen = parser.parse_args(arguments)
    print(json.dumps(events(chosen.kind, chosen.paths)))


if __name__ == "__main__":
    main()
