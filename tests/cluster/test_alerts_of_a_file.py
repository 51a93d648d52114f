"""Small mistakes in a command are told, not answered with an empty table."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from alerts.output import write_alerts
from cluster.cli import cli
from cluster.reporting import check_output


def test_a_type_that_no_detection_has_is_refused_for_a_file_too(tmp_path: Path) -> None:
    write_alerts(tmp_path / "a.jsonl", [])
    said = CliRunner().invoke(
        cli, ["alerts", "list", str(tmp_path / "a.jsonl"), "--type", "key_vault.tor_acess"]
    )
    assert said.exit_code == 2
    assert "did you mean key_vault.tor_access?" in said.output


def test_the_form_of_a_file_does_not_hang_on_the_case_of_its_name(tmp_path: Path) -> None:
    assert check_output(tmp_path / "a.JSONL") is None
    write_alerts(tmp_path / "a.JSON", [])
    assert (tmp_path / "a.JSON").read_bytes() == b"[]\n"
    assert check_output(tmp_path / "a.txt") is not None
