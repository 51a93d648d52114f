"""The common forms of both logs, decoded straight into fields: many times as fast as `ingest.logs`, and equal.

A line is taken here only if every name in it is one that diagnostic settings write, in their spelling, and every
value that is used has its usual type; anything else is left to `ingest.logs`, which reads what logs really do
wrong. Tests hold the two to the same events. Who acted is worked out once for each different set of claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw, Struct, json

from ingest import activity, key_vault
from ingest.claims import Caller, caller_of, short_claims
from ingest.identity import operation_of, uid_of
from ingest.logs_values import address, text
from ingest.records import STARTED, SUCCESS, Event
from ingest.times import epoch_us

MAX_SHAPES = 200_000  # different records that are remembered, about 1 KB each
MAX_CACHED = 8192  # octets of claims that are remembered; who sends more is left to the careful path
_BARE = Raw(b"null")


class Record(Struct, forbid_unknown_fields=True, gc=False, rename="camel"):
    """A record in one of the common forms. What is the same in many records is left as it stands."""

    time: str
    category: str
    resource_id: Raw
    operation_name: Raw
    result_type: Raw
    correlation_id: str = ""
    caller_ip_address: Raw = _BARE
    location: Raw = _BARE
    identity: Raw = _BARE
    properties: Raw = _BARE
    # said in every record, used by no detection
    result_signature: Raw = _BARE
    operation_version: Raw = _BARE
    result_description: Raw = _BARE
    duration_ms: Raw = _BARE
    level: Raw = _BARE
    tenant_id: Raw = _BARE
    release_version: Raw = msgspec.field(default=_BARE, name="ReleaseVersion")
    role_location: Raw = msgspec.field(default=_BARE, name="RoleLocation")


class _Said(Struct):
    """The parts of a record that are texts."""

    resource_id: str
    operation_name: str
    result_type: str
    caller_ip_address: str | None
    location: str


class _VaultIdentity(Struct, forbid_unknown_fields=True, gc=False):
    claim: Raw


class _VaultProperties(Struct, forbid_unknown_fields=True, gc=False, rename="camel"):
    id: str = ""
    request_uri: str = ""
    client_info: str = ""
    http_status_code: int | None = None
    is_access_policy_match: Raw = _BARE
    is_rbac_authorized: Raw = _BARE
    is_address_authorized: Raw = _BARE
    tls_version: Raw = _BARE
    subnet_id: Raw = _BARE


class _Evidence(Struct, frozen=True, forbid_unknown_fields=True, gc=False, rename="camel"):
    role: str = ""
    principal_type: str = ""
    role_assignment_scope: Raw = _BARE
    role_assignment_id: Raw = _BARE
    role_definition_id: Raw = _BARE
    principal_id: Raw = _BARE


class _Authorization(Struct, forbid_unknown_fields=True, gc=False):
    scope: str = ""
    action: Raw = _BARE
    evidence: _Evidence = _Evidence()


class _Identity(Struct, forbid_unknown_fields=True, gc=False):
    authorization: _Authorization
    claims: Raw


_record = json.Decoder(Record).decode
_records = json.Decoder(Record).decode_lines
_vault_identity = json.Decoder(_VaultIdentity).decode
_vault_properties = json.Decoder(_VaultProperties).decode
_identity = json.Decoder(_Identity).decode
_text = json.Decoder(str).decode
_perhaps = json.Decoder(str | None).decode
_object = json.Decoder(dict[str, Any]).decode
_OUTCOMES = {
    "Start": STARTED,
    "Started": STARTED,
    "Accept": STARTED,
    "Accepted": STARTED,
    "Success": SUCCESS,
    "Succeeded": SUCCESS,
}
_ADMINISTRATIVE = frozenset({"Administrative", "Write", "Delete", "Action"})
# Operations of which the body says more: read by `ingest.activity`.
_WITH_BODY = ("/runbooks/", "/jobs/", "microsoft.keyvault/vaults", "microsoft.authorization/role")
_PROBLEMS = (msgspec.MsgspecError, ValueError)


class LeftOut(Struct, frozen=True):
    """A record that bears on no detection, and why."""

    reason: str


Made = Event | LeftOut | None  # a shape; why the record is left out; or None: not one of the common forms
_JOIN = b"\0".join
_known: dict[bytes, Made] = {}
_NEW: Any = object()


def event(line: bytes, offset: int, source: str) -> Made:
    """An event, why it is left out, or None: not one of the common forms."""
    record = decoded(line)
    if record is None:
        return None
    made = shapes([record])[0]
    at_us = epoch_us(record.time)
    if at_us is None or not isinstance(made, Event):
        return made if at_us is not None else None
    correlation = text(record.correlation_id)
    return msgspec.structs.replace(
        made,
        at_us=at_us,
        uid=uid_of(made.uid, at_us, correlation),
        operation_id=operation_of(made.operation_id, correlation) if made.operation_id else 0,
        source=source,
        offset=offset,
    )


def decoded(line: bytes) -> Record | None:
    """A record, if it has the common form."""
    try:
        return _record(line)
    except _PROBLEMS:
        return None


def decoded_lines(lines: bytes) -> list[Record] | None:
    """The records of whole lines, if each line is one of the common form."""
    try:
        records = _records(lines)
    except _PROBLEMS:
        return None
    # The decoder lets a record go on over a line's end: whether it may must not hang on what stands beside it.
    ends = lines.count(b"\n") + (not lines.endswith(b"\n"))
    return records if len(records) == ends else None


def shapes(records: Sequence[Record]) -> list[Made]:
    """What the records say beside their times and correlation ids; equal ones are one object.

    Whoever polls a secret says the same all day: it is worked out once. What a control-plane record says beside
    is not used here, and differs each time.
    """
    if len(_known) > MAX_SHAPES:
        _known.clear()
    keys = [
        _JOIN(
            (
                record.resource_id,
                record.operation_name,
                record.result_type,
                record.caller_ip_address,
                record.location,
                record.identity,
                record.properties if record.category == "AuditEvent" else record.category.encode(),
            )
        )
        for record in records
    ]
    found: list[Made] = [_known.get(key, _NEW) for key in keys]
    for place in [place for place, made in enumerate(found) if made is _NEW]:
        key = keys[place]
        if key not in _known:
            _known[key] = _made(records[place])
        found[place] = _known[key]
    return found


def _made(record: Record) -> Made:
    try:
        said = _Said(
            _text(record.resource_id),
            _text(record.operation_name),
            _text(record.result_type),
            _perhaps(record.caller_ip_address),
            "" if record.location == _BARE else _text(record.location),
        )
        if record.category == "AuditEvent":
            return _vault(record, said)
        return _managed(record, said) if record.category in _ADMINISTRATIVE else None
    except _PROBLEMS:
        return None


def _caller(claims: Raw, principal_type: str) -> Caller | None:
    """Who the claims name; None for a set that is no plain object, or is large."""
    octets = bytes(claims)
    return _remembered(octets, principal_type) if len(octets) <= MAX_CACHED else None


@lru_cache(1 << 15)
def _remembered(claims: bytes, principal_type: str) -> Caller:
    found = _object(claims)
    return caller_of(short_claims(found), "", principal_type)


def _vault(record: Record, said: _Said) -> Made:
    operation = key_vault.OPERATIONS.get(said.operation_name.lower())
    if operation is None or operation.endswith("EventGridNotification"):
        return None
    properties = _vault_properties(record.properties)
    caller = _vault_caller(record.identity)
    status = properties.http_status_code
    if status is None or caller is None or not 100 <= status < 1000:
        return None
    if status == 401 and not caller.known:
        return LeftOut(key_vault.CHALLENGE)
    resource = text(said.resource_id)
    if key_vault.is_elsewhere(resource):
        return None
    return key_vault.made(
        0,
        operation,
        key_vault.outcome_of_status(status),
        caller,
        resource,
        (text(properties.id), text(properties.request_uri)),
        came_from=said.caller_ip_address,
        client=text(properties.client_info),
        location=text(said.location),
        correlation=None,
        details={"status": status} if status >= 400 else {},
        source="",
        offset=0,
    )


def _vault_caller(identity: Raw) -> Caller | None:
    whole = bytes(identity)
    if whole in (b"null", b"{}"):
        return Caller()
    return _caller(_vault_identity(whole).claim, "")


def _managed(record: Record, told: _Said) -> Event | None:
    operation = text(told.operation_name).lower()
    outcome = _OUTCOMES.get(told.result_type)
    # A failure's reason stands in the properties, a role's content in the body: both are for the slow path.
    if outcome is None or "/" not in operation or any(x in operation for x in _WITH_BODY):
        return None
    identity = _identity(record.identity)
    said = identity.authorization
    caller = _caller(identity.claims, text(said.evidence.principal_type))
    resource = text(told.resource_id) or text(said.scope)
    if caller is None or "microsoft.aadiam" in resource.lower():
        return None
    details = {"auth": caller.auth, "role": text(said.evidence.role)}
    return activity.made(
        0,
        operation,
        outcome,
        caller,
        resource,
        text(said.scope),
        came_from=address(told.caller_ip_address),
        location=text(told.location),
        correlation=None,
        details={name: value for name, value in details.items() if value},
        source="",
        offset=0,
    )
