"""A report over a span of time as one HTML file that loads nothing: numbers, incidents, alerts with their pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import NamedTuple

from markupsafe import Markup

from alerts.alert import Alert
from alerts.explaining import explain
from alerts.explaining_picture import picture
from alerts.incident import Incident, by_incident
from alerts.output import plain
from alerts.store.counting import HOUR, Count
from alerts.store.store import Stored
from console.charts import binned, columns, stamp
from console.drawing import draw, in_words
from console.graph import HEADINGS, GraphPicture, timeline
from console.rendering import environment
from console.settings import Health
from console.words import Language, Words, type_title
from detections.declare import SEVERITIES
from detections.page import LAYERS

MOST_INCIDENTS = 50
MOST_BINS = 120
SHORT = timedelta(days=3)  # of which hours are drawn
SHOWN = ("What is usual", "What speaks against it")  # of an alert, beside what was seen


class Given(NamedTuple):
    """What a report is made of."""

    rows: Sequence[Stored]
    since: datetime
    until: datetime
    made: datetime
    health: Health | None = None
    left: bool = False  # there are more, older ones
    marks: bool = True  # whether it is known what people said of them


class TypeRow(NamedTuple):
    """A line of the table of types."""

    type: str
    title: str
    counts: dict[str, int]
    true: int
    benign: int


class Told(NamedTuple):
    """An incident with its pictures."""

    incident: Incident
    timeline: Markup
    graph: Markup | None


class Shown(NamedTuple):
    """An alert with its picture and what there is to say of it."""

    row: Stored
    picture: Markup
    words: list[tuple[str, list[str]]]


def html(given: Given, language: Language, most: int) -> str:
    """The whole file; `most` alerts are told one by one, the gravest first."""
    words = Words(language)
    rows = [row for row in given.rows if row.rule is None and not row.alert.withdrawn]
    incidents = _incidents([row.alert for row in rows])
    grave = sorted(
        rows, key=lambda row: (-SEVERITIES.index(row.alert.severity), row.alert.start, row.alert.id)
    )
    shown = grave[:most]
    return (
        environment()
        .get_template("report.html")
        .render(
            t=words,
            language=language,
            style=Markup((files("console") / "static" / "console.css").read_text("utf-8")),
            given=given,
            since=stamp(given.since),
            until=stamp(given.until),
            number=len(rows),
            severities=[(name, _number(rows, name)) for name in reversed(SEVERITIES)],
            states=Counter(row.state for row in rows),
            suppressed=sum(row.rule is not None for row in given.rows),
            withdrawn=sum(bool(row.alert.withdrawn) for row in given.rows),
            layers=[
                (name, sum(_layer(row.alert) == layer for row in rows)) for layer, name in LAYERS.items()
            ],
            chart=_chart(rows, given, words),
            types=_types(rows),
            severity_names=list(reversed(SEVERITIES)),
            incidents=[
                _told(one, rows, {row.alert.id for row in shown}, words) for one in incidents[:MOST_INCIDENTS]
            ],
            incidents_left=max(0, len(incidents) - MOST_INCIDENTS),
            alerts=[_shown(row, words) for row in shown],
            alerts_left=len(rows) - len(shown),
            type_title=lambda type_, title: type_title(type_, plain(title), language),
        )
    )


def _number(rows: Sequence[Stored], severity: str) -> int:
    return sum(row.alert.severity == severity for row in rows)


def _layer(alert: Alert) -> str:
    return alert.type.partition(".")[0]


def _types(rows: Sequence[Stored]) -> list[TypeRow]:
    found: dict[str, list[Stored]] = {}
    for row in rows:
        found.setdefault(row.alert.type, []).append(row)
    made = [
        TypeRow(
            type_,
            some[0].alert.title,
            Counter(row.alert.severity for row in some),
            sum(row.state == "true" for row in some),
            sum(row.state == "benign" for row in some),
        )
        for type_, some in found.items()
    ]
    return sorted(
        made, key=lambda one: ([-one.counts.get(name, 0) for name in reversed(SEVERITIES)], one.type)
    )


def _chart(rows: Sequence[Stored], given: Given, words: Words) -> Markup:
    """By hours where the span is short, else by days or more."""
    hours = 1 if given.until - given.since <= SHORT else 24
    span = timedelta(hours=hours)
    since = given.since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    since = since.replace(hour=0) if hours == 24 else since
    many = -(-max(given.until - since, span) // span)
    hours *= -(-many // MOST_BINS)
    until = since + timedelta(hours=hours) * -(-max(given.until - since, span) // timedelta(hours=hours))
    counts = [
        Count(one.start[:HOUR], _layer(one), one.severity, True, 1) for one in (row.alert for row in rows)
    ]
    return columns(binned(counts, since, until, hours), words("Alerts by severity"), words, links=False)


def _incidents(alerts: Sequence[Alert]) -> list[Incident]:
    """Those of several alerts, the gravest first."""
    found = [one for one in by_incident(alerts) if len(one.alerts) > 1]
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.begun, one.id))


def _told(incident: Incident, rows: Sequence[Stored], told: set[str], words: Words) -> Told:
    """Spans of the time line lead to the alerts that are told below."""
    ids, more = set(incident.alerts), words("and {number} more", number="{number}")
    alerts = sorted(
        (row.alert for row in rows if row.alert.id in ids), key=lambda one: (one.first_seen, one.id)
    )
    graph = GraphPicture(incident.graph)
    drawn = graph.draw(
        words("Who is connected with whom"), [words(heading) for heading in HEADINGS], more, links=False
    )
    there = "#alert-" if ids <= told else None
    return Told(
        incident,
        timeline(alerts, words("What happened when"), more, there),
        drawn if graph.worth_it else None,
    )


def _shown(row: Stored, words: Words) -> Shown:
    sections = {one.heading: one.lines for one in explain(row.alert)}
    return Shown(
        row,
        draw(in_words(picture(row.alert), words.said)),
        [(heading, sections[heading]) for heading in SHOWN],
    )
