"""One place for a run's inputs and timings, so that benchmarks that want the same ones share them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import inputs, log_inputs, sign_in_inputs
from benchmarks.inputs import Input
from benchmarks.record import Row
from benchmarks.running import CommandError, Run, best, best_of_each, run

SMALL = 100  # records of the run that shows the start
LEAST = 1.2  # whole run to its start: below, the file is too short to say anything
_SUMMARY = re.compile(r"([\d,]+) records? read: ([\d,]+) applied, .*; ([\d,]+) entit(?:y|ies)")

THREE_PERCENT, ALL_SERVICE = "IPFIX, 3 % SSH/RDP", "IPFIX, all SSH/RDP"
VAULT, VAULT_WORST = "Key Vault events", "Key Vault, every caller new to every vault"
ACTIVITY, SIGN_INS = "Activity Log events", "Sign-ins"
# How many records of each, at a scale of 1.
SIZES = {
    THREE_PERCENT: 24_000_000,
    ALL_SERVICE: 3_000_000,
    VAULT: 1_500_000,
    VAULT_WORST: 100_000,
    ACTIVITY: 300_000,
    SIGN_INS: 200_000,
}
# Redshank reads flows so fast that a file which its peers need a minute for is hardly longer than Ray's start.
TIMES = {THREE_PERCENT: 4}
_MAKERS: dict[str, Callable[[Path, int], Input]] = {
    THREE_PERCENT: lambda folder, count: inputs.flows(folder, count),
    ALL_SERVICE: lambda folder, count: inputs.flows(folder, count, relevant=1.0, name="all"),
    VAULT: lambda folder, count: log_inputs.vault_events(folder, count),
    VAULT_WORST: lambda folder, count: log_inputs.vault_events(
        folder, count, callers=2_000, polling=False, name="worst"
    ),
    ACTIVITY: lambda folder, count: log_inputs.activity_events(folder, count),
    SIGN_INS: lambda folder, count: sign_in_inputs.sign_ins(folder, count),
}


@dataclass(frozen=True, slots=True)
class Speed:
    """A whole run, its start, and what it was over."""

    input: Input
    whole: Run
    start: Run

    @property
    def per_second(self) -> float | None:
        """Records a second without the start; None where the run is hardly longer than that."""
        if self.whole.seconds < LEAST * self.start.seconds:
            return None
        return self.input.records / (self.whole.seconds - self.start.seconds)

    @property
    def cpu_per_million(self) -> float | None:
        """CPU seconds for a million records, without the start."""
        cpu = self.whole.less(self.start).cpu_s
        return cpu * 1e6 / self.input.records if cpu is not None and cpu > 0 else None


class Lab:
    """Inputs and timings of one run, made once."""

    def __init__(
        self,
        folder: Path,
        scale: float = 1.0,
        times: int = 2,
        minutes: float = float("inf"),
        brief: bool = False,
    ) -> None:
        self.folder, self.scale, self.times = folder, scale, times
        self.brief = brief  # of each benchmark the main cases alone
        self._minutes, self._end = minutes, time.monotonic() + 60 * minutes
        self._share_s, self._share_ends = float("inf"), self._end
        self.config = inputs.configuration(folder, inputs.indicators())
        self.indicators = folder / "indicators.txt"
        self._inputs: dict[str, Input] = {}
        self._speeds: dict[tuple[str, str, int | None], Speed] = {}
        self._starts: dict[tuple[str, int | None], Run] = {}

    @property
    def part(self) -> float:
        """Of what is never made larger than it is: 1 at most; in brief half of the scale."""
        return min(1.0, self.scale) / (2 if self.brief else 1)

    def input(self, case: str) -> Input:
        """The files of a case."""
        if case not in self._inputs:
            count = max(1_000, int(SIZES[case] * self.scale))
            self._inputs[case] = self.made(case, lambda folder: _MAKERS[case](folder, count))
        return self._inputs[case]

    def made(self, case: str, make: Callable[[Path], Input]) -> Input:
        """Files in a folder of their own. Raises CommandError when there is no time for more."""
        self.in_time()
        folder = self.folder / re.sub(r"\W+", "-", case)
        folder.mkdir(exist_ok=True)
        say(f"{case}: making the input")
        return make(folder)

    def small(self, kind: str) -> Input:
        """A file of a kind with hardly a record."""
        case = {"flows": THREE_PERCENT, "vault": VAULT, "activity": ACTIVITY}[kind]
        name = f"small {kind}"
        if name not in self._inputs:
            self._inputs[name] = self.made(name, lambda folder: _MAKERS[case](folder, SMALL))
        return self._inputs[name]

    def speed(self, case: str, runtime: str, shards: int | None = None) -> Speed:
        """Redshank over a case; where it is that quick, over the same files several times (`TIMES`)."""
        shards = None if shards == os.cpu_count() else shards  # which is what it takes by itself
        key = (case, runtime, shards)
        if key not in self._speeds:
            self._speeds[key] = self.speed_over(self.long(case), runtime, shards)
        return self._speeds[key]

    def speeds(self, case: str, *runtimes: str) -> list[Speed]:
        """The same of several runtimes, in turn."""
        self.in_time()
        # First: they must not be what is left out.
        starts = [self._start(runtime, None) for runtime in runtimes]
        given = self.long(case)
        say(f"{given.name}, {given.records:,} records: redshank, {' and '.join(runtimes)} in turn")
        wholes = best_of_each([self.command(given.paths, runtime) for runtime in runtimes], self.times)
        for runtime, whole, start in zip(runtimes, wholes, starts, strict=True):
            check(given, redshank_counts(whole), f"redshank ({runtime})")
            self._speeds[case, runtime, None] = Speed(given, whole, start)
        return [self._speeds[case, runtime, None] for runtime in runtimes]

    def long(self, case: str) -> Input:
        """The files of a case, where Redshank is quick several times (`TIMES`)."""
        return inputs.repeated(self.input(case), TIMES[case]) if case in TIMES else self.input(case)

    def speed_over(
        self, given: Input, runtime: str, shards: int | None = None, times: int | None = None
    ) -> Speed:
        """Redshank over some files. Raises CommandError if it does not count what is in them."""
        self.in_time()
        start = self._start(runtime, shards)
        say(f"{given.name}, {given.records:,} records: redshank, {runtime}")
        whole = best(self.command(given.paths, runtime, shards), times or self.times)
        check(given, redshank_counts(whole), f"redshank ({runtime})")
        return Speed(given, whole, start)

    def _start(self, runtime: str, shards: int | None) -> Run:
        """A run over hardly a record of each kind."""
        key = (runtime, shards)
        if key not in self._starts:
            paths = [path for kind in ("flows", "vault", "activity") for path in self.small(kind).paths]
            say(f"the start of redshank, {runtime}")
            number = self.times + 1 if shards is None else self.times
            runs = [run(self.command(paths, runtime, shards)) for _ in range(number)]
            self._starts[key] = min(runs, key=lambda one: one.seconds)
        return self._starts[key]

    def command(self, paths: Sequence[Path], runtime: str, shards: int | None = None) -> list[str | Path]:
        """`redshank detect` from the files to a file of alerts."""
        redshank = Path(sys.executable).with_name("redshank")
        alerts = paths[0].parent / "alerts.jsonl"
        some: list[str | Path] = [redshank, "detect", *paths, "--config", self.config]
        some += ["--runtime", runtime, "--alerts", alerts]
        return some if shards is None else [*some, "--shards", str(shards)]

    def other(self, given: Input, command: Callable[[Input], list[str | Path]], who: str) -> Speed:
        """Somebody else's command over the same files, with its start; what it counts is checked."""
        self.in_time()
        say(f"{given.name}, {given.records:,} records: {who}")
        whole = best(command(given), self.times)
        start = best(command(self.small(given.kind)), self.times + 1)
        return Speed(given, whole, start)

    def allow(self, share: float) -> None:
        """What is measured next has this share of the time that is left."""
        now = time.monotonic()
        self._share_s = max(0.0, share * (self._end - now))
        self._share_ends = now + self._share_s

    def in_time(self) -> None:
        """Raises CommandError when the time for all of it is over, or that for what is measured now."""
        now = time.monotonic()
        if now > self._end:
            raise CommandError(f"left out from here on: the {self._minutes:g} minutes are over")
        if now > self._share_ends:
            share = f"its {self._share_s:.0f} s of the {self._minutes:g} minutes are over"
            raise CommandError(f"left out from here on: {share}; by itself it has no such limit")

    def forget(self, given: Input) -> None:
        """Make room: the files are not needed any more."""
        shutil.rmtree(given.paths[0].parent)


def redshank_counts(one: Run) -> dict[str, int]:
    """What Redshank's summary says. Raises CommandError if it says nothing."""
    found = _SUMMARY.search(one.told)
    if found is None:
        raise CommandError(f"no summary in: {one.told[:500]}")
    names = ("records", "applied", "entities")
    return {name: int(number.replace(",", "")) for name, number in zip(names, found.groups(), strict=True)}


def check(given: Input, counted: dict[str, int], who: str) -> None:
    """Nobody's time counts who does not count the same. Raises CommandError."""
    wrong = {
        name: (number, given.truth[name]) for name, number in counted.items() if number != given.truth[name]
    }
    if wrong:
        told = ", ".join(
            f"{name}: {number:,} in place of {right:,}" for name, (number, right) in wrong.items()
        )
        raise CommandError(f"{given.name}: {who} counts {told}")


def ratio(one: float | None, other: float | None) -> float | None:
    """One to the other, if both were measured."""
    return one / other if one is not None and other else None


def unmeasured(value: float | None, about: str = "") -> str:
    """The note of a figure that there is not, beside what is told of its run.

    >>> unmeasured(None, "6,000 records"), unmeasured(1.0, "6,000 records")
    ('6,000 records; the run is hardly longer than its start', '6,000 records')
    """
    why = "" if value is not None else "the run is hardly longer than its start"
    return "; ".join(filter(None, (about, why)))


def figure(
    benchmark: str,
    case: str,
    metric: str,
    value: float | None,
    unit: str = "",
    goal: float | None = None,
    at_most: bool = False,
    note: str = "",
) -> Row:
    """A row; without a value it says why."""
    return Row(benchmark, case, metric, value, unit, goal, at_most, note or unmeasured(value))


def say(text: str) -> None:
    """What is going on, for whoever waits."""
    print(text, file=sys.stderr, flush=True)
