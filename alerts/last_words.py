"""The last word on each alert of a file of JSON lines, with 24 octets in memory for each and not the alerts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from hashlib import blake2b
from typing import BinaryIO

import msgspec
import numpy as np

from alerts.alert import Alert
from alerts.output import latest, parse_alerts

_decoder = msgspec.json.Decoder(Alert)


class NoAlertsError(Exception):
    """A line is no alert."""


def last_words(file: BinaryIO) -> Iterator[Alert]:
    """In the order in which they were told first. All is checked before the first one comes. Raises NoAlertsError.

    The file must be one that can be sought in. An array of JSON is read whole.
    """
    begins = file.read(4096).lstrip()[:1]
    file.seek(0)
    if begins == b"[":
        try:
            yield from latest(parse_alerts(file.read()))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NoAlertsError(str(error)) from None
        return
    for offset in _offsets(file):
        file.seek(offset)
        yield _decoder.decode(file.readline())


def _offsets(file: BinaryIO) -> list[int]:
    """Where the last word on each begins."""
    ids, offsets, at = array("Q"), array("Q"), 0
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                alert = _decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise NoAlertsError(f"line {number:,}: {error}") from None
            ids.frombytes(blake2b(alert.id.encode(), digest_size=16).digest())
            offsets.append(at)
        at += len(line)
    if not offsets:
        return []
    high, low = np.frombuffer(ids, np.uint64).reshape(-1, 2).T
    order = np.lexsort((low, high))  # stable: words on one alert stay in their order
    new = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    first, last = order[np.r_[True, new]], order[np.r_[new, True]]
    found: list[int] = np.frombuffer(offsets, np.uint64)[last[np.argsort(first)]].tolist()
    return found
