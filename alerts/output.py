"""Alerts for people and for files."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.alert import Alert, to_json
from detections.declare import SEVERITIES

COLOURS = {"high": "bold red", "medium": "yellow", "low": "cyan", "informational": "dim"}
SUFFIXES = (".jsonl", ".json")


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # what a write can end with on a disk in order


def write_alerts(path: Path, alerts: Sequence[Alert]) -> None:
    """JSON lines for .jsonl, one JSON array for .json; sorted keys; the file appears whole or not at all."""
    if path.suffix.lower() == ".json":
        body = b"[" + b",\n".join(map(to_json, alerts)) + b"]\n"
    else:
        body = b"".join(to_json(alert) + b"\n" for alert in alerts)
    write_whole(path, body)


def write_whole(path: Path, body: bytes) -> None:
    """Write a file through a temporary one beside it."""
    write_pieces(path, [body])


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """The same of a file that comes in pieces; where they end in an error, no file is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL and error.filename is None:
            error.filename = str(path)  # a write's error does not know where it was
        raise


def write_lines(path: Path, values: Sequence[Any]) -> None:
    """Structs as JSON lines with sorted keys."""
    encoder = msgspec.json.Encoder(order="sorted")
    write_whole(path, b"".join(encoder.encode(value) + b"\n" for value in values))


def parse_alerts(body: bytes) -> list[Alert]:
    """Alerts of a JSON array or of JSON lines. Raises msgspec.ValidationError or DecodeError."""
    if body.lstrip().startswith(b"["):
        return msgspec.json.decode(body, type=list[Alert])
    decoder = msgspec.json.Decoder(Alert)
    return [decoder.decode(line) for line in body.splitlines() if line.strip()]


def latest(alerts: Iterable[Alert]) -> list[Alert]:
    """The last word on each, in the order in which they were told first."""
    return list({alert.id: alert for alert in alerts}.values())


def worded(alert: Alert) -> Alert:
    """For receivers without a field for it: that an alert is withdrawn stands in its words."""
    if not alert.withdrawn:
        return alert
    return msgspec.structs.replace(
        alert,
        title=f"Withdrawn: {alert.title}",
        description=f"This is no alert after all: {alert.withdrawn}. It was: {alert.description}",
        severity="informational",
    )


def short_id(entity: str) -> str:
    """The telling end of a long id.

    >>> short_id("/subscriptions/1/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/payroll")
    'payroll'
    >>> short_id("ip:13.70.0.10")
    'ip:13.70.0.10'
    """
    return entity.rstrip("/").rsplit("/", 1)[-1] or entity


def who(alert: Alert) -> str:
    """The entity as a person would call it: a user's name where the evidence has it."""
    name = alert.evidence.get("name") or alert.evidence.get("user") or alert.evidence.get("who")
    if alert.entity.kind == "principal" and isinstance(name, str) and name:
        return name
    return short_id(alert.entity.id)


def told(alert: Alert) -> str:
    """The description with the telling end of long ids."""
    return alert.description.replace(alert.entity.id, short_id(alert.entity.id))


def plain(text: str) -> str:
    """Text from telemetry without what a terminal would obey; line breaks and the like show as a mark.

    >>> plain("a\\x1b[2Jb")
    'a\ufffd[2Jb'
    """
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def show_table(console: Console, alerts: Sequence[Alert]) -> None:
    """The alerts as a table, in their order."""
    if not alerts:
        console.print("No alerts.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Hour (UTC), id", max_width=10, overflow="fold")
    table.add_column("Severity", no_wrap=True)
    table.add_column("What was seen", overflow="fold", ratio=1)
    table.add_column("Count", justify="right")
    for alert in alerts:
        name, text = escape(plain(who(alert))), escape(plain(told(alert)))
        what = f"[bold]{escape(alert.title)}[/bold]: [italic]{name}[/italic]\n{text}"
        severity = f"[{COLOURS[alert.severity]}]{alert.severity}[/]" + "\n[dim]so far[/dim]" * is_open(alert)
        when = f"{alert.start[:16].replace('T', ' ')} [dim]{alert.id[:8]}[/dim]"
        table.add_row(when, severity, what, f"{alert.count:,}")
    console.print(table)


def is_open(alert: Alert) -> bool:
    """Whether its hour was open when it was told."""
    return alert.complete is False


def severity_line(alerts: Sequence[Alert]) -> str:
    """'3 high, 2 medium' in falling severity."""
    counts = Counter(alert.severity for alert in alerts)
    falling = reversed(SEVERITIES)
    return ", ".join(f"{counts[name]} {name}" for name in falling if counts[name]) or "none"
