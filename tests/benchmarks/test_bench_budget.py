"""What an alert budget comes to: the published table is what came of the runs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks import budget as bench
from benchmarks.budget import Outcome, main, outcome_of, parser, table

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def alert(type_: str, day: int, severity: str, entity: str = "m1") -> dict[str, Any]:
    start = f"2026-01-{5 + day:02d}T10:00:00+00:00"
    return {
        "type": type_,
        "severity": severity,
        "start": start,
        "end": start.replace("T10", "T11"),
        "last_seen": start,
        "entity": {"kind": "resource", "id": entity},
        "description": "what was seen",
    }


TRUTH = {
    "type": "network.ssh_incoming",
    "entity": {"kind": "resource", "id": "M1"},
    "start": "2026-01-25T10:05:00+00:00",
    "end": "2026-01-25T10:40:00+00:00",
}


def test_false_alerts_are_those_after_learning_that_no_attack_explains() -> None:
    alerts = [
        alert("network.ssh_incoming", 20, "medium"),  # the attack
        alert("network.ssh_incoming", 20, "medium", "m2"),
        alert("network.rdp_incoming", 13, "high"),  # all are learning still
        alert("key_vault.tor_access", 14, "informational"),
    ]
    made = outcome_of(None, alerts, [TRUTH], BEGIN, 28)
    assert made.by_type == Counter({"network.ssh_incoming": 1, "key_vault.tor_access": 1})
    assert made.grave == Counter({"network.ssh_incoming": 1})
    assert (made.found, made.attacks, made.missed) == (1, 1, [])
    assert made.days == 14
    assert made.a_day(sharing=True) == pytest.approx(1 / 14)  # a rule states no chance: no budget bears on it
    assert made.a_day(sharing=False) == pytest.approx(1 / 14)
    assert len(made.notes) == 2
    assert "m2: what was seen" in made.notes[0]


def test_the_table_names_what_was_missed_and_what_was_false() -> None:
    line = table(
        [Outcome(5.0, Counter(a=28), Counter(a=14), 14, 1, 2, ["b"], [], seconds=61.0, peak_mb=900.0)]
    ).splitlines()[-1]
    assert line.split()[:3] == ["5", "1.00", "0.00"]
    assert "1/2" in line
    assert "61 s" in line
    assert "900 MB" in line
    assert line.endswith("b; a 28 (14)")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "five", "1e6"])
def test_a_budget_that_is_none_is_refused_in_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--budgets", text])
    assert "above 0" in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_with_other_things_in_it_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(SystemExit):
        main(["--quick", "--days", "15", "--keep", str(tmp_path)])
    assert "was not written by a simulation" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_an_organisation_is_kept_and_made_again_only_for_other_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "all_measured", lambda *_: [])
    asked = ["--quick", "--kind", "small-office", "--days", "15", "--keep", str(tmp_path)]
    assert main(asked) == 0
    written = (tmp_path / "truth.jsonl").stat().st_mtime_ns
    assert main(asked) == 0
    assert (tmp_path / "truth.jsonl").stat().st_mtime_ns == written
    assert main([*asked, "--seed", "832"]) == 0
    assert (tmp_path / "truth.jsonl").stat().st_mtime_ns > written
