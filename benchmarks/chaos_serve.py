"""`python -m benchmarks.chaos_serve`: a server with everything on, whose processes are killed all the time.

An organisation's telemetry comes in day by day. The server has a store, a sink, a console, incidents, sign-ins, an
inventory, feeds that change, a budget, a detection in shadow, two routers and three shards; before the last day alerts of
earlier ones, if there are any, are marked benign. Between the kills (SIGKILL: the driver, each kind of actor, the raylet, Ray's control service) it is let come up
again. At the end its alerts, the store's and the sink's must be those that `redshank detect` makes of the same files and
marks, to the octet, and each record must have the same fate.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from alerts.store.store import AlertStore
from alerts.work import Filter
from benchmarks.chaos import below
from benchmarks.chaos_world import START, Reference, World, last_words, lines_of, mark
from benchmarks.ports import free_port

PATIENCE_S = 600.0  # on a busy machine
BETWEEN_S = (0.2, 3.0)  # from coming up again to the next kill
SETTLED_S = 12.0  # how old what a server says of its sinks may be, and longer than it looks for marks
RAYS = (
    "raylet",
    "control service",
)  # without them Ray ends the driver, in its own library, without a word of ours
BUSY = "timed out during startup"


class Served:
    """A server that is killed, and started again as a service manager would."""

    def __init__(self, world: World, folder: Path, runtime: str, chance: random.Random) -> None:
        self.folder, self.health, self.chance = folder, free_port(), chance
        (folder / "in").mkdir(parents=True)
        self.config = world.configuration(folder / "redshank.toml", self._more(runtime))
        self.last = ""  # kind that was killed
        self.taken_along = 0  # of a server whose own raylet or control service was killed, by Ray
        self.busy = 0  # starts for which Ray itself did not come up in the time that it allows
        self.kills, self.starts, self.faults = Counter[str](), 0, list[str]()
        self.recovered_s: list[float] = []
        self.process: subprocess.Popen[bytes] | None = None

    def _more(self, runtime: str) -> str:
        return f"""
[engine]
routers = 2
[serve]
runtime = "{runtime}"
shards = 3
listen = "127.0.0.1:{self.health}"
silence_minutes = 600
rest_minutes = 600
[console]
listen = "127.0.0.1:{free_port()}"
[checkpoints]
every_seconds = 0.5
[[sources]]
folder = "in"
[[sinks]]
name = "lines"
kind = "file"
path = "sink.jsonl"
"""

    def start(self) -> None:
        """Start it, if it is not there."""
        if self.process is None or self.process.poll() is not None:
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen([*START, "serve", "--config", str(self.config)], stderr=log)
            self.starts += 1

    def status(self) -> Any:
        """What it says of itself; None if it does not."""
        with suppress(OSError, ValueError, urllib.error.HTTPError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/status", timeout=5) as answer:
                said = json.loads(answer.read())
            return said if said["phase"] == "running" else None
        return None

    def until(self, what: Callable[[Any], Any], most_s: float = PATIENCE_S) -> Any:
        """What comes true of its status in time. A server that ends by itself is a fault, and is started again."""
        end = time.monotonic() + most_s
        while time.monotonic() < end:
            assert self.process is not None
            if (ended := self.process.poll()) is not None:
                if BUSY in (self.folder / "log").read_text()[-2_000:]:
                    self.busy += 1  # a machine's fault
                elif self.last in RAYS and ended == 1:
                    self.taken_along += 1
                else:
                    self.faults.append(f"it ended by itself with {ended}")
                self.start()
            if (now := self.status()) is not None and (found := what(now)):
                return found
            time.sleep(0.1)
        raise RuntimeError(
            f"it did not come true: {self.status()} {(self.folder / 'log').read_text()[-3_000:]}"
        )

    def kill(self, kinds: Iterable[str]) -> None:
        """SIGKILL to one of its own processes, of the kind that was killed the least; then wait until it is up again."""
        assert self.process is not None
        victims = {"driver": [self.process.pid]}
        for pid, kind in below(self.process.pid):
            victims.setdefault(kind, []).append(pid)
        allowed = sorted(kind for kind in victims if not kinds or kind in kinds)
        kind = min(self.chance.sample(allowed, len(allowed)), key=lambda one: self.kills[one])
        before = self.status()
        with suppress(ProcessLookupError):
            os.kill(self.chance.choice(sorted(victims[kind])), signal.SIGKILL)
        begun, self.last = time.monotonic(), kind
        self.kills[kind] += 1
        if kind == "driver":
            self.process.wait()
            self.start()
            self.until(bool)
        else:
            deaths = before["deaths"] if before else 0
            self.until(
                lambda now: (
                    now["deaths"] > deaths or (now["taken_us"] / 1e6 > time.time() - 1 and _long(begun))
                )
            )
        self.recovered_s.append(time.monotonic() - begun)

    def end(self) -> None:
        """Nothing of it is left behind, whatever has gone wrong."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> float:
        """By SIGTERM; how long it took."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=PATIENCE_S)
        if status:
            self.faults.append(f"SIGTERM: it ended with {status}")
        return time.monotonic() - begun

    def again(self, silence: str) -> float:
        """Stopped, and started with sources that hold hours open for so many minutes; how long the stop took."""
        stopped_s = self.stop()
        text = re.sub("silence_minutes = .*", f"silence_minutes = {silence}", self.config.read_text())
        self.config.write_text(text)
        self.start()
        return stopped_s


def _long(begun: float) -> bool:
    """A kill that did no harm (a process that was about to end) is waited for no longer."""
    return time.monotonic() - begun > 60


def round_of(
    world: World,
    reference: Reference,
    folder: Path,
    runtime: str,
    kills: int,
    chance: random.Random,
    kinds: Iterable[str],
) -> Served:
    """One run with so many kills, spread over the days."""
    served = Served(world, folder, runtime, chance)
    try:
        _run(served, world, reference, kills, kinds)
    finally:
        served.end()
    return served


def _run(served: Served, world: World, reference: Reference, kills: int, kinds: Iterable[str]) -> None:
    folder, chance = served.folder, served.chance
    served.start()
    served.until(bool)
    days, left, due = len(world.days), kills, 0
    for number, names in enumerate(reference.halves):
        for day in names:
            world.lay([day], folder / "in")
            with (folder / "feeds" / "tor.txt").open("a") as feed:  # an address that nobody has
                feed.write(f"198.18.{number}.{chance.randint(1, 250)}\n")
            share = -(-left // days)
            left, days = left - share, days - 1
            for _ in range(share):
                time.sleep(chance.uniform(*BETWEEN_S))
                served.kill(kinds)
        due += reference.read[number]
        served.until(lambda now, due=due: now["counts"]["read"] >= due)  # type: ignore[misc]
        if number == 0 and reference.marks:
            served.again("0.05")  # hours close, as far as `detect` has closed them
            served.until(lambda _: set(reference.marks) <= _stored(folder / "redshank.db").keys())
            mark(served.config, reference.marks)
            time.sleep(SETTLED_S)
            served.again("600")
    stopped_s = served.again("0.05")
    served.until(lambda now: not now["open_hours"])
    time.sleep(SETTLED_S)
    last = served.until(
        lambda now: now if not now["alerts_waiting"] and not now["sinks"][0]["waiting"] else None
    )
    stopped_s = max(stopped_s, served.stop())
    _compare(served, reference, last)
    print(f"  stopped by SIGTERM in {stopped_s:.1f} s at most", flush=True)


def _compare(served: Served, reference: Reference, now: Any) -> None:
    told = {
        "alerts.jsonl": last_words(lines_of(served.folder / "alerts.jsonl")),
        "the sink": last_words(lines_of(served.folder / "sink.jsonl")),
        "the store": _stored(served.folder / "redshank.db"),
    }
    for where, found in told.items():
        if found != reference.alerts:
            odd = [
                id_
                for id_ in found.keys() | reference.alerts.keys()
                if found.get(id_) != reference.alerts.get(id_)
            ]
            served.faults.append(f"{where}: {len(odd)} alerts differ, as {sorted(odd)[:3]}")
    read, late = now["counts"]["read"], now["counts"]["late"]
    if read != sum(reference.read) or late:
        served.faults.append(f"{read} records read, {late} late; {sum(reference.read)} there are")


def _stored(path: Path) -> dict[str, str]:
    page = AlertStore(str(path)).page(Filter(limit=100_000))
    return last_words(json.loads(_json(one.alert)) for one in page.alerts)


def _json(alert: Any) -> bytes:
    from alerts.alert import to_json

    return to_json(alert)


def main() -> int:
    """Rounds until so many kills were made; each one must come out the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--a-round", type=int, default=12, help="kills in a round, a run of minutes")
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runtime", choices=["ray", "loop"], default="ray")
    parser.add_argument("--only", nargs="+", default=[], help="kinds of victims")
    given = parser.parse_args()
    chance, total, rounds = random.Random(given.seed), Counter[str](), 0
    recovered: list[float] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        world = World(Path(name), given.days, given.seed)
        reference = Reference(world)
        print(f"detect: {len(reference.alerts)} alerts of {sum(reference.read):,} records", flush=True)
        while total.total() < given.kills:
            rounds += 1
            many = min(given.a_round, given.kills - total.total())
            served = round_of(
                world, reference, Path(name) / f"{rounds}", given.runtime, many, chance, given.only
            )
            total += served.kills
            recovered += served.recovered_s
            kills = ", ".join(f"{number} {kind}" for kind, number in sorted(served.kills.items()))
            print(
                f"round {rounds}: killed {kills}; {served.starts} starts ({served.busy} in vain, "
                f"on a busy machine; {served.taken_along} times Ray took the driver along); "
                f"{served.faults or 'the same'}",
                flush=True,
            )
            if served.faults:
                lines = (served.folder / "log").read_text().splitlines()
                print("\n".join([*(line for line in lines if not line.startswith("{")), *lines[-20:]]))
                return 1
    middle = sorted(recovered)[len(recovered) // 2]
    print(
        f"{total.total()} kills in {rounds} rounds, each with detect's alerts; up again after {middle:.1f} s (median)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
