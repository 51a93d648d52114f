"""Entra's sign-ins in the form of diagnostic settings, taken apart without looking at all they say (see `ingest.swift`).

A record has some fifty properties, of which a dozen bear on who signed in, from where and how. Their octets are looked
up as they stand (`ingest.event_codes`); what is new among them is made sense of by `ingest.sign_ins`, as on the careful path.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw, Struct, json

from ingest import sign_ins
from ingest.depth import from_any_depth
from ingest.logs_values import PROBLEMS
from ingest.parts import What, Who

LOGS = frozenset(
    {
        "SignInLogs",
        "NonInteractiveUserSignInLogs",
        "ServicePrincipalSignInLogs",
        "ManagedIdentitySignInLogs",
    }
)
MOST_OCTETS = 8192  # of what is looked up of one record
MOST_NAMES = 256
_ABSENT = Raw(b"")

# Properties that say who it was and from where; how it was done and how it ended; which sign-in, and when.
_WHO = (
    "userId",
    "userPrincipalName",
    "userDisplayName",
    "servicePrincipalId",
    "servicePrincipalName",
    "appId",
    "appDisplayName",
    "ipAddress",
)
_WHAT = (
    "status",
    "authenticationRequirement",
    "isInteractive",
    "signInEventTypes",
    "riskLevelDuringSignIn",
    "riskState",
    "appDisplayName",
    "deviceDetail",
)
_WHICH = ("id", "originalRequestId", "correlationId")
_CREATED = "createdDateTime"
# A property of one of these names, in whatever case, is looked at: it must be spelt as Azure spells it. The last ones
# stand beside the properties, and what the properties say would count.
_SPELT = {name.lower(): name for name in (*_WHO, *_WHAT, *_WHICH, _CREATED)}
_BESIDE = ("resultType", "callerIpAddress", "time", "timeGenerated")
_SPELT |= {name.lower(): "" for name in _BESIDE}

_JOIN = b"\0".join  # no JSON holds one as it stands
_perhaps = json.Decoder(str | None).decode
_value = from_any_depth(json.Decoder().decode)


class _Line(Struct, forbid_unknown_fields=True, gc=False, rename="camel"):
    time: str
    category: str
    properties: dict[str, Raw]
    correlation_id: str = ""
    result_type: Raw = _ABSENT
    caller_ip_address: Raw = _ABSENT
    # said in every record, used by no detection
    resource_id: Raw = _ABSENT
    operation_name: Raw = _ABSENT
    operation_version: Raw = _ABSENT
    tenant_id: Raw = _ABSENT
    result_signature: Raw = _ABSENT
    result_description: Raw = _ABSENT
    duration_ms: Raw = _ABSENT
    identity: Raw = _ABSENT
    location: Raw = _ABSENT
    level: Raw = msgspec.field(default=_ABSENT, name="Level")


class SignIn(Struct, gc=False):
    """A sign-in: which, when, and the octets of who it was, of what happened and of the device."""

    time: str
    category: str
    correlation_id: str
    who: bytes
    what: bytes
    device: Raw


_line = from_any_depth(json.Decoder(_Line).decode)
_lines = from_any_depth(json.Decoder(_Line).decode_lines)


def decoded(line: bytes) -> SignIn | None:
    """A record, if it has the common form."""
    try:
        return _common(_line(line))
    except PROBLEMS:
        return None


def decoded_lines(lines: bytes) -> Sequence[SignIn | None]:
    """The records of whole lines, None in place of those that are not of the common form. Raises one of
    `ingest.logs_values.PROBLEMS` where a line is no sign-in at all."""
    found: list[_Line] = _lines(lines)
    if not LOGS.issuperset([line.category for line in found]):
        raise ValueError("not all are sign-ins")
    return [_common(line) for line in found]


def _common(line: _Line) -> SignIn | None:
    said = line.properties
    if line.category not in LOGS or len(said) > MOST_NAMES or not _is_plain(tuple(said)):
        return None
    of, category = said.get, line.category.encode()
    who = _JOIN([category, line.caller_ip_address, *[of(name, _ABSENT) for name in _WHO]])
    what = _JOIN([category, line.result_type, *[of(name, _ABSENT) for name in _WHAT[:-1]]])
    device = of(_WHAT[-1], _ABSENT)
    if max(len(who), len(what), memoryview(device).nbytes) > MOST_OCTETS:
        return None
    try:
        created = _perhaps(of(_CREATED, b"null"))
        which = next(filter(None, (_perhaps(of(name, b"null")) for name in _WHICH)), line.correlation_id)
    except PROBLEMS:
        return None
    return SignIn(created or line.time, line.category, which, who, what, device)


@lru_cache(4096)
def _is_plain(names: tuple[str, ...]) -> bool:
    """Whether the properties that are looked at stand once, as they are spelt; others may be whatever they are."""
    known = [name for name in names if name.lower() in _SPELT]
    return all(_SPELT[name.lower()] == name for name in known)


def who(octets: bytes) -> Who:
    """Who signed in, and from where."""
    log, told = _told(octets, "calleripaddress", _WHO)
    return sign_ins.who_of(told, log)


def device(octets: Raw) -> bytes:
    """What counts of a device's octets: each person has another one, and what happens is the same."""
    managed = bool(octets) and sign_ins.is_managed(_value(octets))
    return b'{"isManaged":true}' if managed else b"null"


def what(octets: bytes, of_device: bytes) -> What | None:
    """What happened; None where nothing says how it ended."""
    log, told = _told(_JOIN((octets, of_device)), "resulttype", _WHAT)
    return sign_ins.what_of(told, log)


def _told(octets: bytes, beside: str, names: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The log, and what is said under lower-case names, as on the careful path."""
    log, first, *values = octets.split(b"\0")
    told = {beside: _value(first)} if first else {}
    for name, value in zip(names, values, strict=True):
        if value and (found := _value(value)) not in (None, ""):
            told[name.lower()] = found
    return log.decode().lower(), told
