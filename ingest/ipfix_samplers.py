"""Several samplers of one exporter: each record says by which one it was chosen, options say one in how many that takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_SAMPLERS = 64  # of a domain; the one told longest ago is forgotten
IDS = ("samplerId", "selectorId")  # NetFlow's, and IPFIX's
_MOST = (1 << 63) - 1

Column = npt.NDArray[Any]


class Told:
    """What a domain has said of its samplers so far."""

    __slots__ = ("_now", "rates")

    def __init__(self, rates: Iterable[tuple[int, int]] = ()) -> None:
        self.rates: dict[int, int] = dict(rates)  # the one told longest ago first
        self._now: Samplers | None = None

    def tell(self, number: int, rate: int) -> None:
        """A sampler takes one in so many."""
        if self.rates.pop(number, None) != rate:
            self._now = None
        self.rates[number] = rate
        if len(self.rates) > MAX_SAMPLERS:
            del self.rates[next(iter(self.rates))]
            self._now = None

    def now(self, default: int) -> Samplers:
        """What holds now; `default` is for records whose sampler is not known. The same again while nothing changes."""
        if self._now is None or self._now.default != default:
            self._now = Samplers(self.rates, default)
        return self._now


class Samplers:
    """What a domain had said at a time."""

    __slots__ = ("_ids", "_rates", "default")

    def __init__(self, rates: dict[int, int], default: int) -> None:
        self.default = default
        ids = sorted(rates)
        self._ids = np.array(ids, np.int64)
        self._rates = np.array([rates[number] for number in ids], np.int64)

    def rates(self, ids: Column) -> Column:
        """One in how many, for each record's sampler."""
        found = np.full(len(ids), self.default, np.int64)
        if len(self._ids):
            numbers = np.minimum(ids, np.uint64(_MOST)).astype(np.int64)
            at = np.minimum(np.searchsorted(self._ids, numbers), len(self._ids) - 1)
            found = np.where(self._ids[at] == numbers, self._rates[at], found)
        return found


def number_of(values: dict[str, int]) -> int | None:
    """Of which sampler an options record tells; None: of none, or of all."""
    return next((min(values[name], _MOST) for name in IDS if name in values), None)
