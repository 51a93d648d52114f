"""The incidents of a store: which there are, with all their alerts, and what became of an id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import func, select

from alerts.alert import Alert
from alerts.incident import Incident, tell
from alerts.store.opening import reading
from alerts.store.schema import ALERTS, JOINED
from alerts.store.store import AlertStore
from alerts.store.together import everything
from alerts.work import Filter

MOST_ALERTS = 1_000  # of one incident; what is beyond is counted
_A, _J = ALERTS.c, JOINED.c


class Listed(NamedTuple):
    """An incident with its alerts, and how many more there are."""

    incident: Incident
    alerts: list[Alert]
    left: int


def latest_id(stores: Iterable[AlertStore], incident: str) -> str:
    """What an incident's id means now."""
    for store in stores:
        with reading(store.engine) as connection:
            if (found := connection.execute(select(_J.became).where(_J.id == incident)).scalar()) is not None:
                return str(found)
    return incident


def one_incident(stores: Sequence[AlertStore], incident: str) -> Listed | None:
    """All of an incident; None where no alert of it is there."""
    asked = Filter(incident=latest_id(stores, incident), order="oldest", hidden=True)
    rows, more = everything(stores, asked, MOST_ALERTS)
    if not rows:
        return None
    left = sum(_number(store, asked.incident or "") for store in stores) - len(rows) if more else 0
    alerts = [row.alert for row in rows]
    found = tell(alerts)
    found.was = was(stores, found.id)
    return Listed(found, alerts, left)


def _number(store: AlertStore, incident: str) -> int:
    with reading(store.engine) as connection:
        rows = select(func.count()).select_from(ALERTS).where(_A.incident == incident)
        return int(connection.execute(rows).scalar_one())


def was(stores: Iterable[AlertStore], incident: str) -> list[str]:
    """The ids of incidents that ended as part of it."""
    found: set[str] = set()
    for store in stores:
        with reading(store.engine) as connection:
            found |= set(connection.scalars(select(_J.id).where(_J.became == incident)))
    return sorted(found)


def ids(
    stores: Sequence[AlertStore],
    since: str | None,
    until: str | None,
    most: int | None = None,
    least: int = 1,
) -> list[str]:
    """The incidents with `least` alerts that are shown and began in a span of time, the newest first."""
    newest: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    for store in stores:
        last = func.max(_A.start)
        rows = select(_A.incident, last, func.count()).where(_A.shown, _A.incident != "")
        rows = rows.group_by(_A.incident).order_by(last.desc(), _A.incident.desc())
        if since is not None:
            rows = rows.where(_A.start >= since)
        if until is not None:
            rows = rows.where(_A.start < until)
        if len(stores) == 1:  # of several ones, each may have a part
            rows = rows.having(func.count() >= least).limit(most)
        with reading(store.engine) as connection:
            for incident, start, number in connection.execute(rows):
                newest[incident] = max(start, newest.get(incident, ""))
                numbers[incident] += number
    found = [one for one in newest if numbers[one] >= least]
    return sorted(found, key=lambda one: (newest[one], one), reverse=True)[:most]


def starting(stores: Sequence[AlertStore], beginning: str, most: int = 2) -> list[str]:
    """The ids of incidents, those that ended too, that begin so."""
    found: set[str] = set()
    for store in stores:
        with reading(store.engine) as connection:
            for column in (_A.incident, _J.id):
                rows = select(column).where(column >= beginning, column < beginning + "~").distinct()
                found |= set(connection.scalars(rows.limit(most)))
    return sorted({latest_id(stores, one) for one in found})
