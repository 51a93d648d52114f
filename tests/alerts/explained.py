"""What must hold of every alert that is explained."""

from __future__ import annotations

from alerts.alert import Alert
from alerts.explaining import explain
from alerts.explaining_picture import picture
from alerts.explaining_shapes import Bars, Lanes, described


def explained(alert: Alert) -> list[Bars | Lanes]:
    """Its evidence answers every question; the panels of its picture."""
    for section in explain(alert):
        assert section.lines, section.heading
        for line in section.lines:
            assert "does not say" not in line, (section.heading, alert.evidence)
            assert "names none" not in line, (section.heading, alert.evidence)
            assert line.isprintable()
    shown = picture(alert)
    for panel in shown.panels:
        assert panel.title in described(shown)
    return shown.panels
