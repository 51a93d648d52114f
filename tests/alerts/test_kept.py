"""What a server writes for people takes bounded room, and what falls out is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alerts import log
from alerts.incidents import Incidents
from alerts.kept import KeptLines
from alerts.log import AlertLog
from tests.alerts.test_incidents import alert as of_hour
from tests.alerts.test_output import alert


def lines_of(folder: Path) -> list[int]:
    """All that is kept, oldest first."""
    old = {path: path.suffix[1:] for path in folder.iterdir()}
    paths = sorted(old, key=lambda path: -int(old[path]) if old[path].isdecimal() else 0)
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_the_newest_lines_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    kept = KeptLines(tmp_path / "rejected.jsonl", 40, 2)
    told = [kept.append(range(10 * n, 10 * n + 10)) for n in range(10, 40)]
    left = lines_of(tmp_path)
    assert left == list(range(400 - len(left), 400))
    assert sum(told) == kept.dropped == 300 - len(left)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "rejected.jsonl",
        "rejected.jsonl.1",
        "rejected.jsonl.2",
    ]
    assert all(path.stat().st_size <= 40 for path in tmp_path.iterdir())


def test_fewer_files_than_before_are_kept_when_that_is_wanted(tmp_path: Path) -> None:
    KeptLines(tmp_path / "a", 40, 5).append(range(100, 160))
    kept = KeptLines(tmp_path / "a", 40, 2)
    kept.append(range(160, 180))
    left = lines_of(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    assert left == list(range(180 - len(left), 180))
    assert kept.dropped + len(left) == 80


def test_a_line_that_is_longer_than_a_file_is_kept_all_the_same(tmp_path: Path) -> None:
    kept = KeptLines(tmp_path / "a", 10, 1)
    kept.append(["x" * 50, "y" * 50])
    assert kept.dropped == 0
    assert [path.stat().st_size for path in sorted(tmp_path.iterdir())] == [53, 53]


def test_a_server_remembers_only_so_many_alerts_and_says_the_newest_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "KNOWN", 5)
    monkeypatch.setattr(log, "TAIL", 2_000)
    path = tmp_path / "alerts.jsonl"
    writing = AlertLog(path)
    alerts = [alert(id=f"{n}") for n in range(20)]
    writing.write(alerts)
    assert len(writing._known) == 5
    with path.open("ab") as file:
        file.write(b'{"cut sho')
    again = AlertLog(path)
    assert 0 < len(again._known) <= 5
    again.write([alerts[19], alert(id="new")])
    told = [json.loads(line)["id"] for line in path.read_text().splitlines()]
    assert told == [*(f"{n}" for n in range(20)), "new"]


def test_what_incidents_were_joined_with_is_forgotten_with_their_alerts() -> None:
    """It stands in each checkpoint of the aggregator."""
    incidents = Incidents()
    for hour in range(1_000):
        one, other, joins = (of_hour(hour, name) for name in "abc")
        incidents.add(one, hour, [f"principal:{hour}"])
        incidents.add(other, hour, [f"vault:{hour}"])
        incidents.add(joins, hour, [f"principal:{hour}", f"vault:{hour}"])
        incidents.forget(hour, [one.incident, other.incident])
        assert incidents.root(other.incident) == joins.incident == incidents.root(one.incident)
        assert len(incidents._parent) <= 3


def test_lines_that_a_full_disk_does_not_take_wait_and_come_once(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    kept = KeptLines(path, 10, 3)
    path.symlink_to("/dev/full")
    kept.append([1, 2])
    kept.append([])
    assert kept.fault == f"{path} can't be written: no space left on device"
    path.unlink()
    kept.append([3, 4, 5, 6])
    assert kept.fault == ""
    kept.append([7])
    assert lines_of(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
