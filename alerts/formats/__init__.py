"""Alerts for other systems: one module a format, each a pure function from an alert to a line."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from alerts.alert import Alert, to_json
from alerts.formats import cef, ocsf, sentinel, spreadsheet, syslog

# name: (what comes first, an alert's line); lines have their ends.
Line = Callable[[Alert], bytes]
FORMATS: MappingProxyType[str, tuple[bytes, Line]] = MappingProxyType(
    {
        "json": (b"", lambda alert: to_json(alert) + b"\n"),
        "ocsf": (b"", ocsf.line),
        "sentinel": (b"", sentinel.line),
        "csv": (spreadsheet.HEAD, spreadsheet.line),
        "cef": (b"", lambda alert: cef.text(alert).encode() + b"\n"),
        "syslog": (b"", lambda alert: syslog.message(alert) + b"\n"),
    }
)
