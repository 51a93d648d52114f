"""The MicroBurst toolkit: secrets of every kind collected within minutes, and code run on the side."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from baselines.novelty import Novelty
from detections.declare import AtOnce, Detection, Finding, Learned
from detections.management.actions import (
    LIST_STORAGE_KEYS,
    RUN_COMMAND,
    RUNBOOK_STEPS,
    SECRET_REVEALING,
    VAULT_POLICY,
)
from detections.management.clients import POWERSHELL, client_of, is_first_party
from detections.management.evidence import finding
from detections.management.microburst_marks import (
    HABITS,
    LISTS,
    LISTS_KEYS,
    MANY_ACCOUNTS,
    MANY_ACCOUNTS_HABIT,
    MANY_MACHINES_HABIT,
    READING,
    SEVERAL_MACHINES,
    Signs,
    breadth_habit,
    is_enough,
    kinds_of,
    only_collected,
    points_of,
    resources_of,
    short_lived_runbooks,
    signs_of,
)
from detections.view import Act, Hour, age
from ingest.records import MANAGEMENT, Event

MINUTE_US = 60_000_000
WINDOW_US = 15 * MINUTE_US
SLOT_US = 5 * MINUTE_US  # within which equal events are one act
_BEARING = SECRET_REVEALING | RUNBOOK_STEPS.keys() | VAULT_POLICY | RUN_COMMAND
FEW_KINDS = 3  # kinds at once that are a breadth
DUMPS = LISTS | {"SecretGet", "KeyGet"}


def _observe(hour: Hour) -> list[dict[str, Any]]:
    observations = [{"key": "active"}]
    if not hour.once(_candidates):
        return observations
    if len(kinds_of(hour.once(_candidates))) >= FEW_KINDS:
        widest = max((len(kinds_of(window)) for window in _windows(hour)), default=0)
        if widest >= FEW_KINDS:
            observations.append({"key": breadth_habit(widest)})
    if _within_a_window(hour, LISTS_KEYS, MANY_ACCOUNTS):
        observations.append({"key": MANY_ACCOUNTS_HABIT})
    if _within_a_window(hour, RUN_COMMAND, SEVERAL_MACHINES):
        observations.append({"key": MANY_MACHINES_HABIT})
    return observations


def _within_a_window(hour: Hour, operations: frozenset[str], many: int) -> bool:
    """Whether operations touched so many resources within a quarter of an hour."""
    if len(resources_of(hour.once(_candidates), operations)) < many:
        return False
    return any(len(resources_of(window, operations)) >= many for window in _windows(hour))


BREADTH = Learned(HABITS, Novelty, _observe)


def judge(hour: Hour) -> Finding | None:
    """The quarter of an hour with the most points, and the most acts of those, if it ends in this hour."""
    if points_of(signs_of(hour, hour.once(_candidates))) < READING:
        return None  # acts more never give points less, so that no quarter has more than all of them
    best: tuple[int, int, Signs, Sequence[Act]] = (0, 0, [], [])
    for whole in _windows(hour):
        window = _not_told(hour, whole)
        signs = signs_of(hour, window)
        if (points_of(signs), len(window)) > best[:2]:
            best = (points_of(signs), len(window), signs, window)
    _, _, signs, window = best
    return _found(hour, window, signs) if is_enough(signs) else None


def judge_at_once(hour: Hour) -> Finding | None:
    """The marks of three slots of five minutes: acts that grow stay within them, and within a quarter of an hour."""
    acts = _bearing(hour)
    best: list[Act] = []
    for begin in sorted({act.first_us // SLOT_US * SLOT_US for act in acts}):
        window = [a for a in acts if begin <= a.first_us and a.last_us < begin + WINDOW_US]
        if len(window) > len(best) and is_enough(signs_of(hour, window)):
            best = window
    return _found(hour, best, signs_of(hour, best)) if best else None


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
    if not before or not is_enough(signs_of(hour, before)):
        return window
    return [a for a in window if a.last_us >= hour.start_us]


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


def _found(hour: Hour, window: Sequence[Act], signs: Signs) -> Finding:
    kinds = sorted(kinds_of(window))
    return finding(
        hour,
        sorted(window, key=age),
        severity="low" if only_collected(signs) else None,
        held=((BREADTH.name, ""),),
        evidence={
            "signs": [why for _, why in sorted(signs, reverse=True)],
            "signs_text": ", ".join(why for _, why in sorted(signs, reverse=True)),
            "kinds": kinds,
            "kinds_number": len(kinds),
            "storage_accounts": len(resources_of(window, LISTS_KEYS)),
            "machines": len(resources_of(window, RUN_COMMAND)),
            "runbooks": short_lived_runbooks(window),
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
