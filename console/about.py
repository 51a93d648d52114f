"""What the page of one alert shows, gathered from its store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from alerts.alert import Alert
from alerts.explaining import Section, explain
from alerts.explaining_picture import picture
from alerts.naming import Named, named
from alerts.store.store import STEP_DONE, STEP_NOT_DONE, AlertStore, Change, Stored
from alerts.store.together import page
from alerts.work import Filter
from console import evidence
from console.drawing import draw, in_words
from console.words import Words

OTHERS = 10
SHOWN = ("What is usual", "What speaks against it", "How improbable it is", "Since when that is known")


class Step(NamedTuple):
    """One of the remediation, and who has done it when."""

    number: int
    text: str
    done: Change | None


class About(NamedTuple):
    """One alert, whole."""

    row: Stored
    seen: Section
    words: list[Section]
    picture: Markup
    facts: list[tuple[str, str]]
    tables: list[evidence.Table]
    records: evidence.Table | None
    steps: list[Step]
    named: list[Named]
    history: list[Change]
    of_incident: list[Stored]
    of_entity: list[Stored]


def about(stores: Sequence[AlertStore], place: AlertStore, row: Stored, words: Words) -> About:
    """Everything that there is to say of it."""
    alert = row.alert
    history = place.history(alert.id)
    sections = {one.heading: one for one in explain(alert)}
    return About(
        row=row,
        seen=sections["What was seen"],
        words=[sections[heading] for heading in SHOWN],
        picture=draw(in_words(picture(alert), words.said)),
        facts=evidence.facts(alert),
        tables=evidence.tables(alert),
        records=evidence.records(alert),
        steps=steps(alert, history),
        named=named(alert),
        history=history,
        of_incident=_of_incident(stores, alert),
        of_entity=_others(stores, alert, Filter(entity=alert.entity.id, limit=OTHERS + 1)),
    )


def _of_incident(stores: Sequence[AlertStore], alert: Alert) -> list[Stored]:
    if not alert.incident:
        return []
    return _others(stores, alert, Filter(incident=alert.incident, order="oldest", limit=OTHERS + 1))


def _others(stores: Sequence[AlertStore], alert: Alert, asked: Filter) -> list[Stored]:
    return [row for row in page(stores, asked).alerts if row.alert.id != alert.id][:OTHERS]


def steps(alert: Alert, history: Sequence[Change]) -> list[Step]:
    """The remediation, with what people said of each step last."""
    last = {change.detail: change for change in history if change.what in (STEP_DONE, STEP_NOT_DONE)}
    found = []
    for number, text in enumerate(alert.remediation, 1):
        said = last.get(text)
        found.append(Step(number, text, said if said and said.what == STEP_DONE else None))
    return found
