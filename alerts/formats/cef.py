"""ArcSight's Common Event Format, version 0."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

from alerts.alert import Alert
from alerts.output import plain

SEVERITY = {"informational": 1, "low": 3, "medium": 6, "high": 9}
VERSION = version("redshank")
MESSAGE, CUSTOM = 1023, 4000  # the most that the format allows in `msg` and in a custom string


def text(alert: Alert) -> str:
    """One line, without its end."""
    head = ("CEF:0", "Redshank", "Redshank", _head(VERSION), _head(alert.type), _head(alert.title))
    said = {
        "externalId": alert.id,
        "start": _milliseconds(alert.first_seen),
        "end": _milliseconds(alert.last_seen),
        "cnt": str(alert.count),
        "msg": alert.description[:MESSAGE],
        "cs1": alert.entity.id[:CUSTOM],
        "cs1Label": alert.entity.kind,
        "cs2": alert.incident[:CUSTOM],
        "cs2Label": "incident",
        "cs3": ",".join(alert.tactics),
        "cs3Label": "tactics",
        "cs4": ",".join(alert.techniques),
        "cs4Label": "techniques",
    }
    # A label without its string says nothing.
    extension = " ".join(
        f"{key}={_value(value)}"
        for key, value in said.items()
        if value and said.get(key.removesuffix("Label"))
    )
    return "|".join((*head, str(SEVERITY[alert.severity]), extension))


def _head(value: str) -> str:
    return plain(value).replace("\\", "\\\\").replace("|", "\\|")


def _value(value: str) -> str:
    return "\\n".join(plain(line).replace("\\", "\\\\").replace("=", "\\=") for line in value.split("\n"))


def _milliseconds(time: str) -> str:
    try:
        return str(int(datetime.fromisoformat(time).timestamp() * 1000))
    except ValueError:
        return ""
