"""`redshank backtest` and shadow mode as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alerts.comparing import compare
from cluster.cli import cli
from cluster.errors import UserError
from tests.alerts.test_explaining import alert
from tests.cluster.test_detect import line, lines

TOR = "185.220.101.1"
FEED = '[threat_intel]\nfeeds = [{ path = "tor.txt", category = "tor_exit_node" }]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log with reads through Tor in two hours, and two configurations."""
    monkeypatch.chdir(tmp_path)
    reads = [line(hour, callerIpAddress=TOR) for hour in (1, 2)]
    (tmp_path / "x.json").write_bytes(lines(*reads, line(4)))
    (tmp_path / "tor.txt").write_text(f"{TOR}\n")
    (tmp_path / "old.toml").write_text(FEED)
    (tmp_path / "off.toml").write_text(FEED + "[detections]\ndisable = ['key_vault.tor_access']\n")
    (tmp_path / "low.toml").write_text(FEED + '[detections."key_vault.tor_access"]\nseverity = "low"\n')
    (tmp_path / "shadow.toml").write_text(FEED + "[detections]\nshadow = ['key_vault.tor_access']\n")
    return tmp_path


def run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)), input=stdin)


def told(folder: Path, new: str, old: str = "old.toml", *more: object) -> dict[str, Any]:
    done = run("backtest", *(more or ("x.json",)), "--config", new, "--against", old, "--json", "out.json")
    assert done.exit_code == 0, done.exception
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


def test_alerts_that_would_go_are_named_with_the_reason(folder: Path) -> None:
    found = told(folder, "off.toml")
    assert [one["alert"]["type"] for one in found["go"]] == ["key_vault.tor_access"] * 2
    assert {one["reason"] for one in found["go"]} == {"the detection is off"}
    assert (found["come"], found["change"], found["stay"]) == ([], [], 0)
    shadowed = told(folder, "shadow.toml")
    assert {one["reason"] for one in shadowed["go"]} == {"in shadow: recorded, not alerted"}


def test_alerts_that_would_come_and_that_would_change(folder: Path) -> None:
    found = told(folder, "old.toml", "off.toml")
    assert [one["reason"] for one in found["come"]] == ["the detection is off"] * 2
    changed = told(folder, "low.toml")["change"]
    assert [one["severity"][1] for one in changed] == ["low", "low"]
    assert all(one["count"] is None and one["evidence"] == {} for one in changed)


def test_the_same_configuration_changes_nothing_and_the_table_says_so(folder: Path) -> None:
    done = run("backtest", "x.json", "--config", "old.toml", "--against", "old.toml")
    assert "No alert comes, goes or changes." in done.stdout
    assert "0 come, 0 go, 0 change, 2 stay as they are" in done.stderr


def test_no_state_is_written_or_gone_on_from_and_nothing_else_either(folder: Path) -> None:
    stateful = (folder / "off.toml").read_text() + '[checkpoints]\nstore = "state"\n[store]\n'
    (folder / "off.toml").write_text(stateful)
    before = {path.name for path in folder.iterdir()}
    assert run("backtest", "x.json", "--config", "off.toml", "--against", "old.toml").exit_code == 0
    assert {path.name for path in folder.iterdir()} == before


def test_standard_input_is_read_for_both_runs(folder: Path) -> None:
    body = (folder / "x.json").read_bytes()
    done = run("backtest", "-", "--config", "off.toml", "--against", "old.toml", stdin=body)
    assert "0 come, 2 go, 0 change, 0 stay" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.json", "--config", "off.toml", "--against", "old.toml"), "none.json: no such file or folder"),
        (("x.json", "--config", "none.toml", "--against", "old.toml"), "none.toml: no such file"),
        (("x.json", "--config", "tor.txt", "--against", "old.toml"), "tor.txt: line 1"),
        (("x.json", "--config", "off.toml", "--against", "old.toml", "--json", "x.txt"), "must end in .json"),
        (("x.json", "--config", "off.toml"), "Missing option '--against'"),
    ],
)
def test_bad_input_is_said_in_one_line_before_anything_runs(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    done = run("backtest", *words)
    if isinstance(done.exception, UserError):
        assert said in str(done.exception)
    else:
        assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert "records read" not in done.stderr


def test_the_reason_that_is_known_of_an_alert_goes_before_that_of_its_type() -> None:
    mine = alert(id_="a1", evidence={"seen": 1})
    found = compare([mine], [], {}, {"a1": "withheld: a wave", mine.type: "the detection is off"})
    assert [one.reason for one in found.go] == ["withheld: a wave"]
    more = compare([mine], [alert(id_="a1", evidence={"seen": 2, "new": 1}, incident="other")], {}, {})
    assert [(one.evidence, one.severity, one.count) for one in more.change] == [
        ({"new": (None, 1), "seen": (1, 2)}, None, None)
    ]
    assert compare([mine], [alert(id_="a1", evidence={"seen": 1}, incident="other")], {}, {}).stay == 1


# Shadow mode


def detected(folder: Path, config: str, *more: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """The alerts, what is in shadow, and the summary."""
    done = run("detect", "x.json", "--config", config, "--alerts", "out/a.jsonl", "--runtime", "loop", *more)
    assert done.exit_code == 0, done.exception
    paths = (folder / "out" / "a.jsonl", folder / "out" / "shadow.jsonl")
    found = [[json.loads(one) for one in p.read_text().splitlines()] if p.exists() else [] for p in paths]
    return found[0], found[1], done.stderr


def test_a_detection_in_shadow_is_recorded_beside_the_alerts_and_counted(folder: Path) -> None:
    alerts, _, _ = detected(folder, "old.toml")
    shown, shadow, said = detected(folder, "shadow.toml")
    assert shown == []
    assert [one["id"] for one in shadow] == [one["id"] for one in alerts]
    assert all(one["shadow"] is True for one in shadow)
    assert f"in shadow: 2 alerts ({len(shadow)} medium), kept in out/shadow.jsonl" in said
    assert "0 alerts (none), 0 incidents" in said
    detected(folder, "old.toml")
    assert not (folder / "out" / "shadow.jsonl").exists(), "an older run's does not stay to mislead"


def test_it_does_not_get_into_the_store(folder: Path) -> None:
    (folder / "shadow.toml").write_text((folder / "shadow.toml").read_text() + "[store]\n")
    detected(folder, "shadow.toml")
    assert "0 shown" in run("alerts", "list", "--config", "shadow.toml").stdout


def test_check_says_what_is_in_shadow(folder: Path) -> None:
    said = run("check", "--config", "shadow.toml").stdout
    assert "in shadow, recorded but not alerted: key_vault.tor_access" in said
    assert "in shadow" not in run("check", "--config", "old.toml").stdout


def test_an_interrupted_run_is_known_again_whatever_the_order_of_sets(tmp_path: Path) -> None:
    """Else the same command would begin anew, each time that several detections are off."""
    config = tmp_path / "c.toml"
    types = "['key_vault.tor_access', 'key_vault.unusual_user', 'management.azurite']"
    config.write_text(f"[detections]\ndisable = {types}\n[integrations]\ncloud_app_security = false\n")
    code = (
        "import sys; from pathlib import Path; from cluster.config import load; from cluster import detect as d\n"
        "c = load(Path(sys.argv[1]), frozenset(d.CATALOGUE))\n"
        "print(d._fingerprint(c, ['x']))"
    )
    seen = set()
    for seed in "12":
        told = {**os.environ, "PYTHONHASHSEED": seed}
        seen.add(subprocess.check_output([sys.executable, "-c", code, str(config)], env=told, cwd=Path.cwd()))
    assert len(seen) == 1
