"""Python's cyclic garbage collector, set for what the actors hold: much that lives long, few cycles."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Objects more than were freed before a collection, and collections of the young before those of the old. By
# default every 700 objects start one, and a state of a million objects is gone through again and again.
THRESHOLDS = (50_000, 20, 50)


def settle() -> None:
    """Collect seldom from now on, and leave what is there for good out of it."""
    gc.set_threshold(*THRESHOLDS)
    gc.freeze()


def give_back() -> None:
    """What was freed goes back to the machine. The C library keeps it where anything still stands behind it: after a
    large feed has changed a few times, as much as all that is in use. Without glibc: nothing."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def building() -> Iterator[None]:
    """While much is made that stays: nothing is collected, and afterwards never looked at again.

    What is garbage already is collected before: else it would stay, each time that feeds change.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        settle()
