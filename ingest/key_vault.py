"""Key Vault audit records to events: diagnostic logs in both claim dialects, and Log Analytics' two tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from ingest.activity import first, named, region
from ingest.claims import Caller, caller_of, short_claims
from ingest.identity import content_hash, uid_of
from ingest.logs_values import address, excerpt, folded, number, place, text, texts
from ingest.parts import Where
from ingest.records import DENIED, FAILURE, KEY_VAULT, SUCCESS, Event, Rejected
from ingest.times import epoch_us

_KINDS = {
    "Key": "Backup Create Decrypt Delete Encrypt Get GetDeleted GetRotationPolicy Import List ListDeleted "
    "ListVersions Purge Recover Release Restore Rotate SetRotationPolicy Sign Unwrap Update Verify Wrap",
    "Secret": "Backup Delete Get GetDeleted List ListDeleted ListVersions Purge Recover Restore Set Update",
    "Certificate": "Backup Create Delete Get GetDeleted Import IssuerCreate IssuersGet IssuersList "
    "List ListDeleted ListVersions Merge Pending Policy PolicyGet PolicyUpdate Purge Recover Restore Update "
    "ContactsDelete ContactsGet ContactsSet Renew",
    "Vault": "Create Delete Get GetDeleted List ListDeleted Patch Purge Put Recover "
    "AccessPolicyChangedEventGridNotification",
}
# How the documentation spells an operation, by its lower case: exports differ.
OPERATIONS = {
    f"{kind}{name}".lower(): f"{kind}{name}" for kind, names in _KINDS.items() for name in names.split()
}
OPERATIONS["authentication"] = "Authentication"
CHALLENGE = "Key Vault calls without a token (401, before the client signs in)"
ELSEWHERE = "audit events of a service that is not Key Vault"
NOTIFICATION = "Key Vault notifications to Event Grid"
_ITEMS = ("secrets", "keys", "certificates")
_COLUMN = "identity_claim_"
# Addresses as nearly all are; the rest is left to `urlsplit`, which takes four times as long.
_PLAIN = re.compile(
    r"https://[\w.:-]+/(?:deleted)?(secrets|keys|certificates)(?:(/[\w-]+)(?:/[^?#\t\r\n]*)?)?(?:[?#]|\Z)",
    re.ASCII,
)


def is_vault_record(fields: Mapping[str, Any]) -> bool:
    """Whether a record with lower-case names is Key Vault's."""
    category = named(fields.get("category")).lower()
    if category == "auditevent" or fields.get("type") == "AZKVAuditLogs":
        return True
    operation = named(fields.get("operationname")).lower()
    return operation in OPERATIONS and "/" not in operation


def is_elsewhere(resource: str) -> bool:
    """Whether the id is of another service's resource: attestation and others write 'AuditEvent' too."""
    where = place(resource)
    return not where.vault and "/providers/" in where.lower


def decode(fields: Mapping[str, Any], source: str, offset: int) -> Event | Rejected | str:
    """An event from a record with lower-case names; a reason (text) to leave it out; or why it can't be read."""
    at_us = epoch_us(first(fields, "time", "timegenerated"))
    if at_us is None:
        return _rejected("has no time that can be read", fields, source, offset)
    came = named(fields.get("operationname"))
    if not came:
        return _rejected("has no operation name", fields, source, offset)
    operation = OPERATIONS.get(came.lower(), came)
    if operation.endswith("EventGridNotification"):
        return NOTIFICATION
    resource = text(first(fields, "resourceid", "_resourceid"))
    if is_elsewhere(resource):
        return ELSEWHERE
    properties = folded(fields.get("properties"))
    status = number(
        first(properties, "httpstatuscode") or first(fields, "httpstatuscode", "httpstatuscode_d")
    )
    caller = _caller(fields)
    if status is not None and status < 100:
        status = None  # 0 stands for a call that had no answer
    if status == 401 and not caller.known:
        return CHALLENGE
    return _event(fields, properties, at_us, operation, resource, status, caller, source, offset)


def _caller(fields: Mapping[str, Any]) -> Caller:
    identity = folded(first(fields, "identity", "identity_s"))
    claims = first(identity, "claim", "claims")
    if claims is None:
        # AzureDiagnostics: a column a claim, with the type as its ending.
        claims = {
            name[len(_COLUMN) :].rpartition("_")[0]: value
            for name, value in fields.items()
            if name.startswith(_COLUMN) and value not in (None, "")
        }
    return caller_of(short_claims(claims))


def _event(
    fields: Mapping[str, Any],
    properties: Mapping[str, Any],
    at_us: int,
    operation: str,
    resource: str,
    status: int | None,
    caller: Caller,
    source: str,
    offset: int,
) -> Event:
    places = (
        text(first(properties, "id") or first(fields, "id_s", "id")),
        text(first(properties, "requesturi") or first(fields, "requesturi_s", "requesturi")),
    )
    return made(
        at_us,
        operation,
        _outcome(fields, status),
        caller,
        resource,
        places,
        came_from=first(fields, "calleripaddress", "calleripaddress_s"),
        client=text(first(properties, "clientinfo") or first(fields, "clientinfo", "clientinfo_s")),
        location=text(fields.get("location")),
        correlation=text(fields.get("correlationid")),
        details=_details(properties, fields, status),
        source=source,
        offset=offset,
    )


def made(
    at_us: int,
    operation: str,
    outcome: str,
    caller: Caller,
    resource: str,
    places: tuple[str, str],
    *,
    came_from: object,
    client: str,
    location: str,
    correlation: str | None,
    details: dict[str, Any],
    source: str,
    offset: int,
) -> Event:
    """The event. Without a correlation (None) its numbers are of its content alone; for `places` see `touched`."""
    where = touched(operation, resource, places, client, location)
    principal = caller.principal
    uid = content_hash(operation, place(resource).lower, where.item, outcome, principal.lower())
    return Event(
        at_us=at_us,
        layer=KEY_VAULT,
        operation=operation,
        outcome=outcome,
        principal=principal,
        name=caller.name,
        kind=caller.kind,
        application=caller.application,
        address=address(came_from) or caller.address,
        resource=where.resource,
        vault=where.vault,
        item=where.item,
        client=where.client,
        region=where.region,
        subscription=where.subscription,
        details=details,
        uid=uid if correlation is None else uid_of(uid, at_us, correlation),
        source=source,
        offset=offset,
    )


def touched(operation: str, resource: str, places: tuple[str, str], client: str, location: str) -> Where:
    """What was touched, for both ways of decoding: `places` are its id and its address."""
    where = place(resource)
    return Where(
        resource=where.vault or resource,
        vault=where.vault or resource,
        item=item_of(operation, places[0]) or item_of(operation, places[1]),
        client=client[:300],
        region=region(location),
        subscription=where.subscription,
    )


@lru_cache(1 << 15)
def item_of(operation: str, address_of_item: str) -> str:
    """What was touched, from an id or a request's address: kind and name, never a version or a value.

    >>> item_of("SecretGet", "https://v1.vault.azure.net/secrets/db/4c39?api-version=7.4")
    'secrets/db'
    >>> item_of("SecretList", "https://v1.vault.azure.net/secrets?maxresults=25")
    'secrets'
    """
    if operation.startswith("Vault") or not address_of_item:
        return ""
    plain = _PLAIN.match(address_of_item)
    return plain[1] + (plain[2] or "") if plain else by_parts(address_of_item)


def by_parts(address_of_item: str) -> str:
    """The same of an address of any form."""
    try:
        parts = [part for part in urlsplit(address_of_item).path.split("/") if part]
    except ValueError:
        return ""
    if parts and parts[0].lower().startswith("deleted"):
        parts[0] = parts[0][len("deleted") :]
    if not parts or parts[0].lower() not in _ITEMS:
        return ""
    return "/".join([parts[0].lower(), *parts[1:2]])


def outcome_of_status(status: int) -> str:
    """The outcome that an HTTP status stands for."""
    return SUCCESS if status < 400 else DENIED if status in (401, 403) else FAILURE


def _outcome(fields: Mapping[str, Any], status: int | None) -> str:
    if status is not None:
        return outcome_of_status(status)
    result = named(first(fields, "resulttype")).lower()
    signature = text(fields.get("resultsignature")).lower()
    if "forbidden" in signature or "unauthorized" in signature:
        return DENIED
    return SUCCESS if result in ("success", "succeeded", "") else FAILURE


def _details(properties: Mapping[str, Any], fields: Mapping[str, Any], status: int | None) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if status is not None and status >= 400:
        details["status"] = status
    grantee = first(properties, "addedaccesspolicy_objectid") or first(
        fields, "addedaccesspolicy_objectid_g", "addedaccesspolicy_objectid_s", "addedaccesspolicy_objectid"
    )
    if grantee:
        details["grantee"] = text(grantee)
        details["permissions"] = [
            f"{kind}/{permission}"
            for kind in ("keys", "secrets", "certificates")
            for permission in texts(
                first(properties, f"addedaccesspolicy_permissions_{kind}")
                or first(fields, f"addedaccesspolicy_permissions_{kind}_s"),
                40,
            )
        ]
    return details


def _rejected(reason: str, fields: Mapping[str, Any], source: str, offset: int) -> Rejected:
    return Rejected(
        reason=f"the record {reason}", source=source, offset=offset, excerpt=excerpt(dict(fields))
    )
