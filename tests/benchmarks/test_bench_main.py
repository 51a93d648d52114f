"""One command runs all benchmarks, keeps what each found, and sets it beside an older run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.lab import Lab
from benchmarks.record import Record, Row
from benchmarks.running import CommandError


def fine(lab: Lab) -> Iterator[Row]:
    yield Row("fine", "case", "speed", 4.0, "records/s", 2.0)


def broken(lab: Lab) -> Iterator[Row]:
    yield Row("broken", "case", "speed", 1.0, "records/s", 2.0)
    raise CommandError("it counts something else")


def test_what_was_measured_before_a_failure_is_kept_and_the_rest_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ALL", {"broken": broken, "fine": fine})
    assert command.main(["--out", str(tmp_path)]) == 1
    assert [row.benchmark for row in Record.read(tmp_path / "all.json").rows] == ["broken", "fine"]
    assert Record.read(tmp_path / "broken.json").rows[0].met is False
    said = capsys.readouterr()
    assert "it counts something else" in said.err
    assert "≥ 2, met" in said.out


def test_one_alone_is_set_beside_an_older_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ALL", {"broken": broken, "fine": fine})
    old = Record([Row("fine", "case", "speed", 2.0, "records/s")], command.machine("then"))
    old.write(tmp_path / "old.json")
    assert command.main(["fine", "--out", str(tmp_path), "--compare", str(tmp_path / "old.json")]) == 0
    assert not (tmp_path / "all.json").exists()
    assert "fine, old and new" in capsys.readouterr().out


def test_nothing_is_begun_when_the_minutes_are_over(tmp_path: Path) -> None:
    lab = Lab(tmp_path, minutes=-1.0)
    with pytest.raises(CommandError, match="minutes are over"):
        lab._in_time()
