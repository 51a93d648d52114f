"""Which alerts can have a text: what the index of texts knows, where a store has one and the text is rare enough."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import OperationalError

from alerts.store.schema import ALERTS

FEW = 4_000  # beyond it, going through the list finds the next page sooner
SHORTEST = 3  # letters that the index knows at once
MOST_PARTS = 40  # of a text that are looked up; the text itself is looked at again anyway

_SQLITE = text(
    "SELECT id FROM alerts_place WHERE place IN "
    "(SELECT rowid FROM alerts_text WHERE alerts_text MATCH :parts LIMIT :most)"
)
_INDEXED = text("SELECT to_regclass('alerts_text') IS NOT NULL")


def few_with(connection: Connection, said: str) -> Sequence[str] | None:
    """The ids of all alerts that can have it; None where they are many, or no index knows."""
    low = said.lower()
    if len(low) < SHORTEST:
        return None
    if connection.dialect.name == "sqlite":
        found = _by_parts(connection, low)
    elif connection.execute(_INDEXED).scalar_one():
        has = ALERTS.c.words.contains(low, autoescape=True)
        found = connection.scalars(select(ALERTS.c.id).where(has).limit(FEW + 1)).all()
    else:
        return None
    return found if found is not None and len(found) <= FEW else None


def _by_parts(connection: Connection, low: str) -> Sequence[str] | None:
    parts = dict.fromkeys(low[at : at + SHORTEST] for at in range(len(low) - SHORTEST + 1))
    asked = " AND ".join('"' + part.replace('"', '""') + '"' for part in list(parts)[:MOST_PARTS])
    try:
        return connection.scalars(_SQLITE, {"parts": asked, "most": FEW + 1}).all()
    except OperationalError as error:
        if "no such table" in str(error.orig):  # made by an SQLite that can't
            return None
        raise
