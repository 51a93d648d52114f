"""How many different secrets, keys and certificates people read in an hour: who reads no more is one of them in that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baselines.seasonal_count import SeasonalCount
from detections.declare import Learned
from detections.key_vault.callers import caller_of
from detections.key_vault.habits import RARE
from detections.key_vault.met import met
from detections.key_vault.operations import READS, audited, succeeded
from detections.organisation import Organisation
from detections.view import Hour

BASELINE = "vault_visits"


def _observe(hour: Hour) -> Iterator[dict[str, Any]]:
    """The most that one person read."""
    seen = hour.once(met)
    people = {caller.user for caller in seen.let_in} - {""}
    if not any(who in people and operation in READS for who, operation in seen.parts):
        return
    read: dict[str, set[str]] = {}
    for act in succeeded(hour.once(audited)):
        user = caller_of(act.event).user
        if user and act.event.operation in READS:
            read.setdefault(user, set()).add(act.event.item)
    if read:
        yield {"key": "", "count": max(map(len, read.values()))}


def as_others(objects: int, organisation: Organisation) -> str:
    """What speaks for a person who touched so many; '' where people seldom read as many, or too little is known."""
    share = organisation.share_at_least(BASELINE, objects)
    if share is None or share < RARE:
        return ""
    return f"in {share:.0%} of the hours in which people read from a vault, somebody read as many"


VISITS = Learned(BASELINE, SeasonalCount, _observe, counts=True)
