"""Signs that an entity shows in one hour: two that are independent of each other make an alert graver."""

from __future__ import annotations

from collections.abc import Container, Iterable

from actors.messages import Found
from actors.wholes import Raised


def signs_with(signs: dict[tuple[str, str], set[str]], one: Found) -> int:
    """How many signs of different families there are of an entity in the hour, with this one."""
    return len(signs.get((one.kind, one.entity.lower()), set()) | {family(one.type)})


def independent_signs(
    raised: Iterable[Raised], shadow: Container[str] = ()
) -> dict[tuple[str, str], set[str]]:
    """The families of the signs that each entity shows in the hour.

    What is told lower, for a doubt or as part of a whole, confirms nothing else; nor does what is only recorded.
    """
    families: dict[tuple[str, str], set[str]] = {}
    for one, verdict in raised:
        if verdict.steps >= 0 and one.type not in shadow:
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
