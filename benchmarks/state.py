"""A state of many entities: memory, a checkpoint of all, one of what was touched, and a restart.

    python -m benchmarks.state fill|restart FOLDER RESOURCES PRINCIPALS VAULTS

fills a shard, closes the hour and, two quiet days later, another one, in which one entity in a hundred is active;
writes a checkpoint after each; prints seconds and octets as JSON. `restart` reads them again in a new process.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from actors.messages import Batch, Close
from actors.saving import read_shard, write_shard
from actors.settings import Settings
from actors.shard import Shard
from benchmarks import memory
from benchmarks.inputs import START_US
from benchmarks.lab import Lab, figure, say
from benchmarks.record import Row
from benchmarks.running import module, run
from cluster.checkpoints import Manifest, Store
from ingest.records import HOUR_US

NAME = "state"
MIXED = (800_000, 150_000, 50_000)
ONE_KIND = 100_000
CASES = {
    "a million entities: 800,000 resources, 150,000 principals, 50,000 vaults": MIXED,
    "100,000 resources": (ONE_KIND, 0, 0),
    "100,000 principals": (0, ONE_KIND, 0),
    "100,000 vaults": (0, 0, ONE_KIND),
}
TOUCHED = 100  # one entity in so many
WITHIN = 0.7  # what those that are only known may cost
HOUR = START_US // HOUR_US
LATER = 48
SINCE = {"network": START_US, "key_vault": START_US}
KINDS = ("resource", "principal", "vault")


def rows(lab: Lab) -> Iterator[Row]:
    """The mixture first, which is what the goals are for; then each kind by itself."""
    for case, full in CASES.items():
        if lab.brief and full != MIXED:
            continue
        lab.in_time()
        numbers = [str(int(one * lab.part)) for one in full]
        case += f" (times {lab.part:g})" if lab.part < 1 else ""
        say(f"state: {case}")
        folder = lab.folder / "state" / numbers[0] / numbers[1] / numbers[2]
        filled = json.loads(run(module("benchmarks.state", "fill", folder, *numbers)).said)
        again = json.loads(run(module("benchmarks.state", "restart", folder, *numbers)).said)
        total, mixed = sum(map(int, numbers)), full == MIXED
        goal = 3e9 * lab.part if mixed else None
        yield figure(NAME, case, "resident memory", filled["octets"], "octets", goal, at_most=True)
        yield figure(NAME, case, "resident memory of one", filled["octets"] / total, "octets")
        yield figure(NAME, case, "stored, of one", filled["stored"] / total, "octets")
        yield figure(NAME, case, "checkpoint of all", filled["all_s"], "s")
        named = f"speed of an hour of 1 % of them, / where they are all there is ({int(total) // TOUCHED:,})"
        yield figure(NAME, case, named, filled["few_s"] / filled["hour_s"], "×", WITHIN if mixed else None)
        goal = 2.0 * lab.part if mixed else None
        yield figure(NAME, case, "checkpoint of 1 % touched", filled["touched_s"], "s", goal, at_most=True)
        goal = 30.0 * lab.part if mixed else None
        yield figure(NAME, case, "restart", again["seconds"], "s", goal, at_most=True)
        yield figure(NAME, case, "resident memory after it", again["octets"], "octets")


def fill(store: Store, numbers: list[int]) -> dict[str, float]:
    """Fill a shard and write two checkpoints."""
    _play(
        Shard(0, Settings(checkpoints=True)), [10, 10, 10], HOUR, 0
    )  # what is made once, at the first record
    before = memory.resident()
    shard = Shard(0, Settings(checkpoints=True))
    _play(shard, numbers, HOUR, 0)
    all_s, parts = _written(store, shard, 1)
    some = [one // TOUCHED for one in numbers]
    _play(shard, some, HOUR + LATER, numbers[0])
    octets = memory.resident() - before
    touched_s, more = _written(store, shard, 2)
    store.commit(Manifest(2, {"delivered": False}, b"", [*parts, *more]))
    stored = sum(part.size for part in parts)
    told = {"octets": octets, "stored": stored, "all_s": all_s, "touched_s": touched_s}
    few = Shard(0, Settings(checkpoints=True))  # the same, where nobody else is known
    for hour in (HOUR, HOUR + LATER):
        _play(few, some, hour, 0 if hour == HOUR else some[0])
    return told | {"hour_s": _next_hour(shard, some, numbers[0]), "few_s": _next_hour(few, some, some[0])}


def _next_hour(shard: Shard, some: list[int], named: int) -> float:
    """CPU seconds of an hour like the one before: the first of a day has the quiet ones to pack."""
    begun = time.process_time()
    _play(shard, some, HOUR + LATER + 1, named)
    return time.process_time() - begun


def restart(store: Store, numbers: list[int]) -> dict[str, float]:
    """Read them again."""
    before, begun = memory.resident(), time.perf_counter()
    manifest = store.latest()
    assert manifest is not None
    shard = Shard(0, Settings(checkpoints=True))
    read_shard(store, manifest.parts, shard, HOUR + LATER + 1, None, False)
    seconds = time.perf_counter() - begun
    assert shard.leftovers().entities == sum(numbers)
    return {"seconds": seconds, "octets": memory.resident() - before}


def _written(store: Store, shard: Shard, epoch: int) -> tuple[float, list[object]]:
    begun = time.perf_counter()
    parts = write_shard(store, f"{epoch:012d}-x", shard)
    return time.perf_counter() - begun, parts


def _play(shard: Shard, numbers: list[int], hour: int, named: int) -> None:
    """An hour in which so many of each kind are active."""
    shift_us = (hour - HOUR) * HOUR_US
    for kind, number in zip(KINDS, numbers, strict=True):
        for begin in range(0, number, memory.BATCH):
            end = min(begin + memory.BATCH, number)
            shard.apply(_moved(memory.batch(kind, begin, end, named + begin), shift_us))
    shard.close(Close(hour, SINCE))


def _moved(batch: Batch, shift_us: int) -> Batch:
    for name in ("start_us", "end_us"):
        batch.rows[name] += shift_us
    batch.events["at_us"] += shift_us
    batch.events["uid"] += shift_us  # another record, not a second delivery
    return batch


def main(arguments: list[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["fill", "restart"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("numbers", type=int, nargs=3)
    chosen = parser.parse_args(arguments)
    print(json.dumps({"fill": fill, "restart": restart}[chosen.what](Store(chosen.folder), chosen.numbers)))


if __name__ == "__main__":
    main()
