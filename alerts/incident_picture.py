"""An incident as a picture (`alerts.explaining_shapes`): a lane for each step of its story. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.alert import Alert
from alerts.explaining_evidence import seconds
from alerts.explaining_shapes import Lanes, Mark, Picture, Point
from alerts.incident import Incident
from detections.words import counted

MOST_LANES = 12
MOST_POINTS = 500


def picture(incident: Incident, alerts: Sequence[Alert]) -> Picture:
    """When each kind of alert was raised, in the order of the story."""
    known = {one.id: one for one in alerts}
    shown = incident.story[:MOST_LANES]
    points = [Point(step.title, *_span(known[id_])) for step in shown for id_ in step.alerts if id_ in known]
    left = len(incident.story) - len(shown)
    title = "What happened when" + (f" (and {counted(left, 'later step')})" if left else "")
    about = f"{incident.summary.removesuffix('.')}, {incident.severity}"
    return Picture(incident.title, about, [Lanes(title, points[:MOST_POINTS])])


def _span(alert: Alert) -> tuple[float, Mark, float | None]:
    first = seconds(alert.first_seen) or seconds(alert.start) or 0.0
    last = seconds(alert.last_seen) or first
    return first, "new" if alert.severity == "high" else "seen", last if last > first else None
