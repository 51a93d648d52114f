"""The latency benchmark writes what it says, and tells each alert's time from the right record."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from actors.settings import Settings
from benchmarks.latency import CASES, FIRST, GOALS_MS, Case, Outcome, Watch, Writer, figures, number_of
from cluster.config import load
from cluster.local import LocalRuntime
from detections.catalogue import CATALOGUE
from ingest.sources import Files

SECONDS = 0.11  # eleven ticks: three records that raise an alert


@pytest.mark.parametrize("case", CASES[1::2], ids=lambda case: case.name)
def test_each_record_that_is_timed_raises_the_alert_that_is_looked_for(case: Case, tmp_path: Path) -> None:
    """An entity that another record raises too, or that raises nothing, would be a wrong time or none."""
    log = tmp_path / "log.json"
    writer = Writer(log, replace(case, rate=1_000), SECONDS)
    writer.run(SECONDS)
    (tmp_path / "tor.txt").write_text("185.220.101.1\n")
    config = tmp_path / "redshank.toml"
    config.write_text('[threat_intel]\nfeeds = [{ path = "tor.txt", category = "tor_exit_node" }]\n')
    enrichment = load(config, frozenset(CATALOGUE)).enrichment()
    run = LocalRuntime(Files((str(log),), 600_000_000), Settings(), enrichment)
    run.start()
    while not run.advance(100).done:
        pass
    found = [alert for alert in run.finish().alerts if CATALOGUE[alert.type].at_once]
    lines = [json.dumps({"entity": {"kind": one.entity.kind, "id": one.entity.id}}).encode() for one in found]
    assert len(writer.at_s) == 3
    assert sorted(map(number_of, lines)) == sorted(writer.at_s) == [FIRST, FIRST + 5, FIRST + 10]


def test_an_alert_is_seen_when_its_line_is_whole(tmp_path: Path) -> None:
    """A line is written in one go, but may be read in two."""
    path = tmp_path / "alerts.jsonl"
    line = b'{"entity":{"kind":"vault","id":"/VAULTS/KV-1000005"}}\n'
    with Watch(path) as watch:
        path.write_bytes(line[:20])
        time.sleep(0.05)
        assert watch.seen == {}
        with path.open("ab") as file:
            file.write(line[20:])
        end = time.monotonic() + 10
        while not watch.seen and time.monotonic() < end:
            time.sleep(0.01)
    assert watch.seen.keys() == {1_000_005}


def test_alerts_that_did_not_come_are_no_quick_ones() -> None:
    rows = {row.metric: row for row in figures("case", Outcome([10.0, 20.0, 400.0], missing=2))}
    assert rows["record written to alert written, p50"].value == 20.0
    assert rows["alerts that did not come"].met is False
    assert {row.goal for row in rows.values()} >= {GOALS_MS[50], GOALS_MS[99]}
