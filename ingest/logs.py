"""One JSON value of a log to an event, whatever log it is of."""

from __future__ import annotations

from typing import Any

from ingest import activity, key_vault, sign_ins
from ingest.logs_values import excerpt, folded, text
from ingest.records import Event, Rejected


def decode(value: Any, source: str, offset: int) -> Event | Rejected | str:
    """An event; why the record can't be read; or (text) why it bears on no detection. Never raises."""
    if not isinstance(value, dict):
        return Rejected(
            reason="the record is no JSON object", source=source, offset=offset, excerpt=excerpt(value)
        )
    fields = folded(value)
    if sign_ins.is_sign_in(fields):
        return sign_ins.decode(fields, source, offset)
    other = _other(fields)
    if other:
        return other
    if key_vault.is_vault_record(fields):
        return key_vault.decode(fields, source, offset)
    if _is_activity(fields):
        return activity.decode(fields, source, offset)
    return Rejected(
        reason="the record is neither of the Activity Log nor of a Key Vault, and no sign-in of Entra",
        source=source,
        offset=offset,
        excerpt=excerpt(value),
    )


def _is_activity(fields: dict[str, Any]) -> bool:
    operation = activity.operation_of(fields)
    return "/" in operation or "eventtimestamp" in fields or "operationnamevalue" in fields


def _other(fields: dict[str, Any]) -> str:
    """What other log a record is of, if we know it and read nothing from it."""
    category = activity.named(fields.get("category")).lower()
    if category == "auditlogs":
        return "Entra logs (audit)"
    if category in ("azurepolicyevaluationdetails", "allmetrics") or "metricname" in fields:
        return "metrics and policy evaluation"
    resource = text(fields.get("resourceid")).lower()
    operation = activity.operation_of(fields).lower()
    if "microsoft.aadiam" in resource and not operation.startswith("microsoft.aadiam/"):
        return "Entra logs (audit)"
    return ""
