"""`redshank alerts export`: alerts as other systems read them."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click


def export(file: Path, form: str, out: Path | None, type_: str | None, severity: str | None) -> int:
    """Write the alerts of a file, the last word on each; what was withdrawn is left out, and said."""
    from alerts.formats import FORMATS
    from alerts.output import write_whole
    from cluster.showing import _read
    from detections.catalogue import CATALOGUE

    if type_ is not None and type_ not in CATALOGUE:
        near = difflib.get_close_matches(type_, CATALOGUE, 1, 0.4)
        hint = f" (did you mean {near[0]}?)" if near else "; `redshank catalogue` lists them"
        raise click.BadParameter(f"no detection has the type {type_!r}{hint}", param_hint="--type")
    found = [
        a
        for a in _read(file)
        if (type_ is None or a.type == type_) and (severity is None or a.severity == severity)
    ]
    head, line = FORMATS[form]
    lines = (line(alert) for alert in found if not alert.withdrawn)
    if out is None:
        stream = sys.stdout.buffer
        stream.write(head)
        stream.writelines(lines)
    else:
        write_whole(out, head + b"".join(lines))
    if gone := sum(bool(alert.withdrawn) for alert in found):
        click.echo(f"left out: {gone} withdrawn", err=True)
    return 0
