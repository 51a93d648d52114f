"""How many reads people make of a vault in an hour: who makes no more is one of them in that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baselines.visit_count import VisitCount
from detections.declare import Finding, Learned
from detections.key_vault.habits import RARE
from detections.key_vault.met import met
from detections.key_vault.operations import READS
from detections.organisation import Organisation
from detections.view import Hour

BASELINE = "vault_visits"


def _observe(hour: Hour) -> Iterator[dict[str, Any]]:
    """The most that one person made; of somebody who was let in at all."""
    seen = hour.once(met)
    people = {caller.user for caller in seen.let_in} - {""}
    made: dict[str, int] = {}
    for (who, operation), count in seen.parts.items():
        if who in people and operation in READS:
            made[who] = made.get(who, 0) + count
    if made:
        yield {"key": "", "count": max(made.values())}


def as_others(found: Finding, organisation: Organisation) -> str:
    """What speaks for people who read so much; '' where people seldom do, or too little is known."""
    reads = sum(count for operation, count in found.evidence["operations"].items() if operation in READS)
    share = organisation.share_at_least(BASELINE, max(1, reads))
    if share is None or share < RARE:
        return ""
    return f"in {share:.0%} of the hours in which people read from a vault, somebody read as much"


VISITS = Learned(BASELINE, VisitCount, _observe, counts=True)
