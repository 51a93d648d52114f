"""Entra sign-in records as diagnostic settings write them to storage: JSON lines, what matters under `properties`."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from simulation.acts import CLI, EDITOR, PORTAL, POWERSHELL, Identity
from simulation.wire.clock import stamp

_NAMES = {
    PORTAL.appid: "Azure Portal",
    POWERSHELL.appid: "Microsoft Azure PowerShell",
    CLI.appid: "Microsoft Azure CLI",
    EDITOR.appid: "Visual Studio Code",
}
_encode = msgspec.json.Encoder().encode


class SignIn(NamedTuple):
    """Somebody got a token."""

    at_us: int
    who: Identity
    appid: str
    address: str
    request: str  # its number, which is unique
    interactive: bool
    managed: bool  # the device

    @property
    def log(self) -> str:
        """The category."""
        if not self.who.upn:
            return "ServicePrincipalSignInLogs"
        return "SignInLogs" if self.interactive else "NonInteractiveUserSignInLogs"


def line(one: SignIn, tenant: str) -> bytes:
    """The record."""
    record: dict[str, Any] = {
        "time": stamp(one.at_us),
        "resourceId": f"/tenants/{tenant}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "operationVersion": "1.0",
        "category": one.log,
        "tenantId": tenant,
        "resultType": "0",
        "resultSignature": "SUCCESS",
        "durationMs": 0,
        "callerIpAddress": one.address,
        "correlationId": one.request,
        "identity": one.who.name,
        "Level": 4,
        "properties": _properties(one),
    }
    return _encode(record)


def _properties(one: SignIn) -> dict[str, Any]:
    common: dict[str, Any] = {
        "id": one.request,
        "createdDateTime": stamp(one.at_us),
        "appId": one.appid,
        "appDisplayName": _NAMES.get(one.appid, one.who.name),
        "ipAddress": one.address,
        "isInteractive": one.interactive,
        "status": {"errorCode": 0},
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
    }
    if not one.who.upn:
        return common | {"servicePrincipalId": one.who.oid, "servicePrincipalName": one.who.name}
    return common | {
        "userId": one.who.oid,
        "userPrincipalName": one.who.upn,
        "userDisplayName": one.who.name,
        "clientAppUsed": "Browser" if one.appid == PORTAL.appid else "Mobile Apps and Desktop clients",
        "authenticationRequirement": "multiFactorAuthentication",
        "deviceDetail": {
            "operatingSystem": "Windows10",
            "isManaged": one.managed,
            "isCompliant": one.managed,
        },
    }
