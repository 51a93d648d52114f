"""Microsoft Teams, Slack and a hundred others, through Apprise (extra `chat`)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from alerts.output import worded
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError
from alerts.sinks.texts import chat, chat_title
from alerts.store.outbox import Row

KINDS = {"high": "failure", "medium": "warning", "low": "info", "informational": "info"}


class Chat:
    """Posts a few lines an alert. Apprise does not tell a refusal from a fault: both are tried again."""

    most = 1

    def __init__(self, url: str) -> None:
        """Raises ValueError where Apprise does not know the address, ImportError where it is not installed."""
        logging.getLogger("apprise").disabled = True  # it has addresses with tokens in it
        import apprise

        self._to: Any = apprise.Apprise()
        if not self._to.add(url):
            raise ValueError("Apprise does not know such an address")
        self._names = ", ".join(sorted({str(one.service_name) for one in self._to}))

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Raises NotNowError."""
        for row in rows:
            alert = worded(row.alert)
            kind = "success" if row.alert.withdrawn else KINDS[alert.severity]
            taken = self._to.notify(
                body=chat(alert), title=chat_title(alert), notify_type=kind, body_format="text"
            )
            if not taken:
                raise NotNowError(f"{self._names} did not take it")

    def check(self) -> str:
        """What it is; a chat can't be reached without a message."""
        return (
            f"{self._names}: the address is understood; only a message shows more (`redshank alerts sample`)"
        )

    def close(self) -> None:
        """Nothing is open."""
