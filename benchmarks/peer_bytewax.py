"""The same job as a Bytewax dataflow in one process.

    python -m benchmarks.peer_bytewax flows|columns|vault|activity FILE... [--indicators FILE]

'flows' makes an item of every flow and filters those; 'columns' filters a message's flows with NumPy first, and
makes items of what is left. What was counted is printed as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.run import cli_main
from bytewax.testing import TestingSink

from benchmarks import peer_jobs as jobs

BATCH = 1_000  # messages or lines that the source hands over together


class Part(StatefulSourcePartition[bytes, None]):
    """A file's messages or lines."""

    def __init__(self, pieces: Iterator[bytes], at_once: int) -> None:
        self._pieces, self._at_once = pieces, at_once

    def next_batch(self) -> list[bytes]:
        """The next ones; StopIteration at the end."""
        if not (batch := list(islice(self._pieces, self._at_once))):
            raise StopIteration
        return batch

    def snapshot(self) -> None:
        """Nothing is resumed here."""


class Files(FixedPartitionedSource[bytes, None]):
    """Files as partitions."""

    def __init__(
        self, paths: Iterable[Path], read: Callable[[Path], Iterator[bytes]], at_once: int = BATCH
    ) -> None:
        self._paths = {str(path): path for path in paths}
        self._read, self._at_once = read, at_once

    def list_parts(self) -> list[str]:
        """One for each file."""
        return list(self._paths)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Part:
        """Read the file from its beginning."""
        return Part(self._read(self._paths[for_part]), self._at_once)


class Hour(StatefulBatchLogic[Any, Any, Any]):
    """An entity's state; it says what it counted at the end."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        """Take items in."""
        for value in values:
            self._state.add(value)
        return [], False

    def on_eof(self) -> tuple[list[Any], bool]:
        """Close the hour."""
        return [self._state.close()], True

    def snapshot(self) -> Any:
        """All of it."""
        return self._state


def flows(paths: list[Path], indicators: Path, by_column: bool) -> dict[str, int]:
    """Flows by resource."""
    chosen = jobs.FlowFilter(jobs.read_indicators(indicators))
    flow = Dataflow("flows")
    read = op.input("read", flow, Files(paths, jobs.messages))
    if by_column:
        wanted = op.flat_map("decode", read, lambda message: chosen.some(jobs.decoded(message)))
    else:
        every = op.flat_map("decode", read, lambda message: chosen.all_of(jobs.decoded(message)))
        wanted = op.filter("filter", every, chosen.one)
    keyed = op.map("key", wanted, chosen.keyed)
    told = run(flow, op.stateful_batch("hour", keyed, lambda _: Hour(jobs.ResourceHour())))
    return jobs.total(chosen.records, told)


def events(kind: str, paths: list[Path]) -> dict[str, int]:
    """Events by vault and principal."""
    records, keyed = [0], jobs.KEYED[kind]

    def counted(line: bytes) -> Any:
        records[0] += 1
        return keyed(line)

    flow = Dataflow(kind)
    read = op.input("read", flow, Files(paths, jobs.lines))
    items = op.flat_map("decode", read, counted)
    # The key says of what kind the entity is; Bytewax gives it to the state with the first item only.
    told = op.map("tell", items, lambda item: (item[0], item))
    counted_by = run(flow, op.stateful_batch("hour", told, lambda _: Named()))
    return jobs.total(records[0], counted_by)


class Named(Hour):
    """An entity that learns its name from its first item."""

    def __init__(self) -> None:
        super().__init__(None)

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        """Take items in."""
        if self._state is None:
            self._state = jobs.EventHour(values[0][0])
        return super().on_batch([item for _, item in values])


def run(flow: Dataflow, hours: Any) -> Iterator[jobs.Counts]:
    """Run it; what each entity's hour came to."""
    told: list[tuple[str, jobs.Counts]] = []
    op.output("told", hours, TestingSink(told))
    cli_main(flow)
    return (counts for _, counts in told)


def main(arguments: list[str] | None = None) -> None:
    """Do the job, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=["flows", "columns", "vault", "activity"])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--indicators", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.kind in ("flows", "columns"):
        found = flows(chosen.paths, chosen.indicators, chosen.kind == "columns")
    else:
        found = events(chosen.kind, chosen.paths)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
