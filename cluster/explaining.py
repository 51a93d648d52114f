"""`redshank explain`: one alert of a file in words, and as a picture."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Any

import click

from cluster.errors import UserError
from cluster.showing import one_of, read_latest

FORMS = (".svg", ".png")
WIDEST = 110
HELD = ("Records to look at", "Other alerts")  # lines that are to be copied, or looked at one under the other


def check_picture(path: Path | None) -> str | None:
    """What is wrong with `--picture`; None if nothing is."""
    if path is None:
        return None
    if path.suffix.lower() not in FORMS:
        return f"{path}: the name must end in {' or '.join(FORMS)}"
    return f"{path}: is a folder" if path.is_dir() else None


def explain(id_: str, file: Path, picture: Path | None) -> int:
    """Say what there is to say of an alert, and draw it."""
    if picture is not None:
        check_plots()
    alerts = read_latest(file)
    alert = one_of(alerts, id_, file)
    _tell(alert, alerts)
    if picture is not None:
        _draw(alert, picture)
    return 0


def check_plots() -> None:
    """Before anything is told: half an answer helps nobody."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--picture needs matplotlib ({error}): install it with  pip install 'redshank[plots]'"
        ) from None


def _tell(alert: Any, alerts: Any) -> None:
    from alerts.explaining import explain as explained
    from alerts.output import plain

    click.secho(f"{plain(alert.title)} ({alert.severity})", bold=True)
    click.echo(f"{plain(alert.entity.kind)} {plain(alert.entity.id)}")
    click.echo(f"{plain(alert.start)} to {plain(alert.end)}, {plain(alert.id)}")
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns) - 2
    for section in explained(alert, alerts):
        click.secho(f"\n{section.heading}", bold=True)
        for line in section.lines:
            whole = section.heading.startswith(HELD)
            for part in [line] if whole else textwrap.wrap(line, max(20, width)) or [""]:
                click.echo(f"  {part}")


def _draw(alert: Any, path: Path) -> None:
    from alerts.explaining_picture import picture

    write_picture(picture(alert), path)


def write_picture(shown: Any, path: Path) -> None:
    """As its name ends. Raises UserError."""
    from alerts.explaining_drawing import draw
    from alerts.output import write_whole

    body = draw(shown, path.suffix.lower().lstrip("."))
    try:
        write_whole(path, body)
    except OSError as error:
        raise UserError(f"{path}: can't be written: {error.strerror}") from None
    click.echo(f"The picture: {path}", err=True)
