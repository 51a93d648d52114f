"""A row of Microsoft Sentinel's table SecurityAlert, under the id that the alert has in Microsoft's product."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.alert import Alert
from detections.catalogue import CATALOGUE

_encoder = msgspec.json.Encoder(order="sorted")


def line(alert: Alert) -> bytes:
    """A row in a line of JSON."""
    return _encoder.encode(row(alert)) + b"\n"


def row(alert: Alert) -> dict[str, Any]:
    """The columns; lists and objects are text with JSON in it, as the table has them."""
    known = CATALOGUE.get(alert.type)
    return {
        "TimeGenerated": alert.end,
        "StartTime": alert.first_seen,
        "EndTime": alert.last_seen,
        "AlertName": alert.title,
        "DisplayName": alert.title,
        # A type that this version does not know any more keeps its own name.
        "AlertType": known.microsoft if known else alert.type,
        "AlertSeverity": alert.severity.capitalize(),
        "Description": alert.description,
        "CompromisedEntity": alert.entity.id,
        "Entities": _text([_entity(alert)]),
        "ExtendedProperties": _text(
            {
                "Count": str(alert.count),
                "Evidence": _text(alert.evidence),
                "Incident": alert.incident,
                "RedshankType": alert.type,
                "Region": alert.region,
            }
        ),
        "RemediationSteps": _text(alert.remediation),
        "Tactics": ", ".join(alert.tactics),
        "Techniques": _text(alert.techniques),
        "SystemAlertId": alert.id,
        "VendorOriginalId": alert.id,
        "ProductName": "Redshank",
        "ProviderName": "Redshank",
        "VendorName": "Redshank",
        "Status": "New",
        "IsIncident": False,
        "Type": "SecurityAlert",
    }


def _entity(alert: Alert) -> dict[str, str]:
    """A person is an account; a vault and a machine are resources, if they are named by a resource id."""
    if alert.entity.kind == "principal":
        name, at, suffix = alert.entity.id.rpartition("@")
        who = {"Name": name, "UPNSuffix": suffix} if at else {"AadUserId": alert.entity.id}
        return {"$id": "1", "Type": "account", **who}
    if alert.entity.id.startswith("/"):
        return {"$id": "1", "Type": "azure-resource", "ResourceId": alert.entity.id}
    return {"$id": "1", "Type": alert.entity.kind, "Name": alert.entity.id}


def _text(value: Any) -> str:
    return _encoder.encode(value).decode()
