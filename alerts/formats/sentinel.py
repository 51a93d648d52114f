"""A row of Microsoft Sentinel's table SecurityAlert, under the id that the alert has in Microsoft's product.

Columns and their types: https://learn.microsoft.com/azure/azure-monitor/reference/tables/securityalert; what stands in
them: https://learn.microsoft.com/azure/sentinel/security-alert-schema, and for `Entities`
https://learn.microsoft.com/azure/sentinel/entities-reference (read in November 2026).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from alerts.alert import Alert
from alerts.output import who
from alerts.took_part import Account, accounts, addresses
from detections.catalogue import CATALOGUE

_encoder = msgspec.json.Encoder(order="sorted")


def line(alert: Alert) -> bytes:
    """A row in a line of JSON."""
    return _encoder.encode(row(alert)) + b"\n"


def row(alert: Alert) -> dict[str, Any]:
    """The columns; lists and objects are text with JSON in it, as the table has them."""
    known = CATALOGUE.get(alert.type)
    resource = alert.entity.id if alert.entity.id.startswith("/") else ""
    return {
        "TimeGenerated": alert.end,
        "StartTime": alert.first_seen,
        "EndTime": alert.last_seen,
        "ProcessingEndTime": alert.end,
        "AlertName": alert.title,
        "DisplayName": alert.title,
        # A type that this version does not know any more keeps its own name.
        "AlertType": known.microsoft if known else alert.type,
        "AlertSeverity": alert.severity.capitalize(),
        "Description": alert.description,
        "CompromisedEntity": who(alert),  # "the display name of the main entity"
        "ResourceId": resource,
        "Entities": _text([{"$id": str(at), **one} for at, one in enumerate(_entities(alert, resource), 1)]),
        "ExtendedProperties": _text(
            {
                "Count": str(alert.count),
                "EntityId": alert.entity.id,
                "Evidence": _text(alert.evidence),
                "Incident": alert.incident,
                "RedshankType": alert.type,
                "Region": alert.region,
            }
        ),
        "RemediationSteps": _text(alert.remediation),
        "Tactics": ", ".join(alert.tactics),
        # The page says "comma-delineated"; the rows that Sentinel itself writes have a list in JSON, and so do queries.
        "Techniques": _text(_once(one.partition(".")[0] for one in alert.techniques)),
        "SubTechniques": _text(_once(one for one in alert.techniques if "." in one)),
        "SystemAlertId": alert.id,
        "VendorOriginalId": alert.id,
        "ProductName": "Redshank",
        "ProductComponentName": alert.type.partition(".")[0],
        "ProviderName": "Redshank",
        "VendorName": "Redshank",
        "Status": "Dismissed" if alert.withdrawn else "New",
        "IsIncident": False,
        "Type": "SecurityAlert",
    }


def _entities(alert: Alert, resource: str) -> Iterator[dict[str, str]]:
    """What the alert is about first, then who took part."""
    if resource:
        yield {"Type": "azure-resource", "ResourceId": resource}
    yield from map(_account, accounts(alert))
    yield from ({"Type": "ip", "Address": str(one)} for one in addresses(alert))


def _account(one: Account) -> dict[str, str]:
    name, at, suffix = one.name.rpartition("@")
    said = {"AadUserId": one.id, "Name": name if at else one.name, "UPNSuffix": suffix if at else ""}
    return {"Type": "account", **{key: value for key, value in said.items() if value}}


def _once(said: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(said))


def _text(value: Any) -> str:
    return _encoder.encode(value).decode()
