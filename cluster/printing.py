"""A page as PDF, printed by a Chromium without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from cluster.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
PATIENCE_S = 120.0


def printer() -> Callable[[Path, Path], None]:
    """Prints an HTML file to a PDF. Raises UserError where there is no Chromium."""
    found = next(filter(None, map(shutil.which, NAMES)), None) or _of_playwright()
    if found is None:
        raise UserError(
            "--pdf needs Chromium, which is not here: install it (apt install chromium, or playwright install "
            "chromium), or print the HTML in a browser"
        )
    return lambda page, out: _print(found, page, out)


def _of_playwright() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _print(chromium: str, page: Path, out: Path) -> None:
    """In a profile of its own; the page may run nothing, and reach nobody."""
    with tempfile.TemporaryDirectory(prefix="redshank-", ignore_cleanup_errors=True) as folder:
        made = Path(folder) / "report.pdf"
        command = [chromium, "--headless", "--disable-gpu", "--disable-dev-shm-usage"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # Chromium has no sandbox for root
            command.append("--no-sandbox")
        command += [
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--print-to-pdf={made}",
            page.absolute().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            raise UserError(f"{chromium}: did not print the report within {PATIENCE_S:.0f} s") from None
        except OSError as error:
            raise UserError(f"{chromium}: can't be started: {error.strerror}") from None
        if not made.exists():
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise UserError(f"{chromium}: printed nothing (status {done.returncode}): {said[-1][:300]}")
        try:
            shutil.copyfile(made, out)
        except OSError as error:
            raise UserError(f"{out}: can't be written: {error.strerror}") from None
