"""The MicroBurst toolkit: secrets of every kind collected within minutes, and code run on the side."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from baselines.novelty import Novelty
from detections.declare import AtOnce, Detection, Finding, Learned
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
from detections.view import Act, Hour, age
from ingest.records import MANAGEMENT, Event

MINUTE_US = 60_000_000
WINDOW_US = 15 * MINUTE_US
SLOT_US = 5 * MINUTE_US  # within which equal events are one act
LISTS = frozenset({"SecretList", "KeyList"})
_BEARING = SECRET_REVEALING | RUNBOOK_STEPS.keys() | VAULT_POLICY | RUN_COMMAND
DUMPS = LISTS | {"SecretGet", "KeyGet"}
LISTS_KEYS = frozenset({LIST_STORAGE_KEYS})
ALERT = 6  # points
READING = 5  # points of enumeration by listKeys alone: a low alert
MANY_ACCOUNTS = 5
SEVERAL_MACHINES, MANY_MACHINES = 3, 8
FEW_KINDS = 3  # kinds at once that are a breadth
MANY_KINDS, MOST_KINDS = 6, 12  # kinds at once that are an alert by themselves; more are not told apart
HABIT_HOURS = 3  # hours with such a breadth after which it is a habit ...
HABIT_TIMES = 5  # ... or so many that were told: what comes each night is known by then
_NAME = re.compile(r"[a-z]{15}")
Signs = list[tuple[int, str]]


def kinds_of(acts: Iterable[Act]) -> set[str]:
    """The secret-revealing operations among some acts."""
    return {a.event.operation for a in acts} & SECRET_REVEALING


def _observe(hour: Hour) -> list[dict[str, Any]]:
    observations = [{"key": "active"}]
    if not hour.once(_candidates):
        return observations
    if len(kinds_of(hour.once(_candidates))) >= FEW_KINDS:
        widest = max((len(kinds_of(window)) for window in _windows(hour)), default=0)
        if widest >= FEW_KINDS:
            observations.append({"key": f"breadth {min(widest, MOST_KINDS)}"})
    if _within_a_window(hour, LISTS_KEYS, MANY_ACCOUNTS):
        observations.append({"key": "many accounts"})
    if _within_a_window(hour, RUN_COMMAND, SEVERAL_MACHINES):
        observations.append({"key": "many machines"})
    return observations


def _within_a_window(hour: Hour, operations: frozenset[str], many: int) -> bool:
    """Whether operations touched so many resources within a quarter of an hour."""
    if len(_resources(hour.once(_candidates), operations)) < many:
        return False
    return any(len(_resources(window, operations)) >= many for window in _windows(hour))


BREADTH = Learned("management.breadth", Novelty, _observe)


def judge(hour: Hour) -> Finding | None:
    """The quarter of an hour with the most points, and the most acts of those, if it ends in this hour."""
    if _points(_signs(hour, hour.once(_candidates))) < READING:
        return None  # acts more never give points less, so that no quarter has more than all of them
    best: tuple[int, int, Signs, Sequence[Act]] = (0, 0, [], [])
    for whole in _windows(hour):
        window = _not_told(hour, whole)
        signs = _signs(hour, window)
        if (_points(signs), len(window)) > best[:2]:
            best = (_points(signs), len(window), signs, window)
    _, _, signs, window = best
    return _found(hour, window, signs) if _enough(signs) else None


def judge_at_once(hour: Hour) -> Finding | None:
    """The marks of three slots of five minutes: acts that grow stay within them, and within a quarter of an hour."""
    acts = _bearing(hour)
    best: list[Act] = []
    for begin in sorted({act.first_us // SLOT_US * SLOT_US for act in acts}):
        window = [a for a in acts if begin <= a.first_us and a.last_us < begin + WINDOW_US]
        if len(window) > len(best) and _enough(_signs(hour, window)):
            best = window
    return _found(hour, best, _signs(hour, best)) if best else None


def bears(event: Event) -> bool:
    """Whether it may give points at once: not what goes on all day, reads of vaults and storage keys of other clients."""
    if not _bears(event) or is_first_party(event):
        return False
    return event.operation != LIST_STORAGE_KEYS or client_of(event) == POWERSHELL


def _candidates(hour: Hour) -> list[Act]:
    """The acts that bear on it, by their last time; none, without a look at them, where nothing of this hour can."""
    if not hour.saw(_BEARING) and not (hour.saw(DUMPS) and hour.saw_lately(VAULT_POLICY)):
        return []
    return sorted(_bearing(hour), key=_last)


def _windows(hour: Hour) -> Iterator[Sequence[Act]]:
    """The candidates of each quarter of an hour that ends in this hour."""
    acts = hour.once(_candidates)
    lasts = [act.last_us for act in acts]
    for end in _ends(hour, acts):
        yield acts[bisect_left(lasts, end - WINDOW_US) : bisect_right(lasts, end)]


def _last(act: Act) -> int:
    return act.last_us


def _not_told(hour: Hour, window: Sequence[Act]) -> Sequence[Act]:
    """Without the acts of the hour before, if they were an alert by themselves."""
    before = [a for a in window if a.last_us < hour.start_us]
    if not before or not _enough(_signs(hour, before)):
        return window
    return [a for a in window if a.last_us >= hour.start_us]


def _collected_alone(signs: Signs) -> bool:
    return {why for _, why in signs} <= {"storage keys", "a client of PowerShell"}


def _points(signs: Signs) -> int:
    return sum(points for points, _ in signs)


def _enough(signs: Signs) -> bool:
    return _points(signs) >= (READING if _collected_alone(signs) else ALERT)


def _bearing(hour: Hour) -> list[Act]:
    """The acts that may give points. Reads of a vault do so only beside a change of its policy."""
    managed = [a for a in hour.with_recent() if _bears(a.event) and not is_first_party(a.event)]
    opened = {a.event.vault.lower() for a in managed if a.event.operation in VAULT_POLICY}
    if not opened:
        return managed
    read = [a for a in hour.with_recent() if a.event.operation in DUMPS and a.event.vault.lower() in opened]
    return managed + read


def _ends(hour: Hour, acts: Iterable[Act]) -> list[int]:
    """Where a quarter of an hour may end: at the last act of each minute, so that a flood costs no more."""
    latest: dict[int, int] = {}
    for act in acts:
        if act.last_us >= hour.start_us:
            minute = act.last_us // MINUTE_US
            latest[minute] = max(latest.get(minute, 0), act.last_us)
    return [latest[minute] for minute in sorted(latest)]


def _bears(event: Event) -> bool:
    return event.layer == MANAGEMENT and event.operation in _BEARING


def _resources(acts: Iterable[Act], operations: frozenset[str]) -> set[str]:
    return {a.event.resource.lower() for a in acts if a.event.operation in operations}


def _habit(hour: Hour, *keys: str) -> bool:
    model = hour.models.get(BREADTH.name)
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
    return _habit(hour, *(f"breadth {number}" for number in range(least, MOST_KINDS + 1)))


def _signs(hour: Hour, window: Sequence[Act]) -> Signs:
    """Points and their names. What this principal shows again and again gives none."""
    signs = [*_habitual_signs(hour, window), *_rare_signs(window)]
    if signs and any(client_of(a.event) == POWERSHELL for a in window):
        signs.append((1, "a client of PowerShell"))
    return signs


def _habitual_signs(hour: Hour, window: Sequence[Act]) -> Signs:
    signs: Signs = []
    kinds = len(kinds_of(window))
    if kinds >= 4 and not _habitual_breadth(hour, kinds):
        signs.append((6 if kinds >= MANY_KINDS else 4, "breadth"))
    if len(_resources(window, LISTS_KEYS)) >= MANY_ACCOUNTS and not _habit(hour, "many accounts"):
        signs.append((4, "storage keys"))
    machines = len(_resources(window, RUN_COMMAND))
    if machines >= SEVERAL_MACHINES and not _habit(hour, "many machines"):
        signs.append((5 if machines >= MANY_MACHINES else 4, "commands run on several machines"))
    return signs


def _rare_signs(window: Sequence[Act]) -> Signs:
    signs: Signs = []
    if _short_lived_runbooks(window):
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


def _short_lived_runbooks(window: Sequence[Act]) -> list[str]:
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


def _found(hour: Hour, window: Sequence[Act], signs: Signs) -> Finding:
    kinds = sorted(kinds_of(window))
    return finding(
        hour,
        sorted(window, key=age),
        severity="low" if _collected_alone(signs) else None,
        held=((BREADTH.name, ""),),
        evidence={
            "signs": [why for _, why in sorted(signs, reverse=True)],
            "signs_text": ", ".join(why for _, why in sorted(signs, reverse=True)),
            "kinds": kinds,
            "kinds_number": len(kinds),
            "storage_accounts": len(_resources(window, LISTS_KEYS)),
            "machines": len(_resources(window, RUN_COMMAND)),
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
        "Secret-revealing operations of {kinds_number:kind|kinds}, from {from}."
    ),
    explanation=(
        "Marks of MicroBurst within 15 minutes of one principal: the breadth of secret-revealing operations "
        "(publishing profiles, settings, registry, storage, database and cluster keys; people use one or two kinds), "
        "keys of many storage accounts in a row, a runbook that is made, run and deleted within minutes, a vault "
        "policy changed, a dump and a revert, commands run on several machines; a name of 15 different "
        "letters is a weak mark, since it is easily changed. A breadth that the principal has shown in several hours "
        "before (an inventory scanner), or one kind more, counts for nothing. Reading keys of storage accounts alone is a low alert. "
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
    only_with=_BEARING,
    baselines=(BREADTH,),
    at_once=AtOnce(bears, judge_at_once),
)
