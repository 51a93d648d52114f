"""Records a second, from bytes in files to alerts, on both runtimes.

    python -m benchmarks.throughput [--flows N] [--events N]

Each figure is the time of a whole run less that of a run over a file of 100 records, so that the start of the
process and of Ray is not counted; the start is shown by itself. The ratio is Ray's speed to the loop's.
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


def main(arguments: list[str] | None = None) -> int:
    """Make the files, run them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--flows", type=int, default=3_000_000)
    parser.add_argument("--events", type=int, default=200_000)
    chosen = parser.parse_args(arguments)
    kinds: dict[str, tuple[Callable[[Path, int], None], int]] = {
        "IPFIX, 3 % SSH/RDP": (inputs.flows, chosen.flows),
        "IPFIX, all SSH/RDP": (
            lambda path, count: inputs.flows(path, count, relevant=1.0),
            chosen.flows // 6,
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
            start = {runtime: run(small, config, runtime) for runtime in ("loop", "ray")}
            speed = {
                runtime: count / (run(large, config, runtime) - start[runtime]) for runtime in ("loop", "ray")
            }
            print(
                f"{name:<22}{count:>10,}{large.stat().st_size / 1e6:>7.0f}{speed['loop']:>12,.0f}"
                f"{speed['ray']:>12,.0f}{speed['ray'] / speed['loop']:>7.2f}{start['loop']:>10.1f} s"
                f"{start['ray']:>5.1f} s",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
