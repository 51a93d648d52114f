"""Pictures of the console in Chromium: `python -m benchmarks.console_pictures URL --out docs/pictures`.

URL is a store with alerts, say of `redshank simulate` and `redshank detect`. Needs Playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.store.people import People
from alerts.store.store import AlertStore
from alerts.work import Filter
from console.app import make_app
from console.serving import serving
from console.settings import Settings

SHOWN = "key_vault.high_operation_volume"  # its page has most to show


@contextmanager
def browser() -> Iterator[Any]:
    """A Chromium: the system's, or Playwright's own. Raises LookupError where there is none."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise LookupError(f"Playwright is not installed ({error})") from None
    own = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])
        except Error as error:
            raise LookupError(f"no Chromium can be started here: {str(error).splitlines()[0]}") from None
        try:
            yield opened
        finally:
            opened.close()


def pages(store: AlertStore) -> Iterator[tuple[str, str, str, int, int]]:
    """Name, address, scheme, width and height of each picture."""
    alerts = [row.alert for row in store.page(Filter(limit=500)).alerts]
    shown = next((one for one in alerts if one.type == SHOWN), alerts[0])
    incident, _ = Counter(one.incident for one in alerts if one.incident).most_common(1)[0]
    yield "overview", "/", "light", 1280, 960
    yield "alerts", "/alerts", "dark", 1280, 860
    yield "alert", f"/alerts/{shown.id}", "light", 1280, 1000
    yield "incident", f"/incidents/{incident}", "light", 1280, 860
    yield "phone", f"/alerts/{shown.id}", "dark", 390, 844


def draw(url: str, out: Path) -> list[Path]:
    """Draw them all; the files."""
    store, made = AlertStore(url), []
    newest = store.page(Filter(limit=1)).alerts
    if not newest:
        raise SystemExit(f"{url}: has no alerts")
    now = datetime.fromisoformat(newest[0].alert.start).astimezone(UTC) + timedelta(hours=1)
    settings = Settings(
        stores=[store], people=People(store), local_name="uma", loopback=True, now=lambda: now
    )
    with serving(make_app(settings), "127.0.0.1", 0, None, None) as port, browser() as opened:
        for name, path, scheme, width, height in pages(store):
            page = opened.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(f"http://127.0.0.1:{port}{path}")
            made.append(out / f"console-{name}.png")
            page.screenshot(path=made[-1])
            page.close()
    return made


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    said = parser.parse_args()
    for one in draw(said.url, said.out):
        print(one)


if __name__ == "__main__":
    main()
