"""Records that tell who holds which address: writes in the Activity Log, and rows of Azure Resource Graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ingest.activity import first, operation_of, outcome_of, region
from ingest.holdings import Changed, Deleted, Kind, Thing
from ingest.logs_values import address, folded, text
from ingest.records import STARTED, SUCCESS
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
MOST = 256  # addresses of one interface, interfaces of one machine


def of_activity(fields: Mapping[str, Any]) -> Changed | Deleted | str:
    """What a record with lower-case names tells; a reason (text) if it is nothing."""
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
    thing = thing_of({"id": id_, **body, "type": type_})
    if thing is None or text(folded(body.get("properties")).get("provisioningstate")).lower() in _NOT_YET:
        return OTHER if outcome == STARTED else NO_BODY
    return Changed(at_us, thing)


def thing_of(row: Mapping[str, Any]) -> Thing | None:
    """What a row of Resource Graph, or the body of a write, says of a thing; None: it is of none of the kinds."""
    kind, id_ = KINDS.get(text(row.get("type")).lower()), text(row.get("id"))
    properties = folded(row.get("properties"))
    if kind is None or not id_ or not properties:
        return None
    where, service = region(text(row.get("location"))), text(row.get("managedby"))
    thing = Thing(kind, id_, region=where, managed_by=service)
    if kind == "public":
        own = address(properties.get("ipaddress"))
        return thing._replace(
            addresses=(own,) if own else (),
            holder=_owner(_id(properties.get("ipconfiguration"))),
            dynamic=text(properties.get("publicipallocationmethod")).lower() == "dynamic",
        )
    if kind == "machine":
        interfaces = folded(properties.get("networkprofile")).get("networkinterfaces")
        return thing._replace(parts=_given(_id(one) for one in _list(interfaces)))
    ways = [folded(folded(one).get("properties")) for one in _list(properties.get("ipconfigurations"))]
    return thing._replace(
        addresses=_given(address(way.get("privateipaddress")) for way in ways),
        holder=_id(properties.get("virtualmachine")),
        parts=_given(_id(way.get("publicipaddress")) for way in ways),
    )


def _given(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, values))


def _id(value: object) -> str:
    return text(folded(value).get("id"))


def _list(value: object) -> list[Any]:
    return value[:MOST] if isinstance(value, list) else []


def _owner(configuration: str) -> str:
    """What an IP configuration belongs to: '…/networkInterfaces/n/ipConfigurations/c' is of the interface.

    >>> _owner("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/b/frontendIPConfigurations/f")
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/b'
    """
    return "/".join(configuration.split("/")[:9])
