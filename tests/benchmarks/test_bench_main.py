"""One command runs all benchmarks, keeps what each found, and sets it beside an older run."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import recovery
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
        lab.in_time()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scale", "nan"], "'nan' is no number above 0"),
        (["--scale", "0"], "'0' is no number above 0"),
        (["--minutes", "-1"], "'-1' is no number above 0"),
        (["--times", "0"], "'0' is no whole number from 1 on"),
        (["--times", "many"], "'many' is no whole number from 1 on"),
        (["nonsense"], "there is no benchmark 'nonsense': one of broken, fine"),
    ],
)
def test_arguments_that_measure_nothing_are_refused_at_once(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "ALL", {"broken": broken, "fine": fine})
    with pytest.raises(SystemExit) as ended:
        command.main([*words, "--out", str(tmp_path)])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_what_can_not_be_compared_with_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ALL", {"fine": fine})
    (tmp_path / "cut.json").write_text('{"format": 1, "rows')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "rows.json").write_text('{"format": 1, "machine": {}, "rows": [{"a": 1}]}')
    (tmp_path / "machine.json").write_text('{"format": 1, "machine": {}, "rows": []}')
    names = ("cut.json", "list.json", "binary.json", "rows.json", "machine.json", "absent.json", "")
    for old in (tmp_path / name for name in names):
        with pytest.raises(SystemExit) as ended:
            command.main(["--out", str(tmp_path / "out"), "--compare", str(old)])
        told = capsys.readouterr().err.splitlines()[-1]
        assert ended.value.code == 2
        assert f"error: {old}: " in told
        assert not (tmp_path / "out" / "fine.json").exists()


def test_a_folder_that_can_not_be_written_to_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ALL", {"fine": fine})
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        command.main(["--out", str(tmp_path / "file")])
    assert "can't be written to" in capsys.readouterr().err.splitlines()[-1]


def test_who_stops_a_run_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(lab: Lab) -> Iterator[Row]:
        yield Row("stopped", "case", "speed", 1.0, "records/s")
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "ALL", {"stopped": stopped, "fine": fine})
    assert command.main(["--out", str(tmp_path)]) == 130
    assert [row.benchmark for row in Record.read(tmp_path / "all.json").rows] == ["stopped"]
    assert "stopped: stopped; what was measured till now is kept" in capsys.readouterr().err


def test_no_input_is_made_when_the_minutes_are_over(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="minutes are over"):
        Lab(tmp_path, minutes=-1.0).small("flows")


def test_a_benchmark_is_not_begun_when_the_minutes_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ALL", {"fine": fine})
    assert command.main(["--out", str(tmp_path), "--minutes", "1e-9"]) == 1
    assert Record.read(tmp_path / "all.json").rows == []
    assert "fine: left out from here on: the 1e-09 minutes are over" in capsys.readouterr().err


def test_whose_share_is_over_is_left_out_from_there_on(tmp_path: Path) -> None:
    lab = Lab(tmp_path, minutes=10.0)
    lab.allow(0.0)
    with pytest.raises(
        CommandError, match=r"its 0 s of the 10 minutes are over; by itself it has no such limit"
    ):
        lab.in_time()
    lab.allow(0.5)
    lab.in_time()


def test_what_one_leaves_of_its_share_those_behind_it_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []

    def seen(lab: Lab) -> Iterator[Row]:
        shares.append(lab._share_s)
        yield from fine(lab)

    monkeypatch.setattr(command, "ALL", {"first": seen, "second": seen})
    monkeypatch.setattr(command, "SHARES", {"first": 30, "second": 10})
    assert command.main(["--minutes", "10", "--out", str(tmp_path)]) == 0
    assert shares == pytest.approx([450, 600], abs=20), "150 were its own"


@pytest.mark.parametrize(
    ("words", "scale", "times", "brief"),
    [
        ([], 0.65, 1, True),
        (["--scale", "2", "--times", "3"], 2.0, 3, True),
        (["--minutes", "60"], 0.65, 1, True),
        (["fine"], 1.0, 2, False),
        (["fine", "--minutes", "5"], 1.0, 2, False),
    ],
)
def test_all_are_brief_and_one_by_itself_is_whole(
    words: list[str],
    scale: float,
    times: int,
    brief: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labs: list[Lab] = []

    def seen(lab: Lab) -> Iterator[Row]:
        labs.append(lab)
        yield from fine(lab)

    monkeypatch.setattr(command, "ALL", {"fine": seen})
    assert command.main([*words, "--out", str(tmp_path)]) == 0
    assert [(lab.scale, lab.times, lab.brief) for lab in labs] == [(scale, times, brief)]


@pytest.mark.parametrize(
    "ends", [CommandError("the time is over"), ProcessLookupError(3, "no process"), KeyboardInterrupt()]
)
def test_kills_that_were_measured_before_an_end_are_kept(
    ends: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(lab: Lab, kills: int) -> Iterator[tuple[str, float]]:
        yield "shard", 4.0
        yield "shard", 5.0
        raise ends

    monkeypatch.setattr(recovery, "killed", killed)
    rows: list[Row] = []
    with pytest.raises(type(ends)):
        rows.extend(recovery.rows(Lab(tmp_path, brief=True)))
    # `extend` has what came before the end.
    assert [row.value for row in rows] == [4.5, None]


def test_each_has_a_share() -> None:
    assert command.SHARES.keys() == command.ALL.keys()


def test_an_older_run_of_something_else_is_said_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ALL", {"fine": fine})
    Record([Row("other", "case", "speed", 2.0)], command.machine("then")).write(tmp_path / "old.json")
    assert command.main(["--out", str(tmp_path), "--compare", str(tmp_path / "old.json")]) == 0
    assert "old.json: has nothing of what was measured now, but: other" in capsys.readouterr().err


def test_no_room_for_an_input_is_told_and_the_rest_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(lab: Lab) -> Iterator[Row]:
        raise OSError(errno.ENOSPC, "No space left on device", "flows.ipfix")
        yield

    monkeypatch.setattr(command, "ALL", {"full": full, "fine": fine})
    assert command.main(["--out", str(tmp_path)]) == 1
    assert [row.benchmark for row in Record.read(tmp_path / "all.json").rows] == ["fine"]
    assert "full: [Errno 28] No space left on device: 'flows.ipfix'" in capsys.readouterr().err
