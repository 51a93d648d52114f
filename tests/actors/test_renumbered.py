"""Resources' numbers as a file's own: a wrong one gives a flow to another resource, a table for each file fills the memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import renumbered
from actors.renumbered import Renumbered


@given(st.lists(st.lists(st.integers(0, 300), max_size=12), max_size=12), st.integers(1, 300))
def test_each_has_its_number_from_when_it_was_met(blocks: list[list[int]], least: int) -> None:
    some, numbers = Renumbered(), dict[int, int]()
    before = renumbered.LEAST, renumbered.SHARE
    renumbered.LEAST, renumbered.SHARE = least, 3
    try:
        for block in blocks:
            new = sorted(set(block) - numbers.keys())
            numbers.update(zip(new, range(len(numbers), len(numbers) + len(new)), strict=True))
            found, told = some.of(np.array(block, np.int32))
            assert (found.tolist(), told.tolist()) == ([numbers[one] for one in block], new)
            assert found.dtype == np.int32
            assert len(some) == len(numbers)
    finally:
        renumbered.LEAST, renumbered.SHARE = before


@pytest.mark.parametrize(("met", "most"), [(1_000, 40_000), (200_000, 6_000_000)])
def test_a_file_that_touches_few_of_many_takes_little(met: int, most: int) -> None:
    """Three hundred files with a table of a million numbers each took 1.5 GB."""
    drawn = np.random.default_rng(3).choice(1_000_000, met, replace=False).astype(np.int32)
    tracemalloc.start()
    try:
        some = Renumbered()
        for part in np.array_split(drawn, 10):
            some.of(part)
        assert tracemalloc.get_traced_memory()[0] < most
    finally:
        tracemalloc.stop()
