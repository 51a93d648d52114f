"""The console in another language: no text is left out, and a page is one language but for what is named in it."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from alerts.explaining import explain
from alerts.stages import STAGES
from alerts.store.people import ROLES
from alerts.work import ORDERS, STATES
from console import about, japanese
from console.graph import HEADINGS
from console.japanese_detections import DESCRIPTIONS, EXPLANATIONS, STEPS
from console.japanese_sentences import PARTS, SENTENCES
from console.settings import Mode
from console.words import Words
from detections.catalogue import CATALOGUE
from detections.declare import SEVERITIES, Finding, Owner
from detections.page import LAYERS, learning_text, when_text
from detections.sign_ins import SignIn, _sentence
from tests.console.consoles import Console, alert

HERE = Path(about.__file__).parent
# Texts that a page makes of a value.
MADE = {
    *SEVERITIES, *STATES, *ORDERS, *ROLES, *LAYERS.values(), *get_args(Mode), *get_args(Owner), *about.SHOWN,
    *HEADINGS, *STAGES, *(section.heading for section in explain(alert(0))),
    *(f"marked {state}" for state in STATES), "assigned", "taken from its assignee", "note", "step done",
    "step not done", "suppressed", "unsuppressed",
    *("starting", "running", "stopping", "delivered", "under way", "read"),
    *(f"Other alerts of the same {kind}" for kind in get_args(Owner)), "seen", "usual", "usual at most",
}  # fmt: skip


def written() -> set[str]:
    """Texts that stand in templates and modules."""
    found = set()
    for path in (HERE / "templates").glob("*.html"):
        found |= set(re.findall(r"\bt\('([^']+)'", path.read_text()))
    for path in HERE.glob("*.py"):
        found |= set(re.findall(r"""\b(?:words|say)\(\s*["']([^"']+)["']""", path.read_text()))
    for path in (HERE / "app.py", *HERE.glob("pages_*.py")):  # what a page says where something is not there
        found |= set(
            re.findall(r'(?:(?:NotFound|Wrong)Error\(|^ +)"([A-Z][^"]+\.)"(?:\)| if)', path.read_text(), re.M)
        )
    return found - {"Other alerts of the same "}


def test_every_text_is_there_in_japanese_and_none_is_left_from_before() -> None:
    assert len(written()) > 100
    assert sorted((written() | MADE) - set(japanese.TEXTS)) == []
    assert sorted(set(japanese.TEXTS) - written() - MADE - {"address", "application", "type", "entity"}) == []
    assert set(japanese.TITLES) == set(CATALOGUE)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("english", japanese.TEXTS)
def test_a_translation_says_the_same_values(english: str) -> None:
    assert fields(japanese.TEXTS[english]) == fields(english)


@pytest.mark.parametrize(
    "path",
    ["/", "/alerts", "/incidents", "/detections", "/rules", "/rules/new", "/incidents/20260319T230000Z-aa"],
)
def test_a_page_in_japanese_is_whole(tmp_path: Path, path: str) -> None:
    console = Console(tmp_path, [alert(0), alert(1)])
    console.client.headers["accept-language"] = "ja,en;q=0.5"
    page = console.page(path)
    assert '<html lang="ja"' in page
    assert "アラート" in page
    assert ">Alerts<" not in page
    assert "{number}" not in page.replace("data-many", "").replace("新しいアラート {number} 件", "")


@pytest.mark.parametrize("type_", CATALOGUE)
def test_a_detection_is_whole_in_japanese(type_: str) -> None:
    detection = CATALOGUE[type_]
    assert fields(DESCRIPTIONS[type_]) == fields(detection.description)
    assert fields(EXPLANATIONS[type_]) == set()
    assert [step for step in detection.remediation if step not in STEPS] == []
    for said in (learning_text(detection), when_text(detection)):
        assert Words("ja").said(said) != said


def test_no_translation_is_left_of_a_detection_that_is_gone() -> None:
    assert set(DESCRIPTIONS) == set(EXPLANATIONS) == set(CATALOGUE)
    steps = {step for detection in CATALOGUE.values() for step in detection.remediation}
    assert sorted(set(STEPS) - steps) == []


@pytest.mark.parametrize("english", [*SENTENCES, *PARTS])
def test_a_sentence_says_the_same_values_in_japanese(english: str) -> None:
    assert fields({**SENTENCES, **PARTS}[english]) == fields(english)


def test_a_name_in_an_alert_is_never_taken_for_a_part_of_a_sentence() -> None:
    one = alert(0, description="{from} {n}, from x reached the vault {who} through Tor, from 1.2.3.4 (DE): 3 "
                "operations were let through, 1 refused.")  # fmt: skip
    assert Words("ja").told(one).startswith("{from} {n}, from x は Tor を経由して 1.2.3.4 (DE) から")
    for text in ("", "{n}", "x" * 100_000, ", from " * 2_000, "About {n} an hour.", "\n"):
        assert Words("ja").said(text) == text
    assert Words("en").said("About 3 an hour.") == "About 3 an hour."
    assert Words("ja").value("less than 1 in 1,000") == "1,000 分の 1 未満"
    assert Words("en").value("yes") == "yes"


def test_an_alert_s_page_is_in_japanese_but_for_what_the_cloud_calls_things(tmp_path: Path) -> None:
    said = "app-1 reached the vault PAYROLL through Tor, from 185.220.101.4 (DE): 3 operations were let through, 0 refused."
    console = Console(tmp_path, [alert(0, description=said), alert(1, description=said)])
    console.client.headers["accept-language"] = "ja"
    page = console.page(f"/alerts/{alert(0).id}")
    main = re.sub(r"<[^>]*>", " ", page.partition("<main")[2])
    assert "app-1 は Tor を経由して 185.220.101.4 (DE) からキー コンテナー PAYROLL に接続しました。" in main
    assert "呼び出し元を突き止めます。" in main
    left = set(re.findall(r"(?:\b[a-z]{2,} ){3,}", main))
    assert {one for one in left if not one.startswith("an administrator")} == set()
    listed = console.page("/alerts")
    assert "app-1 は Tor を経由して" in listed


@pytest.mark.parametrize("kind", ["user", "application"])
@pytest.mark.parametrize("to", ["Azure Portal", ""])
@pytest.mark.parametrize("interactive", [True, False])
def test_what_sign_ins_say_is_in_japanese(kind: str, to: str, interactive: bool) -> None:
    one = SignIn(0, "192.0.2.1", True, interactive, True, "high", to, kind)
    said = _sentence(Finding(evidence={}, first_us=7_200_000_000, last_us=7_200_000_000, count=1), one)
    for text in (said, f"uma@example.com {said}"):
        japanese = Words("ja").said(text)
        assert "192.0.2.1" in japanese
        assert to in japanese
        assert re.search(r"signed|sign-in|before|device|risk|hours", japanese) is None, japanese


def test_a_page_that_is_not_there_says_so_in_the_readers_language(tmp_path: Path) -> None:
    console = Console(tmp_path, [])
    console.client.headers["accept-language"] = "ja"
    for path in ("/incidents/nope", "/alerts/nope", "/nowhere"):
        page = console.client.get(path).text
        assert "ありません。" in page
        assert "There is no" not in page
