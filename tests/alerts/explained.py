"""What must hold of every alert that is explained."""

from __future__ import annotations

from alerts.alert import Alert
from alerts.explaining import explain
from alerts.explaining_picture import picture
from alerts.explaining_shapes import Bars, Lanes, described
from alerts.output import plain, told
from console.evidence import ELSEWHERE
from console.japanese_evidence import LABELS
from console.words import Words

BY_NAME = ("Records to look at", "Other alerts")


def in_japanese(alert: Alert, line: str) -> str:
    """A line as the console says it."""
    words = Words("ja")
    return words.told(alert) if line == plain(told(alert)) else words.said(line)


def explained(alert: Alert) -> list[Bars | Lanes]:
    """Its evidence answers every question; the panels of its picture."""
    for section in explain(alert):
        assert section.lines, section.heading
        for line in section.lines:
            assert "does not say" not in line, (section.heading, alert.evidence)
            assert "names none" not in line, (section.heading, alert.evidence)
            assert line.isprintable()
            if not section.heading.startswith(BY_NAME):
                assert in_japanese(alert, line) != line, f"console/japanese_sentences.py lacks: {line}"
    known = {name for name in alert.evidence if name not in LABELS and name not in ELSEWHERE}
    assert not known, f"console/japanese_evidence.py lacks: {sorted(known)}"
    shown = picture(alert)
    for panel in shown.panels:
        assert panel.title in described(shown)
    return shown.panels
