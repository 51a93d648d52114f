"""Signs that an entity shows in one hour: two that are independent of each other make an alert graver."""

from __future__ import annotations

from collections.abc import Iterable

from actors.messages import Found


def signs_with(signs: dict[tuple[str, str], set[str]], one: Found) -> int:
    """How many signs of different families there are of an entity in the hour, with this one."""
    return len(signs.get((one.kind, one.entity.lower()), set()) | {family(one.type)})


def independent_signs(found: Iterable[Found]) -> dict[tuple[str, str], set[str]]:
    """The families of the signs that each entity shows in the hour."""
    families: dict[tuple[str, str], set[str]] = {}
    for one in found:
        families.setdefault((one.kind, one.entity.lower()), set()).add(family(one.type))
    return families


def family(type_: str) -> str:
    """Detections of one family see the same thing from two sides: they do not confirm each other.

    >>> family("network.ssh_incoming_multiple") == family("network.ssh_incoming")
    True
    """
    layer, name = type_.split(".", 1)
    if layer == "network" and name != "malicious_address":
        return f"{layer}.{name.removesuffix('_multiple')}"
    if name.startswith("unusual_") and name != "unusual_operation_pattern":
        return f"{layer}.unusual_caller"
    return type_
