"""The console in another language: no text is left out, and a page is one language but for the alerts' own words."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from consoles import Console, alert

from alerts.explaining import explain
from alerts.stages import STAGES
from alerts.store.people import ROLES
from alerts.work import ORDERS, STATES
from console import about, japanese
from console.graph import HEADINGS
from console.settings import Mode
from detections.catalogue import CATALOGUE
from detections.declare import SEVERITIES, Owner
from detections.page import LAYERS

HERE = Path(about.__file__).parent
# Texts that a page makes of a value.
MADE = {
    *SEVERITIES, *STATES, *ORDERS, *ROLES, *LAYERS.values(), *get_args(Mode), *get_args(Owner), *about.SHOWN,
    *HEADINGS, *STAGES, *(section.heading for section in explain(alert(0))),
    *(f"marked {state}" for state in STATES), "assigned", "taken from its assignee", "note", "step done",
    "step not done", "suppressed", "unsuppressed",
    *("starting", "running", "stopping", "delivered", "under way", "read"),
    *(f"Other alerts of the same {kind}" for kind in get_args(Owner)),
}  # fmt: skip


def written() -> set[str]:
    """Texts that stand in templates and modules."""
    found = set()
    for path in (HERE / "templates").glob("*.html"):
        found |= set(re.findall(r"\bt\('([^']+)'", path.read_text()))
    for path in HERE.glob("*.py"):
        found |= set(re.findall(r"""\b(?:words|say)\(\s*["']([^"']+)["']""", path.read_text()))
    return found - {"Other alerts of the same "}


def test_every_text_is_there_in_japanese_and_none_is_left_from_before() -> None:
    assert len(written()) > 100
    assert sorted((written() | MADE) - set(japanese.TEXTS)) == []
    assert sorted(set(japanese.TEXTS) - written() - MADE - {"address", "application", "type", "entity"}) == []
    assert set(japanese.TITLES) == set(CATALOGUE)


@pytest.mark.parametrize("english", japanese.TEXTS)
def test_a_translation_says_the_same_values(english: str) -> None:
    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

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
