"""From a record's line written to a growing log to the line of its alert: a real `redshank serve`, records at a pace.

A writer appends so many records a second to one file, a hundredth of a second's worth at a time. Twenty times a
second one of them must raise an immediate alert: a vault reached through Tor, a principal that acts from there.
Each has an entity of its own, so each is told. Its time runs from just before its line is written until its alert's
line is seen in the alerts file, which is looked at every few milliseconds.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from benchmarks import log_inputs
from benchmarks.lab import Lab, figure, say
from benchmarks.log_inputs import OPERATIONS, vault_line
from benchmarks.ports import free_port
from benchmarks.record import Row
from benchmarks.running import CommandError, Family

NAME = "latency"
TOR = "185.220.101.1"
TICK_S = 0.01  # between two writes
LOOK_S = 0.003  # between two looks at the alerts file
SUSPICIOUS = 20  # records a second that raise an alert
WARM_S, SECONDS = 5.0, 20.0  # before anything counts, and what counts
IDLE_S = 5.0
PATIENCE_S = 180.0
FIRST = 1_000_000  # number of the first entity that raises one: no other has such a number
GOALS_MS = {50: 100.0, 90: None, 99: 1000.0}
START = "import sys; from cluster.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Case:
    """What is written, how fast, and who reads it."""

    name: str
    rate: int  # records a second
    runtime: str
    line: Callable[[int, str], str]  # the record of that number and time
    suspicious: Callable[[int, str], str]  # one that raises an alert, of the entity of that number


@dataclass(slots=True)
class Outcome:
    """Of one case."""

    latencies_ms: list[float] = field(default_factory=list)
    missing: int = 0  # that were not told
    late_ms: float = 0.0  # by which the writer was behind at worst
    cores: float | None = None  # that the server used meanwhile
    idle_cores: float | None = None  # ... and while nothing came


def _vault(number: int, at: str) -> str:
    """As in the other benchmarks: 500 callers, each with 4 vaults of 500 and 10 secrets of each."""
    caller = number * 7_919 % 500
    return vault_line(at, number, caller, (caller + number // 500 % 4 * 125) % 500, number // 2_000 % 10)


def _vault_by_tor(number: int, at: str) -> str:
    line = vault_line(at, number, FIRST, number, 0)
    head, _, rest = line.partition('"callerIpAddress":"')
    return f'{head}"callerIpAddress":"{TOR}{rest[rest.index(chr(34)) :]}'


_tokens: dict[tuple[int, bool], str] = {}


def _activity(number: int, at: str) -> str:
    """Start and end records follow one another."""
    pair = number // 2
    caller = pair * 7 % 2_000
    claims = log_inputs.token(_tokens, caller, at)
    return log_inputs.activity_line(
        number, at, caller, pair % log_inputs.RESOURCES, OPERATIONS[pair % 3], claims
    )


def _activity_by_tor(number: int, at: str) -> str:
    """Both records of one operation."""
    claims = log_inputs.token(_tokens, number, at).replace('"ipaddr":"81.', '"ipaddr":"185.')
    address = f'"callerIpAddress":"81.{number >> 8 & 255}.{number & 255}.7"'
    both = (
        log_inputs.activity_line(2 * number + half, at, number, 0, OPERATIONS[1], claims) for half in (0, 1)
    )
    return "".join(one.replace(address, f'"callerIpAddress":"{TOR}"') for one in both)


CASES = (
    Case("Key Vault events, 10,000/s", 10_000, "ray", _vault, _vault_by_tor),
    Case("Key Vault events, 10,000/s", 10_000, "loop", _vault, _vault_by_tor),
    Case("Activity Log events, 2,000/s", 2_000, "ray", _activity, _activity_by_tor),
    Case("Activity Log events, 2,000/s", 2_000, "loop", _activity, _activity_by_tor),
)


def rows(lab: Lab) -> Iterator[Row]:
    """Every case."""
    for number, case in enumerate(CASES[:2] if lab.brief else CASES):
        lab.in_time()
        name = f"{case.name}, {case.runtime}"
        say(f"latency: {name}")
        folder = lab.folder / f"latency-{number}"
        folder.mkdir()
        seconds = max(2.0, SECONDS * lab.part)
        yield from figures(name, measured(folder, case, seconds))


def figures(name: str, one: Outcome) -> Iterator[Row]:
    """The rows of a case."""
    note = f"{len(one.latencies_ms)} alerts; the writer was at most {one.late_ms:.0f} ms behind"
    for percent, goal in GOALS_MS.items():
        value = float(np.percentile(one.latencies_ms, percent)) if one.latencies_ms else None
        metric = f"record written to alert written, p{percent}"
        yield figure(
            NAME, name, metric, value, "ms", goal, at_most=True, note=note if value else "no alert came"
        )
    yield figure(NAME, name, "alerts that did not come", one.missing, "alerts", 0.0, at_most=True)
    yield figure(NAME, name, "CPU meanwhile", one.cores, "cores")
    yield figure(NAME, name, "CPU while nothing comes", one.idle_cores, "cores")


def measured(folder: Path, case: Case, seconds: float) -> Outcome:
    """Write at the case's pace, and see when what is told."""
    outcome = Outcome()
    writer = Writer(folder / "in" / "log.json", case, WARM_S + seconds)
    with _served(folder, case.runtime) as process, Family(process.pid) as family:
        with Watch(folder / "alerts.jsonl") as watch:
            writer.run(WARM_S)
            writer.at_s.clear()
            outcome.cores = _cores(family, lambda: writer.run(WARM_S + seconds))
            _until(lambda: writer.at_s.keys() <= watch.seen.keys(), process)
        time.sleep(1.0)
        outcome.idle_cores = _cores(family, lambda: time.sleep(IDLE_S))
    told = {number: at_s for number, at_s in writer.at_s.items() if number in watch.seen}
    outcome.latencies_ms = [1e3 * (watch.seen[number] - at_s) for number, at_s in told.items()]
    outcome.missing, outcome.late_ms = len(writer.at_s) - len(told), 1e3 * writer.late_s
    return outcome


def _cores(family: Family, do: Callable[[], None]) -> float:
    """Cores that the server used while something was done."""
    begun, used = time.perf_counter(), family.cpu_s or 0.0
    do()
    return ((family.cpu_s or 0.0) - used) / (time.perf_counter() - begun)


class Writer:
    """Appends what was made before, at its pace."""

    def __init__(self, path: Path, case: Case, seconds: float) -> None:
        self.at_s: dict[int, float] = {}  # when each was written that raises an alert
        self.late_s = 0.0  # how far it was behind at worst
        self._path = path
        self._ticks = list(_ticks(case, seconds))
        self._done = 0

    def run(self, until_s: float) -> None:
        """Write up to that second of the stream."""
        begun = time.perf_counter() - self._done * TICK_S
        with self._path.open("ab", buffering=0) as file:
            while self._done < min(len(self._ticks), round(until_s / TICK_S)):
                due = begun + self._done * TICK_S
                if (early := due - time.perf_counter()) > 0:
                    time.sleep(early)
                lines, suspicious = self._ticks[self._done]
                now = time.perf_counter()
                self.late_s = max(self.late_s, now - due)
                self.at_s.update(dict.fromkeys(suspicious, now))
                file.write(lines)
                self._done += 1


def _ticks(case: Case, seconds: float) -> Iterator[tuple[bytes, list[int]]]:
    """The lines of each tick, and the numbers of those entities that raise an alert in it."""
    each, every = round(case.rate * TICK_S), round(1 / SUSPICIOUS / TICK_S)
    number = 0
    for tick in range(round(seconds / TICK_S)):
        at_s = tick * TICK_S
        at = f"{int(at_s // 60):02}:{at_s % 60:010.7f}Z"
        lines = [case.line(number + n, at) for n in range(each)]
        number += each
        suspicious = [FIRST + tick] if tick % every == 0 else []
        lines += [case.suspicious(one, at) for one in suspicious]
        yield "".join(lines).encode(), suspicious


class Watch:
    """When the alert of each entity was first seen in the file."""

    def __init__(self, path: Path) -> None:
        self.seen: dict[int, float] = {}
        self._path, self._offset, self._rest = path, 0, b""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            with suppress(FileNotFoundError):
                if self._path.stat().st_size > self._offset:
                    self._read()

    def _read(self) -> None:
        now = time.perf_counter()
        with self._path.open("rb") as file:
            file.seek(self._offset)
            body = file.read()
        self._offset += len(body)
        *lines, self._rest = (self._rest + body).split(b"\n")
        for line in lines:
            self.seen.setdefault(number_of(line), now)


def number_of(line: bytes) -> int:
    """The number of an alert's entity: at the end of a vault's name, in hexadecimal at the end of a principal's."""
    entity = msgspec.json.decode(line)["entity"]
    end = entity["id"].rpartition("-")[2]
    return int(end) if entity["kind"] == "vault" else int(end, 16)


@contextmanager
def _served(folder: Path, runtime: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is ready; it is stopped at the end."""
    (folder / "in").mkdir()
    (folder / "tor.txt").write_text(f"{TOR}\n")
    port = free_port()
    config = folder / "redshank.toml"
    config.write_text(
        f'[threat_intel]\nfeeds = [{{ path = "tor.txt", category = "tor_exit_node" }}]\n'
        f'[serve]\nruntime = "{runtime}"\nshards = 2\nlisten = "127.0.0.1:{port}"\n'
        f'[[sources]]\nfolder = "in"\n'
    )
    with (folder / "log").open("wb") as said:
        process = subprocess.Popen([sys.executable, "-c", START, "serve", "--config", config], stderr=said)
    try:
        _until(lambda: _answers(port), process, (folder / "log").read_text)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
        return True
    return False


def _until(
    what: Callable[[], bool], process: subprocess.Popen[bytes], why: Callable[[], str] | None = None
) -> None:
    """Wait until it comes true; without `why`, no longer than patience lasts. Raises CommandError otherwise."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        if process.poll() is not None or (why and time.monotonic() > end):
            raise CommandError(f"redshank serve did not go on: {why()[-2_000:] if why else ''}")
        if time.monotonic() > end:
            return
        time.sleep(0.1)
