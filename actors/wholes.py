"""One thing that many entities show is told once as a whole; what each of them shows of it counts for less."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from actors.messages import Found
from detections.catalogue import CATALOGUE
from detections.declare import Verdict

Raised = tuple[Found, Verdict]


def parts_of_wholes(raised: Sequence[Raised], shadow: Container[str] = ()) -> list[Raised]:
    """An hour's alerts; those whose principals all have the alert that tells the whole are one step lower."""
    wholes = {
        (one.type, one.entity.lower())
        for one, _ in raised
        if one.kind == "principal" and one.type not in shadow
    }
    return [(one, _part(one, verdict, wholes)) for one, verdict in raised]


def _part(one: Found, verdict: Verdict, wholes: set[tuple[str, str]]) -> Verdict:
    whole, principals = CATALOGUE[one.type].part_of, one.finding.principals
    if not whole or not principals or not all((whole, id_.lower()) in wholes for id_ in principals):
        return verdict
    said = f"this hour's '{CATALOGUE[whole].title.lower()}' tells the whole of it, this is one part"
    return replace(verdict, steps=verdict.steps - 1, against=(*verdict.against, said))
