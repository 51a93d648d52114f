"""`redshank alerts` over a store, as a user runs it; and what a run does with a store that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alerts.store.opening import AlertStoreError
from alerts.store.store import AlertStore
from cluster.cli import cli
from cluster.config import ConfigurationError, load
from cluster.errors import UserError
from cluster.storing import Stored, Writer, store_alerts, stores_of
from tests.alerts.test_alert_store import NOW, alert

TYPE = "key_vault.tor_access"


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/a.db"
    AlertStore(made).write([alert("aa11"), alert("bb22", evidence={}, description="x\x1b[2Jy")], NOW)
    return made


def run(url: str, *arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(cli, ["alerts", *arguments, "--store", url], **more)


def test_work_on_an_alert_is_shown_and_has_a_trail(url: str) -> None:
    run(url, "mark", "aa", "true", "--reason", "saw\x1b it", "--as", "uma")
    run(url, "assign", "aa11", "kim", "--as", "uma")
    assert "aa11: marked true, assigned to kim" in run(url, "list").stdout
    told = run(url, "history", "aa").stdout
    assert "uma: marked true: saw\ufffd it" in told
    assert "\x1b" not in told + run(url, "list").stdout + run(url, "show", "bb").stdout


def test_a_rule_is_tried_first_and_never_hides_what_is_true_unasked(url: str) -> None:
    rule = ("suppress", "--address", "185.220.101.4")
    run(url, "mark", "aa", "true")
    refused = run(url, *rule, "--yes")
    assert refused.exit_code == 2
    assert "would have hidden 1, 1 of them marked true" in refused.stdout
    assert "Nothing was saved" in run(url, *rule, input="n\n").stdout
    assert "2 shown\n" in run(url, "list").stdout
    assert run(url, *rule, "--yes", "--force", "--expires", "30d").exit_code == 0
    assert "1 shown; 1 suppressed" in run(url, "list").stdout
    assert "address 185.220.101.4, until" in run(url, "suppressions").stdout
    assert run(url, "unsuppress", "1").exit_code == 0
    assert "2 shown\n" in run(url, "list").stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("list", "--type", "key_vault.tor_acess"), "did you mean key_vault.tor_access?"),
        (("list", "--since", "gestern"), "a date"),
        (("mark", "ff", "true"), "there is none"),
        (("suppress", "--yes"), "what is to be hidden"),
        (("suppress", "--type", TYPE, "--expires", "2020-01-01", "--yes"), "is over already"),
        (("suppress", "--address", "1.2.3", "--yes"), "an address was expected"),
        (("unsuppress", "7"), "no such rule"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(url: str, arguments: tuple[str, ...], why: str) -> None:
    done = run(url, *arguments)
    assert done.exit_code == 2
    assert why in done.stderr


def _configured(folder: Path, text: str) -> Path:
    path = folder / "redshank.toml"
    path.write_text(text)
    return path


def test_a_run_writes_each_alert_into_its_regions_store_beside_the_configuration(tmp_path: Path) -> None:
    config = _configured(tmp_path, '[store]\nkeep_days = 9999\n[regions]\n"West Europe" = "west.db"\n')
    found = [alert("a1", region="westeurope"), alert("a2")]
    store_alerts(stores_of(config), found)
    store_alerts(stores_of(config), found)  # the same command once more
    listed = CliRunner().invoke(cli, ["alerts", "list", "--config", str(config)])
    assert "2 shown" in listed.stdout
    assert [one.alert.id for one in AlertStore(str(tmp_path / "west.db")).find("a")] == ["a1"]
    assert [one.alert.id for one in AlertStore(str(tmp_path / "redshank.db")).find("a")] == ["a2"]


def test_a_store_that_cannot_be_used_stops_a_run_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unable to open"):
        stores_of(_configured(tmp_path, '[store]\nurl = "sqlite:///none/x.db"\n'))
    with pytest.raises(ConfigurationError, match=r"\[store\] uri: no such key"):
        load(_configured(tmp_path, '[store]\nuri = "x"\n'))


def test_a_server_keeps_what_the_store_does_not_take_and_says_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    stored = Stored(Writer(load(_configured(tmp_path, "[store]\n"))), said.append)
    monkeypatch.setattr("cluster.storing.AGAIN_S", 0.0)
    really = Writer.write

    def fails(*_: Any) -> None:
        raise AlertStoreError("the disk is full")

    monkeypatch.setattr(Writer, "write", fails)
    assert [stored.write([alert()]), stored.write([alert()])] == [False, False]
    monkeypatch.setattr(Writer, "write", really)
    assert stored.write([alert()])
    assert said == [
        "the disk is full; the alerts are kept and tried again",
        "the store of alerts can be used again",
    ]
    assert len(AlertStore(str(tmp_path / "redshank.db")).find("aa11")) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("true", "--expires", "3d"), "are for what is benign"),
        (("open", "--scope", "type"), "are for what is benign"),
        (
            ("benign", "--scope", "region"),
            "'region': type, entity, principal, address, application were expected",
        ),
        (("benign", "--scope", "application"), "the alert names none"),
        (("benign", "--scope", "address=1.2.3.4"), "is not of that kind"),
        (
            ("benign", "--scope", "address"),
            "the alert names several: 192.0.2.7, 192.0.2.8; say which: --scope address=192.0.2.7",
        ),
        (("benign", "--expires", "2020-01-01"), "is over already"),
    ],
)
def test_a_mark_with_a_scope_that_does_not_fit_saves_nothing(
    url: str, words: tuple[str, ...], why: str
) -> None:
    rows = [{"address": "192.0.2.7"}, {"address": "192.0.2.8"}]
    AlertStore(url).write([alert("cc33", evidence={"addresses": rows})], NOW)
    done = run(url, "mark", "cc", *words)
    assert done.exit_code == 2
    assert why in " ".join(done.stderr.split())
    assert "cc33: marked" not in run(url, "list").stdout
    assert "There are no rules" in run(url, "suppressions").stdout


def test_a_mark_hides_its_like_once_that_was_tried(url: str) -> None:
    """One word for what an analyst does ten times a day; else the rule is written by hand, and wider than it need be."""
    rows = [{"address": "192.0.2.7", "object_id": "Eve"}]
    AlertStore(url).write(
        [alert("cc33", evidence={"callers": rows}), alert("dd44", evidence={"x": rows})], NOW
    )
    scopes = ("--scope", "type", "--scope", "address", "--scope", "principal")
    refused = run(url, "mark", "cc", "benign", *scopes, input="n\n")
    assert "would have hidden 2, 0 of them marked true" in refused.stdout
    assert "Nothing was saved" in refused.stdout
    assert "cc33: marked" not in run(url, "list").stdout
    run(url, "mark", "dd", "true")
    assert run(url, "mark", "cc", "benign", *scopes, "--yes").exit_code == 2  # it would hide what is true
    done = run(url, "mark", "cc", "benign", *scopes, "--yes", "--force", "--expires", "30d")
    assert done.exit_code == 0
    assert "would have hidden 2, 1 of them marked true\nrule 1: 2 alerts hidden, until 2" in done.stdout
    rule = run(url, "suppressions").stdout
    assert f"type {TYPE}, principal Eve, address 192.0.2.7, until 2" in rule
    assert "2 suppressed" in run(url, "list").stdout
