"""Records a second, from bytes in files to alerts, on both runtimes, and the CPU seconds that they cost.

Each figure is the least time of two whole runs of `redshank detect` (of one, if that is long), for which Ray and the
loop take turns, less the least of three over files of 100 records of each kind, so that the start of the process, of
the feed and of Ray is not counted; it is shown by itself. Where a run is hardly longer than its start there is no
figure: then the files are too short to say anything. How CPU seconds are counted is said in `benchmarks.running`.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.lab import (
    ACTIVITY,
    ALL_SERVICE,
    SIZES,
    THREE_PERCENT,
    VAULT,
    VAULT_WORST,
    Lab,
    figure,
    ratio,
    unmeasured,
)
from benchmarks.record import Row

NAME = "throughput"
GOALS = {THREE_PERCENT: 4e6, ALL_SERVICE: 5e5, VAULT: 2e5, ACTIVITY: 1e5}
RAY_TO_LOOP = 1.5
SHORT = "a short run: no goal"


def rows(lab: Lab) -> Iterator[Row]:
    """All cases, one after another."""
    for case in GOALS if lab.brief else SIZES:
        yield from of(lab, case)
        if case == THREE_PERCENT:
            yield from _starts(lab)


def _starts(lab: Lab) -> Iterator[Row]:
    for runtime, named in (("ray", "Ray"), ("loop", "plain loop")):
        start = lab.speed(THREE_PERCENT, runtime).start.seconds
        yield figure(NAME, "start, with a feed of 100,000", named, start, "s")


def of(lab: Lab, case: str) -> Iterator[Row]:
    """One case on both runtimes."""
    ray, loop = lab.speeds(case, "ray", "loop")
    about = unmeasured(ray.per_second, f"{ray.input.records:,} records, {ray.input.octets / 1e6:,.0f} MB")
    yield figure(NAME, case, "Ray", ray.per_second, "records/s", GOALS.get(case), note=about)
    yield figure(NAME, case, "plain loop", loop.per_second, "records/s")
    # The worst case is there to be known, not to be promised anything of; and in a short run what Ray's processes
    # need once is much of what they need.
    short, value = lab.scale < 1, ratio(ray.per_second, loop.per_second)
    goal = None if case == VAULT_WORST or short else RAY_TO_LOOP
    note = unmeasured(value, SHORT if short else "")
    yield figure(NAME, case, "Ray / plain loop", value, "×", goal, note=note)
    yield figure(NAME, case, "CPU, Ray", ray.cpu_per_million, "s/million records")
    yield figure(NAME, case, "CPU, plain loop", loop.cpu_per_million, "s/million records")
