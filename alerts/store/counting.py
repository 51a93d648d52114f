"""How many alerts there are, of which kind and when: small answers from the indexes alone."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from alerts.store.opening import reading
from alerts.store.schema import ALERTS
from alerts.store.store import AlertStore
from detections.declare import SEVERITIES

HOUR = len("2026-03-17T10")
_A = ALERTS.c


class Count(NamedTuple):
    """So many alerts of an hour that are alike."""

    hour: str  # '2026-03-17T10'
    type: str
    severity: str
    state: str
    number: int


def by_hour(store: AlertStore, since: str, until: str, entity: str | None = None) -> list[Count]:
    """What is shown of a span of time, hour by hour."""
    hour = func.substr(_A.start, 1, HOUR)
    columns = hour, _A.type, _A.grave, _A.state
    rows = select(*columns, func.count()).where(_A.shown, _A.start >= since, _A.start < until)
    if entity is not None:
        rows = rows.where(_A.entity == entity.lower())
    with reading(store.engine) as connection:
        found = connection.execute(rows.group_by(*columns).order_by(hour)).all()
    return [Count(row[0], row[1], SEVERITIES[row[2]], row[3], row[4]) for row in found]


def newest(store: AlertStore) -> str | None:
    """When the newest alert that is shown began."""
    with reading(store.engine) as connection:
        rows = select(_A.start).where(_A.shown).order_by(_A.start.desc(), _A.id.desc()).limit(1)
        return connection.execute(rows).scalar()


def last_change(store: AlertStore, until: str) -> str:
    """When an alert was written last, by then; '' where there is none."""
    rows = select(func.max(_A.changed)).where(_A.changed <= until)
    with reading(store.engine) as connection:
        return connection.execute(rows).scalar() or ""


def changed_since(store: AlertStore, then: str, most: int) -> int:
    """How many that are shown were written after then; beyond `most` nobody counts."""
    some = select(_A.id).where(_A.changed > then, _A.shown).limit(most).subquery()
    with reading(store.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
