"""How many alerts there are, of which kind and when: small answers from what is counted as it is written, and from indexes."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, literal_column, select

from alerts.store.opening import reading
from alerts.store.schema import ALERTS, TALLIES
from alerts.store.store import AlertStore
from detections.declare import SEVERITIES
from detections.page import LAYERS

HOUR, DAY = len("2026-03-17T10"), len("2026-03-17")
_A, _T = ALERTS.c, TALLIES.c


class Count(NamedTuple):
    """So many alerts of an hour, or of a day, that are alike."""

    time: str  # '2026-03-17T10' or '2026-03-17'
    layer: str
    severity: str
    open: bool
    number: int


def over_time(
    store: AlertStore, since: str, until: str, width: int = HOUR, entity: str | None = None
) -> list[Count]:
    """What is shown of a span of time, by HOUR or by DAY; its ends are even ones of these."""
    if entity is None:
        rows = _tallied(since, until, width)
    else:
        columns = _prefix(width), _layer(_A.type), _A.grave, _A.state == literal_column("'open'")
        own = _A.shown, _A.entity == entity.lower(), _A.start >= since, _A.start < until
        rows = select(*columns, func.count()).where(*own).group_by(*columns)
    with reading(store.engine) as connection:
        found = connection.execute(rows).all()
    return sorted(Count(row[0], row[1], SEVERITIES[row[2]], bool(row[3]), row[4]) for row in found)


def _tallied(since: str, until: str, width: int) -> Select[Any]:
    columns = _T.period, _layer(_T.type), _T.grave, _T.state == literal_column("'open'")
    return select(*columns, func.sum(_T.number)).where(*_within(since, until, width)).group_by(*columns)


def _within(since: str, until: str, width: int) -> tuple[ColumnElement[bool], ...]:
    """Hours and days stand in one table: the length tells them apart."""
    return _T.period >= since[:width], _T.period < until[:width], func.length(_T.period) == width


def _prefix(width: int) -> ColumnElement[str]:
    return func.substr(_A.start, literal_column("1"), literal_column(str(int(width))))


def _layer(type_: ColumnElement[str]) -> ColumnElement[str]:
    """As literals: PostgreSQL must see that what is selected is what is grouped by."""
    starts: list[Any] = [
        (
            func.substr(type_, literal_column("1"), literal_column(str(len(layer) + 1)))
            == literal_column(f"'{layer}.'"),
            literal_column(f"'{layer}'"),
        )
        for layer in LAYERS
    ]
    return case(*starts, else_=literal_column("''"))


def by_type(store: AlertStore, since: str, until: str) -> dict[tuple[str, str], int]:
    """How many alerts of each type and state are shown of a span of whole days."""
    rows = select(_T.type, _T.state, func.sum(_T.number)).where(*_within(since, until, DAY))
    with reading(store.engine) as connection:
        found = connection.execute(rows.group_by(_T.type, _T.state)).all()
    return {(row[0], row[1]): row[2] for row in found}


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
