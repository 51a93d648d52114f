"""Times of alerts as other systems count them."""

from __future__ import annotations

from datetime import UTC, datetime


def milliseconds(time: str) -> int | None:
    """Since 1970, of an RFC 3339 time, of UTC where it does not say; None if it is none.

    >>> milliseconds("1970-01-01T00:00:01.5Z"), milliseconds("1970-01-01T00:00:01"), milliseconds("yesterday")
    (1500, 1000, None)
    """
    found = instant(time)
    return None if found is None else int(found.timestamp() * 1000)


def instant(time: str) -> datetime | None:
    """The same as a time of UTC."""
    try:
        at = datetime.fromisoformat(time)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
