"""`redshank report`: alerts of a file or a store, how the run stands, and a file made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluster.asked import moment, now
from cluster.config import load
from cluster.errors import UserError
from cluster.printing import printer
from cluster.reporting import check_output
from cluster.showing import read_latest
from detections.catalogue import CATALOGUE
from detections.words import counted

if TYPE_CHECKING:
    from alerts.store.store import Stored
    from console.settings import Health
    from console.words import Language

MOST_ROWS = 20_000
SUFFIXES = (".html",)


def make(
    file: Path | None,
    config: Path | None,
    store: str | None,
    since: str | None,
    until: str | None,
    out: Path,
    pdf: bool,
    language: Language,
    most: int,
) -> int:
    """Write it."""
    if file is not None and store:
        raise click.UsageError("either FILE or --store")
    if wrong := check_output(out, SUFFIXES):
        raise click.BadParameter(wrong, param_hint="--out")
    begin, end = _span(since, until)
    _check_installed()
    printed = printer() if pdf else None  # where there is none, that is known before anything is written
    rows, left = _of_file(file, since, until) if file else _of_stores(config, store, since, until)
    health = _health(config) if config else None
    from console.report import Given, html

    begin = begin or min((_time(row.alert.start) for row in rows), default=end)
    if file is not None and until is None:  # of recorded telemetry, which may be long ago
        end = max((_time(row.alert.end) for row in rows), default=end)
    given = Given(rows, begin, end, now(), health, left, marks=file is None)
    _write(out, html(given, language, most))
    click.echo(f"The report, {counted(len(rows), 'alert')}: {out}", err=True)
    if printed is not None:
        target = out.with_suffix(".pdf")
        printed(out, target)
        click.echo(f"As PDF: {target}", err=True)
    return 0


def _span(since: str | None, until: str | None) -> tuple[datetime | None, datetime]:
    said, end = moment(since, "--since", -1), moment(until, "--until", -1)
    begin = None if said is None else _time(said)
    last = now() if end is None else _time(end)
    if begin is not None and begin >= last:
        raise click.BadParameter(
            f"{since}: is not before the end of the span, {last:%Y-%m-%d %H:%M} UTC", param_hint="--since"
        )
    return begin, last


def _time(said: str) -> datetime:
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(
            f"an alert begins at {said!r}, which is no time: it can't stand in a report"
        ) from None


def _check_installed() -> None:
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"a report needs more ({error}): install it with  pip install 'redshank[console]'"
        ) from None


def _of_file(file: Path, since: str | None, until: str | None) -> tuple[Sequence[Stored], bool]:
    """As a store would have them that nobody has worked with."""
    from alerts.store.store import Stored

    first, last = moment(since, "--since", -1), moment(until, "--until", -1)
    return [
        Stored(alert, "open", None, None)
        for alert in read_latest(file)
        if (first is None or alert.start >= first) and (last is None or alert.start < last)
    ], False


def _of_stores(
    config: Path | None, store: str | None, since: str | None, until: str | None
) -> tuple[Sequence[Stored], bool]:
    from alerts.store.together import everything
    from alerts.work import Filter
    from cluster.working import stores

    asked = Filter(since=moment(since, "--since", -1), until=moment(until, "--until", -1), hidden=True)
    with stores(config, store) as found:
        return everything(found, asked, MOST_ROWS)


def _health(config: Path) -> Health | None:
    from cluster.console_health import of_state

    return of_state(config, load(config, frozenset(CATALOGUE)))()


def _write(out: Path, text: str) -> None:
    from alerts.output import write_whole

    try:
        write_whole(out, text.encode("utf-8", "replace"))
    except OSError as error:
        raise UserError(f"{out}: can't be written: {error.strerror}") from None
