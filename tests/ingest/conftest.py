"""Time that passes for live files when it is said to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest import live_files, live_follower, live_walk

TimePasses = Callable[[float], None]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> TimePasses:
    """Has so many seconds pass."""
    now = [1_000.0]
    monkeypatch.setattr(live_follower.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(live_walk, "monotonic", lambda: now[0])
    monkeypatch.setattr(live_files, "monotonic", lambda: now[0])

    def passing(seconds: float) -> None:
        now[0] += seconds

    return passing
