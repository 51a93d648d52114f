"""A run that is started again after its end, as a service manager does whose run was killed while it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.simulating import run as simulate

START = "import sys; from cluster.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few days with alerts."""
    folder = tmp_path_factory.mktemp("organisation")
    simulate(folder / "telemetry", 3, 5, ())
    return folder / "telemetry"


def ran(telemetry: Path, out: Path, *more: str) -> tuple[str, bytes]:
    """What it says, and the alerts it leaves."""
    config = telemetry / "redshank.toml"
    said = ["detect", str(telemetry), "--config", str(config), "--alerts", str(out / "alerts.jsonl")]
    told = [*said, "--state", str(out / "state"), "--runtime", "loop", *more]
    done = subprocess.run([sys.executable, "-c", START, *told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr, (out / "alerts.jsonl").read_bytes()


def fates(said: str) -> str:
    """The line with what became of the records."""
    return next(line for line in said.splitlines() if "records read" in line)


def test_the_same_run_again_says_the_same(telemetry: Path, tmp_path: Path) -> None:
    """Else a run that was killed a second too late would leave an empty file in place of its alerts."""
    said, alerts = ran(telemetry, tmp_path)
    assert alerts
    for more in ((), ("--shards", "3")):
        again, same = ran(telemetry, tmp_path, *more)
        assert "its alerts are said once more" in again
        assert (fates(again), same) == (fates(said), alerts)


def test_with_a_file_that_changed_it_is_another_run(telemetry: Path, tmp_path: Path) -> None:
    """What an earlier run has read of it is not read as if it were new."""
    said, _ = ran(telemetry, tmp_path)
    log = min((telemetry / "telemetry").rglob("*.json*"))
    with log.open("ab") as file:
        file.write(log.read_bytes().splitlines(keepends=True)[-1])
    again, _ = ran(telemetry, tmp_path)
    assert "once more" not in again
    assert "0 late" in fates(said)
    assert "0 late" not in fates(again)
