"""`[expected]` of a configuration: who is expected to do what looks unusual."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_network
from typing import Annotated

import msgspec
from msgspec import Meta

from cluster.config_base import Table, YesNo
from detections.expected import SHIPPED, Actor, Kind

KINDS: tuple[Kind, ...] = ("application", "principal", "network", "resource")
Text = Annotated[str, Meta(description="a text", min_length=1)]
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ExpectedActorTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of them; one of the first four keys says who."""

    application: Text | None = None
    principal: Text | None = None
    network: Text | None = None
    resource: Text | None = None
    name: Text
    reason: str = ""
    detections: Annotated[
        tuple[Annotated[str, Meta(description="the name of a detection or of a layer")], ...],
        Meta(description="a list of detections or layers, like ['key_vault']"),
    ] = ()


class ExpectedTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them."""

    shipped: YesNo = True
    actors: tuple[ExpectedActorTable, ...] = ()

    def all(self) -> tuple[Actor, ...]:
        """Those that ship, where they are wanted, and those that are declared, which come in place of shipped ones."""
        own = tuple(map(_actor, self.actors))
        ids = {(one.kind, one.id) for one in own}
        return (*own, *(one for one in SHIPPED if self.shipped and (one.kind, one.id) not in ids))


def _actor(table: ExpectedActorTable) -> Actor:
    [(kind, id_)] = _who(table)
    return Actor(kind, id_.strip().lower(), table.name, table.reason, table.detections)


def _who(table: ExpectedActorTable) -> list[tuple[Kind, str]]:
    values = msgspec.structs.asdict(table)
    return [(kind, values[kind]) for kind in KINDS if values[kind] is not None]


def wrong_with(actors: Iterable[ExpectedActorTable], types: Collection[str]) -> tuple[int, str] | None:
    """The first that can't be meant, and why."""
    seen = set[tuple[str, str]]()
    names = {*types, *(type_.split(".", 1)[0] for type_ in types)}
    for number, table in enumerate(actors):
        who = _who(table)
        if len(who) != 1:
            return number, f"one of {', '.join(KINDS)} was expected, found {len(who)}"
        kind, id_ = who[0][0], who[0][1].strip().lower()
        if wrong := _wrong_id(kind, id_):
            return number, wrong
        if (kind, id_) in seen:
            return number, f"{kind} {id_} is declared twice"
        seen.add((kind, id_))
        if unknown := next((one for one in table.detections if one not in names), None):
            return number, f"no such detection or layer: {unknown!r}; `redshank catalogue` lists them"
    return None


def _wrong_id(kind: Kind, id_: str) -> str:
    if kind == "application" and not _GUID.fullmatch(id_):
        return f"application: expected an id like '262044b1-e2ce-469f-a196-69ab7ada62d3', found {id_[:60]!r}"
    if kind == "resource" and not id_.startswith(("/", "ip:")):
        return f"resource: expected an id like '/subscriptions/...' or 'ip:10.0.0.4', found {id_[:60]!r}"
    if kind == "network":
        try:
            ip_network(id_)
        except ValueError as error:
            return f"network: expected one like '10.0.9.0/24': {error}"
    return "" if id_ else f"{kind}: must not be empty"
