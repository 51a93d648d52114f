"""PowerShell by a principal that does not use it, for something that can secure a way back in."""

from __future__ import annotations

from typing import Any

from baselines.novelty import Novelty
from detections.declare import AtOnce, Detection, Finding, Learned, Learning
from detections.management.actions import PERSISTENCE, done
from detections.management.clients import POWERSHELL, client_of
from detections.management.evidence import finding
from detections.passing import Passing, seen_so
from detections.view import Act, Hour
from detections.words import rfc3339, rounded
from ingest.records import FAILURE, HOUR_US, MANAGEMENT, Event

UNUSED_HOURS = 45 * 24
ENOUGH = 20  # acts of the principal before it is known which clients it uses
FIRST_HOURS = 24  # a session may begin with something harmless: so long PowerShell is still new
AGAIN_HOURS = 4 * 24  # who is found so is told on the days after, too, two steps lower
APART_HOURS = 12
# A few hours of the first two weeks, in each of them to persist, are no habit if nothing came of them since.
PASSING = Passing(learning_days=14.0, few=6, gone_hours=14 * 24)
TOLD = "PowerShell, to persist"  # a key beside the clients: it was used so


def _observe(hour: Hour) -> list[dict[str, Any]]:
    clients = {client_of(g.event) for g in hour.groups if g.event.layer == MANAGEMENT} - {""}
    if not clients:
        return []  # PowerShell is one of them
    told = {TOLD} if any(done(act.event) for act in hour.once(_persisting)) else set()
    return [{"key": key} for key in sorted(clients | told)]


def _clients() -> Novelty:
    return Novelty(limit=64)


CLIENTS = Learned("management.clients", _clients, _observe)


def _persisting(hour: Hour) -> list[Act]:
    """What PowerShell was used for that can secure a way back in; ask by `hour.once(_persisting)`."""
    if not hour.saw(PERSISTENCE):
        return []
    return [
        a
        for a in hour.acts
        if client_of(a.event) == POWERSHELL
        and a.event.operation in PERSISTENCE
        and a.event.outcome != FAILURE
    ]


def _usual(model: Any, hour: int) -> bool:
    """Whether PowerShell was used in the last 45 days, other than for the first time today."""
    first, last = model.first_hour(POWERSHELL), model.last_hour(POWERSHELL)
    if last is None or hour - last >= UNUSED_HOURS:
        return False
    return bool(hour - first >= FIRST_HOURS or model.known(TOLD))


def _seen(model: Any, hour: Hour) -> str:
    """Why PowerShell that was used in the last 45 days is no habit; '' where it is one."""
    if _again(model, hour.hour):
        return "it was told so on a day before"
    if PASSING.holds(hour, model, POWERSHELL) and model.times(TOLD) >= model.times(POWERSHELL):
        return seen_so(model, POWERSHELL, "PowerShell was used for that", "hour")
    return ""


def _again(model: Any, hour: int) -> bool:
    """Whether it was used for the first time some days ago, to persist, and not in the last half day."""
    first, told = model.first_hour(POWERSHELL), model.last_hour(TOLD)
    return (
        told is not None and first is not None and hour - first < AGAIN_HOURS and hour - told >= APART_HOURS
    )


def judge(hour: Hour) -> Finding | None:
    """Persistence-class operations through PowerShell, unless it was used in the last 45 days."""
    model = hour.models[CLIENTS.name]
    acts = hour.once(_persisting)
    if not acts:
        return None
    usual = _usual(model, hour.hour)
    seen = _seen(model, hour) if usual else ""
    if usual and not seen:
        return None
    last = model.last_hour(POWERSHELL)
    known = [(client, weight) for client, weight in model.top(6, hour.hour) if client != TOLD][:5]
    total = sum(weight for _, weight in known) or 1.0
    mix = {client: rounded(weight / total) for client, weight in known}
    return finding(
        hour,
        acts,
        held=((CLIENTS.name, POWERSHELL),),
        evidence={
            "usual_clients": mix,
            "usual": ", ".join(mix) or "no client known",
            "powershell_last": None if last is None else rfc3339(last * HOUR_US),
            "did": ", ".join(sorted({a.event.operation for a in acts})[:3]),
            "against": [seen] if seen else [],
        },
        severity="informational" if seen else None,
    )


def bears(event: Event) -> bool:
    """Whether PowerShell was used for something that can secure a way back in."""
    return event.operation in PERSISTENCE and client_of(event) == POWERSHELL


DETECTION = Detection(
    type="management.powershell",
    microsoft="ARM_UnusedAppPowershellPersistence",
    owner="principal",
    severity="medium",
    title="Suspicious management session using PowerShell",
    description=("{name}, who uses {usual}, used PowerShell for {did}, from {from}."),
    explanation=(
        "A principal that has not used PowerShell for 45 days, or never before this day in its known history of at "
        f"least 14 days and {ENOUGH} operations, does something with it that can secure a way back in; on the days after that, two steps lower, and so is one whose only use of it was for that, in a few hours of the first two weeks. The client is told by the "
        "application id of the token, so tools that borrow PowerShell's id look like it, and a script that borrows "
        "another's does not."
    ),
    tactics=("Persistence",),
    techniques=("T1059.001", "T1098"),
    remediation=(
        "Ask the principal whether it was them, and why in PowerShell.",
        "If not: revoke its sessions, reset its credentials, look at the device that the token came from.",
        "Undo what the records name: extensions, webhooks, runbooks, assignments.",
        "Allow PowerShell by conditional access only to those who need it.",
    ),
    judge=judge,
    only_with=PERSISTENCE,
    baselines=(CLIENTS,),
    learning=Learning(days=14, events=ENOUGH),
    at_once=AtOnce(bears, judge),
)
