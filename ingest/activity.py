"""Azure Activity Log records to events: the blob and Event Hub form, REST's EventData, Log Analytics' table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ingest import identity
from ingest.claims import Caller, caller_of, short_claims
from ingest.logs_values import address, excerpt, folded, place, text, texts
from ingest.parts import Where
from ingest.records import DENIED, FAILURE, MANAGEMENT, STARTED, SUCCESS, Event, Rejected
from ingest.times import epoch_us

_OUTCOMES = {
    "start": STARTED,
    "started": STARTED,
    "accept": STARTED,
    "accepted": STARTED,
    "success": SUCCESS,
    "succeeded": SUCCESS,
    "succeed": SUCCESS,
}
# The numbers as words only: '403' also stands in ids.
_DENIED = re.compile(r"forbidden|unauthorized|authorizationfailed|\b40[13]\b")
_CATEGORIES = {"administrative", "write", "delete", "action", "security", "policy", ""}
_MAX_BODY = 200_000  # characters of a request's body that are read
_ASSIGNMENT = "microsoft.authorization/roleassignments/write"
_DEFINITION = "microsoft.authorization/roledefinitions/write"


def named(value: object) -> str:
    """REST gives {'value': …, 'localizedValue': …} where the other forms give the value.

    >>> named({"value": "Succeeded"}), named("Start")
    ('Succeeded', 'Start')
    """
    return text(value.get("value", "")) if isinstance(value, dict) else text(value)


def first(fields: Mapping[str, Any], *names: str) -> Any:
    """The first of several fields that holds something."""
    for name in names:
        value = fields.get(name)
        if value not in (None, "", {}):
            return value
    return None


def operation_of(fields: Mapping[str, Any]) -> str:
    """The operation; where Log Analytics has `OperationName` beside the value, it is a display name."""
    return named(first(fields, "operationnamevalue", "operationname"))


def decode(fields: Mapping[str, Any], source: str, offset: int) -> Event | Rejected | str:
    """An event from a record with lower-case names; a reason (text) to leave it out; or why it can't be read."""
    category = named(first(fields, "categoryvalue", "category")).lower()
    if category not in _CATEGORIES:
        return f"Activity Log category {category[:40]}"
    at_us = epoch_us(first(fields, "time", "eventtimestamp", "timegenerated"))
    if at_us is None:
        return _rejected("has no time that can be read", fields, source, offset)
    operation = operation_of(fields).lower()
    if not operation:
        return _rejected("has no operation name", fields, source, offset)
    identity = folded(fields.get("identity"))
    authorization = folded(
        first(identity, "authorization") or first(fields, "authorization", "authorization_d")
    )
    evidence = folded(authorization.get("evidence"))
    claims = short_claims(first(identity, "claims", "claim") or first(fields, "claims", "claims_d") or {})
    caller = caller_of(claims, text(fields.get("caller")), text(evidence.get("principaltype")))
    resource = text(first(fields, "resourceid", "_resourceid", "resourceuri")) or text(
        authorization.get("scope")
    )
    scope = text(authorization.get("scope"))
    return _event(fields, at_us, operation, caller, resource, scope, evidence, source, offset)


def _event(
    fields: Mapping[str, Any],
    at_us: int,
    operation: str,
    caller: Caller,
    resource: str,
    scope: str,
    evidence: Mapping[str, Any],
    source: str,
    offset: int,
) -> Event:
    requested = folded(first(fields, "httprequest"))
    given = address(first(fields, "calleripaddress", "clientipaddress") or "")
    return made(
        at_us,
        operation,
        outcome_of(fields),
        caller,
        resource,
        scope,
        came_from=given or address(requested.get("clientipaddress")),
        location=text(fields.get("location")),
        correlation=text(first(fields, "correlationid", "operationid")),
        details=_details(fields, operation, caller, scope, evidence),
        source=source,
        offset=offset,
    )


def made(
    at_us: int,
    operation: str,
    outcome: str,
    caller: Caller,
    resource: str,
    scope: str,
    *,
    came_from: str,
    location: str,
    correlation: str | None,
    details: dict[str, Any],
    source: str,
    offset: int,
) -> Event:
    """The event. Without a correlation (None) its numbers are of its content alone."""
    where, lower = touched(resource, scope, location), place(resource).lower
    # What the records of one operation share, and what this one says.
    operation_id = identity.content_hash(operation, lower)
    uid = identity.content_hash(operation, lower, outcome, caller.principal.lower())
    if correlation is not None:
        operation_id, uid = (
            identity.operation_of(operation_id, correlation),
            identity.uid_of(uid, at_us, correlation),
        )
    return Event(
        at_us=at_us,
        layer=MANAGEMENT,
        operation=operation,
        outcome=outcome,
        principal=caller.principal,
        name=caller.name,
        kind=caller.kind,
        application=caller.application,
        address=came_from or caller.address,
        resource=resource,
        vault=where.vault,
        region=where.region,
        subscription=where.subscription,
        operation_id=operation_id,
        details=details,
        uid=uid,
        source=source,
        offset=offset,
    )


def touched(resource: str, scope: str, location: str) -> Where:
    """What was touched, for both ways of decoding."""
    where = place(resource)
    elsewhere = not where.vault and scope.lower() != where.lower
    return Where(
        resource=resource,
        vault=place(scope).vault if elsewhere else where.vault,
        region=region(location),
        subscription=where.subscription,
    )


def region(name: str) -> str:
    """'West Europe' and 'westeurope' are one; 'global' is none."""
    short = name.replace(" ", "").lower()
    return "" if short in ("global", "") or len(short) > 40 else short


def outcome_of(fields: Mapping[str, Any]) -> str:
    """One of the four outcomes."""
    status = named(first(fields, "resulttype", "status", "activitystatusvalue", "activitystatus")).lower()
    if not status:
        # 'Succeeded.OK', 'Started.': some exports leave the first part to the signature.
        status = named(fields.get("resultsignature")).partition(".")[0].lower()
    known = _OUTCOMES.get(status)
    if known is not None:
        return known
    properties = folded(first(fields, "properties", "properties_d"))
    more = (
        first(fields, "resultsignature", "substatus", "activitysubstatusvalue"),
        properties.get("statuscode"),
        properties.get("statusmessage"),
    )
    said = " ".join(named(part)[:400] for part in more).lower()
    if _DENIED.search(said):
        return DENIED
    return FAILURE if status or said.strip() else SUCCESS


def _details(
    fields: Mapping[str, Any], operation: str, caller: Caller, scope: str, evidence: Mapping[str, Any]
) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if operation in (_ASSIGNMENT, _DEFINITION):
        details = _role_details(fields, operation)
        details.setdefault("scope", scope)
    elif operation.startswith("microsoft.keyvault/vaults"):
        details = _vault_details(_bodies(fields))
    elif "/runbooks/" in operation or "/jobs/" in operation:
        details = _automation_details(fields)
    details["auth"] = caller.auth
    details["role"] = text(evidence.get("role"))
    return {name: value for name, value in details.items() if value not in ("", [], None)}


def _bodies(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the request and the response said, as far as the record has it: request first."""
    properties = folded(first(fields, "properties", "properties_d"))
    bodies = []
    for name in ("requestbody", "responsebody"):
        body = properties.get(name)
        if isinstance(body, dict) or (isinstance(body, str) and len(body) <= _MAX_BODY):
            bodies.append(folded(body))
    return bodies


def _role_details(fields: Mapping[str, Any], operation: str) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for body in _bodies(fields):
        inner = folded(body.get("properties")) or body
        permissions = [folded(one) for one in _list(inner.get("permissions"))[:20]]
        found = {
            "role_definition": text(inner.get("roledefinitionid")).lower(),
            "role_name": text(inner.get("rolename")),
            "actions": [a for one in permissions for a in texts(one.get("actions"))][:200],
            "not_actions": [a for one in permissions for a in texts(one.get("notactions"))][:200],
            "assignable_scopes": texts(inner.get("assignablescopes"), 20),
            "grantee": text(inner.get("principalid")),
            "grantee_kind": text(inner.get("principaltype")),
            "scope": text(inner.get("scope")),
        }
        if operation == _DEFINITION:
            found["role_definition"] = text(body.get("id")).lower()
        details.update((name, value) for name, value in found.items() if value and not details.get(name))
    if operation == _DEFINITION and not details.get("role_definition"):
        details["role_definition"] = text(first(fields, "resourceid", "_resourceid")).lower()
    return details


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _vault_details(bodies: list[dict[str, Any]]) -> dict[str, Any]:
    """Who is given what by an access policy, as far as the record says."""
    grantees: list[str] = []
    permissions: list[str] = []
    for body in bodies[:1]:
        for one in _list(folded(body.get("properties")).get("accesspolicies"))[:100]:
            policy = folded(one)
            grantees.append(text(policy.get("objectid")))
            granted = folded(policy.get("permissions"))
            permissions += [f"{kind}/{p}" for kind in sorted(granted) for p in texts(granted[kind], 40)]
    # A write of the whole vault lists every policy: only one alone says who was added.
    single = grantees[0] if len(grantees) == 1 else ""
    return {"grantee": single, "permissions": permissions[:60] if single else []}


def _automation_details(fields: Mapping[str, Any]) -> dict[str, Any]:
    details = {}
    for body in _bodies(fields):
        inner = folded(body.get("properties"))
        runbook = inner.get("runbook")
        name = text(folded(runbook).get("name")) if runbook else ""
        details.update({"runbook": name} if name else {})
    return details


def _rejected(reason: str, fields: Mapping[str, Any], source: str, offset: int) -> Rejected:
    return Rejected(
        reason=f"the record {reason}", source=source, offset=offset, excerpt=excerpt(dict(fields))
    )
