"""An alert: what a person reads, made from a finding alone."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from detections.declare import SEVERITIES, Detection, Finding, Severity
from detections.words import Count, rfc3339
from ingest.records import HOUR_US


class Entity(msgspec.Struct, frozen=True):
    """What an alert is about."""

    kind: str
    id: str


class Alert(msgspec.Struct, kw_only=True):
    """The alert as it is written; the field names are a fixed interface."""

    id: str
    type: str
    title: str
    description: str
    severity: Severity
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    entity: Entity
    start: str  # RFC 3339, UTC
    end: str
    first_seen: str
    last_seen: str
    count: int
    evidence: dict[str, Any]
    remediation: tuple[str, ...]
    incident: str = ""
    region: str = ""
    complete: bool | UnsetType = UNSET  # false: its hour is open, a later word with this id is to come
    shadow: bool | UnsetType = UNSET  # true: of a detection in shadow, recorded apart
    sample: bool | UnsetType = UNSET  # true: nothing was seen, it was raised to try the sinks
    joins: tuple[str, ...] | UnsetType = (
        UNSET  # incidents that ended as part of its own: their ids mean it now
    )
    withdrawn: str | UnsetType = UNSET  # why it is none after all; it was told before its hour had closed


def alert_id(type_: str, kind: str, entity: str, start: str) -> str:
    """A content hash of type, entity and start: the same alert has the same id in every run.

    >>> alert_id("key_vault.tor_access", "vault", "/S/KV", "2026-03-17T10:00:00Z")
    '8ba46b2c30e1103bb12bf90ba8683bd0'
    """
    text = "\0".join((type_, kind, entity.lower(), start))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def make_alert(
    detection: Detection,
    kind: str,
    entity: str,
    hour: int,
    finding: Finding,
    severity: Severity,
    region: str = "",
) -> Alert:
    """The alert that a finding of an entity's hour stands for."""
    start = rfc3339(hour * HOUR_US)
    return Alert(
        id=alert_id(detection.type, kind, entity, start),
        type=detection.type,
        title=detection.title,
        description=describe(detection, entity, finding),
        severity=severity,
        tactics=detection.tactics,
        techniques=detection.techniques,
        entity=Entity(kind, entity),
        start=start,
        end=rfc3339((hour + 1) * HOUR_US),
        first_seen=rfc3339(finding.first_us),
        last_seen=rfc3339(finding.last_us),
        count=finding.count,
        evidence=finding.evidence,
        remediation=detection.remediation,
        region=region,
    )


def hour_of(alert: Alert) -> int:
    """The hour that it covers, in hours since 1970; -1 where its start is no time."""
    return hour_of_time(alert.start)


def hour_of_time(text: str) -> int:
    """The hour, since 1970, of a time in RFC 3339; -1 where it is none."""
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000_000 // HOUR_US)
    except (ValueError, OverflowError):
        return -1


class _Said(dict[str, Any]):
    """Evidence for a template: what is missing reads as 'unknown', so no alert dies of its wording."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if type(value) is float and value.is_integer() and abs(value) < 1e15:
            return Count(value)  # 26 minutes, not 26.0
        return Count(value) if type(value) is int else value

    def __missing__(self, key: str) -> Any:
        return _Unknown("unknown")


class _Unknown(str):
    """It has no number, so its noun is that of many."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        many = spec.partition("|")[2]
        return f"{self!s} {many}" if many else format(str(self), spec)


def describe(detection: Detection, entity: str, finding: Finding) -> str:
    """The description's template, filled from the evidence."""
    return detection.description.format_map(_Said(finding.evidence, entity=entity, count=finding.count))


def stepped(severity: Severity, steps: int) -> Severity:
    """A severity so many steps up or down, within the scale.

    >>> stepped("high", 1), stepped("medium", -1)
    ('high', 'low')
    """
    at = SEVERITIES.index(severity) + steps
    return SEVERITIES[max(0, min(at, len(SEVERITIES) - 1))]


_encoder = msgspec.json.Encoder(order="sorted")


def to_json(alert: Alert) -> bytes:
    """One line of JSON with sorted keys, without the line's end."""
    return _encoder.encode(alert)


def order(alert: Alert) -> tuple[str, str, str]:
    """Alerts are written in the order of start, type and entity."""
    return alert.start, alert.type, alert.entity.id
