"""Which numbers were told before: a bit for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from baselines.owned_rows import rising

Numbers = npt.NDArray[Any]


class ToldBefore:
    """There is one for each file that is open, and a million resources: in octets they take 125 KB of it.

    >>> before = ToldBefore()
    >>> before.new(np.array([9, 7, 9])).tolist(), before.new(np.array([7, 8])).tolist()
    ([7, 9], [8])
    """

    def __init__(self) -> None:
        self._bits = np.zeros(0, np.uint8)

    def new(self, numbers: Numbers) -> Numbers:
        """Those of the numbers, none below 0, that are met for the first time: each once, rising."""
        if not len(numbers):
            return numbers
        more = (int(numbers.max()) >> 3) + 1 - len(self._bits)
        if more > 0:
            self._bits = np.append(self._bits, np.zeros(max(more, len(self._bits) // 2), np.uint8))
        new = rising(numbers[self._bits[numbers >> 3] & _bit(numbers) == 0])
        np.bitwise_or.at(self._bits, new >> 3, _bit(new))
        return new


def _bit(numbers: Numbers) -> npt.NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (numbers & 7).astype(np.uint8))
