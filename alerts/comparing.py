"""What another configuration makes of the same telemetry: which alerts come, go and change. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from alerts.alert import Alert, Entity, order
from detections.declare import Severity


class Came(msgspec.Struct, kw_only=True):
    """An alert that only one of the two runs has."""

    alert: Alert
    reason: str = ""  # why the other one has it not, where that is known


class Changed(msgspec.Struct, kw_only=True):
    """An alert of both runs; of what differs, the old value and the new one."""

    id: str
    type: str
    title: str
    entity: Entity
    start: str
    severity: tuple[Severity, Severity] | None = None
    count: tuple[int, int] | None = None
    evidence: dict[str, tuple[Any, Any]] = {}


class Comparison(msgspec.Struct, kw_only=True):
    """All of it, each in the alerts' order."""

    come: list[Came]
    go: list[Came]
    change: list[Changed]
    stay: int


def compare(
    old: Sequence[Alert],
    new: Sequence[Alert],
    why_not_old: Mapping[str, str],
    why_not_new: Mapping[str, str],
) -> Comparison:
    """Two runs' alerts, by id; with what each run says of ids that it raised no alert for."""
    before, after = ({alert.id: alert for alert in sorted(some, key=order)} for some in (old, new))
    both = [(before[id_], alert) for id_, alert in after.items() if id_ in before]
    changes = [change for pair in both if (change := _change(*pair)) is not None]
    return Comparison(
        come=_only(after, before, why_not_old),
        go=_only(before, after, why_not_new),
        change=changes,
        stay=len(both) - len(changes),
    )


def _only(mine: dict[str, Alert], others: dict[str, Alert], why: Mapping[str, str]) -> list[Came]:
    return [
        Came(alert=alert, reason=why.get(id_, why.get(alert.type, "")))
        for id_, alert in mine.items()
        if id_ not in others
    ]


def _change(old: Alert, new: Alert) -> Changed | None:
    """What differs; the incident does not count: it is named by the alerts around."""
    keys = sorted({*old.evidence, *new.evidence})
    evidence = {
        key: (old.evidence.get(key), new.evidence.get(key))
        for key in keys
        if old.evidence.get(key) != new.evidence.get(key)
    }
    severity = (old.severity, new.severity) if old.severity != new.severity else None
    count = (old.count, new.count) if old.count != new.count else None
    if severity is None and count is None and not evidence:
        return None
    return Changed(
        id=new.id, type=new.type, title=new.title, entity=new.entity, start=new.start,
        severity=severity, count=count, evidence=evidence,
    )  # fmt: skip
