"""`benchmarks.quality` as rows: what is found, missed and said falsely on simulated organisations."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from benchmarks import quality
from benchmarks.lab import Lab, figure, say
from benchmarks.record import Row

NAME = "quality"
SEEDS = (601, 602)
DAYS = 30  # `python -m benchmarks.quality` has 60


def rows(lab: Lab) -> Iterator[Row]:
    """All organisations together; a smaller scale has fewer days."""
    days = max(21, round(DAYS * min(1.0, lab.scale)))
    say(f"quality: {len(SEEDS)} organisations of {days} days")
    with ProcessPoolExecutor(2) as pool:
        scores = list(pool.map(quality.run, SEEDS, [days] * len(SEEDS)))
    case = f"organisations {', '.join(map(str, SEEDS))}, {days} days"
    found, missed, false = (
        sum(sum(getattr(score, name).values()) for score in scores) for name in ("found", "missed", "false")
    )
    entity_days = sum(score.entity_days for score in scores)
    yield figure(
        NAME, case, "attacks found", found / (found + missed), "of 1", note=f"{found} of {found + missed}"
    )
    each = f"medium or higher: {false} in {entity_days:,.0f} entity-days"
    yield figure(NAME, case, "false alerts", 1_000 * false / entity_days, "per 1,000 entity-days", note=each)
