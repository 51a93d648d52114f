"""Recall by when attacks come, and false alerts by change, are counted as the tables say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks import quality, quality_real
from benchmarks.quality_judged import Score, brought, judge
from benchmarks.quality_when import by_change, by_part, figures_when, when_by_kind
from tests.data import shared

DAY = 86_400
TYPE = "key_vault.list_and_query"


def at(day: int, hour: int) -> str:
    return f"2026-03-{day:02d}T{hour:02d}:00:00Z"


def truth(day: int, part: str, hour: int = 10) -> dict[str, Any]:
    entity = {"kind": "vault", "id": "V"}
    return {"type": TYPE, "entity": entity, "start": at(day, hour), "end": at(day, hour), "part": part}


def alert(day: int, severity: str = "medium", hour: int = 10, vault: str = "v") -> dict[str, Any]:
    return {
        "type": TYPE,
        "entity": {"kind": "vault", "id": vault},
        "start": at(day, hour),
        "end": at(day, hour + 1),
        "last_seen": at(day, hour),
        "severity": severity,
        "description": "",
    }


def test_parts_are_counted_by_themselves_and_a_ramp_from_its_first_found_day() -> None:
    truths = [truth(day, "ramp") for day in (1, 2, 3)] + [truth(4, "ramp's end")]
    score = judge(1, [alert(2), alert(4)], truths)
    assert score.parts == {"ramp": {TYPE: (1, 3)}, "ramp's end": {TYPE: (1, 1)}}
    assert score.ramps == {TYPE: 2}
    assert not score.found  # what is played in parts is no attack of the table by strength
    assert "1/1 (2)" in by_part([score])


def test_a_repeat_is_lower_only_where_the_first_day_was_told() -> None:
    truths = [truth(1, "first day"), truth(2, "later days"), truth(3, "later days")]
    told = judge(1, [alert(1), alert(2, "low"), alert(3)], truths)
    assert told.lowered == [True, False]
    assert "of 2 attacks found on later days 1 have a lower severity" in by_part([told])
    assert judge(1, [alert(2, "low")], truths).lowered == []


def test_a_false_alert_belongs_to_the_change_that_had_begun_last() -> None:
    begin = 1_772_323_200.0  # 2026-03-01
    changes = [("deployment", begin + 9 * DAY), ("migration", begin + 11 * DAY)]
    alone, same = alert(12), alert(11)
    found = brought([same], [same, alone, alert(13, "low"), alert(10, vault="w")], changes)
    assert found["deployment"] == {TYPE: 1}
    assert found["migration"] == {TYPE: 1}
    score = Score(1, when="alone", entity_days=500.0, changed=found)
    assert figures_when([score])["changes"]["alone"]["migration"]["false"] == {TYPE: 1}
    assert "4.00 for 1,000" in by_change([score])


def test_kinds_stand_beside_each_other_only_where_there_are_several() -> None:
    bank = Score(1, kind="bank", when="repeated", parts={"first day": {TYPE: (1, 1), "b": (0, 1)}})
    small = Score(1, kind="small", when="repeated", parts={"first day": {TYPE: (3, 3)}})
    alone = Score(
        1, kind="small", when="alone", changed={"deployment": Counter(b=2), "migration": Counter(b=1)}
    )
    lines = when_by_kind([bank, small, alone]).splitlines()
    assert lines[0].split()[-2:] == ["bank", "small"]
    assert lines[1].split() == ["first", "day", "1/2", "3/3"]
    assert lines[2].split()[-2:] == ["0", "3"]
    assert when_by_kind([small, alone]) == ""


def test_a_run_that_is_too_short_for_changes_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    with pytest.raises(SystemExit):
        quality.main(
            ["--quick", "--kinds", "default", "--when", "alone", "--days", "9", "--out", str(tmp_path)]
        )
    assert "needs at least 20 days, not 9" in capsys.readouterr().err.splitlines()[-1]


def test_sign_ins_are_made_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the figures with sign-ins are those without them."""
    asked = []

    def simulate(*_: Any, sign_ins: bool, **__: Any) -> None:
        asked.append(sign_ins)
        raise ValueError("enough")

    monkeypatch.setattr("simulation.simulate", simulate)
    for sign_ins in (True, False):
        (case,) = quality.cases_of(["bank"], ["loud"], ["once"], quick=True, sign_ins=sign_ins)
        with pytest.raises(ValueError, match="enough"):
            quality.detected(1, 28, case, None, changes=False)
    assert asked == [True, False]


def test_the_real_impossible_journey_is_found_and_nothing_else() -> None:
    source = shared("azure", "aad_logons.jsonl").parents[1]
    one = next(one for one in quality_real.SETS if one.name == "sign-ins")
    row = quality_real.run(one, source)
    assert row.alerts == {"management.impossible_travel medium": 1}
    assert "84.3 minutes later from BE" in row.said
    assert "impossible_travel medium × 1" in quality_real.table([row])


def test_a_folder_without_samples_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    assert quality.main(["--real", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"{tmp_path} holds none of the samples"
