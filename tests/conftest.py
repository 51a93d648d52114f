"""How all tests run."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

MOST_MB = 3_000  # that the tests of one file may take beyond what was taken before

# A busy machine is no failure, so nothing is timed. What a failure has in common with others is not looked for:
# it takes longer than to find it, and traces every line.
settings.register_profile(
    "redshank",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=set(Phase) - {Phase.explain},
)
settings.load_profile("redshank")


def _most_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@pytest.fixture(autouse=True, scope="module")
def _memory() -> Iterator[None]:
    """A test that takes the machine's memory makes others fail, or ends them all."""
    before = _most_mb()
    yield
    taken = _most_mb() - before
    assert taken < MOST_MB, f"{taken:,} MB were taken here"
