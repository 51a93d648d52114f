"""Alerts for other systems: one module a format, each a pure function from an alert to a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType

from alerts.alert import Alert, to_json
from alerts.formats import cef, ocsf, sentinel, spreadsheet, syslog

# name: (what comes first, an alert's line); lines have their ends.
Line = Callable[[Alert], bytes]


def _stix(alert: Alert) -> bytes:
    from alerts.formats import stix  # its library is an extra, and takes half a second to load

    return stix.line(alert)


FORMATS: MappingProxyType[str, tuple[bytes, Line]] = MappingProxyType(
    {
        "json": (b"", lambda alert: to_json(alert) + b"\n"),
        "ocsf": (b"", ocsf.line),
        "sentinel": (b"", sentinel.line),
        "csv": (spreadsheet.HEAD, spreadsheet.line),
        "cef": (b"", lambda alert: cef.text(alert).encode() + b"\n"),
        "syslog": (b"", lambda alert: syslog.message(alert) + b"\n"),
        "stix": (b"", _stix),
    }
)


def ready(form: str) -> None:
    """Load what a format needs. Raises ImportError, which says what to install."""
    if form == "stix":
        try:
            from alerts.formats import stix  # noqa: F401
        except ImportError:
            raise ImportError("the format stix needs a package: install redshank[stix]") from None


def written(form: str, alerts: Iterable[Alert]) -> Iterator[bytes]:
    """A file of alerts, in pieces: however many they are, a few are in memory."""
    if form == "stix":
        from alerts.formats import stix

        yield from stix.bundle(alerts)
        return
    head, line = FORMATS[form]
    yield head
    yield from map(line, alerts)
