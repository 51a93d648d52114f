"""`redshank report`: what is handed to others says what was there, loads nothing, and runs nothing of strangers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alerts.alert import Entity
from alerts.output import write_alerts
from alerts.store.store import AlertStore
from alerts.work import Scope
from benchmarks.console_pictures import browser
from cluster import printing
from cluster.cli import cli
from cluster.errors import UserError
from detections.catalogue import CATALOGUE
from tests.alerts.test_incident_told import alert, read

NOW = "2026-03-20T00:00:00Z"
HOSTILE = (
    "<script>document.title='owned'</script>\"'><img src=http://evil.example/x>{{ 7777*7 }}</style>\x1b[2J"
)


def every() -> list[Any]:
    hostile = alert("e1" * 16, "management.powershell", "16:00", entity=Entity("principal", HOSTILE),
                    description=HOSTILE, title=HOSTILE, evidence={"name": HOSTILE, HOSTILE: HOSTILE},
                    remediation=(HOSTILE,), incident="20260319T160000Z-ee")  # fmt: skip
    return [
        alert("a1" * 16, "management.infrequent_country", "10:05"),
        read("b1" * 16, "11:00", "kv-a", "high"),
        alert("c1" * 16, "key_vault.tor_access", "15:00", "low", incident="20260319T150000Z-cc"),
        alert("d1" * 16, "management.anonymous_ip", "15:30", incident="20260319T153000Z-dd"),
        hostile,
    ]


def store(folder: Path) -> str:
    url = f"sqlite:///{folder / 'a.db'}"
    made = AlertStore(url)
    made.write(every(), NOW)
    made.mark("b1" * 16, "true", "", "uma", NOW)
    made.suppress(Scope(type="key_vault.tor_access"), None, "", "uma", NOW)
    return url


def report(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments, "--out", str(out / "r.html")])


def cells(page: str, name: str) -> str:
    return re.sub(r"<[^>]+>| ", "", page.split(f"<td>{name}</td>", 1)[1].split("</tr>", 1)[0])


def test_it_counts_what_the_store_has_and_tells_incidents_and_alerts(tmp_path: Path) -> None:
    said = report(tmp_path, "--store", store(tmp_path), "--since", "2026-03-19", "--until", "2026-03-20")
    assert said.exit_code == 0, said.output
    page = (tmp_path / "r.html").read_text()
    tiles = re.findall(r"edge-(\w+)\"><span[^>]*>\w+</span><b>(\d+)</b>", page)
    assert dict(tiles) == {"high": "1", "medium": "3", "low": "0", "informational": "0"}
    assert (cells(page, "true"), cells(page, "open"), cells(page, "suppressed")) == ("1", "3", "1")
    assert "Access, then credentials: uma@example.com" in page
    assert page.count('class="chart graph"') == 1
    assert page.count('id="alert-') == 4
    assert 'id="alert-' + "c1" * 16 not in page, "a rule hides it"
    assert page.index('id="alert-' + "b1" * 16) < page.index('id="alert-' + "a1" * 16), "the gravest first"


def test_a_span_leaves_out_what_began_before_and_after(tmp_path: Path) -> None:
    write_alerts(tmp_path / "a.jsonl", every())
    said = report(
        tmp_path, str(tmp_path / "a.jsonl"), "--since", "2026-03-19T11:00Z", "--until", "2026-03-19T15:00Z"
    )
    assert said.exit_code == 0, said.output
    page = (tmp_path / "r.html").read_text()
    assert re.findall(r'id="alert-(\w+)"', page) == ["b1" * 16]
    assert "marks and rules are kept in a store" in page


def test_a_report_over_a_file_ends_with_its_last_alert(tmp_path: Path) -> None:
    """What was recorded long ago would be a sliver at the edge of a chart of months."""
    file = tmp_path / "a.jsonl"
    write_alerts(file, every())
    said = report(tmp_path, str(file))
    assert said.exit_code == 0, said.output
    last = max(one.end for one in every())
    assert f"– {last[:16].replace('T', ' ')} UTC" in (tmp_path / "r.html").read_text()


def test_a_report_over_nothing_says_so(tmp_path: Path) -> None:
    write_alerts(tmp_path / "a.jsonl", [])
    assert report(tmp_path, str(tmp_path / "a.jsonl")).exit_code == 0
    assert "There are none." in (tmp_path / "r.html").read_text()


def test_in_japanese_it_is_one_language_but_for_the_alerts_own_words(tmp_path: Path) -> None:
    write_alerts(tmp_path / "a.jsonl", every()[:2])
    assert report(tmp_path, str(tmp_path / "a.jsonl"), "--language", "ja").exit_code == 0
    page = (tmp_path / "r.html").read_text()
    assert '<html lang="ja">' in page
    assert "つながり" in page
    assert "The story" not in page


def test_in_japanese_incidents_steps_and_pictures_are_in_japanese_too(tmp_path: Path) -> None:
    write_alerts(tmp_path / "a.jsonl", every()[:2])
    assert report(tmp_path, str(tmp_path / "a.jsonl"), "--language", "ja").exit_code == 0
    page = (tmp_path / "r.html").read_text()
    assert "アクセス → 資格情報: uma@example.com" in page
    assert "Access, then credentials" not in page
    assert "についてのアラート 2 件、2026-03-19" in page
    for step in CATALOGUE["management.infrequent_country"].remediation:
        assert step not in page


def test_a_browser_loads_nothing_and_runs_nothing_of_it(tmp_path: Path) -> None:
    write_alerts(tmp_path / "a.jsonl", every())
    assert report(tmp_path, str(tmp_path / "a.jsonl")).exit_code == 0
    page = (tmp_path / "r.html").read_text()
    assert "{{ 7777*7 }}" in page
    assert "\x1b" not in page
    opened = browser()
    try:
        chromium = opened.__enter__()
    except LookupError as error:
        pytest.skip(str(error))
    try:
        tab, asked, errors = chromium.new_page(), [], []
        tab.on("request", lambda one: asked.append(one.url))
        tab.on("console", lambda one: errors.append(one.text))
        tab.goto((tmp_path / "r.html").as_uri())
        assert asked == [(tmp_path / "r.html").as_uri()]
        assert errors == []
        assert tab.title().startswith("Report ")
        assert tab.evaluate("document.scripts.length + document.images.length") == 0
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for link in tab.query_selector_all("a"):
            assert tab.query_selector(str(link.get_attribute("href"))) is not None
    finally:
        opened.__exit__(None, None, None)


def test_its_pdf_is_printed_beside_it(tmp_path: Path) -> None:
    try:
        printing.printer()
    except UserError as error:
        pytest.skip(str(error))
    write_alerts(tmp_path / "a.jsonl", every())
    said = report(tmp_path, str(tmp_path / "a.jsonl"), "--pdf")
    assert said.exit_code == 0, said.output
    body = (tmp_path / "r.pdf").read_bytes()
    assert body.startswith(b"%PDF-")
    assert len(body) > 10_000


def test_without_chromium_one_line_says_so_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "NAMES", ())
    monkeypatch.setattr(printing, "_of_playwright", lambda: None)
    write_alerts(tmp_path / "a.jsonl", every())
    said = report(tmp_path, str(tmp_path / "a.jsonl"), "--pdf")
    assert isinstance(said.exception, UserError)
    assert "needs Chromium" in str(said.exception)
    assert not (tmp_path / "r.html").exists()


def test_a_chromium_that_prints_nothing_is_said_with_its_own_words(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(UserError, match=r"printed nothing \(status 3\): no display"):
        printing._print(str(broken), tmp_path / "r.html", tmp_path / "r.pdf")


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    write_alerts(tmp_path / "a.jsonl", every())
    file = str(tmp_path / "a.jsonl")
    for arguments, why in (
        ([], "One of FILE, --config FILE and --store URL was expected"),
        ([file, "--store", "sqlite:///x.db"], "either FILE or --store"),
        ([file, "--since", "2026-03-20", "--until", "2026-03-19"], "is not before the end of the span"),
        ([file, "--since", "soon"], "a duration (7d, 12h) was expected"),
        ([file, "--language", "fr"], "is not one of"),
    ):
        said = report(tmp_path, *arguments)
        assert said.exit_code == 2, (arguments, said.output)
        assert why in said.output
    said = CliRunner().invoke(cli, ["report", file, "--out", str(tmp_path / "r.txt")])
    assert "must end in .html" in said.output
