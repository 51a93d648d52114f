"""An account that was silent for long does something that can secure a way back in."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from baselines.idle import Idle
from baselines.novelty import Novelty
from detections.declare import AtOnce, Detection, Finding, Learned, Verdict
from detections.management.actions import PERSISTENCE, done
from detections.management.clients import is_first_party
from detections.management.evidence import finding
from detections.organisation import Organisation
from detections.view import Act, Hour
from detections.words import counted, rfc3339, rounded
from ingest.records import FAILURE, HOUR_US, MANAGEMENT, Event
from ingest.times import epoch_us

DAY_US = 86_400_000_000
IDLE_DAYS = 45.0
LEAST_DAYS = 7.0  # pauses shorter than this are not remembered, whatever is configured
FIRST_HOURS = 24  # so long after a return it is still one: a session may begin with something harmless
REGULAR_DAYS = 30.0  # an account whose owner signed in at least so often through the pause is in use, if for other things
TOLD = "persistence"  # a key beside the returns
SLACK = 1.25  # a pause that is so much longer than the usual ones is still usual


def _observe(hour: Hour) -> list[dict[str, Any]]:
    """One time an hour: the gaps within a session would drown the pauses between sessions."""
    return [{"key": "", "at_us": max(group.last_us for group in hour.groups)}] if hour.groups else []


ACTIVITY = Learned("principal.activity", Idle, _observe)


def _persisting(hour: Hour) -> list[Act]:
    """What can secure a way back in; ask by `hour.once(_persisting)`."""
    if not hour.saw(PERSISTENCE):
        return []
    acts = [a for a in hour.acts if a.event.layer == MANAGEMENT and a.event.operation in PERSISTENCE]
    return [a for a in acts if a.event.outcome != FAILURE and not is_first_party(a.event)]


def _before_pause(hour: Hour) -> int | None:
    """When the principal was last active, if a pause of a week or more ends in this hour."""
    last: int | None = hour.models[ACTIVITY.name].last_us
    if last is None or not hour.groups or hour.groups[0].first_us - last < LEAST_DAYS * DAY_US:
        return None
    return last


def _observe_returns(hour: Hour) -> list[dict[str, Any]]:
    """The last activity before a pause that ends now; and that something was done that can persist."""
    before = hour.once(_before_pause)
    keys = [] if before is None else [str(before)]
    if any(done(act.event) for act in hour.once(_persisting)):
        keys.append(TOLD)
    return [{"key": key} for key in keys]


def _returns() -> Novelty:
    return Novelty(limit=8)


RETURNS = Learned("principal.returns", _returns, _observe_returns)


def _silence(hour: Hour) -> tuple[int, int] | None:
    """Begin and end of the pause that ended in the last 24 hours, unless it was told since."""
    before = hour.once(_before_pause)
    if before is not None:
        return before, hour.groups[0].first_us
    model = hour.models[RETURNS.name]
    told = model.last_hour(TOLD)
    for key, _ in model.top(8, hour.hour):
        back = model.first_hour(key)
        if key != TOLD and hour.hour - back < FIRST_HOURS and (told is None or told < back):
            return int(key), back * HOUR_US
    return None


def judge(hour: Hour) -> Finding | None:
    """A persistence-class operation in the first day after a long silence."""
    acts = hour.once(_persisting)
    silence = _silence(hour) if acts else None
    if silence is None:
        return None
    last_us, back_us = silence
    if not _is_long(hour, back_us - last_us):
        return None
    usual = hour.models[ACTIVITY.name].usual_gap_us()
    return finding(hour, acts, evidence=_evidence(acts, (back_us - last_us) / DAY_US, last_us, usual))


def _is_long(hour: Hour, pause_us: int) -> bool:
    """Whether a pause is long, and longer than is usual: somebody who comes once a quarter comes once a quarter."""
    days, usual = pause_us / DAY_US, hour.models[ACTIVITY.name].usual_gap_us()
    if days < float(hour.parameters.get("idle_days", IDLE_DAYS)):
        return False
    return usual is None or usual * SLACK < days * DAY_US


def judge_at_once(hour: Hour) -> Finding | None:
    """The same, if the pause is long enough even if something was done in the hour's first second."""
    silence = _silence(hour) if hour.once(_persisting) else None
    if silence is None:
        return None
    least_us = min(silence[1], hour.start_us) - silence[0]
    return judge(hour) if least_us >= LEAST_DAYS * DAY_US and _is_long(hour, least_us) else None


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """Withheld where the owner signed in through all of the pause: they use the account, if not for this.

    The week before the return does not count: whoever took the account over has signed in, too.
    """
    since_us = epoch_us(found.evidence["last_activity"]) or found.first_us
    days = organisation.sign_in_days(found.principals[0], since_us, found.first_us - int(LEAST_DAYS * DAY_US))
    ends = [since_us / DAY_US, *(day + 0.5 for day in days), found.first_us / DAY_US]
    if not days or max(after - before for before, after in pairwise(ends)) > REGULAR_DAYS:
        return Verdict()
    said = f"signed in on {counted(len(days), 'day')} of the pause, the last one {rfc3339(days[-1] * DAY_US)[:10]}"
    return Verdict(withheld=f"the account is not unused: {said}")


def sure(_found: Finding, hour: int, organisation: Organisation) -> bool:
    """Whether all sign-ins that could withhold it are known."""
    return organisation.settled(hour - int(LEAST_DAYS * 24))


def bears(event: Event) -> bool:
    """Whether it can secure a way back in."""
    return event.operation in PERSISTENCE


def _evidence(acts: list[Act], days: float, last_us: int, usual: float | None) -> dict[str, Any]:
    pause = None if usual is None else rounded(usual / DAY_US)
    return {
        "idle_days": rounded(days),
        "last_activity": rfc3339(last_us),
        "usual_pause_days": pause,
        "operations": sorted({a.event.operation for a in acts}),
        "did": ", ".join(sorted({a.event.operation for a in acts})[:3]),
        "usual": f"pauses of {'unknown length' if pause is None else f'at most {pause} days'}",
    }


DETECTION = Detection(
    type="management.inactive_account",
    microsoft="ARM_UnusedAccountPersistence",
    owner="principal",
    severity="medium",
    title="Suspicious management session with an inactive account",
    description="{name} was silent for {idle_days} days and then did {did}, from {from}.",
    explanation=(
        "A principal that the logs know, that did nothing for 45 days, and whose first day of activity holds an "
        "operation that can secure a way back in: rights, runbooks, webhooks, extensions, keys. A principal that was "
        "never seen before is unknown, not inactive. Pauses that are usual for the principal raise nothing. It needs "
        "as much history as the silence is long, and sees only what the connected logs hold. With sign-in logs, an account "
        "whose owner signed in through all of the pause, at least once in 30 days, is in use."
    ),
    tactics=("Persistence",),
    techniques=("T1078.004", "T1098"),
    remediation=(
        "Ask the account's owner, by another way than the account, whether it was them.",
        "If not: revoke its sessions, reset its credentials, disable it.",
        "Undo what the records name: role assignments, runbooks, webhooks, extensions.",
        "Look for other accounts that nobody uses, and remove them.",
    ),
    judge=judge,
    only_with=PERSISTENCE,
    baselines=(RETURNS, ACTIVITY),
    confirm=confirm,
    at_once=AtOnce(bears, judge_at_once, sure=sure),
)
