"""What stays is kept out of the garbage collector, and garbage is not: a server runs for months."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from actors.memory import building


class Ring:
    """Leads back to itself, so that only the collector finds it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_was_garbage_before_something_is_built_does_not_stay_for_good() -> None:
    gone = weakref.ref(Ring())
    with building():
        stays = Ring()
    gc.collect()
    assert gone() is None
    assert stays.itself is stays


def test_what_is_built_is_never_looked_at_again() -> None:
    with building():
        stays = weakref.ref(Ring())
    gc.collect()
    assert stays() is not None
    assert gc.isenabled()
