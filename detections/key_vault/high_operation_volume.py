"""Far more operations on a vault in an hour than it has seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baselines.large_days import DAYS, WEEKS
from baselines.visit_count import VisitCount
from detections import counting
from detections.counting import CANDIDATE, MANY
from detections.declare import Detection, Finding, Learned, Learning, Stated, Verdict
from detections.key_vault.bursts import (
    BURSTS,
    acts_of,
    held_of,
    only_counted,
    operations,
    told_before,
    unexplained,
)
from detections.key_vault.evidence import REMEDIATION, common_address, finding
from detections.key_vault.habits import LEARNING_DAYS, LEARNING_EVENTS, REPEATED, TELLS_AGAIN, TELLS_PASSING
from detections.key_vault.met import Part
from detections.key_vault.operations import refused
from detections.key_vault.schedule import SCHEDULE, at_their_hour, scheduled
from detections.key_vault.schedule import told as told_jobs
from detections.organisation import Organisation
from detections.view import Hour
from detections.words import rounded

BASELINE = "vault_operations"
FEWEST = 50
TIMES = 3.0  # times the usual number
THRESHOLD = 1e-4  # measured improbability below which it is an alert


def _observe(hour: Hour) -> Iterator[dict[str, Any]]:
    count = sum(hour.once(operations).values())
    if count:
        yield {"key": "", "count": count}


def judge(hour: Hour) -> Finding | None:
    """A number of operations that is improbable here, most of the excess by callers who never did so much."""
    count = sum(hour.once(operations).values())
    if count < FEWEST:
        return None
    model, season = hour.models[BASELINE], hour.season(BASELINE)
    usual = float(model.mean(hour.hour, season.profile))
    if count < TIMES * usual:
        return None  # before the tail, which costs more than all the rest
    chance = float(model.tail(count, hour.hour, season.profile, season.dispersion))
    if chance >= CANDIDATE:
        return None
    new = hour.once(unexplained)
    if sum(new.values()) < max(FEWEST, (count - usual) / 2):
        return None
    if hour.brief:
        return only_counted(hour, new, [(BASELINE, "")])
    known = counting.usual(model, count, hour.hour, season)
    usual_range = {"usual_at_this_hour": rounded(usual), **known}
    return _found(hour, new, count, usual_range, chance)


def _found(
    hour: Hour, new: dict[Part, int], count: int, usual_range: dict[str, Any], chance: float
) -> Finding:
    acts, seen = acts_of(hour, new), told_before(hour, new)
    kinds = sorted(hour.once(operations).items(), key=lambda pair: (-pair[1], pair[0]))
    evidence = {
        "operations_in_hour": count,
        "threshold": float(hour.parameters.get("threshold", THRESHOLD)),
        "operations_by_kind": dict(kinds),
        "operations_not_explained": sum(new.values()),
        **usual_range,
        "refused": sum(act.count for act in acts if refused(act)),
    }
    if seen:
        evidence["against"] = [seen]
    if jobs := scheduled(hour, new):
        evidence["scheduled"] = told_jobs(jobs)
    return finding(
        hour,
        acts,
        evidence,
        improbability=chance,
        denied=all(refused(act) for act in acts),
        held=[*held_of(new), (BASELINE, "")],
        severity=REPEATED if seen else None,
    )


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """How rare it is among all vaults' hours, what is usual for others, and whether others use the address."""
    measured = counting.verdict(
        BASELINE, found.improbability or 0.0, found.evidence["threshold"], organisation
    )
    if measured.withheld:
        return measured
    verdict, jobs = common_address(found, organisation), at_their_hour(found, organisation)
    share = organisation.share_at_least(BASELINE, int(found.evidence["operations_in_hour"]))
    typical = organisation.typical(BASELINE)
    told = {
        "usual_for_other_vaults": None if typical is None else rounded(typical),
        "share_of_other_vault_hours_as_busy": None if share is None else rounded(share),
    }
    return Verdict(
        against=(*verdict.against, *measured.against, *jobs),
        evidence={**verdict.evidence, **measured.evidence, **told},
        steps=-1 if jobs else 0,
    )


DETECTION = Detection(
    type="key_vault.high_operation_volume",
    microsoft="KV_OperationVolumeAnomaly",
    owner="vault",
    severity="medium",
    title="High volume of operations in a key vault",
    description=(
        "The vault {entity} saw {operations_in_hour} operations in an hour; about {usual_at_this_hour} are "
        "usual at that time ({odds}). {operations_not_explained} of them are more than their callers ever "
        "made, most by {who}, from {from}."
    ),
    explanation=(
        "Compares the vault's operations in an hour with its own history and with the rhythm of the week. "
        "It speaks only if callers who never did so many of that operation before make up most of the "
        "excess: so a month-end batch or a key rotation alerts at most once. "
        f"What came in that size on {DAYS} earlier days, or in {WEEKS} weeks at the same hour, is usual at that time of day. What goes on hour after hour is told lower from "
        f"the {MANY}th hour of two days on, unless it grows. A job that reads more of the same, in the hour of the day in which "
        "it came on seven days, from addresses that are long its own, is one step lower. "
        f"{TELLS_AGAIN}{TELLS_PASSING}Somewhat more than before is no "
        "excuse for more still in the same week. It cannot see a theft that grows by half a week, or "
        "one by a caller who is always that busy."
    ),
    tactics=("CredentialAccess",),
    techniques=("T1555.006", "T1078.004"),
    remediation=REMEDIATION,
    judge=judge,
    baselines=(Learned(BASELINE, VisitCount, _observe, counts=True), BURSTS, SCHEDULE),
    learning=Learning(days=LEARNING_DAYS, events=LEARNING_EVENTS),
    confirm=confirm,
    stated=Stated(BASELINE, THRESHOLD),
)
