"""An alert explained: what was seen, what is usual, how improbable, where to look, what speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from alerts.alert import Alert, order
from alerts.explaining_evidence import amount, moment, number, rows, seconds, table, text, texts, times
from alerts.explaining_usual import chance_words, usual_words
from alerts.output import is_open, plain, told, who
from detections.catalogue import CATALOGUE

MOST = 10  # records, and other alerts, that are named; the rest is counted
DAY_S = 86_400.0


class Section(NamedTuple):
    """One question with its answer, a line each."""

    heading: str
    lines: list[str]


def explain(alert: Alert, alerts: Iterable[Alert] = ()) -> list[Section]:
    """The explanation; `alerts` are those among which others of the same entity and incident are looked for."""
    others = [one for one in alerts if one.id != alert.id and not one.withdrawn]
    return [
        Section("What was seen", _seen(alert)),
        Section("What is usual", usual_words(alert)),
        Section("Since when that is known", [_since(alert)]),
        Section("How improbable it is", chance_words(alert, is_rule(alert))),
        Section("Records to look at", _records(alert)),
        Section("What speaks against it", _against(alert)),
        Section("Other alerts of the same incident", _named(_of_incident(alert, others))),
        Section("Other alerts of the same " + alert.entity.kind, _named(_of_entity(alert, others))),
    ]


def is_rule(alert: Alert) -> bool:
    """Whether it needed no history."""
    detection = CATALOGUE.get(alert.type)
    learns = (detection is not None and detection.learning is not None) or "judged_by" in alert.evidence
    return not learns and number(alert.evidence.get("improbability")) is None


def _seen(alert: Alert) -> list[str]:
    said = [plain(told(alert))]
    first, last = moment(alert.first_seen), moment(alert.last_seen)
    span = f"at {first}" if first == last else f"from {first} to {last}"
    said.append(f"{times(alert.count, *_nouns(alert.type))}, {span}.")
    counted = sorted(
        (-count, text(name))
        for name, value in table(alert.evidence.get("operations")).items()
        if (count := number(value)) is not None
    )
    if counted:
        said.append("Operations: " + _cut([f"{name} × {amount(-count)}" for count, name in counted]) + ".")
    said += _places(alert)
    if is_open(alert):
        said.append("Its hour was open when this was told: counts are of what had come by then.")
    if alert.withdrawn:
        said.append(f"Withdrawn: {plain(alert.withdrawn)}.")
    return said


def _nouns(type_: str) -> tuple[str, str]:
    """What an alert's count is of."""
    if not type_.startswith("network."):
        return "record", "records"
    return ("address", "addresses") if type_.endswith("_multiple") else ("connection", "connections")


def _places(alert: Alert) -> list[str]:
    places = [
        f"{text(row.get('address'))} ({text(row.get('country')) or 'country unknown'})"
        for row in rows(alert.evidence.get("addresses")) or rows(alert.evidence.get("top_peers"))
        if text(row.get("address"))
    ]
    return [f"Addresses: {_cut(places)}."] if places else []


def _cut(shown: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(shown) - most:,} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + rest


def _since(alert: Alert) -> str:
    evidence = alert.evidence
    since = evidence.get("learned_since", evidence.get("known_since"))
    begun, start = seconds(since), seconds(alert.start)
    if begun is None or start is None:
        return "The evidence does not say."
    days = times(round(max(0.0, start - begun) / DAY_S, 1), "day", "days")
    if is_rule(alert):
        return f"It is a rule, which works from the first minute; the {alert.entity.kind} is known since {moment(since)}, {days} before."
    return f"Learned since {moment(since)}, {days} before this hour."


def _records(alert: Alert) -> list[str]:
    found = [row for row in rows(alert.evidence.get("records")) if text(row.get("source"))]
    if not found:
        return ["The evidence names none."]
    lines, source = [], ""
    for row in found[:MOST]:
        if text(row["source"]) != source:
            source = text(row["source"])
            lines.append(source)
        lines.append(_record(row))
    if len(found) > MOST:
        lines.append(f"and {len(found) - MOST:,} more in the alert")
    return lines


def _record(row: dict[str, object]) -> str:
    at, count = number(row.get("offset")), number(row.get("count"))
    parts = ["" if at is None else f"at {at:.0f}", text(row.get("time")), text(row.get("operation"))]
    if count is not None and count > 1:
        parts.append(f"× {amount(count)}")
    return "  " + "  ".join(part for part in parts if part)


def _against(alert: Alert) -> list[str]:
    return texts(alert.evidence.get("against")) or ["Nothing that is known."]


def _of_incident(alert: Alert, others: list[Alert]) -> list[Alert]:
    return [one for one in others if alert.incident and one.incident == alert.incident]


def _of_entity(alert: Alert, others: list[Alert]) -> list[Alert]:
    """Beside those of the incident."""
    entity = alert.entity.kind, alert.entity.id.lower()
    of_incident = {one.id for one in _of_incident(alert, others)}
    return [
        one
        for one in others
        if (one.entity.kind, one.entity.id.lower()) == entity and one.id not in of_incident
    ]


def _named(alerts: list[Alert]) -> list[str]:
    if not alerts:
        return ["None in this file."]
    lines = [
        f"{one.start[:16].replace('T', ' ')}  {one.severity}  {plain(one.title)}: {plain(who(one))}  ({plain(one.id[:8])})"
        for one in sorted(alerts, key=order)[:MOST]
    ]
    return lines + ([f"and {len(alerts) - MOST:,} more"] if len(alerts) > MOST else [])
