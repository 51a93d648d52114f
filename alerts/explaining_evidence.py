"""Evidence as explanations read it: what is missing or of another kind than expected is left out, never fatal."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

from alerts.output import plain

MOST = 1e15  # beyond it a number is shown as this: no evidence of ours comes near


def number(value: Any) -> float | None:
    """A finite number, bounded; None for anything else.

    >>> number(3), number(True), number("3"), number(float("nan")), number(1e300)
    (3.0, None, None, None, 1000000000000000.0)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return float(max(-int(MOST), min(value, int(MOST))))
    return max(-MOST, min(value, MOST)) if isfinite(value) else None


def text(value: Any) -> str:
    """A text without what a terminal would obey; '' for anything else."""
    return plain(value) if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [text(one) for one in value if text(one)] if isinstance(value, list | tuple) else []


def table(value: Any) -> dict[str, Any]:
    """A table; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """The tables of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []


def seconds(value: Any) -> float | None:
    """An RFC 3339 time as seconds since 1970; None for anything else.

    >>> seconds("1970-01-01T00:01:00Z"), seconds("yesterday"), seconds("1970-01-01T00:01:00")
    (60.0, None, None)
    """
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.timestamp() if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def moment(value: Any) -> str:
    """A time for people, to the minute; '' where there is none.

    >>> moment("2026-01-05T08:21:14.938040Z")
    '2026-01-05 08:21 UTC'
    """
    at = seconds(value)
    return f"{value[:16].replace('T', ' ')} UTC" if at is not None and value.endswith("Z") else ""


def amount(value: float) -> str:
    """A number for people.

    >>> amount(1181), amount(0.0178), amount(4.26), amount(12345.6), amount(1e14)
    ('1,181', '0.0178', '4.26', '12,346', '1e+14')
    """
    if abs(value) >= 1e12:
        return f"{value:.3g}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1_000 else f"{value:.3g}"


def times(count: float, one: str, many: str) -> str:
    """A number with its noun.

    >>> times(1, "hour", "hours"), times(3, "hour", "hours")
    ('1 hour', '3 hours')
    """
    return f"{amount(count)} {one if count == 1 else many}"
