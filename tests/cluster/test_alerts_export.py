"""`redshank alerts export`: what a SIEM is fed with is what was asked for, and bad input is one clear line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alerts.alert import Alert, Entity
from alerts.output import write_alerts
from cluster.cli import cli
from cluster.errors import UserError


def alert(id_: str, type_: str, severity: str, day: int, **more: str) -> Alert:
    hour = f"2026-03-{day:02}T10"
    return Alert(
        id=id_, type=type_, title="t", description="d", severity=severity,  # type: ignore[arg-type]
        tactics=("CredentialAccess",), techniques=("T1555.006",), entity=Entity("vault", "/v"),
        start=f"{hour}:00:00Z", end=f"{hour}:59:00Z", first_seen=f"{hour}:05:00Z", last_seen=f"{hour}:06:00Z",
        count=3, evidence={}, remediation=(), **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.jsonl"
    told = [
        alert("a1", "key_vault.tor_access", "high", 1),
        alert("b2", "management.azurite", "medium", 5),
        alert("c3", "key_vault.tor_access", "medium", 9),
        alert("d4", "key_vault.tor_access", "high", 9, withdrawn="no longer"),
    ]
    write_alerts(path, told)
    return path


def run(*args: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, ["alerts", "export", *map(str, args)], input=stdin, standalone_mode=True)


@pytest.mark.parametrize(("form", "begins", "lines"), [("csv", '"id"', 4), ("cef", "CEF:0|", 3), ("syslog", "<", 3), ("json", "{", 3)])  # fmt: skip
def test_each_format_holds_every_alert_and_says_what_it_left_out(
    file: Path, form: str, begins: str, lines: int
) -> None:
    result = run(file, "--format", form)
    assert result.exit_code == 0
    assert result.stdout.startswith(begins)
    assert len(result.stdout.splitlines()) == lines
    assert "left out: 1 withdrawn" in result.stderr


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--type", "key_vault.tor_access"], ["a1", "c3"]),
        (["--severity", "medium"], ["b2", "c3"]),
        (["--since", "2026-03-05"], ["b2", "c3"]),
        (["--since", "2026-03-05T10:00:01Z"], ["c3"]),
    ],
)
def test_filters_give_what_was_asked_for(file: Path, options: list[str], ids: list[str]) -> None:
    assert [json.loads(line)["id"] for line in run(file, *options).stdout.splitlines()] == ids


def test_standard_input_and_a_file_give_the_same_bytes(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run("-", "--format", "csv", "--out", out, stdin=file.read_bytes()).exit_code == 0
    assert out.read_bytes() == run(file, "--format", "csv").stdout_bytes
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["id"] for row in rows] == ["a1", "b2", "c3"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--type", "key_vault.tor_acess"], "did you mean key_vault.tor_access?"),
        (["--format", "cfe"], "'cfe' is not one of"),
        (["--since", "yesterday"], "'yesterday': a date (2026-03-17)"),
    ],
)
def test_a_wrong_option_says_what_was_expected(file: Path, options: list[str], said: str) -> None:
    result = run(file, *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_file_without_alerts_is_one_clear_line(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(b'{"a": 1}\n')
    error = run(other).exception
    assert isinstance(error, UserError)
    assert "other.json: holds no alerts of Redshank" in str(error)
