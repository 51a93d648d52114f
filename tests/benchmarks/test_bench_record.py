"""Figures are kept with what they were measured on, and set beside older ones rightly."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import show
from benchmarks.inputs import Input
from benchmarks.lab import Speed, check, figure, ratio, redshank_counts, unmeasured
from benchmarks.record import Record, Row, command_line, compare, machine
from benchmarks.running import CommandError, Family, Run, run

MACHINE = {
    "cpu": "one",
    "cores": 2,
    "memory_gb": 8.0,
    "os": "x",
    "python": "3",
    "versions": {},
    "commit": "c",
}
MACHINE |= {"command": "python -m benchmarks", "load": 0.1, "at": "then"}


def row(value: float | None, metric: str = "speed", goal: float | None = None, at_most: bool = False) -> Row:
    return Row("throughput", "flows", metric, value, "records/s", goal, at_most)


def shown(record: Record) -> str:
    out = io.StringIO()
    show.table(record, Console(file=out, width=150))
    return out.getvalue()


def test_a_record_comes_back_from_its_file(tmp_path: Path) -> None:
    record = Record([row(3.0, goal=2.0), row(None)], MACHINE)
    record.write(tmp_path / "deep" / "one.json")
    assert Record.read(tmp_path / "deep" / "one.json") == record


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"rows": []}))
    with pytest.raises(ValueError, match="holds no benchmark"):
        Record.read(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("value", "at_most", "met"),
    [(2.0, False, True), (1.9, False, False), (2.0, True, True), (2.1, True, False), (None, False, None)],
)
def test_a_goal_is_met_or_not(value: float | None, at_most: bool, met: bool | None) -> None:
    assert row(value, goal=2.0, at_most=at_most).met is met
    assert row(value).met is None


def test_the_table_says_which_goals_are_not_met_and_on_what_it_was_measured() -> None:
    said = shown(Record([row(1.0, "a", 2.0), row(3.0, "b", 2.0), row(3.0, "c", 2.0, True)], MACHINE))
    assert said.count("not met") == 2
    assert "≥ 2, met" in said
    assert "one, 2 cores" in said
    assert "commit c" in said


def test_long_words_do_not_cut_the_figures() -> None:
    long = "speed of an hour of 1 % of them, / where they are all there is to be known of anybody"
    record = Record(
        [Row("state", "100,000 resources of a fleet", long, 1_640_000.0, "octets", note="n" * 60)], MACHINE
    )
    assert "1,640,000 octets" in shown(record)
    out = io.StringIO()
    show.comparison(record, record, compare(record, record), Console(file=out, width=100))
    assert out.getvalue().count("1,640,000") == 2


def test_what_was_not_measured_says_why() -> None:
    assert figure("b", "c", "m", None).note == "the run is hardly longer than its start"
    about = unmeasured(None, "6,000 records")
    assert about == "6,000 records; the run is hardly longer than its start"
    assert unmeasured(2.0, "6,000 records") == "6,000 records"
    assert "not installed" in shown(Record([figure("b", "c", "m", None, note="not installed")], MACHINE))


def test_figures_are_set_beside_their_older_ones() -> None:
    old = Record([row(2.0, "a"), row(5.0, "gone"), Row("memory", "x", "y", 1.0)], MACHINE)
    new = Record([row(3.0, "a"), row(1.0, "new"), row(None, "gone by itself")], MACHINE | {"cpu": "other"})
    changes = {change.key[2]: change for change in compare(old, new)}
    assert changes["a"].ratio == 1.5
    assert changes["new"].ratio is None
    assert (changes["gone"].old, changes["gone"].new) == (5.0, None)
    assert "y" not in changes  # a benchmark that was not run now
    out = io.StringIO()
    show.comparison(old, new, list(changes.values()), Console(file=out, width=150))
    assert "1.5" in out.getvalue()
    assert "The machines differ" in out.getvalue()


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    record = Record([row(4e6, "a", 4e6), row(1e3, "b", 2e3), Row("peers", "x", "y", 0.3, "×")], MACHINE)
    assert show.picture(record, tmp_path / "one.svg") == ""
    assert (tmp_path / "one.svg").read_text().count("<svg") == 1
    assert "nothing was measured" in show.picture(Record([row(None)], MACHINE), tmp_path / "two.svg")


def test_the_machine_is_described_without_its_paths() -> None:
    facts = machine(command_line())
    assert facts["cores"] >= 1
    assert facts["memory_gb"] > 0
    assert {"ray", "numpy", "river", "msgspec"} <= set(facts["versions"])
    assert str(Path.home()) not in json.dumps({**facts, "command": ""})


def test_cpu_time_of_a_process_that_nobody_waits_for_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, seen = tmp_path / "done", tmp_path / "seen"
    look = Family._look

    def looked(family: Family) -> None:
        is_done = done.exists()
        look(family)
        if is_done:
            seen.touch()

    monkeypatch.setattr(Family, "_look", looked)
    burn = f"import time\nwhile time.process_time() < 0.8: pass\nopen({str(done)!r}, 'w')\ntime.sleep(60)"
    parent = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {burn!r}], start_new_session=True)\n"
        # A busy machine may look long after that: it is to find the process.
        f"while not os.path.exists({str(seen)!r}) and child.poll() is None: time.sleep(0.05)\n"
        "child.kill()"
    )
    found = run([sys.executable, "-c", parent])
    if found.cpu_s is None:
        pytest.skip("there is no /proc here")
    assert found.cpu_s >= 0.7


def test_a_busy_machine_is_said_to_be_one() -> None:
    assert "not idle" not in shown(Record([row(1.0)], MACHINE))
    assert "others' load was 3.2" in shown(Record([row(1.0)], MACHINE | {"load": 3.2}))


def test_a_command_that_fails_gives_no_figure() -> None:
    with pytest.raises(CommandError, match="ended with 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_run_that_is_hardly_longer_than_its_start_gives_no_speed() -> None:
    given = Input("x", "flows", (), {"records": 1_000})
    assert Speed(given, Run(1.1, 1.0), Run(1.0, 1.0)).per_second is None
    assert Speed(given, Run(3.0, 3.0), Run(1.0, 1.0)).per_second == 500
    assert Speed(given, Run(3.0, 3.0), Run(1.0, 1.0)).cpu_per_million == 2_000
    assert ratio(3.0, None) is None


def test_who_counts_something_else_is_not_timed() -> None:
    given = Input("x", "flows", (), {"records": 1_000, "applied": 30, "entities": 7})
    told = "1,000 records read: 30 applied, 0 late, 0 rejected, 970 filtered; 7 entities\n"
    check(given, redshank_counts(Run(1.0, 1.0, "", told)), "one")
    with pytest.raises(CommandError, match="applied: 29 in place of 30"):
        check(given, {"records": 1_000, "applied": 29}, "other")


def test_a_command_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nothing-here: can't be run: No such file .*; is it installed"):
        run([tmp_path / "nothing-here"])


def test_a_command_does_not_outlive_who_measures_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    begun: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *said: Any, **how: Any) -> None:
            super().__init__(*said, **how)
            begun.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    monkeypatch.setattr(os, "wait4", stopped)
    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", "import time; time.sleep(60)"])
    assert begun[0].returncode is not None
