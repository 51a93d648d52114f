"""`redshank incidents`: whoever looks into an attack sees its parts as one, from a file and from the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alerts.output import write_alerts
from alerts.store.store import AlertStore
from cluster.cli import cli
from cluster.errors import UserError
from tests.alerts.test_incident_told import ACCESS, alert, read

OLD = "20260319T110000Z-bb"


def redshank(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def given(folder: Path) -> tuple[Path, str]:
    """The same alerts as a file and in a store: two incidents of which one ended in the other, and one alert alone."""
    old = read("b1" * 16, "11:00", "kv-a")
    old.incident = OLD
    joins = read("c1" * 16, "11:30", "kv-b")
    joins.joins = (OLD,)
    alone = alert("d1" * 16, "management.powershell", "15:00", incident="20260319T150000Z-dd")
    first = alert("a1" * 16, "management.infrequent_country", "10:05")
    every = [first, old, joins, alone]
    write_alerts(folder / "alerts.jsonl", every)
    url = f"sqlite:///{folder / 'a.db'}"
    store = AlertStore(url)
    store.write(every[:2], "2026-03-20T00:00:00Z")
    store.write(every[2:], "2026-03-20T00:00:01Z")
    return folder / "alerts.jsonl", url


@pytest.mark.parametrize("kept", ["file", "store"])
def test_the_list_has_incidents_and_counts_what_stands_alone(tmp_path: Path, kept: str) -> None:
    file, url = given(tmp_path)
    where = [str(file)] if kept == "file" else ["--store", url]
    said = redshank("incidents", "list", *where)
    assert said.exit_code == 0, said.stderr
    assert "Access, then credentials" in said.stdout
    assert "1 incident; 1 alert by itself (--single)" in said.stdout
    lines = redshank("incidents", "list", *where, "--json", "--single").stdout.splitlines()
    newest, story = map(json.loads, lines)
    assert newest["alerts"] == ["d1" * 16]
    assert (story["severity"], story["was"], len(story["alerts"])) == ("high", [OLD], 3)
    assert {edge["source"] for edge in story["graph"]["edges"]} >= {"address:185.220.101.4"}
    assert redshank("incidents", "list", *where, "--severity", "low").stdout.startswith("No incidents.")
    assert "No incidents." in redshank("incidents", "list", *where, "--until", "2026-03-18").stdout


@pytest.mark.parametrize("kept", ["file", "store"])
@pytest.mark.parametrize("id_", ["20260319T100000Z-aa", "20260319T10", OLD, "c1c1"])
def test_one_is_told_under_its_id_one_that_ended_and_that_of_an_alert(
    tmp_path: Path, kept: str, id_: str
) -> None:
    file, url = given(tmp_path)
    where = [str(file), id_] if kept == "file" else [id_, "--store", url]
    said = redshank("incidents", "show", *where)
    assert said.exit_code == 0, said.stderr
    assert said.stdout.startswith("Access, then credentials: uma@example.com (high)")
    assert f"also known as {OLD}" in said.stdout
    assert "one step above its gravest alert" in said.stdout
    assert "uma@example.com – kv-a  (1 alert, medium)" in said.stdout


def test_its_picture_is_drawn(tmp_path: Path) -> None:
    file, _ = given(tmp_path)
    said = redshank("incidents", "show", str(file), OLD, "--picture", str(tmp_path / "i.svg"))
    assert said.exit_code == 0, said.stderr
    assert "Access, then credentials" in (tmp_path / "i.svg").read_text()


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    file, url = given(tmp_path)
    for arguments, why in (
        (["show", str(file), "2026"], "2 incidents begin so"),
        (["show", str(file), "nothing"], "there is none"),
        (["show", "nothing", "--store", url], "there is none"),
        (["show", "", "--store", url], "there is none"),
        (["show", OLD], "One of FILE, --config FILE and --store URL was expected"),
        (["list"], "One of FILE, --config FILE and --store URL was expected"),
        (["list", str(file), "--store", url], "either FILE or --config or --store"),
        (["list", str(file), "--since", "soon"], "a duration (7d, 12h) was expected"),
        (["list", "/nowhere.jsonl"], "does not exist"),
        (["show", str(file), OLD, "--picture", "i.gif"], "must end in .svg or .png"),
    ):
        said = redshank("incidents", *arguments)
        assert said.exit_code == 2, (arguments, said.stderr)
        assert why in said.stderr
        assert "Traceback" not in said.stderr
    broken = tmp_path / "broken.jsonl"
    broken.write_text("no json\n")
    said = redshank("incidents", "list", str(broken))
    assert isinstance(said.exception, UserError)
    assert "holds no alerts of Redshank" in str(said.exception)


def test_an_alert_of_before_there_were_incidents_is_one_by_itself(tmp_path: Path) -> None:
    bare = alert("e1" * 16, "management.powershell", "15:00", incident="")
    write_alerts(tmp_path / "a.jsonl", [ACCESS, bare])
    said = redshank("incidents", "list", str(tmp_path / "a.jsonl"), "--single")
    assert "2 incidents" in said.stdout
