"""Holds the alerts of a run against its truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

HOUR_S = 3600.0
SEVERITIES = ("informational", "low", "medium", "high")


@dataclass
class Score:
    """What came of one organisation."""

    seed: int
    kind: str = "default"
    strength: str = "loud"
    entity_days: float = 0.0
    seconds: float = 0.0
    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    minor: Counter[str] = field(default_factory=Counter)  # false, of lower severity
    delays: dict[str, list[float]] = field(
        default_factory=dict
    )  # minutes from start to first_seen's hour end
    notes: list[str] = field(default_factory=list)
    # Of attacks played more than once, or amid change: part -> type -> how many were found, and how many there were.
    parts: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    ramps: dict[str, int] = field(default_factory=dict)  # type -> day of the ramp on which it was first found
    lowered: list[bool] = field(
        default_factory=list
    )  # later days' attacks: of lower severity than the first's
    grave: Counter[str] = field(default_factory=Counter)  # found by an alert of medium or higher severity
    when: str = "once"
    sampling: int = 1
    changed: dict[str, Counter[str]] = field(
        default_factory=dict
    )  # change -> type -> false alerts it brought


def seconds(text: str) -> float:
    """RFC 3339 to seconds."""
    return datetime.fromisoformat(text).timestamp()


def entity_of(value: dict[str, Any]) -> tuple[str, str]:
    """An entity to compare by."""
    return value["kind"], value["id"].lower()


@dataclass(frozen=True)
class Expected:
    """One (type, entity, time) that an attack rightly raises; `main` for the attack's own."""

    type: str
    entity: tuple[str, str] | None
    start: float
    end: float
    main: bool

    def matches(self, alert: dict[str, Any]) -> bool:
        """Is the alert of this attack?"""
        if alert["type"] != self.type or (self.entity and entity_of(alert["entity"]) != self.entity):
            return False
        begin, end = seconds(alert["start"]), seconds(alert["end"])
        return begin < self.end + 2 * HOUR_S and end > self.start - HOUR_S


def expectations(truth: dict[str, Any]) -> list[Expected]:
    """What an attack's truth says may be raised, its own type first; of some types also hours after."""
    start = seconds(truth["start"])
    claims = [truth, *truth.get("also", ())]
    return [
        Expected(
            one["type"],
            entity_of(one["entity"]) if one.get("entity") else None,
            start,
            _end(truth, one),
            one is truth,
        )
        for one in claims
    ]


def _end(truth: dict[str, Any], claim: dict[str, Any]) -> float:
    """When what was claimed is over: with the attack, or when its consequences are."""
    end = seconds(truth["end"])
    return max(end, seconds(claim["until"]) - HOUR_S) if "until" in claim else end


def judge(seed: int, alerts: list[dict[str, Any]], truths: list[dict[str, Any]]) -> Score:
    """Hold the alerts of a run against its truth."""
    score = Score(seed)
    real = [truth for truth in truths if not truth.get("withheld")]
    known = [one for truth in real for one in expectations(truth)]
    hits = [[alert for alert in alerts if expectations(truth)[0].matches(alert)] for truth in real]
    for truth, found in zip(real, hits, strict=True):
        if "part" not in truth:
            _count(score, truth, found)
    _count_parts(score, [(truth, found) for truth, found in zip(real, hits, strict=True) if "part" in truth])
    for alert in alerts:
        if not any(one.matches(alert) for one in known):
            (score.false if serious(alert) else score.minor)[alert["type"]] += 1
            score.notes.append(f"seed {seed}: {noted(alert)}")
    return score


def noted(alert: dict[str, Any]) -> str:
    """A false alert, for whoever asks which."""
    what = f"false {alert['severity']} {alert['type']} {alert['start']} {alert['entity']['id']}"
    return f"{what}: {alert['description']}"


def serious(alert: dict[str, Any]) -> bool:
    """Of medium or higher severity."""
    return alert["severity"] in SEVERITIES[2:]


def _count(score: Score, truth: dict[str, Any], hits: Sequence[dict[str, Any]]) -> None:
    """An attack that is played once."""
    if not hits:
        score.missed[truth["type"]] += 1
        _note_miss(score, truth)
        return
    score.found[truth["type"]] += 1
    score.grave[truth["type"]] += any(map(serious, hits))
    told = min(seconds(alert["last_seen"]) for alert in hits)
    score.delays.setdefault(truth["type"], []).append(max(0.0, told - seconds(truth["start"])) / 60)


def _note_miss(score: Score, truth: dict[str, Any]) -> None:
    where = truth["entity"]
    part = f" ({truth['part']})" if "part" in truth else ""
    score.notes.append(
        f"seed {score.seed}: missed {truth['type']}{part} on {where['kind']} {where['id']} at {truth['start']}"
    )


def _count_parts(score: Score, played: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    """Attacks in several parts: each part by itself, when a ramp was first found, and whether repeats are lower."""
    first: dict[str, int] = {}  # the first day's severity, by type
    steps: Counter[str] = Counter()
    rows: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for truth, hits in played:
        type_, part = truth["type"], truth["part"]
        rows[part][type_][0] += bool(hits)
        rows[part][type_][1] += 1
        steps[type_] += 1
        severity = max((SEVERITIES.index(alert["severity"]) for alert in hits), default=-1)
        if part.startswith("ramp") and hits:
            score.ramps.setdefault(type_, steps[type_])
        elif part == "first day":
            first[type_] = severity
        elif part == "later days" and hits and first[type_] >= 0:
            score.lowered.append(severity < first[type_])
        if not hits and not part.startswith(("ramp", "learning")):
            _note_miss(score, truth)
    score.parts = {
        part: {type_: (found, of) for type_, (found, of) in types.items()} for part, types in rows.items()
    }


def brought(
    without: list[dict[str, Any]], with_: list[dict[str, Any]], changes: Sequence[tuple[str, float]]
) -> dict[str, Counter[str]]:
    """Serious alerts that only the changed organisation has, by the change that had begun last (name, seconds)."""
    there = {
        (alert["type"], entity_of(alert["entity"]), alert["start"]) for alert in without if serious(alert)
    }
    found = {name: Counter[str]() for name, _ in changes}
    for alert in with_:
        if not serious(alert) or (alert["type"], entity_of(alert["entity"]), alert["start"]) in there:
            continue
        begun = [name for name, first in changes if first <= seconds(alert["end"])]
        found.setdefault(begun[-1] if begun else "before any", Counter())[alert["type"]] += 1
    return found
