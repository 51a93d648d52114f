"""An hour's mix of operations is unlike a vault's history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from baselines.mix import Mix
from detections import counting
from detections.declare import Detection, Finding, Learned, Learning, Stated, Verdict
from detections.key_vault.bursts import (
    BURSTS,
    acts_of,
    held_of,
    kinds,
    only_counted,
    operations,
    told_before,
    unexplained,
)
from detections.key_vault.evidence import REMEDIATION, common_address, finding
from detections.key_vault.habits import LEARNING_DAYS, REPEATED, TELLS_AGAIN, TELLS_PASSING
from detections.key_vault.met import Part
from detections.key_vault.operations import refused
from detections.organisation import Organisation
from detections.view import Hour
from detections.words import odds, rounded

BASELINE = "vault_mix"
FEWEST = 8  # operations in an hour: fewer make any mix look odd
# -log10 of the chance of so strange a mix: of the whole hour, which a busy vault's usual calls make look tame, and
# of the part that its callers have not done before. On simulated organisations the strangest such part of a benign
# hour scored 6.8, the least strange of an attack's 8.3.
LIMIT = 2.0
LIMIT_NEW = 7.5
FEWEST_HOURS = 24  # hours learned
# Measured among all vaults' hours: what is odd for its own vault but comes with all of them is no alert.
THRESHOLD = 0.02


def _observe(hour: Hour) -> Iterator[dict[str, Any]]:
    counts = hour.once(operations)
    if counts:
        yield {"key": "", "counts": counts, "judged": _enough(hour)}


def _enough(hour: Hour) -> bool:
    """Whether there is enough in the hour, and known of the vault, for its mix to be judged."""
    known = hour.models[BASELINE].hours_learned() >= FEWEST_HOURS
    return known and sum(hour.once(operations).values()) >= FEWEST


def judge(hour: Hour) -> Finding | None:
    """A mix that is strange as a whole, and still is without what its callers have done before."""
    seen = hour.once(operations)
    if not _enough(hour):
        return None
    score = _score(hour, seen)
    if score < LIMIT:
        return None
    new = hour.once(unexplained)
    rest = kinds(new)
    strange = _score(hour, rest)
    if sum(rest.values()) < FEWEST or strange < LIMIT_NEW:
        return None
    if hour.brief:
        return only_counted(hour, new, [(BASELINE, "")])
    return _found(hour, new, seen, score, strange)


def _score(hour: Hour, counts: dict[str, int]) -> float:
    return float(hour.models[BASELINE].score_one({"key": "", "counts": counts, "hour": hour.hour}))


def _found(hour: Hour, new: dict[Part, int], seen: dict[str, int], score: float, strange: float) -> Finding:
    usual = dict(hour.models[BASELINE].usual(20))
    total = sum(seen.values())
    shares = {
        name: {"seen": rounded(seen.get(name, 0) / total), "usual": rounded(usual.get(name, 0.0))}
        for name in sorted({*seen, *usual}, key=lambda name: (-seen.get(name, 0), name))[:20]
    }
    strangest = max(sorted(shares), key=lambda name: shares[name]["seen"] - shares[name]["usual"])
    acts, before = acts_of(hour, new), told_before(hour, new)
    evidence = {
        "shares": shares,
        "operations_in_hour": total,
        "strangest": strangest,
        "seen_share": f"{shares[strangest]['seen']:.0%}",
        "usual_share": f"{shares[strangest]['usual']:.0%}",
        "operations_not_explained": sum(new.values()),
        "odds_of_what_is_new": odds(10.0**-strange),
        "hours_learned": hour.models[BASELINE].hours_learned(),
        "threshold": float(hour.parameters.get("threshold", THRESHOLD)),
    }
    if before:
        evidence["against"] = [before]
    return finding(
        hour,
        acts,
        evidence,
        improbability=10.0**-score,
        denied=all(refused(act) for act in acts),
        held=[*held_of(new), (BASELINE, "")],
        severity=REPEATED if before else None,
    )


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """How rare so strange a mix is among all vaults' hours, and whether others use the address."""
    measured = counting.verdict(
        BASELINE, found.improbability or 0.0, found.evidence["threshold"], organisation
    )
    if measured.withheld:
        return measured
    verdict = common_address(found, organisation)
    return Verdict(
        against=(*verdict.against, *measured.against),
        evidence={**verdict.evidence, **measured.evidence},
    )


DETECTION = Detection(
    type="key_vault.unusual_operation_pattern",
    microsoft="KV_OperationPatternAnomaly",
    owner="vault",
    severity="medium",
    title="Unusual pattern of operations in a key vault",
    description=(
        "The mix of {operations_in_hour} operations on the vault {entity} in an hour is unlike its history "
        "({odds}; {odds_of_what_is_new} for what is new in it): {strangest} was {seen_share} of it, "
        "{usual_share} is usual. What is new comes mostly from {who}, from {from}."
    ),
    explanation=(
        "Compares the shares of the kinds of operation in an hour with those in the vault's history. It "
        "speaks only if the part that its callers have not done before, in about that number, is strange by "
        "itself. The chance is measured: it is the share of all vaults' hours that were as strange for theirs. "
        f"{TELLS_AGAIN}{TELLS_PASSING}Hours with fewer than {FEWEST} operations are not judged. It cannot see more of the same."
    ),
    tactics=("CredentialAccess",),
    techniques=("T1555.006", "T1078.004"),
    remediation=REMEDIATION,
    judge=judge,
    baselines=(Learned(BASELINE, Mix, _observe, measured=True), BURSTS),
    learning=Learning(days=LEARNING_DAYS, events=200),
    confirm=confirm,
    stated=Stated(BASELINE, THRESHOLD),
)
