"""Times of alerts as other systems count them."""

from __future__ import annotations

from datetime import datetime


def milliseconds(time: str) -> int | None:
    """Since 1970, of an RFC 3339 time; None if it is none.

    >>> milliseconds("1970-01-01T00:00:01.5Z")
    1500
    """
    try:
        return int(datetime.fromisoformat(time).timestamp() * 1000)
    except ValueError:
        return None
