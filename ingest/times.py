"""Times as logs write them, to microseconds since 1970 (UTC)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.records import SECOND_US

_LAST_US = 7_258_118_400 * SECOND_US  # the year 2200: what lies beyond is a mistake, not a time
_MINUTE_US = 60 * SECOND_US

_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2})?)"
    r"(?::([0-5][0-9])(?::([0-5][0-9]|60)(?:[.,]([0-9]{1,12}))?)?)?"
    r"(?: ?([Zz]|UTC|GMT|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]))?"
)
_HOUR = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}")
_AMERICAN = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}),? +([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(?:[ \u202f]?([AaPp])\.?[Mm]\.?)?(?: ?(?:Z|UTC|GMT))?"
)
_NUMBER = re.compile(r"[0-9]{9,20}(?:\.[0-9]{0,12})?")
_DATE = re.compile(r"/Date\((-?[0-9]{1,16})\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PATH = re.compile(r"y=([0-9]{4})[/\\]m=([0-9]{2})[/\\]d=([0-9]{2})[/\\]h=([0-9]{2})(?:[/\\]m=([0-9]{2}))?")


def epoch_us(value: object) -> int | None:
    """Microseconds since 1970 of a time in any form that logs use; None if it is not a time.

    Text without an offset is UTC. Month comes before day in '8/4/2024, 10:20:30.123 AM' (the portal's
    export). A number counts seconds, milliseconds, microseconds or nanoseconds: its size says which.

    >>> epoch_us("2016-01-05T01:32:01.2691226Z")
    1451957521269122
    >>> epoch_us("2021-03-01T23:07:42+01:00") == epoch_us("3/1/2021 10:07:42 PM") == epoch_us(1614636462)
    True
    >>> epoch_us("yesterday") is None
    True
    """
    if type(value) is str:
        text = value.strip()
        if len(text) > 64:
            return None
        match = _ISO.fullmatch(text)
        found = _iso(match) if match else _unusual(text)
    else:
        found = _number(value)
    return found if found is not None and 0 <= found < _LAST_US else None


def epochs_us(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """`epoch_us` of each text, -1 for what is no time.

    Times as Azure writes them ('2026-01-05T01:32:01.2691226Z', each of one length) are read as columns of digits.

    >>> epochs_us(["2016-01-05T01:32:01.2691226Z", "yesterday"]).tolist()
    [1451957521269122, -1]
    """
    widths = np.fromiter(map(len, texts), np.int64, len(texts))
    found = np.empty(len(texts), np.int64)
    for width in np.unique(widths).tolist():
        places = np.flatnonzero(widths == width)
        some = texts if len(places) == len(texts) else [texts[at] for at in places.tolist()]
        found[places] = _of_one_width(some, width)
    return found


def _of_one_width(texts: Sequence[str], width: int) -> Any:
    joined = "".join(texts) if 20 <= width <= 32 else ""
    if joined and joined.isascii():
        found = _columns(np.frombuffer(joined.encode(), np.uint8).reshape(len(texts), width))
        if found is not None:
            return found
    return [-1 if at_us is None else at_us for at_us in map(epoch_us, texts)]


def _columns(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64] | None:
    """Times of the form YYYY-MM-DDTHH:MM:SS[.f...]Z; None if any has another."""
    width = letters.shape[1]
    marks = {10: "T", 13: ":", 16: ":", width - 1: "Z"} | ({19: "."} if width > 20 else {})
    if width == 21 or any((letters[:, at] != ord(mark)).any() for at, mark in marks.items()):
        return None
    places = [14, 15, 17, 18, *range(20, width - 1)]
    digits = letters[:, places].astype(np.int64) - ord("0")
    if ((digits < 0) | (digits > 9)).any():
        return None
    minute, second = digits[:, 0] * 10 + digits[:, 1], digits[:, 2] * 10 + digits[:, 3]
    fraction = np.zeros(len(letters), np.int64)
    for at in range(6):
        fraction = fraction * 10 + (digits[:, 4 + at] if 4 + at < digits.shape[1] else 0)
    hours, which = _hours(np.ascontiguousarray(letters[:, :13]))
    if not all(_HOUR.fullmatch(hour) for hour in hours.tolist()):
        return None
    starts = [_hour(hour.decode()) for hour in hours.tolist()]
    if None in starts or (minute > 59).any() or (second > 60).any():
        return None
    found = np.array(starts, np.int64)[which] + (minute * 60 + second) * SECOND_US + fraction
    return np.where((found >= 0) & (found < _LAST_US), found, -1)


def _hours(letters: npt.NDArray[np.uint8]) -> tuple[Any, Any]:
    """The different hours, and which of them each is. Of records that stand together most are of one."""
    if (letters == letters[:1]).all():
        return letters[:1].view("S13").ravel(), np.zeros(len(letters), np.intp)
    return np.unique(letters.view("S13").ravel(), return_inverse=True)


def path_us(path: str) -> int | None:
    """The hour that a diagnostic-log path names ('.../y=2026/m=01/d=05/h=10/m=00/PT1H.json'), or None.

    >>> path_us("y=1970/m=01/d=01/h=01/m=00/PT1H.json")
    3600000000
    """
    match = _PATH.search(path)
    if not match:
        return None
    year, month, day, hour, minute = match.groups()
    return epoch_us(f"{year}-{month}-{day}T{hour}:{minute or '00'}:00Z")


def undated(path: str) -> str:
    """A path without the hour that it names: the same for all hours of a resource's log.

    >>> undated("in/resourceId=X/y=1970/m=01/d=01/h=01/m=00/PT1H.json"), undated("in/a.log")
    ('in/resourceId=X', 'in/a.log')
    """
    match = _PATH.search(path)
    return path[: match.start()].rstrip("/\\") if match else path


@lru_cache(4096)
def _hour(text: str) -> int | None:
    """Start of '2026-01-05T10' (or of the day '2026-01-05')."""
    try:
        start = datetime.fromisoformat(text if len(text) > 10 else f"{text}T00").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (start - _EPOCH) // timedelta(microseconds=1)


def _iso(match: re.Match[str]) -> int | None:
    hour, minute, second, fraction, offset = match.groups()
    start = _hour(hour)
    if start is None:
        return None
    return start + _within_hour(minute, second, fraction) - (_offset_us(offset) if offset else 0)


def _within_hour(minute: str | None, second: str | None, fraction: str | None) -> int:
    seconds = 60 * int(minute or 0) + int(second or 0)
    # Azure writes ten-millionths; what is finer than a microsecond is cut, never rounded up
    return seconds * SECOND_US + (int(fraction[:6].ljust(6, "0")) if fraction else 0)


def _offset_us(offset: str) -> int:
    if offset[0] not in "+-":
        return 0
    minutes = 60 * int(offset[1:3]) + int(offset[-2:])
    return (-minutes if offset[0] == "-" else minutes) * _MINUTE_US


def _unusual(text: str) -> int | None:
    if _NUMBER.fullmatch(text):
        return _number(float(text) if "." in text else int(text))
    if match := _DATE.fullmatch(text):
        return int(match[1]) * 1000
    match = _AMERICAN.fullmatch(text)
    return _american(match) if match else None


def _american(match: re.Match[str]) -> int | None:
    month, day, year, hour, minute, second, fraction, half = match.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "Pp" else 0)
    start = _hour(f"{year}-{int(month):02d}-{int(day):02d}T{hours:02d}")
    if start is None or int(minute) > 59 or int(second or 0) > 60:
        return None
    return start + _within_hour(minute, second, fraction)


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1e8 <= value < 1e20:
        return None
    for unit_us, limit in ((SECOND_US, 1e11), (1000, 1e14), (1, 1e17)):
        if value < limit:
            return int(value * unit_us)
    return int(value) // 1000
