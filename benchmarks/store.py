"""How fast a store of many alerts answers: `python -m benchmarks.store [--alerts 1000000] [--url URL]`.

Times are the best and the worst of several, of one page of 50 with its alerts decoded, each over a connection of its own.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from alerts.alert import Alert, Entity, alert_id
from alerts.store.opening import open_engine, writing
from alerts.store.schema import ALERTS
from alerts.store.store import AlertStore, row_of
from alerts.work import Filter
from detections.catalogue import CATALOGUE
from detections.declare import SEVERITIES

REPEATS = 5
BATCH = 5_000


def made(number: int) -> Iterator[Alert]:
    """Alerts over two years, of 5,000 entities, with evidence of a usual size."""
    chance, first = random.Random(7), datetime(2025, 1, 1, tzinfo=UTC)
    types = sorted(CATALOGUE)
    for n in range(number):
        detection = CATALOGUE[types[n % len(types)]]
        entity = f"/subscriptions/{chance.randrange(20)}/vaults/kv-{chance.randrange(5_000)}"
        start = (first + timedelta(hours=chance.randrange(17_520))).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield Alert(
            id=alert_id(f"{detection.type}{n}", "vault", entity, start),
            type=detection.type,
            title=detection.title,
            description=f"{entity}: {detection.title} from 10.0.{n % 256}.{n % 251}",
            severity=chance.choice(SEVERITIES),
            tactics=detection.tactics,
            techniques=detection.techniques,
            entity=Entity("vault", entity),
            start=start,
            end=start,
            first_seen=start,
            last_seen=start,
            count=n % 100 + 1,
            evidence={"addresses": [f"10.0.{n % 256}.{k}" for k in range(10)]},
            remediation=detection.remediation[:1],
        )


def fill(url: str, number: int) -> None:
    """Plain inserts of the store's own rows: what is measured is reading."""
    rows: list[dict[str, Any]] = []
    engine = open_engine(url)
    for n, alert in enumerate(made(number), 1):
        row = row_of(alert, 1 if n % 10 == 0 else None)
        rows.append({**row, "state": ("open", "open", "open", "benign", "true")[n % 5]})
        if len(rows) == BATCH or n == number:
            with writing(engine) as connection:
                connection.execute(insert(ALERTS), rows)
            rows = []


def measured(what: Callable[[], object]) -> tuple[float, float]:
    """The best and the worst, in milliseconds."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        what()
        times.append(1_000 * (time.perf_counter() - began))
    return min(times), max(times)


def main() -> None:
    """Fill a store, ask it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1_000_000)
    parser.add_argument("--url")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="redshank-store-") as folder:
        url = chosen.url or f"sqlite:///{Path(folder) / 'bench.db'}"
        began = time.perf_counter()
        fill(url, chosen.alerts)
        print(f"{chosen.alerts:,} alerts, filled in {time.perf_counter() - began:.0f} s")
        _ask(AlertStore(url))


def _ask(store: AlertStore) -> None:
    some = store.page(Filter(limit=1)).alerts[0].alert
    pages = {
        "newest": Filter(),
        "oldest": Filter(order="oldest"),
        "by severity": Filter(order="severity"),
        "a type": Filter(type="key_vault.tor_access"),
        "a severity": Filter(severity="high"),
        "an entity": Filter(entity=some.entity.id),
        "marked true": Filter(state="true"),
        "type, severity, state": Filter(type="key_vault.tor_access", severity="high", state="benign"),
        "type by severity": Filter(type="key_vault.tor_access", order="severity"),
        "a week": Filter(since="2025-06-01T00:00:00Z", until="2025-06-08T00:00:00Z", order="severity"),
        "a text that is common": Filter(text="tor"),
        "a text that is nowhere": Filter(text="no such thing"),
    }
    for name, asked in pages.items():
        best, worst = measured(lambda asked=asked: store.page(asked))  # type: ignore[misc]
        print(f"page, {name:24} {best:8.1f} to {worst:8.1f} ms")
        best, worst = measured(lambda asked=asked: store.suppressed(asked))  # type: ignore[misc]
        print(f"  its count of suppressed {'':6}{best:8.1f} to {worst:8.1f} ms")
    best, worst = measured(lambda: store.find(some.id))
    print(f"one alert                      {best:8.1f} to {worst:8.1f} ms")


if __name__ == "__main__":
    main()
