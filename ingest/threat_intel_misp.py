"""MISP events as JSON: attributes that are addresses and are meant for detection (`to_ids`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.networks import ALWAYS_US, FOREVER_US
from ingest.threat_intel_feeds import LAST_SEEN_HOLDS_US, Taken
from ingest.times import epoch_us

_TYPES = ("ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain|ip")
_MEMBERS = ("Event", "Attribute", "response", "Object")


def is_misp(content: Any) -> bool:
    """Whether decoded JSON is an event, an answer with events or attributes, or a list of events."""
    if isinstance(content, list):
        return any(is_misp(item) for item in content[:10])
    return isinstance(content, dict) and any(name in content for name in _MEMBERS)


def read_misp(content: Any, taken: Taken) -> None:
    """Add the addresses of all events in it."""
    for number, attribute in enumerate(_attributes(content), 1):
        if attribute.get("type") in _TYPES and _true(attribute.get("to_ids")):
            _read_attribute(attribute, number, taken)


def _attributes(content: Any) -> Iterator[Mapping[str, Any]]:
    """All attributes, those of objects too, in the file's order; what was deleted is left out."""
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, dict) and not _true(item.get("deleted")):
            if "type" in item and "value" in item:
                yield item
            waiting += [item[name] for name in reversed(_MEMBERS) if name in item]


def _true(value: object) -> bool:
    return value in (True, 1, "1", "true")


def _read_attribute(attribute: Mapping[str, Any], number: int, taken: Taken) -> None:
    value = str(attribute["value"])
    parts = value.split("|")
    address = parts[1] if attribute["type"] == "domain|ip" and len(parts) > 1 else parts[0]
    try:
        first, last = (_time(attribute, name) for name in ("first_seen", "last_seen"))
    except ValueError as error:
        taken.refuse(value, number, f"has no time as {error}")
        return
    start_us = ALWAYS_US if first is None else first
    taken.add(address.strip(), number, start_us, FOREVER_US if last is None else last + LAST_SEEN_HOLDS_US)


def _time(attribute: Mapping[str, Any], name: str) -> int | None:
    value = attribute.get(name)
    if value in (None, ""):
        return None
    found = epoch_us(value)
    if found is None:
        raise ValueError(name)
    return found
