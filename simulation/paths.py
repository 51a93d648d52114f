"""Where diagnostic settings put their files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path


def hourly(container: str, folders: tuple[str, ...], hour: int) -> Path:
    """The file of an hour (hours since 1970) in a container."""
    at = datetime.fromtimestamp(hour * 3600, UTC)
    day = Path(container, *folders) / f"y={at:%Y}" / f"m={at:%m}" / f"d={at:%d}"
    return day / f"h={at:%H}" / "m=00" / "PT1H.json"
