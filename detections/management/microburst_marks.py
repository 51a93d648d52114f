"""The marks of MicroBurst among a principal's acts, and how many points they are.

What a principal shows again and again is its habit, and gives no points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from detections.management.actions import (
    LIST_STORAGE_KEYS,
    PUBLISH_XML,
    RUN_COMMAND,
    RUNBOOK_STEPS,
    SECRET_REVEALING,
    VAULT_POLICY,
)
from detections.management.clients import POWERSHELL, client_of
from detections.view import Act, Hour

# The baseline of habits, and its keys.
HABITS = "management.breadth"
MANY_ACCOUNTS_HABIT, MANY_MACHINES_HABIT = "many accounts", "many machines"
LISTS = frozenset({"SecretList", "KeyList"})
LISTS_KEYS = frozenset({LIST_STORAGE_KEYS})
ALERT = 6  # points
READING = 5  # points of enumeration by listKeys alone: a low alert
MANY_ACCOUNTS = 5
SEVERAL_MACHINES, MANY_MACHINES = 3, 8
MANY_KINDS, MOST_KINDS = 6, 12  # kinds at once that are an alert by themselves; more are not told apart
HABIT_HOURS = 3  # hours with such a breadth after which it is a habit ...
HABIT_TIMES = 5  # ... or so many that were told: what comes each night is known by then
_NAME = re.compile(r"[a-z]{15}")
Signs = list[tuple[int, str]]


def kinds_of(acts: Iterable[Act]) -> set[str]:
    """The secret-revealing operations among some acts."""
    return {a.event.operation for a in acts} & SECRET_REVEALING


def resources_of(acts: Iterable[Act], operations: frozenset[str]) -> set[str]:
    """What these operations among some acts were done to."""
    return {a.event.resource.lower() for a in acts if a.event.operation in operations}


def only_collected(signs: Signs) -> bool:
    """Whether it is the reading of storage keys alone."""
    return {why for _, why in signs} <= {"storage keys", "a client of PowerShell"}


def points_of(signs: Signs) -> int:
    """All points together."""
    return sum(points for points, _ in signs)


def is_enough(signs: Signs) -> bool:
    """Whether they are an alert."""
    return points_of(signs) >= (READING if only_collected(signs) else ALERT)


def signs_of(hour: Hour, window: Sequence[Act]) -> Signs:
    """Points and their names. What this principal shows again and again gives none."""
    signs = [*_habitual_signs(hour, window), *_rare_signs(window)]
    if signs and any(client_of(a.event) == POWERSHELL for a in window):
        signs.append((1, "a client of PowerShell"))
    return signs


def breadth_habit(kinds: int) -> str:
    """The key of the habit of revealing so many kinds at once."""
    return f"breadth {min(kinds, MOST_KINDS)}"


def _habit(hour: Hour, *keys: str) -> bool:
    model = hour.models.get(HABITS)
    if model is None:
        return False
    often = sum(model.weight(key, hour.hour) for key in keys) >= HABIT_HOURS * 0.6
    return bool(often or sum(model.times(key) for key in keys) >= HABIT_TIMES)


def _habitual_breadth(hour: Hour, kinds: int) -> bool:
    """Whether so many kinds are usual here, or more; or one fewer, if that was told: services come and go.

    What is too little to be told must not vouch for one kind more, or who climbs slowly is never told.
    """
    kinds = min(kinds, MOST_KINDS)
    least = max(MANY_KINDS, kinds - 1) if kinds > MANY_KINDS else kinds
    return _habit(hour, *(breadth_habit(number) for number in range(least, MOST_KINDS + 1)))


def _habitual_signs(hour: Hour, window: Sequence[Act]) -> Signs:
    signs: Signs = []
    kinds = len(kinds_of(window))
    if kinds >= 4 and not _habitual_breadth(hour, kinds):
        signs.append((6 if kinds >= MANY_KINDS else 4, "breadth"))
    if len(resources_of(window, LISTS_KEYS)) >= MANY_ACCOUNTS and not _habit(hour, MANY_ACCOUNTS_HABIT):
        signs.append((4, "storage keys"))
    machines = len(resources_of(window, RUN_COMMAND))
    if machines >= SEVERAL_MACHINES and not _habit(hour, MANY_MACHINES_HABIT):
        signs.append((5 if machines >= MANY_MACHINES else 4, "commands run on several machines"))
    return signs


def _rare_signs(window: Sequence[Act]) -> Signs:
    signs: Signs = []
    if short_lived_runbooks(window):
        signs.append((4, "short-lived runbook"))
    if any(_odd_name(a.event.resource) for a in window if a.event.operation in RUNBOOK_STEPS):
        signs.append((2, "name of 15 different letters"))
    if _profile_and_settings(window):
        signs.append((1, "profile and settings of a site"))
    if _policy_dump_revert(window):
        signs.append((5, "vault policy, dump, revert"))
    return signs


def _runbook(resource: str) -> str:
    return resource.lower().partition("/runbooks/")[2].partition("/")[0]


def short_lived_runbooks(window: Sequence[Act]) -> list[str]:
    """Runbooks that were made and deleted."""
    steps: dict[str, set[str]] = {}
    for act in window:
        name = _runbook(act.event.resource)
        if name:
            steps.setdefault(name, set()).add(RUNBOOK_STEPS.get(act.event.operation, ""))
    return sorted(name for name, seen in steps.items() if {"made", "deleted"} <= seen)


def _odd_name(resource: str) -> bool:
    name = _runbook(resource)
    return bool(_NAME.fullmatch(name)) and len(set(name)) >= 11


def _profile_and_settings(window: Sequence[Act]) -> bool:
    def sites(operation: str) -> set[str]:
        return {
            a.event.resource.lower().partition("/config/")[0]
            for a in window
            if a.event.operation == operation
        }

    return bool(sites(PUBLISH_XML) & sites("microsoft.web/sites/config/list/action"))


def _policy_dump_revert(window: Sequence[Act]) -> bool:
    """A vault whose policy was changed, whose content was listed, and whose policy was changed again."""
    by_vault: dict[str, list[Act]] = {}
    for act in window:
        by_vault.setdefault(act.event.vault.lower(), []).append(act)
    return any(_reverted(acts) for vault, acts in by_vault.items() if vault)


def _reverted(acts: Sequence[Act]) -> bool:
    changes = [a for a in acts if a.event.operation in VAULT_POLICY]
    lists = [a.first_us for a in acts if a.event.operation in LISTS]
    if not changes or not lists:
        return False
    opened, closed = min(a.first_us for a in changes), max(a.last_us for a in changes)
    return any(opened <= at_us < closed for at_us in lists)
