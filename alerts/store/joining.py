"""Incidents that end as part of others, as a store writes them: their ids stay known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from alerts.alert import Alert
from alerts.incident import last_id
from alerts.store.asking import batches
from alerts.store.schema import ALERTS, JOINED

_A, _J = ALERTS.c, JOINED.c


def ended(alerts: Iterable[Alert]) -> dict[str, str]:
    """What became of the incidents that alerts joined."""
    return {old: one.incident for one in alerts for old in one.joins or ()}


def join(connection: Connection, became: dict[str, str]) -> None:
    """From now on these ids mean what they became, for what is there and for what comes."""
    known = _known(connection, sorted({*became, *became.values()}))
    known |= became
    for old in became:
        now = last_id(old, known)
        if now == old:
            continue
        connection.execute(delete(JOINED).where(_J.id == old))
        connection.execute(insert(JOINED).values(id=old, became=now))
        connection.execute(update(JOINED).where(_J.became == old).values(became=now))
        connection.execute(update(ALERTS).where(_A.incident == old).values(incident=now))


def current(connection: Connection, alerts: Sequence[Alert]) -> dict[str, str]:
    """Of the alerts' incidents those that have ended, with what they became."""
    return _known(connection, sorted({one.incident for one in alerts}))


def _known(connection: Connection, incidents: Sequence[str]) -> dict[str, str]:
    rows: list[Any] = []
    for some in batches(incidents):
        rows += connection.execute(select(_J.id, _J.became).where(_J.id.in_(some)))
    return {row[0]: row[1] for row in rows}


def forget(connection: Connection) -> None:
    """Ids that lead nowhere any more."""
    connection.execute(delete(JOINED).where(~exists().where(_A.incident == _J.became)))
