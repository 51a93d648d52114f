"""Alerts that say of themselves that nothing was seen: to try what comes after detection. Pure."""

from __future__ import annotations

from alerts.alert import Alert, Entity, alert_id, describe
from detections.catalogue import CATALOGUE
from detections.declare import Detection, Finding
from detections.words import rfc3339
from ingest.records import HOUR_US

ABOUT = {
    "vault": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/sample"
    "/providers/Microsoft.KeyVault/vaults/sample",
    "principal": "sample@example.com",
    "resource": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/sample"
    "/providers/Microsoft.Compute/virtualMachines/sample",
}
SAID = "This is a sample. Nothing was seen, and nothing is to be done."


def samples(at_us: int) -> list[Alert]:
    """One alert of each type, raised at that time; at another time they are others."""
    return [_sample(one, at_us) for one in CATALOGUE.values()]


def _sample(detection: Detection, at_us: int) -> Alert:
    kind = detection.owner
    entity, at = ABOUT[kind], rfc3339(at_us)
    finding = Finding(evidence={"sample": True}, first_us=at_us, last_us=at_us, count=1)
    return Alert(
        id=alert_id(detection.type, kind, entity, f"sample {at}"),
        type=detection.type,
        title=f"Sample: {detection.title}",
        description=f"{SAID} An alert of this type reads: {describe(detection, entity, finding)}",
        severity=detection.severity,
        tactics=detection.tactics,
        techniques=detection.techniques,
        entity=Entity(kind, entity),
        start=at,
        end=rfc3339(at_us + HOUR_US),
        first_seen=at,
        last_seen=at,
        count=1,
        evidence={"sample": True},
        remediation=detection.remediation,
        sample=True,
    )
