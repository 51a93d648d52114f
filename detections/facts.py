"""What the organisation-wide view learns from each principal's hour."""

from __future__ import annotations

from collections.abc import Iterator

from detections.management.clients import is_person
from detections.management.impossible_travel import quick_moves
from detections.organisation import Fact
from detections.view import Act, Hour
from ingest.records import KEY_VAULT, SUCCESS

ROLE_WRITE = "microsoft.authorization/roledefinitions/write"
_MAKES_ROLES = frozenset({ROLE_WRITE})


def facts_of(hour: Hour) -> Iterator[Fact]:
    """What this principal acted from and with successfully, how it moved, and the custom roles that it made."""
    who = hour.entity.lower()
    used: set[tuple[str, str, str]] = set()
    for group in hour.groups:
        event = group.event
        if event.outcome != SUCCESS:
            continue
        used.add(("address", event.address, who))
        used.add(("country", event.country, who))
        vault = event.vault.lower() if event.layer == KEY_VAULT else ""
        if is_person(event):
            used.add(("application", who, event.application))
            used.add(("vault", vault, who))
        else:
            used.add(("reached", who, vault))
    if hour.saw(_MAKES_ROLES):
        acts = (a for a in hour.acts if a.event.operation == ROLE_WRITE and a.event.outcome == SUCCESS)
        yield from (_role(hour, act) for act in acts)
    for here, there in quick_moves(hour):
        used |= {("hop", here, there), ("hop", there, here)}
    for kind, key, user in sorted(used):
        if key and user:
            yield Fact(kind, key, user, hour.start_us)


def _role(hour: Hour, act: Act) -> Fact:
    details = act.event.details
    role = str(details.get("role_definition") or act.event.resource).lower().rsplit("/", 1)[-1]
    known = {"actions": list(details.get("actions", ())), "name": str(details.get("role_name", ""))}
    return Fact("role", role, hour.entity.lower(), act.first_us, known)
