"""`python -m benchmarks.starting`: how long a server with everything on takes until it is ready, and how much CPU time.

Everything as `benchmarks.chaos_serve` has it: a store, a sink, a console, feeds, an inventory, two routers, three shards;
first with nothing learned, then from a checkpoint. CPU seconds are those of all its processes, Ray's among them.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from benchmarks.chaos_serve import Served
from benchmarks.chaos_world import World
from benchmarks.running import Family


def started(served: Served) -> tuple[float, float]:
    """Seconds, and CPU seconds, until it says how it stands."""
    begun = time.monotonic()
    served.start()
    assert served.process is not None
    with Family(served.process.pid) as family:
        served.until(bool)
        seconds = time.monotonic() - begun
        time.sleep(0.5)  # for what it has used to be seen
    return seconds, family.cpu_s or 0.0


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=["ray", "loop"], nargs="+", default=["loop", "ray"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name), 2, 5)
        for runtime in given.runtime:
            served = Served(world, Path(name) / runtime, runtime, random.Random(1))
            world.lay(world.days, served.folder / "in")
            for what in ("with nothing learned", "from a checkpoint"):
                seconds, cpu_s = started(served)
                print(
                    f"{runtime}, {what}: ready after {seconds:.1f} s, {cpu_s:.1f} s of CPU time", flush=True
                )
                served.until(lambda now: now["counts"]["read"] > 100_000)
                print(f"{runtime}: stopped after {served.stop():.1f} s {served.faults or ''}", flush=True)


if __name__ == "__main__":
    main()
