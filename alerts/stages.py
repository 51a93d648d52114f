"""The order of an attack: how far along it a tactic is, and which alerts follow it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

STAGES = ("access", "foothold", "discovery", "credentials", "exfiltration")
UNKNOWN = -1
_TACTICS = {
    "access": ("PreAttack", "Reconnaissance", "InitialAccess", "DefenseEvasion"),
    "foothold": ("Execution", "Persistence", "PrivilegeEscalation"),
    "discovery": ("Discovery", "LateralMovement"),
    "credentials": ("CredentialAccess",),
    "exfiltration": ("Collection", "CommandAndControl", "Exfiltration", "Impact"),
}
_PLACE = {tactic: STAGES.index(stage) for stage, tactics in _TACTICS.items() for tactic in tactics}


def stage_of(tactics: Iterable[str]) -> int:
    """The place in STAGES of the furthest of an alert's tactics; UNKNOWN where it has none that is known.

    >>> STAGES[stage_of(["CredentialAccess", "Discovery"])], stage_of([])
    ('credentials', -1)
    """
    return max((_PLACE.get(tactic, UNKNOWN) for tactic in tactics), default=UNKNOWN)


def in_order(stages: Sequence[int]) -> list[int]:
    """The longest way through stages, given in order of time, that only goes forward.

    >>> in_order([3, 0, 2, 1, 3])
    [0, 2, 3]
    """
    best: dict[int, list[int]] = {}  # by its last stage
    for stage in stages:
        if stage != UNKNOWN:
            before = max((way for last, way in best.items() if last < stage), key=len, default=[])
            if len(before) >= len(best.get(stage, ())):
                best[stage] = [*before, stage]
    return max(best.values(), key=len, default=[])
