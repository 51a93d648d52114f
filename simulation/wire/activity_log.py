"""Activity Log records as diagnostic settings write them to storage: JSON lines, ids in upper case.

Each operation is two records, its start and its end.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from simulation.acts import Identity, Management, subscription_of
from simulation.bodies import role_id
from simulation.wire.clock import stamp

_SOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_IDENTITY = "http://schemas.microsoft.com/identity/claims/"
_CLAIMS = "http://schemas.microsoft.com/claims/"
_ENDS = {  # status: (resultType, resultSignature, level)
    "OK": ("Success", "Succeeded.OK", "Information"),
    "Created": ("Success", "Succeeded.Created", "Information"),
    "Forbidden": ("Failure", "Failed.Forbidden", "Error"),
    "Conflict": ("Failure", "Failed.Conflict", "Error"),
}
_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def _claims(who: Identity, appid: str, tenant: str) -> dict[str, Any]:
    """The token's claims that don't change from call to call."""
    claims = {
        "aud": "https://management.core.windows.net/",
        "iss": f"https://sts.windows.net/{tenant}/",
        "appid": appid,
        "appidacr": "0" if who.upn else "2",
        "ver": "1.0",
        f"{_IDENTITY}objectidentifier": who.oid,
        f"{_IDENTITY}tenantid": tenant,
        f"{_SOAP}nameidentifier": blake2b(who.oid.encode(), digest_size=16).hexdigest(),
    }
    if not who.upn:
        return claims | {"idtyp": "app"}
    return claims | {
        "name": who.name,
        f"{_SOAP}upn": who.upn,
        f"{_SOAP}name": who.upn,
        f"{_CLAIMS}authnclassreference": "1",
        f"{_CLAIMS}authnmethodsreferences": "pwd,mfa",
        f"{_IDENTITY}scope": "user_impersonation",
    }


def _identity(act: Management, tenant: str) -> dict[str, Any]:
    subscription = subscription_of(act.resource)
    issued = act.at_us // 1_000_000 // 1800 * 1800
    claims = _claims(act.who, act.appid, tenant) | {
        "iat": str(issued),
        "nbf": str(issued),
        "exp": str(issued + 4500),
    }
    claims["uti"] = blake2b(
        f"{act.who.oid}|{act.appid}|{act.address}|{issued}".encode(), digest_size=11
    ).hexdigest()
    if act.who.upn:
        claims["ipaddr"] = act.address
    evidence = {
        "role": act.who.role,
        "roleAssignmentScope": f"/subscriptions/{subscription}",
        "roleAssignmentId": act.who.oid.replace("-", ""),
        "roleDefinitionId": role_id(subscription, act.who.role).rsplit("/", 1)[1].replace("-", ""),
        "principalId": act.who.oid.replace("-", ""),
        "principalType": "User" if act.who.upn else "ServicePrincipal",
    }
    authorization = {"scope": act.resource, "action": act.operation, "evidence": evidence}
    return {"authorization": authorization, "claims": claims}


def _category(act: Management, short: bool) -> str:
    """Older settings write the kind of operation, newer ones the log's category."""
    return act.operation.rsplit("/", 1)[1].title() if short else "Administrative"


def _properties(act: Management, end: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "eventCategory": "Administrative",
        "entity": act.resource,
        "message": act.operation,
        "hierarchy": subscription_of(act.resource),
    }
    if act.request:
        properties["requestbody"] = act.request
    if end:
        properties["statusCode"] = act.status
        if act.response:
            properties["responseBody"] = act.response
    return properties


def _record(act: Management, tenant: str, identity: dict[str, Any], end: bool, short: bool) -> bytes:
    kind, signature, level = _ENDS[act.status] if end else ("Start", "Started.", "Information")
    at_us = act.at_us + (act.duration_us if end else 0)
    return _encode(
        {
            "time": stamp(at_us),
            "resourceId": act.resource.upper(),
            "operationName": act.operation.upper(),
            "category": _category(act, short),
            "resultType": kind,
            "resultSignature": signature,
            "durationMs": str(act.duration_us // 1000) if end else "0",
            "callerIpAddress": act.address,
            "correlationId": act.correlation,
            "identity": identity,
            "level": level,
            "location": "global",
            "properties": _properties(act, end),
            "tenantId": tenant,
        }
    )


def lines(act: Management, tenant: str, short: bool = False) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """The start and the end record, each with its time."""
    identity = _identity(act, tenant)
    start = _record(act, tenant, identity, end=False, short=short)
    return (act.at_us, start), (
        act.at_us + act.duration_us,
        _record(act, tenant, identity, end=True, short=short),
    )
