"""Time that passes for live files when it is said to, a collector that listens, and a deep folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest import live_files, live_follower, live_walk
from tests.ingest.collecting import Clock, Listening

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


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Listening]:
    """A collector on a port of its own, with exporters for it."""
    made = Listening(tmp_path / "journal", Clock())
    yield made
    made.close()


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder with 1,100 folders in each other, more than Python calls itself."""
    before = Path.cwd()
    os.chdir(tmp_path)
    for _ in range(1_100):
        os.mkdir("d")  # noqa: PTH102
        os.chdir("d")
    Path("x.json").write_bytes(b"{}")
    os.chdir(before)
    yield tmp_path
    os.chdir(tmp_path)
    for _ in range(1_100):
        os.chdir("d")
    Path("x.json").unlink()
    for _ in range(1_100):
        os.chdir("..")
        os.rmdir("d")  # noqa: PTH106
    os.chdir(before)
