"""Octets of an entity: what a process grows by that holds a shard with many of them, an hour closed.

    python -m benchmarks.memory resource|principal|vault N

prints the octets of resident memory that a shard with N of them takes. What is stated is the slope between two
numbers of entities, each in a process of its own, so what a shard takes without any does not count.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from actors.messages import COUNTED, EVENT_ROW, PRINCIPAL, VAULT, Batch, Close, Told
from actors.settings import Settings
from actors.shard import Shard
from benchmarks.inputs import NETWORK, START_US
from benchmarks.lab import Lab, figure, say
from benchmarks.log_inputs import vault_line
from benchmarks.record import Row
from benchmarks.running import module, run
from ingest.event_codes import EventCodes
from ingest.event_reader import EventReader
from ingest.json_records import Lines
from ingest.records import HOUR_US, TRAFFIC, address_text

NAME = "memory"
NUMBERS = (10_000, 100_000)
LEAST = (100, 1_000)
EACH = 4  # different acts, or peers, of an entity in its hour
BATCH = 5_000
MAPPED = 0xFFFF << 32
NOTES = {
    "resource": f"SSH connections with {EACH} peers",
    "principal": f"{EACH} secrets read; the acts of the last hour are kept for the next one's sequences",
    "vault": f"{EACH} secrets read by as many; the acts of the last hour are kept likewise",
}


def rows(lab: Lab) -> Iterator[Row]:
    """Each kind of entity. Memory is the same on a busy machine: as many processes at a time as there are cores."""
    lab.in_time()
    say(f"memory: {', '.join(NOTES)}")
    numbers = [max(least, int(one * lab.part)) for least, one in zip(LEAST, NUMBERS, strict=True)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        grown = {
            (kind, number): pool.submit(run, module("benchmarks.memory", kind, str(number)))
            for kind in NOTES
            for number in numbers
        }
        for kind, note in NOTES.items():
            few, many = (int(grown[kind, number].result().said) for number in numbers)
            slope = (many - few) / (numbers[1] - numbers[0])
            case = kind + (f" (numbers times {lab.part:g})" if lab.part < 1 else "")
            yield figure(NAME, case, "resident memory of one", slope, "octets", note=note)


def held(kind: str, number: int) -> int:
    """Octets that the process grows by when a shard has so many entities."""
    _filled(kind, 10)  # what is made once, at the first record
    before = resident()
    shard = _filled(kind, number)
    grown = resident() - before
    report = shard.leftovers()
    assert report.entities == number, f"{report.entities} {kind}s in place of {number}"
    return grown


def resident() -> int:
    """Octets of resident memory, what is free given back first."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library has none
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _filled(kind: str, number: int) -> Shard:
    shard = Shard(0, Settings())
    for begin in range(0, number, BATCH):
        shard.apply(batch(kind, begin, min(begin + BATCH, number), begin))
    since = {"network": START_US, "key_vault": START_US}
    shard.close(Close(START_US // HOUR_US, since))
    return shard


def batch(kind: str, begin: int, end: int, named: int = 0) -> Batch:
    """What some entities of a kind do in an hour; so many resources were named to the shard before."""
    made = _MAKERS[kind](begin, end)
    made.rows["entity"] += named
    return made


def _traffic(begin: int, end: int) -> Batch:
    """Incoming SSH, one connection from each of an entity's peers."""
    ids = [address_text(0, MAPPED | NETWORK + number) for number in range(begin, end)]
    rows = np.zeros(len(ids) * EACH, TRAFFIC)
    rows["entity"] = np.repeat(np.arange(len(ids)), EACH)
    rows["own_lo"] = (MAPPED | NETWORK + begin) + rows["entity"].astype(np.int64)
    rows["peer_lo"] = (MAPPED | 0x50000000 + begin * EACH) + np.arange(len(rows))
    rows["start_us"] = START_US + np.arange(len(rows))
    rows["end_us"] = rows["start_us"] + 1_000_000
    rows["packets"], rows["octets"], rows["service"], rows["forward"] = 20, 2_400, 1, True
    rows["client_port"], rows["peer_port"] = 40_000, 40_000
    return Batch(rows=rows, ids=ids, since=[0] * len(ids), sources=["flows"])


def _events(begin: int, end: int, owner: int) -> Batch:
    """Secrets read: of a caller's own vaults, or of a vault by its own callers."""
    lines = []
    for number in range(begin, end):
        for each in range(EACH):
            # To a principal the vault is one of several; to a vault the caller is.
            caller, vault = (number, number % 500) if owner == PRINCIPAL else (number * EACH + each, number)
            line = vault_line(f"00:00.{each:07}Z", number * EACH + each, caller, vault, each)
            lines.append(line)
    events = EventReader("vault", codes=EventCodes()).read(Lines("".join(lines).encode())).events
    rows = np.zeros(len(events), EVENT_ROW)
    for name, column in events.columns.items():
        rows[name] = column
    rows["owners"] = owner | COUNTED
    told = Told(events.parts.whats, events.parts.whos, events.parts.wheres)
    return Batch(rows, told, forget=True, sources=["vault"])


_MAKERS: dict[str, Callable[[int, int], Batch]] = {
    "resource": _traffic,
    "principal": lambda begin, end: _events(begin, end, PRINCIPAL),
    "vault": lambda begin, end: _events(begin, end, VAULT),
}


def main(arguments: list[str] | None = None) -> None:
    """Print the octets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=list(NOTES))
    parser.add_argument("number", type=int)
    chosen = parser.parse_args(arguments)
    print(held(chosen.kind, chosen.number))


if __name__ == "__main__":
    main()
