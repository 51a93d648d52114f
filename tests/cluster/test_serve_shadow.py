"""A server with a detection in shadow: what it would alert is recorded, over deaths too, and is alerted nowhere."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

from cluster.simulating import run as simulate
from detections.catalogue import CATALOGUE
from tests.cluster.served import Served, until


def recorded(path: Path) -> dict[str, int]:
    """The last word on each alert in shadow: its count."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {one["id"]: one["count"] for one in map(json.loads, lines) if one["shadow"]}


def test_what_is_in_shadow_is_recorded_over_a_kill_and_alerted_nowhere(tmp_path: Path) -> None:
    telemetry = tmp_path / "telemetry"
    simulate(telemetry, 3, 5, ())
    plain = Served(tmp_path / "plain", telemetry)
    shutil.copytree(telemetry, tmp_path / "plain" / "in" / "telemetry")
    with plain.running():
        until(lambda: len(plain.alerts()) >= 3, plain.log)
        time.sleep(2.0)  # whatever else there is
        expected = {id_: one["count"] for id_, one in plain.alerts().items()}
    tried = Served(tmp_path / "tried", telemetry)
    said = tried.config.read_text()
    assert said.count("disable = []") == 1
    tried.config.write_text(said.replace("disable = []", f"shadow = {list(CATALOGUE)}"))
    shutil.copytree(telemetry, tmp_path / "tried" / "in" / "telemetry")
    with tried.running():
        time.sleep(1.0)  # and it is killed in the middle
    shadow = tmp_path / "tried" / "shadow.jsonl"
    with tried.running() as process:
        until(lambda: recorded(shadow).keys() >= expected.keys(), tried.log)
        assert tried.ask("/status")["alerts"] == {}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, tried.log()
    assert {id_: recorded(shadow)[id_] for id_ in expected} == expected
    assert tried.lines() == []
    assert "Traceback" not in tried.log()
