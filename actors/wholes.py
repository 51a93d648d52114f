"""One thing that many entities show is told once as a whole; what each of them shows of it counts for less."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from actors.messages import Found
from detections.catalogue import CATALOGUE
from detections.declare import Verdict

Raised = tuple[Found, Verdict]
MANY = 3  # parts of which one tells of the others, where no alert tells the whole
MOST_NAMED = 50


def parts_of_wholes(raised: Sequence[Raised], shadow: Container[str] = ()) -> list[Raised]:
    """An hour's alerts; those whose principals all have the alert that tells the whole are one step lower.

    Where the same principals have many parts and there is no such alert, the most improbable one tells of the others.
    """
    told = [pair for pair in raised if pair[0].type not in shadow]
    wholes = {(one.type, one.entity.lower()) for one, _ in told if one.kind == "principal"}
    first, many = _firsts([one for one, _ in told if _is_part(one)])
    out = []
    for one, verdict in raised:
        who = _who(one)
        if not _is_part(one):
            pass
        elif all((CATALOGUE[one.type].part_of, id_) in wholes for id_ in who):
            verdict = _lower(verdict, f"this hour's '{_title(one)}' tells the whole of it, this is one part")
        elif len(many.get(who, ())) >= MANY and one is not first[who]:
            said = f"one of {len(many[who])} at which it is new in this hour: the alert on {first[who].entity} tells of all"
            verdict = _lower(verdict, said)
        elif len(many.get(who, ())) >= MANY:
            verdict = replace(
                verdict, evidence={**verdict.evidence, "new_in_this_hour_at": many[who][:MOST_NAMED]}
            )
        out.append((one, verdict))
    return out


def _firsts(
    parts: Sequence[Found],
) -> tuple[dict[tuple[str, ...], Found], dict[tuple[str, ...], list[str]]]:
    """By principals: the most improbable part, and the entities of all of them."""
    first: dict[tuple[str, ...], Found] = {}
    many: dict[tuple[str, ...], list[str]] = {}
    for one in sorted(parts, key=lambda one: (one.finding.denied, _chance(one), one.entity.lower())):
        first.setdefault(_who(one), one)
        many.setdefault(_who(one), []).append(one.entity)
    return first, {who: sorted(entities, key=str.lower) for who, entities in many.items()}


def _chance(one: Found) -> float:
    return 1.0 if one.finding.improbability is None else one.finding.improbability


def _is_part(one: Found) -> bool:
    return bool(CATALOGUE[one.type].part_of and one.finding.principals)


def _who(one: Found) -> tuple[str, ...]:
    return tuple(sorted(id_.lower() for id_ in one.finding.principals))


def _title(one: Found) -> str:
    return CATALOGUE[CATALOGUE[one.type].part_of].title.lower()


def _lower(verdict: Verdict, said: str) -> Verdict:
    return replace(verdict, steps=verdict.steps - 1, against=(*verdict.against, said))
