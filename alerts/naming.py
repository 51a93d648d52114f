"""Whom and what an alert's evidence names: what a rule may be about, what an incident hangs together by, and its graph."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Literal, NamedTuple

from alerts.alert import Alert
from alerts.explaining_evidence import rows, text, texts
from alerts.output import plain, short_id

Kind = Literal["principal", "address", "application", "vault", "resource"]
MOST = 30


class Named(NamedTuple):
    """Somebody or something: `id` as the evidence has it, `name` for people."""

    kind: Kind
    id: str
    name: str


def named(alert: Alert) -> list[Named]:
    """All that an alert names, its entity first, each once."""
    return list({(one.kind, one.id.lower()): one for one in reversed([*_all(alert)][:MOST])}.values())[::-1]


def _all(alert: Alert) -> Iterator[Named]:
    kind: Kind = alert.entity.kind if alert.entity.kind in ("principal", "vault") else "resource"  # type: ignore[assignment]
    evidence = alert.evidence
    yield Named(kind, alert.entity.id, text(evidence.get("name")) or plain(short_id(alert.entity.id)))
    for row in rows(evidence.get("callers")):
        if id_ := text(row.get("object_id")):
            yield Named("principal", id_, text(row.get("name")) or id_)
    if kind != "principal" and (id_ := text(evidence.get("principal"))):
        yield Named("principal", id_, text(evidence.get("name")) or id_)
    for row in [*rows(evidence.get("addresses")), *rows(evidence.get("top_peers"))]:
        yield from _address(text(row.get("address")))
    yield from _address(text(evidence.get("peer")))
    for row in rows(evidence.get("vaults")):
        if id_ := text(row.get("vault")):
            yield Named("vault", id_, plain(short_id(id_)))
    for id_ in texts(evidence.get("vaults")):
        yield Named("vault", id_, plain(short_id(id_)))
    for row in rows(evidence.get("callers")):
        if id_ := text(row.get("application")):
            yield Named("application", id_, id_)


def _address(said: str) -> Iterator[Named]:
    try:
        ipaddress.ip_address(said)
    except ValueError:
        return
    yield Named("address", said, said)
