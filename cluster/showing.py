"""`redshank catalogue` and `redshank alerts`: what is there, for people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from cluster.asked import known_type
from cluster.errors import UserError


def show_catalogue() -> int:
    """Every detection in a line."""
    from detections.catalogue import CATALOGUE
    from detections.page import LAYERS, learning_text

    width = max(map(len, CATALOGUE))
    for layer, name in LAYERS.items():
        click.secho(name, bold=True)
        for detection in CATALOGUE.values():
            if detection.layer == layer:
                click.echo(f"  {detection.type:<{width}}  {detection.severity:<13} {detection.title}")
                click.echo(f"  {'':<{width}}  learning period: {learning_text(detection)}")
    click.echo("\n`redshank catalogue TYPE` tells more of one.")
    return 0


def show_detection(type_: str) -> int:
    """One detection, whole."""
    from detections.catalogue import CATALOGUE
    from detections.page import text

    known_type(type_, "TYPE")
    click.echo(text(CATALOGUE[type_]))
    return 0


def read_latest(file: Path) -> Any:
    """The last word on each alert of a file; '-' is standard input."""
    from alerts.output import latest, parse_alerts

    try:
        return latest(parse_alerts(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{file}: holds no alerts of Redshank ({error})") from None
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}") from None


def show_list(file: Path, type_: str | None, severity: str | None) -> int:
    """The alerts of a file as a table."""
    from rich.console import Console

    from alerts.output import show_table

    alerts = [
        alert
        for alert in read_latest(file)
        if (type_ is None or alert.type == type_)
        and (severity is None or alert.severity == severity)
        and not alert.withdrawn
    ]
    show_table(Console(emoji=False), alerts)
    return 0


def show_alert(file: Path, id_: str) -> int:
    """One alert of a file, whole."""
    show_whole(one_of(read_latest(file), id_, file))
    return 0


def one_of(alerts: Any, id_: str, file: Path) -> Any:
    """The one alert whose id begins so."""
    found = [alert for alert in alerts if alert.id.startswith(id_.lower())]
    if len(found) != 1:
        many = f"{len(found)} alerts begin so" if found else "there is none"
        raise click.BadParameter(f"{id_}: {many} in {file}", param_hint="ID")
    return found[0]


def show_whole(alert: Any) -> None:
    """All that an alert says."""
    from alerts.output import is_open, plain
    from detections.words import counted

    click.secho(f"{alert.title} ({alert.severity})", bold=True)
    click.echo(f"{plain(alert.description)}\n")
    for name, value in (
        ("Type", alert.type),
        (alert.entity.kind.capitalize(), alert.entity.id),
        ("Hour", f"{alert.start} to {alert.end}"),
        ("Seen", f"{alert.first_seen} to {alert.last_seen}, {counted(alert.count, 'time')}"),
        ("Incident", alert.incident),
        ("Tactics", f"{', '.join(alert.tactics)} ({', '.join(alert.techniques)})"),
    ):
        click.echo(f"{name + ':':<11}{plain(value)}")
    if alert.withdrawn:
        click.echo(f"Withdrawn: {plain(alert.withdrawn)}")
    if is_open(alert):
        click.echo("So far:    its hour was open; the hour's close completes it")
    click.secho("\nEvidence", bold=True)
    click.echo(msgspec.json.format(msgspec.json.encode(alert.evidence, order="sorted"), indent=2).decode())
    click.secho("\nSteps to take", bold=True)
    for number, step in enumerate(alert.remediation, 1):
        click.echo(f"  {number}. {step}")
