"""Entra sign-in records to events: diagnostic settings' form, the Graph API's, and Log Analytics' tables.

All three have the same fields, the first one under `properties`. That somebody signed in is no act on a resource: it says
who was where, and how sure the directory was of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from ingest.activity import first, named
from ingest.claims import Caller
from ingest.identity import further, part_hash, uid_of
from ingest.logs_values import address, excerpt, folded, number, text, texts
from ingest.parts import What, Where, Who, put_together
from ingest.records import FAILURE, SIGN_IN, SUCCESS, Event, Rejected
from ingest.times import epoch_us

OPERATION = "SignIn"
_PEOPLES = frozenset({"signinlogs", "noninteractiveusersigninlogs", "aadnoninteractiveusersigninlogs"})
_APPLICATIONS = frozenset(
    {
        "serviceprincipalsigninlogs",
        "managedidentitysigninlogs",
        "aadserviceprincipalsigninlogs",
        "aadmanagedidentitysigninlogs",
    }
)
_NOBODY = "00000000-0000-0000-0000-000000000000"  # in place of a user whom the directory could not find
_NO_RISK = frozenset({"", "none", "hidden", "unknownfuturevalue"})
_SETTLED = frozenset({"remediated", "dismissed", "confirmedsafe"})
_MAX_NAME = 80  # characters of an application's name


def is_sign_in(fields: Mapping[str, Any]) -> bool:
    """Whether a record with lower-case names is one of the directory's sign-ins."""
    if _log_of(fields):
        return True
    return (
        "createddatetime" in fields
        and "ipaddress" in fields
        and "status" in fields
        and ("userid" in fields or "serviceprincipalid" in fields)
    )


def _log_of(fields: Mapping[str, Any]) -> str:
    """Which of the logs a record is of, as far as it says; '' for the Graph API's and for other records."""
    logs = (named(fields.get(name)).lower() for name in ("category", "type"))
    return next((log for log in logs if log in _PEOPLES or log in _APPLICATIONS), "")


def decode(fields: Mapping[str, Any], source: str, offset: int) -> Event | Rejected:
    """An event from a record with lower-case names, or why it can't be read."""
    inner = folded(fields.get("properties"))
    told = {**fields, **{name: value for name, value in inner.items() if value not in (None, "")}}
    at_us = epoch_us(first(told, "createddatetime", "time", "timegenerated"))
    if at_us is None:
        return _rejected("has no time that can be read", fields, source, offset)
    log = _log_of(fields)
    what, who = what_of(told, log), who_of(told, log)
    if what is None:
        return _rejected(
            "does not say whether the sign-in succeeded (status.errorCode, resultType)",
            fields,
            source,
            offset,
        )
    content = reduce(further, what_hashes(what), who_hash(who)) >> 1
    uid = uid_of(content, at_us, text(first(told, "id", "originalrequestid", "correlationid")))
    return put_together(what, who, Where(), at_us, uid, 0, offset, source)


def who_of(told: Mapping[str, Any], log: str) -> Who:
    """Who signed in, and from where, by what is said under lower-case names in that log ('': one of Graph's)."""
    caller = _caller(told, log)
    came_from = address(first(told, "ipaddress", "calleripaddress") or "")
    return Who(caller.principal, caller.name, caller.kind, caller.application, came_from)


def what_of(told: Mapping[str, Any], log: str) -> What | None:
    """How it was done and how it ended; None where nothing is said of that."""
    outcome = _outcome(told)
    return What(SIGN_IN, OPERATION, outcome, _details(told, log)) if outcome else None


def who_hash(who: Who) -> int:
    """What tells a sign-in from others, as far as who it was."""
    return reduce(
        further, map(part_hash, (OPERATION, who.principal.lower(), who.application, who.address)), 0
    )


def what_hashes(what: What) -> tuple[int, int]:
    """The same of what happened. A sign-in is told again where its risk was seen later: that is another record."""
    said = ",".join(f"{name}={value}" for name, value in sorted(what.details.items()))
    return part_hash(what.outcome), part_hash(said)


def _caller(told: Mapping[str, Any], log: str) -> Caller:
    user, service = _id(told.get("userid")), _id(told.get("serviceprincipalid"))
    application = text(told.get("appid")).lower()
    if _is_application(told, log):
        name = text(first(told, "serviceprincipalname", "appdisplayname"))
        return Caller(service or application, name, "service_principal", application)
    name = text(told.get("userprincipalname"))
    return Caller(user or name, name or text(told.get("userdisplayname")), "user", application)


def _is_application(told: Mapping[str, Any], log: str) -> bool:
    """Whether no person signed in: its log says so, or, where it names none, whose ids are there."""
    if log:
        return log in _APPLICATIONS
    return bool(_id(told.get("serviceprincipalid"))) and not _id(told.get("userid"))


def _id(value: object) -> str:
    found = text(value)
    return "" if found == _NOBODY else found


def _outcome(told: Mapping[str, Any]) -> str:
    """SUCCESS, FAILURE, or '' where nothing is said. The error's code counts; 0 is none."""
    code = number(first(folded(told.get("status")), "errorcode"))
    if code is None:
        code = number(told.get("resulttype"))
    if code is not None:
        return FAILURE if code else SUCCESS
    said = text(told.get("resulttype")).lower()
    return SUCCESS if said in ("success", "succeeded") else FAILURE if said else ""


def _details(told: Mapping[str, Any], log: str) -> dict[str, Any]:
    """How it was done, in a few words: equal ones are kept once."""
    details = {
        "mfa": text(told.get("authenticationrequirement")).lower() == "multifactorauthentication",
        "interactive": not _is_application(told, log) and _is_interactive(told, log),
        "managed": is_managed(told.get("devicedetail")),
        "risk": _risk(told),
        "to": text(told.get("appdisplayname"))[:_MAX_NAME],
    }
    return {name: value for name, value in details.items() if value}


def is_managed(device: object) -> bool:
    """Whether the organisation looks after the device."""
    said = folded(device)
    return _true(said.get("iscompliant")) or _true(said.get("ismanaged"))


def _is_interactive(told: Mapping[str, Any], log: str) -> bool:
    if "isinteractive" in told:
        return _true(told["isinteractive"])
    events = [one.lower() for one in texts(told.get("signineventtypes"), 8)]
    return "interactiveuser" in events if events else log == "signinlogs"


def _true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _risk(told: Mapping[str, Any]) -> str:
    """The risk that the directory saw, '' for none or one that was settled."""
    level = text(told.get("risklevelduringsignin")).lower()
    if level in _NO_RISK or text(told.get("riskstate")).lower() in _SETTLED:
        return ""
    return level if level in ("low", "medium", "high") else "unknown"


def _rejected(reason: str, fields: Mapping[str, Any], source: str, offset: int) -> Rejected:
    return Rejected(
        reason=f"the record {reason}", source=source, offset=offset, excerpt=excerpt(dict(fields))
    )
