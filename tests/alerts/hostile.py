"""An alert whose every text was chosen by somebody who means harm."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.alert import Entity
from alerts.routing import Kind
from alerts.store.outbox import Row
from tests.cluster.receivers import an_alert

BAD = (
    "x</li><script>alert(1)</script>\r\nBcc: victim@example.com\r\n\r\nbody\n.\r\nRCPT TO:<v@example.com>"
    "\n<1>1 - forged - - -\x00\x1b[2J\u2028|=\\ @everyone <!channel> [a](http://evil.example) \u202e"
)


def hostile(id_: str = "aa11", **more: Any) -> Any:
    """That alert."""
    return an_alert(
        id_,
        **{
            "title": BAD,
            "description": BAD,
            "entity": Entity("principal", BAD),
            "evidence": {BAD: BAD, "user": BAD, "list": [BAD]},
            "remediation": (BAD,),
            "incident": BAD,
            "region": BAD,
            "start": BAD,
            **more,
        },
    )


def row(alert: Any = None, target: str = "", kind: Kind = "alert", id_: int = 7) -> Row:
    """A row of the outbox with it."""
    return Row(id_, target, kind, hostile() if alert is None else alert, 1_774_000_000.0, 0)


def withdrawn(alert: Any) -> Any:
    """The word that it is none."""
    return msgspec.structs.replace(alert, withdrawn="the address was not theirs")
