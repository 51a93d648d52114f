"""Who did what in a vault's hour, in one pass over its groups: all that an ordinary hour is judged by."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from detections.key_vault.callers import FIRST_PARTY, Caller, caller_named
from detections.view import Hour
from ingest.records import KEY_VAULT, SUCCESS

Part = tuple[str, str]  # caller, operation


class Met(NamedTuple):
    """The vault's own events of an hour, without Microsoft's services doing what they always do."""

    parts: dict[Part, int]  # number of operations
    let_in: set[Caller]
    refused: set[Caller]  # the same caller may be let in elsewhere


def met(hour: Hour) -> Met:
    """Who did what; ask by `hour.once(met)`."""
    seen = Met({}, set(), set())
    parts = seen.parts
    for group in hour.groups:
        event = group.event
        if event.layer != KEY_VAULT:
            continue
        one = _audited(event.application, event.principal, event.name, event.kind, event.operation)
        if one is None:
            continue
        caller, part = one
        parts[part] = parts.get(part, 0) + group.count
        (seen.let_in if event.outcome == SUCCESS else seen.refused).add(caller)
    return seen


@lru_cache(maxsize=1 << 14)
def _audited(
    application: str, principal: str, name: str, kind: str, operation: str
) -> tuple[Caller, Part] | None:
    """The caller and its part, unless it is what a service of Microsoft's always does (`callers.expected`)."""
    caller = caller_named(application, principal, name, kind)
    if not caller.user and operation in FIRST_PARTY.get(application.lower(), ()):
        return None
    return caller, (caller.user or caller.application, operation)
