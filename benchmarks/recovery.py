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
from benchmarks.inputs import Input, repeated
from benchmarks.lab import ALL_SERVICE, THREE_PERCENT, VAULT, Lab, figure, ratio, say
from benchmarks.record import Row
from benchmarks.running import CommandError, run

NAME = "recovery"
KINDS = ("shard", "router")
KILLS, BRIEF_KILLS = 5, 3  # of each kind, in turn
PAUSE_S = 1.0  # in which records go on after one, before the next one
LONG = 40  # the flows so many times: a run that lasts while its actors are killed
STEPS = 20
NONE = "the run was over before"
EVERY_S = (2, 3600)  # often, and as good as never
TIMES = 3  # in turn, the best of each: what machines do beside it is more than the price
LEAST_S = 2 * EVERY_S[0]  # a shorter run takes hardly a checkpoint
WITHIN = 0.9  # speed with checkpoints to that without


def rows(lab: Lab) -> Iterator[Row]:
    """Kills first, then, unless in brief, the price."""
    say(f"recovery: {' and '.join(KINDS)} killed in turn")
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    over: list[BaseException] = []
    try:
        for kind, one in killed(lab, BRIEF_KILLS if lab.brief else KILLS):
            seconds[kind].append(one)
    except (CommandError, OSError, KeyboardInterrupt) as error:  # what was measured till now counts
        over.append(error)
    why = str(over[0]) if over else NONE
    for kind, some in seconds.items():
        middle, note = statistics.median(some) if some else None, ", ".join(f"{one:.1f}" for one in some)
        named = f"until records go on after a killed {kind}"
        yield figure(NAME, THREE_PERCENT, named, middle, "s", 10.0, at_most=True, note=note or why)
    if over:
        raise over[0]
    if not lab.brief:
        yield from _price(lab)


def _price(lab: Lab) -> Iterator[Row]:
    say("recovery: the start")
    start = min(_seconds(lab, lab.small("flows"), EVERY_S[1]) for _ in range(TIMES))
    for case in (THREE_PERCENT, ALL_SERVICE, VAULT):
        lab.in_time()
        say(f"recovery: the price of checkpoints, {case}")
        given = lab.long(case)
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


def killed(lab: Lab, kills: int) -> Iterator[tuple[str, float]]:
    """Who was killed, and seconds from then until more records were read than before; a checkpoint each second."""
    from cluster.detect import Options, prepared

    paths = [*map(str, repeated(lab.input(THREE_PERCENT), LONG).paths)]
    with ExitStack() as stack:
        options = Options(paths, _configured(lab, 1), runtime="ray", shards=2, quiet=True)
        it = prepared(options, Console(stderr=True, quiet=True), stack)
        it.start()
        progress = it.advance(STEPS)
        for kind in KINDS * kills:
            lab.in_time()
            pause_ends = time.perf_counter() + PAUSE_S
            while time.perf_counter() < pause_ends and not progress.done:
                progress = it.advance(STEPS)
            victims = [pid for pid, what in below(os.getpid()) if what == kind]
            if not victims or progress.done:
                return
            before, deaths, begun = progress.counts.read, it.deaths, time.perf_counter()
            os.kill(victims[0], signal.SIGKILL)
            while (it.deaths == deaths or progress.counts.read <= before) and not progress.done:
                progress = it.advance(STEPS)
            if it.deaths == deaths or progress.counts.read <= before:
                return  # the run was over before
            yield kind, time.perf_counter() - begun
