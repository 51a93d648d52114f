"""What every management alert tells: who, from where, with what, which records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from detections.declare import Finding
from detections.key_vault.callers import actors_of
from detections.management.clients import client_of
from detections.view import Act, Hour
from detections.words import rfc3339, rounded
from ingest.records import DENIED

RECORDS = 20


def told(act: Act) -> dict[str, Any]:
    """One act for people: its record's place first."""
    event = act.event
    return {
        "source": event.source,
        "offset": event.offset,
        "time": rfc3339(act.first_us),
        "operation": event.operation,
        "resource": event.resource,
        "outcome": event.outcome,
        "count": act.count,
    }


def places(acts: Iterable[Act]) -> list[dict[str, Any]]:
    """The addresses acted from, with country and lists."""
    rows = {
        act.event.address: {
            "address": act.event.address,
            "country": act.event.country,
            "listed": list(act.event.listed),
        }
        for act in acts
        if act.event.address
    }
    return [rows[address] for address in sorted(rows)]


def _story(hour: Hour, acts: Sequence[Act], where: list[dict[str, Any]]) -> dict[str, Any]:
    """What is always told."""
    first = acts[0].event
    return {
        "name": next((a.event.name for a in acts if a.event.name), first.principal),
        "principal": hour.entity,
        "kind": first.kind,
        "clients": sorted({client_of(a.event) for a in acts} - {""}),
        "addresses": where,
        "from": ", ".join(f"{w['address']} ({w['country'] or 'country unknown'})" for w in where[:3])
        or "an unknown address",
        "signed_in_by": sorted({str(a.event.details.get("auth", "")) for a in acts} - {""}),
        "records": [told(act) for act in acts[:RECORDS]],
        "known_since": rfc3339(hour.since_us),
        "days_known": rounded(hour.days_learned),
        "against": [],
    }


def finding(hour: Hour, acts: Sequence[Act], **more: Any) -> Finding:
    """A finding over some acts, at least one; keyword `evidence` is added to what is always told."""
    evidence = more.pop("evidence", {})
    where = places(acts)
    keywords: dict[str, Any] = {
        "evidence": {} if hour.brief else {**_story(hour, acts, where), **evidence},
        "first_us": min(act.first_us for act in acts),
        "last_us": max(act.last_us for act in acts),
        "count": sum(act.count for act in acts),
        "denied": all(act.event.outcome == DENIED for act in acts),
        "principals": (hour.entity,),
        "addresses": tuple(w["address"] for w in where),
        "vaults": tuple(sorted({a.event.vault for a in acts} - {""}))[:20],
        "actors": () if hour.brief else actors_of(acts),
    }
    return Finding(**{**keywords, **more})
