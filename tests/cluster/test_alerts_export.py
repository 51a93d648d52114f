"""`redshank alerts export`: what a SIEM is fed with is what was asked for, and bad input is one clear line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from alerts.alert import Alert, Entity
from alerts.output import write_alerts
from alerts.store.store import AlertStore
from alerts.work import Scope
from cluster import exporting
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


@pytest.mark.parametrize(("form", "begins", "lines"), [("csv", '"id"', 4), ("cef", "CEF:0|", 3), ("syslog", "<", 3), ("json", "{", 3), ("ocsf", "{", 3), ("sentinel", "{", 3)])  # fmt: skip
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


@pytest.mark.parametrize("body", [b'{"a": 1}\n', b'{"id": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n"])
def test_a_file_without_alerts_is_one_clear_line(tmp_path: Path, body: bytes) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(body)
    error = run(other).exception
    assert isinstance(error, UserError)
    assert "other.json: holds no alerts of Redshank" in str(error)


# Of the store


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    made = AlertStore(url)
    told = [
        alert("a1", "key_vault.tor_access", "high", 1),
        alert("b2", "management.azurite", "medium", 5),
        alert("c3", "key_vault.tor_access", "medium", 9),
        alert("d4", "key_vault.tor_access", "high", 9, withdrawn="no longer"),
        alert("e5", "key_vault.list_and_query", "low", 12),
    ]
    made.write(told, "2026-03-20T00:00:00Z")
    made.mark("b2", "true", "", "ann", "2026-03-20T00:00:00Z")
    made.suppress(Scope(type="key_vault.list_and_query"), None, "", "ann", "2026-03-20T00:00:00Z")
    return url


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], ["a1", "b2", "c3"]),
        (["--order", "newest"], ["c3", "b2", "a1"]),
        (["--order", "severity"], ["a1", "c3", "b2"]),
        (["--type", "key_vault.tor_access"], ["a1", "c3"]),
        (["--severity", "medium", "--until", "2026-03-09"], ["b2"]),
        (["--since", "2026-03-05"], ["b2", "c3"]),
        (["--state", "true"], ["b2"]),
        (["--text", "AZURITE"], ["b2"]),
        (["--entity", "/V", "--since", "2026-03-09"], ["c3"]),
        (["--all"], ["a1", "b2", "c3", "d4", "e5"]),
    ],
)
@pytest.mark.parametrize("page", [1, 2, 1_000])
def test_of_the_store_comes_what_a_list_would_show_over_all_its_pages(
    store: str, options: list[str], ids: list[str], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", page)
    result = run("--store", store, *options)
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ids


def test_the_stores_of_all_regions_are_exported_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 2)
    config = tmp_path / "redshank.toml"
    config.write_text('[store]\nurl = "sqlite:///rest.db"\n[regions]\nwesteurope = "sqlite:///west.db"\n')
    for name, days in (("rest", range(1, 8, 2)), ("west", range(2, 8, 2))):
        AlertStore(f"sqlite:///{tmp_path}/{name}.db").write(
            [alert(f"{name}{day}", "key_vault.tor_access", "high", day) for day in days],
            "2026-03-20T00:00:00Z",
        )
    told = [json.loads(line)["start"][8:10] for line in run("--config", config).stdout.splitlines()]
    assert told == ["01", "02", "03", "04", "05", "06", "07"]


def test_a_withdrawn_alert_that_is_asked_for_says_so_where_there_is_no_field(store: str) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--store", store, "--all", "--format", "csv").stdout)))
    assert rows[3]["title"] == "Withdrawn: t"
    assert rows[3]["severity"] == "informational"


@pytest.mark.parametrize("form", ["json", "ocsf", "sentinel", "csv", "cef", "syslog", "stix"])
def test_a_file_and_a_store_with_the_same_alerts_give_the_same_bytes(
    store: str, tmp_path: Path, form: str
) -> None:
    if form == "stix":
        pytest.importorskip("stix2", reason="the extra `stix` is not installed")
    file = tmp_path / "same.jsonl"
    file.write_bytes(run("--store", store).stdout_bytes)
    assert run("--store", store, "--format", form).stdout_bytes == run(file, "--format", form).stdout_bytes


def test_a_store_is_not_loaded_for_a_file(file: Path) -> None:
    """A quick command on a laptop stays one."""
    code = (
        "import sys; from cluster.cli import cli\n"
        f"cli(['alerts', 'export', {str(file)!r}, '--format', 'csv'], standalone_mode=False)\n"
        "assert not {'sqlalchemy', 'stix2', 'ray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)


# However many there are


def test_alerts_are_not_gathered_before_they_are_written(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE", 1)
    seen: list[int] = []
    page: Callable[..., object] = AlertStore.page

    class Out:
        def writelines(self, pieces: Iterable[bytes]) -> None:
            seen.extend(asked[0] for piece in pieces)

    asked = [0]

    def counted(self: AlertStore, wanted: object) -> object:
        asked[0] += 1
        return page(self, wanted)

    monkeypatch.setattr(AlertStore, "page", counted)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=Out()))
    exporting.export_store("json", None, exporting.filter_of(None, None, None), None, store)
    assert seen == [0, 1, 2, 3]  # the head of the file, and an alert a page


def test_the_last_word_stands_where_the_first_one_stood(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    told = [
        alert("a1", "key_vault.tor_access", "low", 1),
        alert("b2", "management.azurite", "medium", 5),
        alert("a1", "key_vault.tor_access", "high", 1),
        alert("c3", "management.azurite", "medium", 5),
        alert("b2", "management.azurite", "medium", 5, withdrawn="no longer"),
    ]
    write_alerts(file, told)
    result = run(file)
    assert [(one["id"], one["severity"]) for one in map(json.loads, result.stdout.splitlines())] == [
        ("a1", "high"),
        ("c3", "medium"),
    ]
    assert "left out: 1 withdrawn" in result.stderr


def test_an_export_that_fails_leaves_no_half_file_and_names_the_line(file: Path, tmp_path: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n{")
    out = tmp_path / "out.csv"
    error = run(file, "--format", "csv", "--out", out).exception
    assert "alerts.jsonl: holds no alerts of Redshank (line 6: " in str(error)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("option", ["--state=open", "--order=newest", "--all", "--store=sqlite://"])
def test_what_only_a_store_knows_is_refused_of_a_file(file: Path, option: str) -> None:
    result = run(file, option)
    assert result.exit_code == 2
    assert f"{option.partition('=')[0]} is for the store, not for a file" in result.stderr


def test_a_format_whose_package_is_missing_says_what_to_install(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "stix2", None)
    monkeypatch.setitem(sys.modules, "stix2.v21", None)
    monkeypatch.delitem(sys.modules, "alerts.formats.stix", raising=False)
    monkeypatch.delitem(sys.modules, "alerts.formats.stix_seen", raising=False)
    monkeypatch.delattr("alerts.formats.stix", raising=False)
    assert "install redshank[stix]" in str(run(file, "--format", "stix").exception)
