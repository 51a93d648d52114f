"""A filter as SQL: its conditions, its order, and where in the list it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from alerts.store.schema import ALERTS
from alerts.work import Filter, Key
from detections.declare import SEVERITIES

BATCH = 500
_A = ALERTS.c
_Columns = ReadOnlyColumnCollection[str, Any]


def wanted_ids(asked: Filter, few: Sequence[str] | None = None) -> Select[Any]:
    """The ids of a page, in its order, and one more. An index has them: whatever must be sorted or skipped is small.

    `few`: none but these can have the text that is asked for.
    """
    if few is not None:
        # Read first: a planner that thought of the rest first would read the whole list for them.
        these = select(ALERTS).where(_A.id.in_(few)).cte("these").prefix_with("MATERIALIZED").c
        return ordered(_listed(asked, these, these.id), asked, these).limit(asked.limit + 1)
    if asked.text is None or asked.look is None:
        return ordered(_listed(asked, _A, _A.id), asked).limit(asked.limit + 1)
    looked = ordered(_listed(asked, _A, _A.id, text=False), asked).limit(asked.look).subquery()
    found = select(_A.id).where(_A.id.in_(select(looked.c.id)), _contains(_A, asked.text))
    return ordered(found, asked).limit(asked.limit + 1)


def end_of_look(asked: Filter) -> Select[Any]:
    """The last one that a search looks through; none where it looks through all that there is."""
    columns = _listed(asked, _A, _A.grave, _A.start, _A.id, text=False)
    return ordered(columns, asked).offset((asked.look or 1) - 1).limit(1)


def _listed(asked: Filter, of: _Columns, *columns: Any, text: bool = True) -> Select[Any]:
    said = select(*columns).where(*conditions(asked, text, of))
    if not asked.hidden:
        said = said.where(of.shown)
    return said if asked.after is None else said.where(_follows(asked, asked.after, of))


def _follows(asked: Filter, after: Key, of: _Columns) -> ColumnElement[bool]:
    if asked.order == "severity":
        place = tuple_(of.grave, of.start, of.id)
        return place < tuple_(literal(after.grave), literal(after.start), literal(after.id))
    place, there = tuple_(of.start, of.id), tuple_(literal(after.start), literal(after.id))
    return place > there if asked.order == "oldest" else place < there


def _contains(of: _Columns, text: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = of.words.contains(text.lower(), autoescape=True)
    return found


def conditions(asked: Filter, text: bool = True, of: _Columns = _A) -> Iterator[ColumnElement[bool]]:
    """What must hold of an alert, hidden or not."""
    if asked.type is not None:
        yield of.type == asked.type
    if asked.severity is not None:
        yield of.grave == SEVERITIES.index(asked.severity)
    if asked.entity is not None:
        yield of.entity == asked.entity.lower()
    if asked.since is not None:
        yield of.start >= asked.since
    if asked.until is not None:
        yield of.start < asked.until
    if asked.state is not None:
        yield of.state == asked.state
    if asked.incident is not None:
        yield of.incident == asked.incident
    if text and asked.text is not None:
        yield _contains(of, asked.text)


def ordered(columns: Select[Any], asked: Filter, of: _Columns = _A) -> Select[Any]:
    """In the order that is asked for; a list has no two alerts in one place."""
    if asked.order == "oldest":
        return columns.order_by(of.start, of.id)
    if asked.order == "severity":
        return columns.order_by(of.grave.desc(), of.start.desc(), of.id.desc())
    return columns.order_by(of.start.desc(), of.id.desc())


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at once as a database takes as parameters."""
    return (ids[at : at + BATCH] for at in range(0, len(ids), BATCH))
