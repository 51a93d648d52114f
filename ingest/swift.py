"""The common forms of both logs, decoded straight into fields: many times as fast as `ingest.logs`, and equal.

A line is taken here only if every name in it is one that diagnostic settings write, in their spelling, and every
value that is used has its usual type; anything else is left to `ingest.logs`, which reads what logs really do
wrong. Tests hold the two to the same events. Values stay octets: `ingest.event_codes` knows most of them already.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw, Struct, json

from ingest import activity, key_vault, swift_sign_ins
from ingest.claims import Caller, caller_of, short_claims
from ingest.depth import from_any_depth
from ingest.holding_records import OPERATIONS
from ingest.json_values import objects_in_lines
from ingest.logs_values import PROBLEMS, address, place, text
from ingest.parts import What, Where, Who
from ingest.records import KEY_VAULT, MANAGEMENT, STARTED, SUCCESS
from ingest.swift_sign_ins import SignIn

MAX_CACHED = 8192  # octets of claims that are remembered; who sends more is left to the careful path
_BARE = Raw(b"null")
_ABSENT = Raw(b"")


class _Evidence(Struct, frozen=True, forbid_unknown_fields=True, gc=False, rename="camel"):
    role: Raw = _ABSENT
    principal_type: Raw = _ABSENT
    role_assignment_scope: Raw = _BARE
    role_assignment_id: Raw = _BARE
    role_definition_id: Raw = _BARE
    principal_id: Raw = _BARE


class _Authorization(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    scope: Raw = _ABSENT
    action: Raw = _BARE
    evidence: _Evidence = _Evidence()


class Identity(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Who acted: Key Vault's form has a `claim`, the Activity Log's the other two."""

    claim: Raw = _ABSENT
    claims: Raw = _ABSENT
    authorization: _Authorization | None = None


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
    identity: Identity | None = None
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


class _LooseRecord(Record, forbid_unknown_fields=True, gc=False, rename="camel"):
    identity: Raw = _BARE  # type: ignore[assignment]


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


_record = from_any_depth(json.Decoder(Record).decode)
_records = from_any_depth(json.Decoder(Record).decode_lines)
_loose_records = from_any_depth(json.Decoder(_LooseRecord).decode_lines)
_identity = from_any_depth(json.Decoder(Identity | None).decode)
_vault_properties = from_any_depth(json.Decoder(_VaultProperties).decode)
_text = json.Decoder(str).decode
_perhaps = json.Decoder(str | None).decode
_object = from_any_depth(json.Decoder(dict[str, Any]).decode)
_OUTCOMES = {
    "Start": STARTED,
    "Started": STARTED,
    "Accept": STARTED,
    "Accepted": STARTED,
    "Success": SUCCESS,
    "Succeeded": SUCCESS,
}
VAULT_CATEGORY = "AuditEvent"
ADMINISTRATIVE = frozenset({"Administrative", "Write", "Delete", "Action"})
# Operations of which the body says more: read by `ingest.activity`.
_WITH_BODY = ("/runbooks/", "/jobs/", "microsoft.keyvault/vaults", "microsoft.authorization/role")


def decoded(line: bytes) -> Record | SignIn | None:
    """A record, if it has the common form."""
    try:
        record = _record(line)
    except PROBLEMS:
        return swift_sign_ins.decoded(line)
    return swift_sign_ins.decoded(line) if record.category in swift_sign_ins.LOGS else record


def decoded_lines(lines: bytes) -> Sequence[Record | SignIn | None] | None:
    """The records of whole lines, if each line is one of the common form; None in place of those that name
    the caller in another. Each is what `decoded` gives of it, whatever stands beside it.
    """
    many = objects_in_lines(lines)
    for decode in (_common, _with_any_caller, swift_sign_ins.decoded_lines) if many else ():
        try:
            records: Sequence[Record | SignIn | None] = decode(lines)
        except PROBLEMS:
            continue
        return records if len(records) == many else None
    return None


def _common(lines: bytes) -> list[Record]:
    records: list[Record] = _records(lines)
    _check_logs(records)
    return records


def _with_any_caller(lines: bytes) -> list[Record | None]:
    records: list[_LooseRecord] = _loose_records(lines)
    _check_logs(records)
    return [_strict(record) for record in records]


def _check_logs(records: Sequence[Record]) -> None:
    """Sign-ins that look like another log's records are not taken for these. Raises ValueError."""
    if not swift_sign_ins.LOGS.isdisjoint([record.category for record in records]):
        raise ValueError("a sign-in")


def _strict(record: _LooseRecord) -> Record | None:
    octets: Any = record.identity
    try:
        record.identity = _identity(octets)
    except PROBLEMS:
        return None
    return record


# What the octets stand for. Each raises one of PROBLEMS, or gives None, for what is not one of the common forms.


def vault_caller(record: Record) -> Caller | None:
    """Who a vault record says acted."""
    identity = record.identity
    if identity is None or identity == Identity():
        return Caller()
    if identity.authorization is not None or identity.claims is not _ABSENT:
        return None
    return _caller(identity.claim, "")


def management_caller(record: Record) -> Caller | None:
    """Who a control-plane record says acted."""
    identity = record.identity
    if identity is None or identity.authorization is None or identity.claim is not _ABSENT:
        return None
    return _caller(identity.claims, text(_given(identity.authorization.evidence.principal_type)))


def _caller(claims: Raw, principal_type: str) -> Caller | None:
    """Who the claims name; None for a set that is no plain object, or is large."""
    octets = bytes(claims)
    return _remembered(octets, principal_type) if len(octets) <= MAX_CACHED else None


@lru_cache(1 << 13)
def _remembered(claims: bytes, principal_type: str) -> Caller:
    found = _object(claims)
    return caller_of(short_claims(found), "", principal_type)


def who(record: Record, caller: Caller) -> Who:
    """The caller, from the address that the record names."""
    came_from = address(_perhaps(record.caller_ip_address)) or caller.address
    return Who(caller.principal, caller.name, caller.kind, caller.application, came_from)


def vault_touched(record: Record) -> tuple[What, Where, str] | None:
    """What a vault record says was done and to what; with the resource's id in lower case."""
    operation = key_vault.OPERATIONS.get(_text(record.operation_name).lower())
    if operation is None or operation.endswith("EventGridNotification"):
        return None
    properties = _vault_properties(record.properties)
    status = properties.http_status_code
    resource = text(_text(record.resource_id))
    _text(record.result_type)
    if status is None or not 100 <= status < 1000 or key_vault.is_elsewhere(resource):
        return None
    where = key_vault.touched(
        operation,
        resource,
        (text(properties.id), text(properties.request_uri)),
        text(properties.client_info),
        text(_location(record)),
    )
    return _vault_what(operation, status), where, place(resource).lower


@lru_cache(1 << 10)
def _vault_what(operation: str, status: int) -> What:
    details = {"status": status} if status >= 400 else {}
    return What(KEY_VAULT, operation, key_vault.outcome_of_status(status), details)


def management_what(record: Record, auth: str) -> What | None:
    """What a control-plane record says was done; `auth` is how its caller signed in."""
    operation, outcome = (
        text(_text(record.operation_name)).lower(),
        _OUTCOMES.get(_text(record.result_type)),
    )
    # A failure's reason stands in the properties, a role's content in the body: both are for the slow path.
    if outcome is None or "/" not in operation or operation in OPERATIONS:
        return None
    if any(x in operation for x in _WITH_BODY):
        return None
    details = {"auth": auth, "role": text(_given(evidence(record).role))}
    return What(MANAGEMENT, operation, outcome, {name: value for name, value in details.items() if value})


def management_where(record: Record) -> tuple[Where, str] | None:
    """What a control-plane record says was touched; with its id in lower case."""
    scope = text(_given(authorization(record).scope))
    resource = text(_text(record.resource_id)) or scope
    if "microsoft.aadiam" in resource.lower():
        return None
    return activity.touched(resource, scope, text(_location(record))), place(resource).lower


def authorization(record: Record) -> _Authorization:
    """Of a control-plane record whose caller is known."""
    assert record.identity is not None
    assert record.identity.authorization is not None
    return record.identity.authorization


def evidence(record: Record) -> _Evidence:
    """The same."""
    return authorization(record).evidence


def _given(value: Raw) -> str:
    return "" if value is _ABSENT else _text(value)


def _location(record: Record) -> str:
    return "" if record.location == _BARE else _text(record.location)
