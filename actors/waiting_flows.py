"""Flows of hours of which it is not settled yet who holds which address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ingest.records import FLOW, HOUR_US

MOST_WAITING = 1_000_000  # in a router: 100 MB, and as much again while they are written to a checkpoint
MANY_WAITING = 750_000  # of them it reads no further where others are yet to catch up

Flows = npt.NDArray[np.void]  # of FLOW


class Waiting(msgspec.Struct, array_like=True):
    """Some of one source, for a checkpoint."""

    source: str
    rows: bytes

    def flows(self) -> Flows:
        """Raises ValueError for what are none."""
        return np.frombuffer(self.rows, FLOW)


def first_of(waiting: Iterable[Waiting]) -> int:
    """Just behind the begin of the first hour that some of these are of."""
    return WaitingFlows(waiting).first_us or 0


class WaitingFlows:
    """Of all sources of a router, until their hour's begin is settled."""

    def __init__(self, kept: Iterable[Waiting] = ()) -> None:
        self._rows: dict[str, list[Flows]] = {}
        self._count = 0
        self.first_hour: int | None = None
        for one in kept:
            self.add(one.source, one.flows())

    def __len__(self) -> int:
        return self._count

    def add(self, source: str, rows: Flows) -> None:
        """Have some wait."""
        if not len(rows):
            return
        self._rows.setdefault(source, []).append(rows)
        self._count += len(rows)
        first = int(rows["end_us"].min()) // HOUR_US
        self.first_hour = first if self.first_hour is None else min(first, self.first_hour)

    @property
    def first_us(self) -> int | None:
        """Just behind that hour's begin."""
        return None if self.first_hour is None else self.first_hour * HOUR_US + 1

    def take(self, hour: int) -> list[tuple[str, Flows]]:
        """Those of this hour and earlier ones, by source."""
        if self.first_hour is None or self.first_hour > hour:
            return []
        rows, self._rows, self._count, self.first_hour = self._rows, {}, 0, None
        taken = []
        for source, parts in rows.items():
            whole: Any = np.concatenate(parts)
            is_due = whole["end_us"] // HOUR_US <= hour
            taken.append((source, whole[is_due]))
            self.add(source, whole[~is_due])
        return [(source, some) for source, some in taken if len(some)]

    def state(self) -> list[Waiting]:
        """Give it to the constructor."""
        return [Waiting(source, np.concatenate(parts).tobytes()) for source, parts in self._rows.items()]
