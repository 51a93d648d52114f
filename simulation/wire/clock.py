"""Times as the cloud writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamp(at_us: int) -> str:
    """UTC with seven decimals.

    >>> stamp(1_500_000)
    '1970-01-01T00:00:01.5000000Z'
    """
    return f"{_second(at_us // 1_000_000)}.{at_us % 1_000_000:06d}0Z"
