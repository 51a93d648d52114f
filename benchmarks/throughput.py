"""Records a second, from bytes in files to alerts, on both runtimes.

    python -m benchmarks.throughput [--flows N] [--events N]

Each figure is the least time of two whole runs less the least of three over a file of 100 records, so that the
start of the process and of Ray is not counted; the start is shown by itself. The ratio is Ray's speed to the loop's.
Where a run is hardly longer than its start, '-' is shown: then the file is too short to say anything.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import inputs

CONFIGURATION = '[inventory]\nnetworks = ["10.0.0.0/8"]\n'


def run(path: Path, config: Path, runtime: str) -> float:
    """Seconds of one `redshank detect`."""
    redshank = Path(sys.executable).with_name("redshank")
    command = [redshank, "detect", path, "--config", config, "--runtime", runtime, "--quiet"]
    begun = time.perf_counter()
    subprocess.run(
        [*map(str, command), "--alerts", str(path.with_suffix(".alerts.jsonl"))],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - begun


def row(name: str, count: int, size: int, start: dict[str, float], whole: dict[str, float]) -> str:
    """A line of the table."""
    speed = {
        one: count / (whole[one] - start[one]) if whole[one] > 1.3 * start[one] else None for one in whole
    }
    told = [f"{value:,.0f}" if value else "-" for value in (speed["loop"], speed["ray"])]
    ratio = f"{speed['ray'] / speed['loop']:.2f}" if speed["ray"] and speed["loop"] else "-"
    return (
        f"{name:<22}{count:>10,}{size / 1e6:>7.0f}{told[0]:>12}{told[1]:>12}{ratio:>7}"
        f"{start['loop']:>10.1f} s{start['ray']:>5.1f} s"
    )


def main(arguments: list[str] | None = None) -> int:
    """Make the files, run them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--flows", type=int, default=12_000_000)
    parser.add_argument("--events", type=int, default=300_000)
    chosen = parser.parse_args(arguments)
    kinds: dict[str, tuple[Callable[[Path, int], None], int]] = {
        "IPFIX, 3 % SSH/RDP": (inputs.flows, chosen.flows),
        "IPFIX, all SSH/RDP": (
            lambda path, count: inputs.flows(path, count, relevant=1.0),
            chosen.flows // 20,
        ),
        "Key Vault events": (inputs.vault_events, chosen.events),
        "Activity Log events": (inputs.activity_events, chosen.events),
    }
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    print(
        f"{'input':<22}{'records':>10}{'MB':>7}{'loop /s':>12}{'Ray /s':>12}{'ratio':>7}{'start loop':>12}{'Ray':>7}"
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "redshank.toml"
        config.write_text(CONFIGURATION)
        for name, (make, count) in kinds.items():
            large, small = Path(folder) / "large", Path(folder) / "small"
            make(large, count)
            make(small, 100)
            start = {one: min(run(small, config, one) for _ in range(3)) for one in ("loop", "ray")}
            whole = {one: min(run(large, config, one) for _ in range(2)) for one in ("loop", "ray")}
            print(row(name, count, large.stat().st_size, start, whole), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
