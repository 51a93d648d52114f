"""`redshank alerts export`: alerts as other systems read them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cluster.asked import known_type, moment
from cluster.errors import UserError


def export(
    file: Path, form: str, out: Path | None, type_: str | None, severity: str | None, since: str | None
) -> int:
    """Write the alerts of a file, the last word on each; what was withdrawn is left out, and said."""
    from alerts.formats import FORMATS
    from alerts.output import write_whole
    from cluster.showing import read_latest

    known_type(type_)
    start = moment(since, "--since", -1)
    found = [
        alert
        for alert in read_latest(file)
        if (type_ is None or alert.type == type_)
        and (severity is None or alert.severity == severity)
        and (start is None or alert.start >= start)
    ]
    head, line = FORMATS[form]
    lines = (line(alert) for alert in found if not alert.withdrawn)
    if out is None:
        stream = sys.stdout.buffer
        stream.write(head)
        stream.writelines(lines)
    else:
        try:
            write_whole(out, head + b"".join(lines))
        except OSError as error:
            raise UserError(f"{out}: can't be written: {error.strerror}") from None
    if gone := sum(bool(alert.withdrawn) for alert in found):
        click.echo(f"left out: {gone} withdrawn", err=True)
    return 0
