"""OCSF 1.5, Detection Finding (class 2004)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec

from alerts.alert import Alert
from alerts.formats.times import milliseconds

VERSION = "1.5.0"
PRODUCT = {"name": "Redshank", "vendor_name": "Redshank", "version": version("redshank")}
SEVERITY = {"informational": 1, "low": 2, "medium": 3, "high": 4}
CREATE, CLOSE = 1, 3
NEW, SUPPRESSED = 1, 3
RULE, LEARNED = (1, "Rule"), (2, "Behavioral")
_encoder = msgspec.json.Encoder(order="sorted")


def line(alert: Alert) -> bytes:
    """A finding in a line of JSON."""
    return _encoder.encode(finding(alert)) + b"\n"


def finding(alert: Alert) -> dict[str, Any]:
    """The finding; what an alert does not say is left out."""
    chance = alert.evidence.get("improbability")
    kind, kind_name = RULE if chance is None else LEARNED
    first, last = milliseconds(alert.first_seen), milliseconds(alert.last_seen)
    activity, status = (CLOSE, SUPPRESSED) if alert.withdrawn else (CREATE, NEW)
    said = {
        "activity_id": activity,
        "category_uid": 2,
        "class_uid": 2004,
        "type_uid": 2004 * 100 + activity,
        "severity_id": SEVERITY[alert.severity],
        "status_id": status,
        "status_detail": alert.withdrawn or None,
        "is_alert": not alert.withdrawn,
        # A finding must have a time: that of its last record, else its hour's.
        "time": last or milliseconds(alert.end) or 0,
        "start_time": milliseconds(alert.start),
        "end_time": milliseconds(alert.end),
        "count": alert.count,
        "message": alert.title,
        "metadata": _filled(
            {
                "version": VERSION,
                "correlation_uid": alert.incident,
                "product": PRODUCT,
            }
        ),
        "finding_info": _filled(
            {
                "uid": alert.id,
                "title": alert.title,
                "desc": alert.description,
                "types": [alert.type],
                "first_seen_time": first,
                "last_seen_time": last,
                "analytic": {"type_id": kind, "type": kind_name, "uid": alert.type, "name": alert.title},
                "attacks": [{"technique": {"uid": uid}} for uid in alert.techniques]
                + [{"tactic": {"name": name}} for name in alert.tactics],
            }
        ),
        "resources": [_filled({"uid": alert.entity.id, "type": alert.entity.kind, "name": alert.entity.id})],
        "evidences": [{"data": alert.evidence}],
        "remediation": {"desc": "\n".join(alert.remediation)} if alert.remediation else None,
        "anomaly_analyses": _anomalies(alert),
    }
    return _filled(said)


def _anomalies(alert: Alert) -> list[dict[str, Any]]:
    """What was seen beside what is usual; a rule has no baseline to be told."""
    usual = alert.evidence.get("usual")
    if alert.evidence.get("improbability") is None or usual is None:
        return []
    text = usual if isinstance(usual, str) else _encoder.encode(usual).decode()
    seen = {
        "observation_parameter": alert.title,
        "observations": [{"value": alert.description, "count": alert.count}],
        "observed_pattern": str(alert.evidence.get("odds", alert.evidence["improbability"])),
    }
    return [
        {
            "analysis_targets": [_filled({"name": alert.entity.id or "unknown", "type": alert.entity.kind})],
            "anomalies": [seen],
            "baselines": [{"observation_parameter": alert.title, "observations": [{"value": text}]}],
        }
    ]


def _filled(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None and value not in ("", [])}
