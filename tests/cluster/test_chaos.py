"""Killed again and again, a run comes to the same alerts and counts: nothing is lost, nothing told twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.chaos import Chaos, configured, disturbed, undisturbed
from cluster.simulating import run as simulate


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Chaos]:
    """Telemetry of some days, and what a run that is left alone makes of it."""
    folder = tmp_path_factory.mktemp("organisation")
    simulate(folder / "telemetry", 10, 5, ())
    config = configured(folder / "telemetry" / "redshank.toml", folder, every_s=0.1)
    alone = undisturbed([str(folder / "telemetry")], config, folder / "alone", "--runtime", "loop")
    assert alone.alerts
    assert "records read" in alone.summary
    return config, alone


def test_a_run_that_is_killed_goes_on_where_it_was(organisation: tuple[Path, Chaos], tmp_path: Path) -> None:
    config, alone = organisation
    found = disturbed(
        [str(config.parent)],
        config,
        tmp_path,
        random.Random(1),
        4,
        (0.0, 0.05),
        "--runtime",
        "loop",
        further=True,
    )
    assert found.kills["driver"] >= 2
    assert (found.alerts, found.summary) == (alone.alerts, alone.summary)


def test_actors_and_raylets_that_are_killed_are_begun_again(
    organisation: tuple[Path, Chaos], tmp_path: Path
) -> None:
    config, alone = organisation
    config.write_text(config.read_text() + "[engine]\nrouters = 2\n")
    kinds = frozenset({"shard", "router", "aggregator", "reader"})
    found = disturbed(
        [str(config.parent)],
        config,
        tmp_path,
        random.Random(2),
        4,
        (0.0, 0.05),
        "--shards",
        "2",
        kinds=kinds,
        further=True,
    )
    assert found.kills.total() >= 2
    assert found.starts == 1, "the driver lives: it must mend the rest"
    assert "died" not in found.said, "what Ray says of it would stand among the alerts"
    assert (found.alerts, found.summary) == (alone.alerts, alone.summary)
