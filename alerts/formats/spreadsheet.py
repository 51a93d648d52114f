"""CSV that a spreadsheet shows and does not calculate."""

from __future__ import annotations

import csv
import io
import re

from alerts.alert import Alert
from alerts.output import plain

COLUMNS = (
    "id", "type", "title", "severity", "entity_kind", "entity_id", "start", "end", "first_seen", "last_seen",
    "count", "tactics", "techniques", "incident", "region", "description",
)  # fmt: skip


def line(alert: Alert) -> bytes:
    """An alert's row."""
    said = {
        "entity_kind": alert.entity.kind,
        "entity_id": alert.entity.id,
        "tactics": ", ".join(alert.tactics),
        "techniques": ", ".join(alert.techniques),
    }
    return _row([_safe(str(said[name] if name in said else getattr(alert, name))) for name in COLUMNS])


# Where a list's separator is a semicolon, spreadsheets begin a cell after one. Some read wide signs like narrow ones.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@＝＋－＠])")


def _safe(cell: str) -> str:
    """A quotation mark before what would be a formula; a line break and the like show as a mark.

    >>> _safe(" =1"), _safe("ann; =1+1"), _safe("a = 1; b-2")
    ("' =1", "ann;' =1+1", 'a = 1; b-2')
    """
    return plain(_FORMULA.sub(r"\1'", cell))


def _row(cells: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(cells)
    return out.getvalue().encode()


HEAD = _row(list(COLUMNS))
