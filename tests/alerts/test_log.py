"""The alerts file of a server: each word on an alert once, and the last one is what holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import Alert, Entity
from alerts.log import AlertLog
from alerts.output import latest, parse_alerts
from cluster.showing import show_alert, show_list
from detections.declare import Severity


def alert(count: int, severity: Severity = "medium", **more: Any) -> Alert:
    return Alert(
        id="aa11",
        type="key_vault.tor_access",
        title="Access through Tor",
        description=f"{count} times",
        severity=severity,
        tactics=(),
        techniques=(),
        entity=Entity("vault", "/v"),
        start="2026-03-17T10:00:00Z",
        end="2026-03-17T11:00:00Z",
        first_seen="2026-03-17T10:00:00Z",
        last_seen="2026-03-17T10:00:00Z",
        count=count,
        evidence={},
        remediation=(),
        **more,
    )


def words(path: Path) -> list[tuple[int, str]]:
    return [(one["count"], one["severity"]) for one in map(json.loads, path.read_text().splitlines())]


def test_what_was_told_at_once_is_not_told_again_after_a_death(tmp_path: Path) -> None:
    """What is read again comes in other pieces, so the early word differs in its count."""
    path = tmp_path / "alerts.jsonl"
    AlertLog(path).write([alert(1, "low", complete=False)])
    again = AlertLog(path)
    again.write([alert(3, "low", complete=False)])
    assert words(path) == [(1, "low")]
    again.write([alert(4, complete=False)])
    again.write([alert(9)])
    assert words(path) == [(1, "low"), (4, "medium"), (9, "medium")]


def test_what_waits_for_its_hours_close_is_known_after_a_death(tmp_path: Path) -> None:
    """Else what the close does not bear out would never be taken back."""
    path = tmp_path / "alerts.jsonl"
    AlertLog(path).write([alert(1, "low", complete=False)])
    AlertLog(path).write([alert(2, complete=False)])
    assert AlertLog(path).early() == [alert(2, complete=False)]
    AlertLog(path).write([alert(9)])
    assert AlertLog(path).early() == []


def test_an_early_word_never_follows_a_complete_one(tmp_path: Path) -> None:
    """Going back to a checkpoint before the hour's close must not put less in place of more."""
    path = tmp_path / "alerts.jsonl"
    AlertLog(path).write([alert(9)])
    AlertLog(path).write([alert(1, "high", complete=False)])
    assert words(path) == [(9, "medium")]


def test_people_see_the_last_word_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two lines of one alert are no two alerts, and `show` must not call its id ambiguous."""
    path = tmp_path / "alerts.jsonl"
    AlertLog(path).write([alert(1, complete=False)])
    show_alert(path, "aa")
    assert "its hour was open" in capsys.readouterr().out
    AlertLog(path).write([alert(9)])
    assert [one.count for one in latest(parse_alerts(path.read_bytes()))] == [9]
    show_list(path, None, None)
    said = capsys.readouterr().out
    assert said.count("aa11") == 1
    assert "so far" not in said
    show_alert(path, "aa")
    assert "9 times" in capsys.readouterr().out


def test_a_withdrawn_alert_is_listed_no_more_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alerts.jsonl"
    AlertLog(path).write([alert(1, complete=False)])
    AlertLog(path).write([alert(1, withdrawn="the operation failed")])
    show_list(path, None, None)
    assert "No alerts" in capsys.readouterr().out
    show_alert(path, "aa")
    assert "Withdrawn: the operation failed" in capsys.readouterr().out
