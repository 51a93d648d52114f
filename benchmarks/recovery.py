"""How soon a run goes on after one of its actors is killed, and what checkpoints cost while nothing dies."""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks.chaos import below
from benchmarks.inputs import Input
from benchmarks.lab import ALL_SERVICE, THREE_PERCENT, VAULT, Lab, figure, ratio, say
from benchmarks.record import Row
from benchmarks.running import run

NAME = "recovery"
KILLS = 5
STEPS = 20
EVERY_S = (2, 3600)  # often, and as good as never
TIMES = 3  # in turn, the best of each: what machines do beside it is more than the price
LEAST_S = 2 * EVERY_S[0]  # a shorter run takes hardly a checkpoint
WITHIN = 0.9  # speed with checkpoints to that without


def rows(lab: Lab) -> Iterator[Row]:
    """Kills first, then the price."""
    for kind in ("shard", "router"):
        say(f"recovery: a killed {kind}")
        seconds = list(killed(lab, kind))
        middle = statistics.median(seconds) if seconds else None
        note = ", ".join(f"{one:.1f}" for one in seconds)
        yield figure(
            NAME,
            THREE_PERCENT,
            f"until records go on after a killed {kind}",
            middle,
            "s",
            10.0,
            at_most=True,
            note=note,
        )
    for case in (THREE_PERCENT, ALL_SERVICE, VAULT):
        say(f"recovery: the price of checkpoints, {case}")
        given = lab.input(case)
        start = min(_seconds(lab, lab.small(given.kind), EVERY_S[1]) for _ in range(TIMES))
        runs = [[_seconds(lab, given, every_s) for every_s in EVERY_S] for _ in range(TIMES)]
        often, never = (min(some) - start for some in zip(*runs, strict=True))
        note = f"{often:.1f} s and {never:.1f} s, without the start of {start:.1f} s"
        value = ratio(never, often) if never > LEAST_S else None
        yield figure(NAME, case, "speed, a checkpoint every 2 s / none", value, "×", WITHIN, note=note)


def _configured(lab: Lab, every_s: float) -> Path:
    place = lab.folder / f"every-{every_s}.toml"
    place.write_text(lab.config.read_text() + f"\n[checkpoints]\nevery_seconds = {every_s}\n")
    return place


def _seconds(lab: Lab, given: Input, every_s: float) -> float:
    start = "import sys; from cluster.cli import main; sys.exit(main())"
    config = _configured(lab, every_s)
    words = [sys.executable, "-c", start, "detect", *given.paths, "--config", config, "--quiet", "--alerts"]
    return run([*words, lab.folder / "out.jsonl"], okay=(0, 3)).seconds


def killed(lab: Lab, kind: str) -> Iterator[float]:
    """Seconds from a kill until more records were read than before it."""
    from cluster.detect import Options, prepared

    given = lab.input(THREE_PERCENT)
    console = Console(stderr=True, quiet=True)
    for _ in range(KILLS):
        with ExitStack() as stack:
            options = Options(
                [*map(str, given.paths)], _configured(lab, 1), runtime="ray", shards=2, quiet=True
            )
            it = prepared(options, console, stack)
            it.start()
            progress = it.advance(STEPS)
            while progress.counts.read < given.records / 4 and not progress.done:
                progress = it.advance(STEPS)
            victims = [pid for pid, what in below(os.getpid()) if what == kind]
            if not victims or progress.done:
                return
            before, begun = progress.counts.read, time.perf_counter()
            os.kill(victims[0], signal.SIGKILL)
            while (it.deaths == 0 or progress.counts.read <= before) and not progress.done:
                progress = it.advance(STEPS)
            yield time.perf_counter() - begun
