"""What a file's reader has told: a resource that is not told can't be named, and a large table for each file fills memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.told_before import ToldBefore


@given(st.lists(st.lists(st.integers(0, 300), max_size=12), max_size=12))
def test_each_is_new_once(blocks: list[list[int]]) -> None:
    before, told = ToldBefore(), set[int]()
    for block in blocks:
        assert before.new(np.array(block, np.int32)).tolist() == sorted(set(block) - told)
        told |= set(block)


def test_a_file_takes_little_however_many_resources_there_are() -> None:
    """Three hundred files with a table of a million numbers each took 1.5 GB."""
    numbers = np.random.default_rng(3).permutation(1_000_000).astype(np.int32)
    tracemalloc.start()
    try:
        before = ToldBefore()
        for part in np.array_split(numbers, 100):
            before.new(part)
        assert tracemalloc.get_traced_memory()[0] < 250_000
    finally:
        tracemalloc.stop()
