"""Records that tell who holds which address: writes in the Activity Log, and rows of Azure Resource Graph."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ingest.activity import first, operation_of, outcome_of, region
from ingest.holdings import Changed, Deleted, Extent, Kind, Picture, Thing
from ingest.logs_values import address, excerpt, folded, text
from ingest.pictures import is_full
from ingest.records import INVENTORY, STARTED, SUCCESS, Event, Rejected
from ingest.times import epoch_us

KINDS: dict[str, Kind] = {
    "microsoft.network/publicipaddresses": "public",
    "microsoft.network/networkinterfaces": "interface",
    "microsoft.compute/virtualmachines": "machine",
}
NO_BODY = "writes whose record does not say what was written (no response body)"
FAILED = "writes that failed"
OTHER = "records of other operations and resources"
_NOT_YET = ("updating", "deleting")
_NAMED = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d)[-_:]?(\d\d)(?:[-_:]?(\d\d))?Z")
_TIMES = ("time", "timestamp", "snapshottime")
MOST = 256  # addresses of one interface, interfaces of one machine
MOST_NAME = 128  # letters of a thing's name and kind that are told
MOST_TOLD = 3  # of what can't be read of a record
_NONE_GIVEN = ("0.0.0.0", "::")


def of_activity(fields: Mapping[str, Any], faults: list[str] | None = None) -> Changed | Deleted | str:
    """What a record with lower-case names tells; a reason (text) if it is nothing. `faults`: see `thing_of`."""
    type_, _, verb = operation_of(fields).lower().rpartition("/")
    stopped = (type_, verb) == ("microsoft.compute/virtualmachines/deallocate", "action")
    kind = KINDS.get(type_.removesuffix("/deallocate") if stopped else type_)
    if kind is None or not (stopped or verb in ("write", "delete")):
        return OTHER
    outcome = outcome_of(fields)
    if outcome not in (SUCCESS, STARTED):
        return FAILED
    at_us = epoch_us(first(fields, "time", "eventtimestamp", "timegenerated"))
    id_ = text(first(fields, "resourceid", "_resourceid", "resourceuri"))
    if at_us is None or not id_:
        return "records without a time or a resource"
    if stopped or verb == "delete":
        return Deleted(at_us, kind, id_, stopped) if outcome == SUCCESS else OTHER
    # Of a request only its answer counts: addresses are given by the cloud.
    body = folded(folded(first(fields, "properties", "properties_d")).get("responsebody"))
    if text(folded(body.get("properties")).get("provisioningstate")).lower() in _NOT_YET:
        thing = None
    else:
        thing = thing_of({"id": id_, **body, "type": type_}, faults)
    if thing is None:
        return OTHER if outcome == STARTED else NO_BODY
    return Changed(at_us, thing)


def thing_of(row: Mapping[str, Any], faults: list[str] | None = None) -> Thing | None:
    """What a row of Resource Graph, or the body of a write, says of a thing; None: it is of none of the kinds.

    What of it can't be read is added to `faults`; the rest counts.
    """
    faults = [] if faults is None else faults
    kind, id_ = KINDS.get(text(row.get("type")).lower()), text(row.get("id"))
    properties = folded(row.get("properties"))
    if kind is None or not id_:
        return None
    if not properties:
        if row.get("properties") not in (None, "", {}):
            faults.append("properties is no object")
        return None
    where, service = region(text(row.get("location"))), text(row.get("managedby"))
    thing = Thing(kind, id_, region=where, managed_by=service)
    if kind == "public":
        own = _address(properties, "ipAddress", faults)
        return thing._replace(
            addresses=(own,) if own else (),
            holder=_owner(_id(properties.get("ipconfiguration"))),
            dynamic=text(properties.get("publicipallocationmethod")).lower() == "dynamic",
        )
    if kind == "machine":
        interfaces = _list(folded(properties.get("networkprofile")), "networkInterfaces", faults)
        return thing._replace(parts=_given(_id(one) for one in interfaces))
    ways = [folded(folded(one).get("properties")) for one in _list(properties, "ipConfigurations", faults)]
    return thing._replace(
        addresses=_given(_address(way, "privateIPAddress", faults) for way in ways),
        holder=_id(properties.get("virtualmachine")),
        parts=_given(_id(way.get("publicipaddress")) for way in ways),
    )


# Among the records of a log: an `Event` of the layer INVENTORY, with all of it in `details`.

_WRITES = ("write", "delete")
OPERATIONS = frozenset(
    {f"{type_}/{verb}" for type_ in KINDS for verb in _WRITES}
    | {"microsoft.compute/virtualmachines/deallocate/action"}
)
ROWS = "rows of Azure Resource Graph, which tell who holds an address"
PAGES = "pages of an answer of Azure Resource Graph that has more: what they do not show is not taken as gone"
FULL = (
    "pictures that do not say how many rows there are, and have just as many as full pages (100, or whole thousands): "
    "what they do not show is not taken as gone"
)


def beside(fields: Mapping[str, Any], event: Event) -> list[Event | Rejected]:
    """What a record of the Activity Log with lower-case names tells beside its event, and what of that can't be read."""
    if event.operation not in OPERATIONS:
        return []
    faults: list[str] = []
    told = of_activity(fields, faults)
    if isinstance(told, str):
        return []
    return [event_of(told, event.source, event.offset), *unread(faults, event.source, event.offset, fields)]


def unread(faults: list[str], source: str, offset: int, value: object) -> list[Rejected]:
    """What of a record or row can't be read, in one sentence."""
    if not faults:
        return []
    # An answer's rows have one place, and the excerpt may end before the name.
    thing = (
        "/".join(text(folded(value).get("id")).split("/")[-2:])[-MOST_NAME:] or "a thing that holds addresses"
    )
    more = f" and {len(faults) - MOST_TOLD:,} more" if len(faults) > MOST_TOLD else ""
    reason = f"of {thing} something can't be read: {', '.join(faults[:MOST_TOLD])}{more}; the rest counts"
    return [Rejected(reason=reason, source=source, offset=offset, excerpt=excerpt(value), kind="inventory")]


def rows(value: Mapping[str, Any], source: str, offset: int) -> list[Event | Rejected]:
    """What a row of Resource Graph, or a page of them, tells; nothing: it is neither.

    What has no time is of 1970, which is always.
    """
    fields = folded(value)
    inside = fields["data"] if isinstance(fields.get("data"), list) else [value]
    page_us = picture_us(fields, named_us(source, 0))
    part, whole = is_part(fields), extent_of(fields)
    found: list[Event | Rejected] = []
    for row in map(folded, inside):
        faults: list[str] = []
        thing = thing_of(row, faults)
        if thing is None:
            found += unread(faults, source, offset, row)
            continue
        at_us = page_us if inside[0] is value else picture_us(row, page_us)
        if at_us is None or at_us < 0:
            reason = "the row of Azure Resource Graph has no time that can be read"
            found.append(Rejected(reason=reason, source=source, offset=offset, excerpt=excerpt(row)))
        else:
            found.append(
                event_of(Changed(at_us, thing) if part else Picture(at_us, (thing,), whole), source, offset)
            )
            found += unread(faults, source, offset, row)
    return found


def is_part(answer: Mapping[str, Any]) -> bool:
    """Whether an answer with lower-case names has more rows than are here: it is no picture of the whole.

    `az graph query` and the REST API have other names for the same. What says nothing of it and is a full page, is one.
    """
    data = answer.get("data")
    if not isinstance(data, list):
        return False
    total = _total(answer)
    more = is_full(len(data)) if total is None else total > len(data)
    cut = text(answer.get("resulttruncated")).lower() == "true"
    return more or cut or bool(text(first(answer, "skip_token", "$skiptoken", "skiptoken")))


def extent_of(answer: Mapping[str, Any]) -> Extent:
    """Whether an answer that is no part says so."""
    return "unsaid" if _total(answer) is None else "whole"


def _total(answer: Mapping[str, Any]) -> int | None:
    total = first(answer, "total_records", "totalrecords")
    return total if isinstance(total, int) and isinstance(answer.get("data"), list) else None


def event_of(told: Changed | Deleted | Picture, source: str = "", offset: int = 0) -> Event:
    """What is told as a record; `told_of` has it back."""
    if isinstance(told, Deleted):
        details: dict[str, Any] = {"kind": told.kind, "id": told.id, "stopped": told.stopped}
    elif isinstance(told, Picture):
        details = told.things[0]._asdict() | {"extent": told.extent}
    else:
        details = told.thing._asdict()
    return Event(
        at_us=told.at_us,
        layer=INVENTORY,
        operation=type(told).__name__,
        outcome=SUCCESS,
        details=details,
        source=source,
        offset=offset,
    )


def told_of(operation: str, details: Mapping[str, Any], at_us: int) -> Changed | Deleted | Picture:
    """What such an event tells."""
    if operation == Deleted.__name__:
        return Deleted(at_us, details["kind"], details["id"], details["stopped"])
    thing = msgspec.convert([details[name] for name in Thing._fields], Thing)
    if operation == Changed.__name__:
        return Changed(at_us, thing)
    return Picture(at_us, (thing,), details.get("extent", "unsaid"))


def picture_us(fields: Mapping[str, Any], default_us: int | None) -> int | None:
    """The time that a row or an answer has, or else that; None for one that is none."""
    given = next((fields[name] for name in _TIMES if fields.get(name) not in (None, "")), None)
    return default_us if given is None else epoch_us(given)


def named_us(name: str, default_us: int = 0) -> int:
    """The time in a file's name: '2026-01-05T10-00-00Z.json'."""
    match = _NAMED.search(name.rpartition("/")[2])
    if match is None:
        return default_us
    year, month, day, hour, minute, second = match.groups()
    at_us = epoch_us(f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}Z")
    return default_us if at_us is None else at_us


def _given(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, values))


def _id(value: object) -> str:
    return text(folded(value).get("id"))


def _address(fields: Mapping[str, Any], name: str, faults: list[str]) -> str:
    """That of a field; '' where it has none, or none that can be read."""
    value = fields.get(name.lower())
    found = address(value)
    if not found and value not in (None, "", *_NONE_GIVEN):
        faults.append(f"{name} {excerpt(value)[:64]!r}")
    return found


def _list(fields: Mapping[str, Any], name: str, faults: list[str]) -> list[Any]:
    value = fields.get(name.lower())
    if not isinstance(value, list):
        if value is not None:
            faults.append(f"{name} is no list")
        return []
    if len(value) > MOST:
        faults.append(f"{name} beyond the first {MOST}")
    found = value[:MOST]
    if any(one not in (None, {}) and not folded(one) for one in found):
        faults.append(f"{name} has entries that are no objects")
    return found


def _owner(configuration: str) -> str:
    """What an IP configuration belongs to: '…/networkInterfaces/n/ipConfigurations/c' is of the interface.

    >>> _owner("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/b/frontendIPConfigurations/f")
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/b'
    """
    return "/".join(configuration.split("/")[:9])
