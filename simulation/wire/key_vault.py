"""Key Vault audit records as an Event Hub delivers them: payloads of {"records": [...]}.

Vaults write two dialects of claims: long URIs for calls through the resource manager (`VaultGet`,
`VaultPut`, `VaultPatch`), short names for calls to the vault itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from simulation.acts import Identity, Vaulted
from simulation.wire.clock import stamp

_RESULTS = {200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}
_IDENTITY = "http://schemas.microsoft.com/identity/claims/"
_UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=8192)
def _claim(who: Identity | None, appid: str, address: str, long: bool) -> dict[str, Any]:
    if who is None:
        return {}
    if long:
        claim = {f"{_IDENTITY}objectidentifier": who.oid, "appid": appid}
        return claim | {_UPN: who.upn} if who.upn else claim
    claim = {"oid": who.oid, "appid": appid}
    if not who.upn:
        return claim | {"appidacr": "2"}
    return claim | {"upn": who.upn, "ipaddr": address, "amr": '["pwd","mfa"]', "scp": "user_impersonation"}


@lru_cache(maxsize=65536)
def _place(vault: str, operation: str, item: str, version: str) -> tuple[str, str]:
    """The id and the request URI of a call."""
    base = f"https://{vault.rsplit('/', 1)[1]}.vault.azure.net"
    if operation.startswith("Vault"):
        uri = f"https://management.azure.com{vault}?api-version={version}"
        return f"{base}/", uri
    if operation.endswith("List"):
        kind = "keys" if operation.startswith("Key") else "secrets"
        return f"{base}/{kind}", f"{base}/{kind}?api-version={version}"
    return f"{base}/{item}", f"{base}/{item}?api-version={version}"


def record(act: Vaulted) -> dict[str, Any]:
    """One audit record, as a dict ready to be encoded."""
    control = act.operation.startswith("Vault")
    version = "2023-07-01" if control else "7.4"
    item, uri = _place(act.vault, act.operation, act.item, version)
    properties: dict[str, Any] = {
        "id": item,
        "clientInfo": act.agent,
        "requestUri": uri,
        "httpStatusCode": act.status,
        "tlsVersion": "TLS1_2",
    }
    if act.who is not None and not control:
        properties["isAccessPolicyMatch"] = act.status != 403
    if act.extra:
        properties |= act.extra
    return {
        "time": stamp(act.at_us),
        "category": "AuditEvent",
        "operationName": act.operation,
        "resultType": "Success" if act.status < 400 else "Unauthorized" if act.status == 401 else "Failed",
        "resultSignature": _RESULTS[act.status],
        "resultDescription": "",
        "correlationId": act.correlation,
        "callerIpAddress": act.address,
        "identity": {"claim": _claim(act.who, act.appid, act.address, control)},
        "properties": properties,
        "resourceId": act.vault.upper(),
        "operationVersion": version,
        "durationMs": str(act.duration_ms),
    }


def payload(acts: list[Vaulted]) -> bytes:
    """One Event Hub payload with these records."""
    return _encode({"records": [record(act) for act in acts]})
