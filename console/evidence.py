"""An alert's evidence as tables: whatever its shape, all of it can be read, up to a bound that is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from alerts.alert import Alert
from alerts.explaining_evidence import amount, number, seconds
from alerts.output import plain

MOST_ROWS = 50
MOST_COLUMNS = 8
LONGEST = 10_000
ELSEWHERE = frozenset(
    {"records", "against", "from"}  # the page has them in other places, or in other words
)


class Table(NamedTuple):
    """Rows under a heading; `left` of them are not shown."""

    name: str
    columns: list[str]
    rows: list[list[str]]
    left: int


def facts(alert: Alert) -> list[tuple[str, str]]:
    """What is said by one value."""
    return [
        (label(name), shown(value))
        for name, value in sorted(alert.evidence.items())
        if name not in ELSEWHERE and not isinstance(value, dict | list | tuple)
    ]


def tables(alert: Alert) -> list[Table]:
    """What needs several."""
    found = []
    for name, value in sorted(alert.evidence.items()):
        if name in ELSEWHERE or not isinstance(value, dict | list | tuple) or not value:
            continue
        found.append(_pairs(label(name), value) if isinstance(value, dict) else _list(label(name), value))
    return found


def records(alert: Alert) -> Table | None:
    """The records to look at."""
    found = alert.evidence.get("records")
    return _list("records", found) if isinstance(found, list | tuple) and found else None


def label(name: str) -> str:
    """A key as words."""
    return plain(name).replace("_", " ")[:200]


def _pairs(name: str, table: dict[str, Any]) -> Table:
    if table and all(isinstance(value, dict) for value in table.values()):
        rows = [{"": key, **value} for key, value in table.items()]
        return _list(name, rows)
    pairs = [[plain(str(key))[:LONGEST], shown(value)] for key, value in list(table.items())[:MOST_ROWS]]
    return Table(name, [], pairs, max(0, len(table) - MOST_ROWS))


def _list(name: str, items: Any) -> Table:
    left = max(0, len(items) - MOST_ROWS)
    some = items[:MOST_ROWS]
    if not all(isinstance(one, dict) for one in some):
        return Table(name, [], [[shown(one)] for one in some], left)
    columns = list(dict.fromkeys(key for row in some for key in row))
    columns = _in_order(columns)[:MOST_COLUMNS]
    rows = [[shown(row.get(column)) if column in row else "" for column in columns] for row in some]
    return Table(name, [label(column) for column in columns], rows, left)


def _in_order(columns: Iterable[str]) -> list[str]:
    first = ["", "time", "address", "country", "name", "operation", "count", "outcome"]
    return sorted(
        columns,
        key=lambda one: (first.index(one) if one in first else len(first), one in ("source", "offset"), one),
    )


def _time(value: str) -> str:
    """A time to the second; '' for any other text."""
    if len(value) > 30 or value[10:11] != "T" or seconds(value) is None:
        return ""
    return value[:19].replace("T", " ")


def shown(value: Any) -> str:
    """A value for people."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _time(value) or plain(value)[:LONGEST]
    if (found := number(value)) is not None:
        return amount(found)
    if isinstance(value, dict):
        return ", ".join(f"{plain(str(key))}: {shown(one)}" for key, one in list(value.items())[:MOST_ROWS])[
            :LONGEST
        ]
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in value[:MOST_ROWS])[:LONGEST]
    return plain(str(value))[:LONGEST]
