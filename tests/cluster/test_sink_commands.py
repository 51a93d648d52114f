"""`redshank sinks`, `alerts sample`, `check` and `detect --deliver`, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alerts.routing import Route
from alerts.store.store import AlertStore
from cluster.asked import now, stamp
from cluster.cli import cli
from cluster.errors import UserError
from detections.catalogue import CATALOGUE
from tests.cluster.receivers import Receiver, an_alert, receiving


def configured(folder: Path, one: Receiver, more: str = "") -> Path:
    path = folder / "c.toml"
    path.write_text(
        f"""[store]
url = "sqlite:///a.db"
[[sinks]]
name = "hook"
kind = "webhook"
url = "{one.url}"
allow_internal = true
secret_env = "REDSHANK_TEST_SECRET"
[[sinks]]
name = "grave"
kind = "file"
path = "grave.jsonl"
severity = "high"
{more}"""
    )
    return path


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDSHANK_TEST_SECRET", "hush")


def run(*arguments: Any, status: int = 0) -> Result:
    done = CliRunner().invoke(cli, [str(one) for one in arguments], standalone_mode=False)
    if isinstance(done.exception, Exception) and not isinstance(done.exception, UserError):
        raise done.exception
    assert (1 if done.exception else done.return_value) == status, done.output
    assert "hush" not in done.output
    return done


def test_a_sample_of_each_type_comes_through_every_sink_and_says_what_it_is(tmp_path: Path) -> None:
    with receiving() as one:
        config = configured(tmp_path, one)
        said = run("alerts", "sample", "--config", config).output
        got = [each.said for each in one.got]
    assert {each["type"] for each in got} == set(CATALOGUE)
    assert len(got) == len(CATALOGUE)
    for each in got:
        assert each["sample"] is True
        assert each["evidence"]["sample"] is True
        assert each["title"].startswith("Sample: ")
    assert f"hook: {len(CATALOGUE)} of {len(CATALOGUE)} delivered" in said
    grave = [json.loads(line) for line in (tmp_path / "grave.jsonl").read_bytes().splitlines()]
    assert grave
    assert {each["severity"] for each in grave} == {"high"}


def test_status_shows_what_was_given_up_and_retry_puts_it_back(tmp_path: Path) -> None:
    with receiving(403) as one:
        config = configured(tmp_path, one)
        store = AlertStore(f"sqlite:///{tmp_path}/a.db")
        store.write([an_alert()], stamp(now()), [Route(name="hook"), Route(name="gone")])
        assert "1 were given up: HTTP 403" in run("sinks", "deliver", "--config", config, status=3).output
        said = run("sinks", "status", "--config", config).output
        assert "given up: 1 (`redshank sinks retry hook` puts them back)" in said
        assert "gone (not in the configuration any more)\n  waiting: 1" in said
        (hook,) = (
            each
            for each in json.loads(run("sinks", "status", "--config", config, "--json").output)
            if each["name"] == "hook"
        )
        assert (hook["dead"], hook["waiting"], hook["error"]) == (1, 0, "HTTP 403")
        assert run("sinks", "retry", "hook", "--config", config).output == "hook: 1 put back, 1 wait now\n"
        run("sinks", "deliver", "--config", config)
        assert one.ids() == ["aa11", "aa11"]
        assert "delivered: 1, the last at 20" in run("sinks", "status", "--config", config).output


def test_deliver_comes_to_an_end_where_a_sink_is_down(tmp_path: Path) -> None:
    with receiving(*[500] * 99) as one:
        config = configured(tmp_path, one)
        AlertStore(f"sqlite:///{tmp_path}/a.db").write([an_alert()], stamp(now()), [Route(name="hook")])
        done = run("sinks", "deliver", "--config", config, "--seconds", "0.5", status=3)
    assert "hook: 1 wait: HTTP 500" in done.output


def test_check_reaches_every_sink_and_sends_nothing(tmp_path: Path) -> None:
    with receiving() as one:
        config = configured(tmp_path, one)
        said = run("check", "--config", config).output
        assert f"sink hook (webhook): 127.0.0.1:{one.port} answers (without TLS)" in said
        assert "grave.jsonl can be written" in said
        assert one.got == []
        assert not (tmp_path / "grave.jsonl").exists()
    said = run("check", "--config", config, status=3).output
    assert "sink hook (webhook): WRONG: " in said
    assert "Connection refused" in said


def test_check_says_that_an_internal_address_is_not_allowed(tmp_path: Path) -> None:
    with receiving() as one:
        config = configured(tmp_path, one)
        config.write_text(config.read_text().replace("allow_internal = true\n", ""))
        said = run("check", "--config", config, status=3).output
    assert "127.0.0.1 is an internal address: allow_internal = true allows it" in said


def test_without_sinks_it_is_said_what_is_missing(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[store]\n")
    for command in (["sinks", "status"], ["alerts", "sample"], ["detect", tmp_path, "--deliver"]):
        done = run(*command, "--config", config, status=1)
        assert "has no [[sinks]]" in str(done.exception)


def test_an_unknown_sink_is_said(tmp_path: Path) -> None:
    with receiving() as one:
        done = CliRunner().invoke(cli, ["sinks", "retry", "hok", "--config", str(configured(tmp_path, one))])
    assert done.exit_code == 2
    assert "no such sink; there are: grave, hook" in done.output
