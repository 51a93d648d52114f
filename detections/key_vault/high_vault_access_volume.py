"""A user or application reaches far more vaults in a day than it did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from baselines.visit_count import VisitCount
from detections.declare import Detection, Finding, Learned, Stated, Verdict
from detections.key_vault.evidence import REMEDIATION, common_address, finding
from detections.key_vault.habits import (
    LEARNING_DAYS,
    RARE,
    REPEATED,
    SETTLED_HOURS,
    TELLS_AGAIN,
    TELLS_PASSING,
    chance,
    habit,
    largest_before,
    mature,
    nearly_before,
    novelty,
    size_key,
    told_nearly,
)
from detections.key_vault.operations import LISTS, audited, audits, succeeded
from detections.organisation import Organisation
from detections.passing import Passing
from detections.view import Act, Hour
from detections.words import rfc3339, rounded
from ingest.records import HOUR_US, KEY_VAULT, SUCCESS

VAULTS = "principal_vaults"  # which vaults, and when last
SPANS = "principal_vault_spans"  # how many in 24 hours, by size
COUNTS = "principal_vaults_in_24_hours"  # the same as a count, for what is usual in the organisation
DAY_HOURS = 24
FEWEST = 5
FEWEST_EVENTS = 20
FEWEST_OF_STRANGER = 10  # where only the organisation's history can judge
COMMON = 0.005  # share of all principals' hours that reach so many vaults: then a newcomer may, too
# Vaults that were reached in few hours; and numbers of them: what was reached one day counts on the next morning too.
PASSING = Passing(LEARNING_DAYS, few=6, gone_hours=8 * 24)
MOST_SHOWN = 50
OWN = "its own history"


class Span(NamedTuple):
    """The vaults that a principal reached in the 24 hours up to this hour's end."""

    through: str  # '' or 'refused|': what it was let into, or all it tried
    now: tuple[str, ...]  # this hour's, lower case
    before: tuple[str, ...]  # only earlier
    # This hour's that it had not reached, but in the last week or in passing; of so few that nobody asks, none.
    fresh: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of different vaults."""
        return len(self.now) + len(self.before)


def _touched(hour: Hour) -> dict[str, set[str]]:
    """This hour's vaults: those that let the principal in ('') and those that it tried in vain too."""
    touched: dict[str, set[str]] = {"": set(), "refused|": set()}
    for group in audits(hour.groups):
        if group.event.vault:
            touched["" if group.event.outcome == SUCCESS else "refused|"].add(group.event.vault.lower())
    return touched


def _earlier(hour: Hour, prefix: str) -> set[str]:
    last_day = hour.models[VAULTS].seen_after(hour.hour - DAY_HOURS)
    return {key[len(prefix) :] for key in last_day if key.startswith(prefix or "/")}


def spans(hour: Hour) -> tuple[Span, ...]:
    """What the principal was let into in 24 hours, and what it was let into or refused by.

    Learning this hour's vaults changes neither, unless the table is full and lets an earlier one go.
    """
    full = hour.models[VAULTS].keys_known() >= hour.models[VAULTS].limit
    return tuple(_spans(hour)) if full else hour.once(_all_spans)


def _all_spans(hour: Hour) -> tuple[Span, ...]:
    return tuple(_spans(hour))


def _spans(hour: Hour) -> Iterator[Span]:
    touched = hour.once(_touched)
    let_in, tried = touched[""], touched["refused|"]
    earlier = _earlier(hour, "") if let_in or tried else set()
    if let_in:
        yield _span(hour, "", let_in, earlier - let_in)
    if tried:
        now = let_in | tried
        before = (earlier | _earlier(hour, "refused|")) - now
        yield _span(hour, "refused|", now, before)


def _span(hour: Hour, through: str, now: set[str], before: set[str]) -> Span:
    many = len(now) + len(before) >= FEWEST
    fresh = sorted(vault for vault in now if _is_fresh(hour, through + vault)) if many else ()
    return Span(through, tuple(sorted(now)), tuple(sorted(before)), tuple(fresh))


def _is_fresh(hour: Hour, key: str) -> bool:
    return not _is_settled(hour, key) or PASSING.holds(hour, hour.models[VAULTS], key)


def _is_settled(hour: Hour, key: str) -> bool:
    """Whether a vault was reached for the first time more than a week ago."""
    first = hour.models[VAULTS].first_hour(key)
    return first is not None and hour.hour - first >= SETTLED_HOURS


def _observe_vaults(hour: Hour) -> Iterator[dict[str, Any]]:
    for prefix, vaults in hour.once(_touched).items():
        yield from ({"key": prefix + vault} for vault in sorted(vaults))


def _observe_spans(hour: Hour) -> list[str]:
    sizes = [(span, _usual_size(hour, span)) for span in spans(hour)] if VAULTS in hour.models else []
    return [size_key(f"{span.through}n", size) for span, size in sizes if size >= FEWEST]


def _usual_size(hour: Hour, span: Span) -> int:
    """What an hour teaches: all, where it may be told; else without what was reached before it for the first time lately.

    After a tour of vaults the hours of the day's ordinary work would make as many a habit.
    """
    if span.size < FEWEST or span.fresh or not mature(hour, events=FEWEST_EVENTS):
        return span.size
    return len(span.now) + sum(_is_settled(hour, span.through + vault) for vault in span.before)


def _observe_counts(hour: Hour) -> Iterator[dict[str, Any]]:
    if VAULTS in hour.models:
        yield from ({"key": "", "count": span.size} for span in spans(hour) if not span.through)


def judge(hour: Hour) -> Finding | None:
    """More vaults in 24 hours than ever, a new one among this hour's."""
    for span in spans(hour):
        if _unusual(hour, span):
            return _found(hour, span)
    return None


def _unusual(hour: Hour, span: Span) -> bool:
    model = hour.models[SPANS]
    if span.size < FEWEST or not span.fresh:
        return False
    if nearly_before(hour, model, f"{span.through}n", span.size, passing=PASSING):
        return False
    return span.size >= FEWEST_OF_STRANGER or _by_own_history(hour) or bool(_again(hour, span))


def _again(hour: Hour, span: Span) -> str:
    """Why about as many, which were reached before, are told all the same; '' where they were not."""
    return told_nearly(hour, hour.models[SPANS], f"{span.through}n", span.size, PASSING)


def _by_own_history(hour: Hour) -> bool:
    """Whether its own history is long and steady enough to judge by; if not, `confirm` asks the others'."""
    return mature(hour, events=FEWEST_EVENTS) and chance(hour.models[SPANS], hour.hour) < RARE


def _found(hour: Hour, span: Span) -> Finding:
    model = hour.models[SPANS]
    acts: list[Act] = [act for act in hour.once(audited) if act.event.vault]
    if not span.through:
        acts = succeeded(acts)
    again = _again(hour, span)
    own_history = _by_own_history(hour) or (bool(again) and span.size < FEWEST_OF_STRANGER)
    judged_by = OWN if own_history else "the organisation's history"
    evidence: dict[str, Any] = {
        "vaults_in_24_hours": span.size,
        "vaults": _vaults(hour, span),
        "never_before": len(span.fresh),
        "usual": {
            "most_in_24_hours_before": largest_before(model, f"{span.through}n") or f"fewer than {FEWEST}",
            "chance_of_more": rounded(chance(model, hour.hour)),
        },
        "judged_by": judged_by,
    }
    own = chance(model, hour.hour) if judged_by == OWN else None
    looked = _only_looked(acts, {*span.fresh})
    if looked:
        evidence["against"] = [
            "where it had not been before, only names and properties were looked at this hour: nothing was read"
        ]
    if again:
        evidence["against"] = [*evidence.get("against", []), again]
    held = [(SPANS, size_key(f"{span.through}n", span.size)), (COUNTS, "")]
    return finding(
        hour,
        acts,
        evidence,
        improbability=own,
        denied=bool(span.through),
        held=held,
        severity=REPEATED if again else "low" if looked and not span.through else None,
    )


def _only_looked(acts: list[Act], new: set[str]) -> bool:
    """Whether nothing was read in the vaults that are new."""
    return all(
        act.event.operation.startswith("Vault") or act.event.operation in LISTS
        for act in acts
        if act.event.vault.lower() in new
    )


def _vaults(hour: Hour, span: Span) -> list[dict[str, Any]]:
    """The vaults as they are named in the log; earlier ones, whose events are gone, in lower case."""
    names = {act.event.vault.lower(): act for act in reversed(hour.acts) if act.event.layer == KEY_VAULT}
    rows = [
        {
            "vault": names[vault].event.vault,
            "first": rfc3339(names[vault].first_us),
            "never_before": not hour.models[VAULTS].known(span.through + vault),
        }
        for vault in span.now[:MOST_SHOWN]
    ]
    for vault in span.before[: MOST_SHOWN - len(rows)]:
        last = hour.models[VAULTS].last_hour(vault) or hour.models[VAULTS].last_hour(span.through + vault)
        rows.append({"vault": vault, "hour": rfc3339((last or 0) * HOUR_US), "never_before": False})
    return rows


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """A principal without a history is judged by all others: for many of them this may be quite usual."""
    verdict = common_address(found, organisation)
    share = organisation.share_at_least(COUNTS, int(found.evidence["vaults_in_24_hours"]))
    told = {"share_of_hours_with_as_many_vaults": None if share is None else rounded(share)}
    evidence = {**verdict.evidence, **told}
    if found.evidence["judged_by"] != OWN:
        if share is None or organisation.days_known(KEY_VAULT) < LEARNING_DAYS:
            return Verdict("no history is long enough to judge by", verdict.against, evidence)
        if share >= COMMON:
            return Verdict("others in the organisation reach as many vaults", verdict.against, evidence)
    return Verdict(against=verdict.against, evidence=evidence)


DETECTION = Detection(
    type="key_vault.high_vault_access_volume",
    microsoft="KV_AccountVolumeAnomaly",
    owner="principal",
    severity="medium",
    title="A user or application accessed a high volume of key vaults",
    description=(
        "{who} reached {vaults_in_24_hours} key vaults within 24 hours, from {from}; outside its "
        "regular ones: {never_before} in this hour."
    ),
    explanation=(
        "Counts the different vaults that a user or application reaches in 24 hours and compares it "
        "with its own history; one that has none is compared with all others. A scanner that visits "
        "every vault each night is normal by its history. Attempts that were refused count for an "
        f"alert one step lower. {TELLS_AGAIN}{TELLS_PASSING}A look at names and properties alone in the new ones, as an audit takes, is one step lower. It cannot see someone who visits few vaults a day."
    ),
    tactics=("CredentialAccess", "Discovery"),
    techniques=("T1555.006", "T1078.004"),
    remediation=(
        *REMEDIATION[:2],
        "Go through the vaults in this alert, those never reached before first: list what was read in each.",
        REMEDIATION[3],
    ),
    judge=judge,
    baselines=(
        Learned(VAULTS, novelty, _observe_vaults),
        habit(SPANS, _observe_spans),
        Learned(COUNTS, VisitCount, _observe_counts, counts=True),
    ),
    confirm=confirm,
    stated=Stated(),
)
