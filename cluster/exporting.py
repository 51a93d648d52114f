"""`redshank alerts export`: alerts of a file or of the store as other systems read them, however many there are."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from alerts.alert import Alert
from alerts.work import Filter, asked_for
from cluster.asked import known_type, moment
from cluster.errors import UserError

PAGE = 1_000  # alerts of a store that are in memory
SPOOL = 64 << 20  # octets of a pipe that are


class Counted:
    """Alerts as they are written; what was withdrawn is left out and counted, unless all are asked for."""

    def __init__(self, alerts: Iterable[Alert], form: str, all_: bool = False) -> None:
        self.gone = 0
        self._alerts, self._form, self._all = alerts, form, all_

    def __iter__(self) -> Iterator[Alert]:
        from alerts.output import worded

        for alert in self._alerts:
            if alert.withdrawn and not self._all:
                self.gone += 1
            else:
                yield alert if self._form == "json" else worded(alert)


def filter_of(type_: str | None, since: str | None, until: str | None, **said: Any) -> Filter:
    """What was asked on the command line. Raises BadParameter."""
    return Filter(
        type=known_type(type_),
        since=moment(since, "--since", -1),
        until=moment(until, "--until", -1),
        limit=PAGE,
        **said,
    )


def export_file(file: Path, form: str, out: Path | None, asked: Filter) -> int:
    """Write the alerts of a file, the last word on each."""
    from alerts.last_words import NoAlertsError, last_words

    with _opened(file) as lines:
        try:
            alerts = (alert for alert in last_words(lines) if asked_for(asked, alert))
            return _write(Counted(alerts, form), form, out)
        except NoAlertsError as error:
            name = "standard input" if str(file) == "-" else file
            raise UserError(f"{name}: holds no alerts of Redshank ({error})") from None


def export_store(form: str, out: Path | None, asked: Filter, config: Path | None, store: str | None) -> int:
    """Write what a filter asks for of the store, or of those of all regions."""
    from alerts.store.together import each
    from cluster.working import stores

    with stores(config, store) as found:
        rows = each(found, asked)
        return _write(Counted((row.alert for row in rows), form, asked.hidden), form, out)


def _opened(path: Path) -> BinaryIO:
    """A file that can be sought in: what comes through a pipe is put aside. Raises UserError."""
    try:
        source: BinaryIO = sys.stdin.buffer if str(path) == "-" else path.open("rb")
        if source is not sys.stdin.buffer and source.seekable():
            return source
        aside = tempfile.SpooledTemporaryFile(SPOOL)  # noqa: SIM115 (the caller closes it)
        shutil.copyfileobj(source, aside)
        aside.seek(0)
        return cast("BinaryIO", aside)
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None


def _write(alerts: Counted, form: str, out: Path | None) -> int:
    from alerts.formats import ready, written
    from alerts.output import write_pieces

    try:
        ready(form)
    except ImportError as error:
        raise UserError(str(error)) from None
    if out is None:
        sys.stdout.buffer.writelines(written(form, alerts))
    else:
        try:
            write_pieces(out, written(form, alerts))
        except OSError as error:
            raise UserError(f"{out}: can't be written: {error.strerror}") from None
    if alerts.gone:
        click.echo(f"left out: {alerts.gone} withdrawn", err=True)
    return 0
