"""Real logs whose truth is known, through `redshank detect`: what is raised, and whether it should be.

    python -m benchmarks.quality --real FOLDER

FOLDER holds the samples that tests use (`REDSHANK_DATA`); a set that is not there is left out, and named. What a set
lacks to be read is filled in and said: addresses, a wire format. Nothing of them is kept.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks.real_sets import SETS, Alerts, Real


class Row(NamedTuple):
    """What came of a set."""

    name: str
    what: str
    records: int
    rejected: int
    alerts: Counter[str]
    said: str


def run(one: Real, source: Path) -> Row:
    """A set from its samples to its alerts."""
    import msgspec
    from rich.console import Console

    from cluster.detect import Options, detect

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "telemetry"
        out.mkdir()
        one.make(source, out)
        config = Path(folder) / "redshank.toml"
        config.write_text(one.configuration)
        options = Options([str(out)], config=config, runtime="loop", quiet=True)
        result = detect(options, Console(stderr=True))
        alerts: Alerts = [msgspec.to_builtins(alert) for alert in result.outcome.alerts]
        records, rejected = result.counts.read, result.counts.rejected
    found = Counter(f"{alert['type']} {alert['severity']}" for alert in alerts)
    return Row(one.name, one.what, records, rejected, found, one.said(alerts))


def table(rows: list[Row]) -> str:
    """All sets."""
    lines = [f"{'real logs':<22}{'records':>9}{'rejected':>10}  alerts"]
    for row in rows:
        alerts = ", ".join(f"{name} × {count}" for name, count in sorted(row.alerts.items())) or "none"
        lines.append(f"{row.name:<22}{row.records:>9,}{row.rejected:>10,}  {alerts}")
        lines.append(f"{'':<4}{row.what}")
        if row.said:
            lines.append(f"{'':<4}{row.said}")
    return "\n".join(lines)


def main(source: Path) -> int:
    """Run every set that is there, and print the table."""
    if not source.is_dir():
        print(
            f"{source} is no folder: name the one that holds the samples (honeypot/, azure/, flows/)",
            file=sys.stderr,
        )
        return 1
    rows = []
    for one in SETS:
        missing = [name for name in one.needs if not (source / name).exists()]
        if missing:
            print(f"{one.name}: left out, {source / missing[0]} is not there", file=sys.stderr)
            continue
        rows.append(run(one, source))
    if not rows:
        print(f"{source} holds none of the samples", file=sys.stderr)
        return 1
    print(table(rows))
    return 0
