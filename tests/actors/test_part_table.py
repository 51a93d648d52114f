"""One number for several: rows are one act, or one group, only if they are alike in all that counts."""

from __future__ import annotations

import numpy as np
import pytest

from actors.part_table import combined


@pytest.mark.parametrize("size", [7, 1 << 20, 1 << 31, 1 << 40])
def test_rows_have_one_number_only_if_they_are_alike(size: int) -> None:
    """Also where the numbers of parts are so many that their product is no number of 64 bits."""
    rows = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1], [size - 1] * 3, [size - 1, 0, 1]], np.int64)
    numbers = combined(list(rows.T), [size] * 3)
    assert numbers[0] == numbers[3]
    assert len(np.unique(numbers)) == 5


def test_no_row_has_no_number() -> None:
    assert len(combined([np.empty(0, np.int32)] * 3, [0, 0, 0])) == 0
