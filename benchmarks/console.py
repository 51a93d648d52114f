"""How fast the console answers over many alerts: `python -m benchmarks.console [--alerts 1000000] [--url URL]`.

Asked over HTTP, each page several times after a first one that warms what a server has warm; a page is a whole answer.
The processor's time is that of server and client together: on a busy machine it says what a page costs. The goals: any page of the list in 200 ms, an alert in 100 ms, the first view with all its files in 200 KB.
"""

from __future__ import annotations

import argparse
import http.client
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from alerts.store.people import People
from alerts.store.store import AlertStore
from alerts.store.together import key_of
from alerts.work import Filter
from benchmarks.store import fill
from console.app import make_app
from console.asking import key_text
from console.serving import serving
from console.settings import Settings

REPEATS = 7
NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)  # the alerts are of 2025 and 2026
LIST_MS, ALERT_MS, FIRST_KB = 200.0, 100.0, 200.0


class Client:
    """Asks one page after the other."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str) -> tuple[float, bytes]:
        """Milliseconds, and what came."""
        connection = http.client.HTTPConnection("localhost", self._port, timeout=120)
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1e3
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}: {body[:300]!r}")
        return took, body

    def times(self, path: str) -> tuple[list[float], float, bytes]:
        """Of several, the first left out; and the processor's time of one."""
        _, body = self.get(path)
        before = time.process_time()
        took = sorted(self.get(path)[0] for _ in range(REPEATS))
        return took, (time.process_time() - before) * 1e3 / REPEATS, body


def lists(store: AlertStore) -> Iterator[tuple[str, str]]:
    """Every way of listing, with its address."""
    some = store.page(Filter(limit=50)).alerts[25].alert
    half = store.page(Filter(since="2026-01-01", order="oldest", limit=1)).alerts[0].alert
    entity = quote(some.entity.id)
    yield "the newest", "/alerts"
    yield "in the middle", "/alerts?after=" + quote(f"2_{half.start}_{half.id}")
    yield "of a type", "/alerts?type=key_vault.tor_access"
    yield "of a severity", "/alerts?severity=high"
    yield "that are open", "/alerts?state=open"
    yield "marked true", "/alerts?state=true"
    yield "of an entity", f"/alerts?entity={entity}"
    yield "of an entity and a severity", f"/alerts?entity={entity}&severity=low"
    yield "of a type and a severity", "/alerts?type=network.ssh_incoming&severity=high"
    yield "since a day", "/alerts?since=2026-06-01"
    yield "until a day, oldest", "/alerts?until=2026-06-01&order=oldest"
    yield "gravest first", "/alerts?order=severity"
    yield "suppressed ones too", "/alerts?all=1"
    yield "with a text that many have", "/alerts?text=tor"
    yield "with a text that few have", "/alerts?text=10.0.7.123"
    yield "with a text that none has", "/alerts?text=nowhere-to-be-found"
    yield "with a text, a type, a day", "/alerts?text=kv-77&type=key_vault.tor_access&since=2026-01-01"
    last = store.page(Filter(limit=1, order="severity", severity="low")).alerts[0]
    yield "deep in the gravest", "/alerts?order=severity&after=" + quote(key_text(key_of(last)))


def pages(store: AlertStore) -> Iterator[tuple[str, str]]:
    """The other pages."""
    some = store.page(Filter(limit=50)).alerts[25].alert
    yield "an alert", f"/alerts/{some.id}"
    yield "an entity", "/entity?id=" + quote(some.entity.id)
    for span in ("1d", "7d", "30d", "90d"):
        yield f"the overview, {span}", f"/?span={span}"
    yield "the detections", "/detections"
    yield "the rules", "/rules"


def measured(client: Client, title: str, found: Iterator[tuple[str, str]], bound_ms: float | None) -> bool:
    """A table; whether all are within the bound."""
    print(f"\n{title:<40} median ms  worst ms   CPU ms       KB")
    good = True
    for name, path in found:
        times, cpu, body = client.times(path)
        median, worst = times[len(times) // 2], times[-1]
        over = bound_ms is not None and median > bound_ms
        good = good and not over
        print(
            f"  {name:<38} {median:9.1f} {worst:9.1f} {cpu:8.1f} {len(body) / 1e3:8.1f}{'  OVER' if over else ''}"
        )
    return good


def first_view(client: Client) -> bool:
    """A page with all that it loads."""
    _, body = client.get("/alerts")
    files = sorted(set(re.findall(rb'(?:href|src)="(/static/[^"]+)"', body)))
    whole = len(body) + sum(len(client.get(one.decode())[1]) for one in files)
    print(f"\nfirst view, with its {len(files)} files: {whole / 1e3:.1f} KB")
    return whole <= FIRST_KB * 1e3


def main() -> int:
    """Fill a store, and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1_000_000)
    parser.add_argument("--url", help="a store that is filled already, or an empty one")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build" if Path("build").is_dir() else None) as folder:
        url = said.url or f"sqlite:///{folder}/alerts.db"
        store = AlertStore(url)
        if not store.page(Filter(limit=1)).alerts:
            began = time.perf_counter()
            fill(url, said.alerts)
            print(f"{said.alerts:,} alerts, filled in {time.perf_counter() - began:.0f} s")
        settings = Settings(
            stores=[store], people=People(store), local_name="benchmark", loopback=True, now=lambda: NOW
        )
        with serving(make_app(settings), "127.0.0.1", 0, None, None) as port:
            client = Client(port)
            wait(client)
            one = next(pages(store))
            good = [
                measured(client, "a page of the list, 50 alerts", lists(store), LIST_MS),
                measured(client, "an alert", iter([one]), ALERT_MS),
                measured(client, "other pages", (page for page in pages(store) if page != one), None),
                first_view(client),
            ]
    return 0 if all(good) else 1


def wait(client: Client) -> None:
    """Until it answers."""
    for _ in range(100):
        try:
            client.get("/static/console.css")
            return
        except OSError:
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
