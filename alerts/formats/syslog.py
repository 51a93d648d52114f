"""A syslog message (RFC 5424) with CEF in it."""

from __future__ import annotations

import re

from alerts.alert import Alert
from alerts.formats import cef

AUDIT = 13  # the facility
LEVEL = {"informational": 6, "low": 5, "medium": 4, "high": 2}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)


def message(alert: Alert) -> bytes:
    """One message, without a frame; the time is that of the last record seen."""
    time = alert.last_seen if _TIME.fullmatch(alert.last_seen) else "-"
    name = re.sub(r"[^!-~]", "", alert.type.rsplit(".", 1)[-1])[:32] or "-"
    head = f"<{AUDIT * 8 + LEVEL[alert.severity]}>1 {time} - redshank - {name} - "
    return head.encode() + b"\xef\xbb\xbf" + cef.text(alert).encode()
