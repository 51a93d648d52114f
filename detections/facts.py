"""What the organisation-wide view learns from each principal's hour."""

from __future__ import annotations

from collections.abc import Iterator

from detections.organisation import Fact
from detections.view import Act, Hour
from ingest.records import SUCCESS

ROLE_WRITE = "microsoft.authorization/roledefinitions/write"


def facts_of(hour: Hour) -> Iterator[Fact]:
    """Addresses and countries that this principal acted from successfully, and custom roles it made."""
    addresses: set[str] = set()
    countries: set[str] = set()
    for act in hour.acts:
        if act.event.outcome != SUCCESS:
            continue
        addresses.add(act.event.address)
        countries.add(act.event.country)
        if act.event.operation == ROLE_WRITE:
            yield _role(hour, act)
    for kind, keys in (("address", addresses), ("country", countries)):
        for key in sorted(keys - {""}):
            yield Fact(kind, key, hour.entity.lower(), hour.start_us)


def _role(hour: Hour, act: Act) -> Fact:
    details = act.event.details
    role = str(details.get("role_definition") or act.event.resource).lower().rsplit("/", 1)[-1]
    known = {"actions": list(details.get("actions", ())), "name": str(details.get("role_name", ""))}
    return Fact("role", role, hour.entity.lower(), act.first_us, known)
