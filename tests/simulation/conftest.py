"""One small run with all attacks, written once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation import Summary, simulate
from tests.simulation.reading import SMALL


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return simulate(tmp_path_factory.mktemp("simulation") / "run", days=4, organisation=SMALL)


@pytest.fixture(scope="session")
def out(run: Summary) -> Path:
    return run.out


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(
        tmp_path_factory.mktemp("simulation") / "quiet", days=4, attacks=[], organisation=SMALL
    ).out
