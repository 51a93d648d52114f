"""What people are shown: whatever names the telemetry holds, they are shown and not obeyed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from alerts.alert import Alert, Entity
from alerts.output import parse_alerts, show_table, told, write_alerts
from cluster.cli import cli

NASTY = "eva\x1b[2J\x07[red]x[/red]\n=cmd()<b>\u202e"


def alert(name: str = "eva", **more: object) -> Alert:
    values = {
        "id": "0123456789abcdef0123456789abcdef",
        "type": "key_vault.tor_access",
        "title": "Access from Tor",
        "description": f"{name} read the vault /S/KV.",
        "severity": "medium",
        "tactics": ("CredentialAccess",),
        "techniques": ("T1555.006",),
        "entity": Entity("vault", "/S/KV"),
        "start": "2026-03-17T10:00:00Z",
        "end": "2026-03-17T11:00:00Z",
        "first_seen": "2026-03-17T10:05:00Z",
        "last_seen": "2026-03-17T10:06:00Z",
        "count": 3,
        "evidence": {"name": name, "records": [{"source": name, "offset": 1}]},
        "remediation": ("Ask.",),
    }
    return Alert(**(values | more))  # type: ignore[arg-type]


def shown(*alerts: Alert, width: int = 80) -> str:
    out = io.StringIO()
    show_table(Console(file=out, width=width, force_terminal=False), alerts)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_hostile_name_is_shown_and_not_obeyed(width: int) -> None:
    text = shown(alert(NASTY), width=width)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "[red]" in text.replace("\n", "").replace(" ", "")
    assert max(map(len, text.splitlines())) <= width


def test_the_table_names_the_vault_shortly_and_the_id_that_show_takes() -> None:
    text = shown(alert())
    assert "01234567" in text
    assert told(alert()) == "eva read the vault KV."


def test_one_alert_is_told_whole_and_safely(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    write_alerts(path, [alert(NASTY)])
    done = CliRunner().invoke(cli, ["alerts", "show", str(path), "01234567"])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    for part in ("Access from Tor (medium)", "T1555.006", "Evidence", "1. Ask."):
        assert part in done.output


@pytest.mark.parametrize("name", ["alerts.jsonl", "alerts.json"])
def test_what_was_written_is_read_again(tmp_path: Path, name: str) -> None:
    write_alerts(tmp_path / "new" / name, [alert(NASTY), alert()])
    assert parse_alerts((tmp_path / "new" / name).read_bytes()) == [alert(NASTY), alert()]
    assert not list((tmp_path / "new").glob("*.part"))
