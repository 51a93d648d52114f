"""An account that was silent for long does something that can secure a way back in."""

from __future__ import annotations

from typing import Any

from baselines.idle import Idle
from detections.declare import Detection, Finding, Learned
from detections.management.actions import PERSISTENCE
from detections.management.clients import is_first_party
from detections.management.evidence import finding
from detections.view import Hour
from detections.words import rfc3339, rounded
from ingest.records import FAILURE, MANAGEMENT

DAY_US = 86_400_000_000
IDLE_DAYS = 45.0


def _observe(hour: Hour) -> list[dict[str, Any]]:
    return [{"key": "", "at_us": act.first_us} for act in hour.acts]


ACTIVITY = Learned("principal.activity", Idle, _observe)


def judge(hour: Hour) -> Finding | None:
    """A persistence-class operation in the first day after a long silence."""
    model = hour.models[ACTIVITY.name]
    acts = [a for a in hour.acts if a.event.layer == MANAGEMENT and a.event.operation in PERSISTENCE]
    acts = [a for a in acts if a.event.outcome != FAILURE and not is_first_party(a.event)]
    if not acts or model.last_us is None:
        return None
    days = (hour.acts[0].first_us - model.last_us) / DAY_US
    if days < float(hour.parameters.get("idle_days", IDLE_DAYS)):
        return None
    usual = model.usual_gap_us()
    if usual is not None and usual > days * DAY_US:
        return None  # somebody who comes once a quarter comes once a quarter
    return finding(
        hour,
        acts,
        evidence={
            "idle_days": rounded(days),
            "last_activity": rfc3339(model.last_us),
            "usual_pause_days": None if usual is None else rounded(usual / DAY_US),
            "operations": sorted({a.event.operation for a in acts}),
            "did": ", ".join(sorted({a.event.operation for a in acts})[:3]),
            "usual": "pauses of "
            + ("unknown length" if usual is None else f"at most {rounded(usual / DAY_US)} days"),
        },
    )


DETECTION = Detection(
    type="management.inactive_account",
    microsoft="ARM_UnusedAccountPersistence",
    owner="principal",
    severity="medium",
    title="Suspicious management session with an inactive account",
    description="{name} was silent for {idle_days} days and then did {did}, from {from}.",
    explanation=(
        "A principal that the logs know, that did nothing for 45 days, and whose first hour of activity holds an "
        "operation that can secure a way back in: rights, runbooks, webhooks, extensions, keys. A principal that was "
        "never seen before is unknown, not inactive. Pauses that are usual for the principal raise nothing. It needs "
        "as much history as the silence is long, and sees only what the connected logs hold."
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
    baselines=(ACTIVITY,),
    immediate=True,
)
