"""The MicroBurst toolkit: secrets of every kind collected within minutes, and code run on the side."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from baselines.novelty import Novelty
from detections.declare import Detection, Finding, Learned
from detections.management.actions import (
    LIST_STORAGE_KEYS,
    PUBLISH_XML,
    RUN_COMMAND,
    RUNBOOK_STEPS,
    SECRET_REVEALING,
    VAULT_POLICY,
)
from detections.management.clients import POWERSHELL, client_of, is_first_party
from detections.management.evidence import finding
from detections.view import Act, Hour
from ingest.records import DENIED, KEY_VAULT, MANAGEMENT, Event

MINUTE_US = 60_000_000
WINDOW_US = 15 * MINUTE_US
DUMPS = frozenset({"SecretList", "KeyList", "SecretGet", "KeyGet"})
ALERT = 6  # points
READING = 5  # points of enumeration by listKeys alone: a low alert
MANY_ACCOUNTS = 5
HABIT_HOURS = 3  # hours with such a breadth after which it is a habit ...
HABIT_TIMES = 5  # ... or so many that were told: what comes each night is known by then
_NAME = re.compile(r"[a-z]{15}")
Signs = list[tuple[int, str]]


def breadth_key(acts: Iterable[Act]) -> str:
    """How many kinds of secret-revealing operations, as a baseline's key."""
    return f"breadth {min(len({a.event.operation for a in acts} & SECRET_REVEALING), 12)}"


def _observe(hour: Hour) -> list[dict[str, Any]]:
    kinds = {a.event.operation for a in hour.acts} & SECRET_REVEALING
    observations = [{"key": "active"}]
    if len(kinds) >= 3:
        observations.append({"key": breadth_key(hour.acts)})
    if len(_accounts(hour.acts)) >= MANY_ACCOUNTS:
        observations.append({"key": "many accounts"})
    return observations


BREADTH = Learned("management.breadth", Novelty, _observe)


def judge(hour: Hour) -> Finding | None:
    """The quarter of an hour with the most points, if it ends in this hour."""
    acts = _bearing(hour)
    best: tuple[int, Signs, list[Act]] = (0, [], [])
    for end in _ends(hour, acts):
        window = [a for a in acts if end - WINDOW_US <= a.last_us <= end]
        signs = _signs(hour, window)
        points = sum(number for number, _ in signs)
        if points > best[0]:
            best = (points, signs, window)
    points, signs, window = best
    collected_alone = {why for _, why in signs} <= {"storage keys", "a client of PowerShell"}
    if points < (READING if collected_alone else ALERT):
        return None
    return _found(hour, window, signs, collected_alone)


def _bearing(hour: Hour) -> list[Act]:
    """The acts that may give points. Reads of a vault do so only beside a change of its policy."""
    managed = [a for a in hour.with_recent() if _bears(a.event) and not is_first_party(a.event)]
    opened = {a.event.vault.lower() for a in managed if a.event.operation in VAULT_POLICY}
    if not opened:
        return managed
    read = [a for a in hour.with_recent() if a.event.operation in DUMPS and a.event.vault.lower() in opened]
    return sorted(managed + read, key=lambda act: (act.first_us, act.event.uid))


def _ends(hour: Hour, acts: Iterable[Act]) -> list[int]:
    """Where a quarter of an hour may end: at the last act of each minute, so that a flood costs no more."""
    latest: dict[int, int] = {}
    for act in acts:
        if act.last_us >= hour.start_us:
            minute = act.last_us // MINUTE_US
            latest[minute] = max(latest.get(minute, 0), act.last_us)
    return [latest[minute] for minute in sorted(latest)]


def _bears(event: Event) -> bool:
    return event.layer == MANAGEMENT and (
        event.operation in SECRET_REVEALING
        or event.operation in RUNBOOK_STEPS
        or event.operation in VAULT_POLICY
        or event.operation in RUN_COMMAND
    )


def _accounts(acts: Iterable[Act]) -> set[str]:
    return {a.event.resource.lower() for a in acts if a.event.operation == LIST_STORAGE_KEYS}


def _habit(hour: Hour, key: str) -> bool:
    model = hour.models.get(BREADTH.name)
    if model is None:
        return False
    return bool(model.weight(key, hour.hour) >= HABIT_HOURS * 0.6 or model.times(key) >= HABIT_TIMES)


def _signs(hour: Hour, window: list[Act]) -> Signs:
    """Points and their names. A breadth that this principal shows again and again gives none."""
    signs: Signs = []
    kinds = {a.event.operation for a in window} & SECRET_REVEALING
    if len(kinds) >= 4 and not _habit(hour, breadth_key(window)):
        signs.append((6 if len(kinds) >= 6 else 4, "breadth"))
    accounts = _accounts(window)
    if len(accounts) >= MANY_ACCOUNTS and not _habit(hour, "many accounts"):
        signs.append((4, "storage keys"))
    if _short_lived_runbooks(window):
        signs.append((4, "short-lived runbook"))
    if any(_odd_name(a.event.resource) for a in window if a.event.operation in RUNBOOK_STEPS):
        signs.append((2, "name of 15 different letters"))
    if _profile_and_settings(window):
        signs.append((1, "profile and settings of a site"))
    if _policy_dump_revert(window):
        signs.append((5, "vault policy, dump, revert"))
    machines = {a.event.resource.lower() for a in window if a.event.operation in RUN_COMMAND}
    if len(machines) >= 3:
        signs.append((4, "commands run on several machines"))
    if signs and any(client_of(a.event) == POWERSHELL for a in window):
        signs.append((1, "a client of PowerShell"))
    return signs


def _runbook(resource: str) -> str:
    return resource.lower().partition("/runbooks/")[2].partition("/")[0]


def _short_lived_runbooks(window: list[Act]) -> list[str]:
    steps: dict[str, set[str]] = {}
    for act in window:
        name = _runbook(act.event.resource)
        if name:
            steps.setdefault(name, set()).add(RUNBOOK_STEPS.get(act.event.operation, ""))
    return sorted(name for name, seen in steps.items() if {"made", "deleted"} <= seen)


def _odd_name(resource: str) -> bool:
    name = _runbook(resource)
    return bool(_NAME.fullmatch(name)) and len(set(name)) >= 11


def _profile_and_settings(window: list[Act]) -> bool:
    def sites(operation: str) -> set[str]:
        return {
            a.event.resource.lower().partition("/config/")[0]
            for a in window
            if a.event.operation == operation
        }

    return bool(sites(PUBLISH_XML) & sites("microsoft.web/sites/config/list/action"))


def _policy_dump_revert(window: list[Act]) -> bool:
    for vault in {a.event.vault.lower() for a in window if a.event.operation in VAULT_POLICY}:
        here = [a for a in window if a.event.vault.lower() == vault]
        changes = [a for a in here if a.event.operation in VAULT_POLICY]
        reads = [a for a in here if a.event.layer == KEY_VAULT]
        number = sum(a.count for a in changes)
        if reads and number >= 2 and min(a.first_us for a in changes) <= min(a.first_us for a in reads):
            return True
    return False


def _found(hour: Hour, window: list[Act], signs: Signs, reading: bool) -> Finding:
    kinds = sorted({a.event.operation for a in window} & SECRET_REVEALING)
    severity = "low" if reading else None
    return finding(
        hour,
        window,
        severity=severity,
        held=((BREADTH.name, ""),),
        denied=all(a.event.outcome == DENIED for a in window),
        evidence={
            "signs": [why for _, why in sorted(signs, reverse=True)],
            "signs_text": ", ".join(why for _, why in sorted(signs, reverse=True)),
            "kinds": kinds,
            "kinds_number": len(kinds),
            "storage_accounts": len(_accounts(window)),
            "runbooks": _short_lived_runbooks(window),
            "usual": "no such breadth in this principal's history",
        },
    )


DETECTION = Detection(
    type="management.microburst",
    microsoft="ARM_MicroBurst.AzDomainInfo",
    owner="principal",
    severity="high",
    title="MicroBurst toolkit run",
    description=(
        "{name} did within a quarter of an hour what the MicroBurst toolkit does: {signs_text}. "
        "Secret-revealing operations of {kinds_number} kinds, from {from}."
    ),
    explanation=(
        "Marks of MicroBurst within 15 minutes of one principal: the breadth of secret-revealing operations "
        "(publishing profiles, settings, registry, storage, database and cluster keys; people use one or two kinds), "
        "keys of many storage accounts in a row, a runbook that is made, run and deleted within minutes, a vault "
        "policy given to oneself, a dump and a revert, commands run on several machines; a name of 15 different "
        "letters is a weak mark, since it is easily changed. A breadth that the principal has shown in several hours "
        "before (an inventory scanner) counts for nothing. Reading keys of storage accounts alone is a low alert. "
        "The Activity Log has no reads: a run with a reader's rights leaves nothing here."
    ),
    tactics=("Collection", "CredentialAccess"),
    techniques=("T1526", "T1580", "T1552"),
    remediation=(
        "Ask the principal whether a test was agreed on; if not, revoke its sessions and disable it.",
        "Rotate every key, password and profile that was revealed: the records name the resources.",
        "Delete runbooks, jobs, policies and role assignments that were made; look for webhooks and schedules.",
        "Read the data-plane logs of the accounts whose keys were listed for use from unknown addresses.",
        "Review who has rights to list keys; prefer Entra authentication to keys.",
    ),
    judge=judge,
    baselines=(BREADTH,),
    immediate=True,
)
