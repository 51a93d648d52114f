"""A server with everything on is killed: it tells, stores and delivers what `detect` finds, each once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks import chaos_serve
from benchmarks.chaos_serve import round_of
from benchmarks.chaos_world import Reference, World


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Reference]:
    world = World(tmp_path_factory.mktemp("organisation"), 2, 5)
    return world, Reference(world)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos_serve, "SETTLED_S", 8.0)
    monkeypatch.setattr(chaos_serve, "BETWEEN_S", (0.2, 1.0))
    monkeypatch.setattr(chaos_serve, "PATIENCE_S", 180.0)


@pytest.mark.parametrize(
    ("runtime", "kinds"), [("loop", ["driver"]), ("ray", ["shard", "router", "aggregator", "reader"])]
)
def test_what_it_comes_to_is_what_detect_finds(
    reference: tuple[World, Reference], tmp_path: Path, runtime: str, kinds: list[str]
) -> None:
    if runtime == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: the plain loop is killed all the same")
    world, told = reference
    assert told.alerts
    served = round_of(world, told, tmp_path / "served", runtime, 2, random.Random(3), kinds)
    assert served.kills.total() == 2
    assert served.faults == []
