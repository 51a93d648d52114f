"""PowerShell by a principal that does not use it, for something that can secure a way back in."""

from __future__ import annotations

from typing import Any

from baselines.novelty import Novelty
from detections.declare import Detection, Finding, Learned, Learning
from detections.management.actions import PERSISTENCE, done
from detections.management.clients import POWERSHELL, client_of
from detections.management.evidence import finding
from detections.view import Hour
from detections.words import rfc3339, rounded
from ingest.records import HOUR_US, MANAGEMENT

UNUSED_HOURS = 45 * 24
ENOUGH = 20  # acts of the principal before it is known which clients it uses


def _observe(hour: Hour) -> list[dict[str, Any]]:
    clients = {client_of(a.event) for a in hour.acts if a.event.layer == MANAGEMENT} - {""}
    return [{"key": client} for client in sorted(clients)]


def _clients() -> Novelty:
    return Novelty(limit=64)


CLIENTS = Learned("management.clients", _clients, _observe)


def judge(hour: Hour) -> Finding | None:
    """Persistence-class operations through PowerShell, unless it was used in the last 45 days."""
    model = hour.models[CLIENTS.name]
    acts = [
        a
        for a in hour.acts
        if client_of(a.event) == POWERSHELL and a.event.operation in PERSISTENCE and done(a.event)
    ]
    last = model.last_hour(POWERSHELL)
    if not acts or (last is not None and hour.hour - last < UNUSED_HOURS):
        return None
    known = model.top(5, hour.hour)
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
        },
    )


DETECTION = Detection(
    type="management.powershell",
    microsoft="ARM_UnusedAppPowershellPersistence",
    owner="principal",
    severity="medium",
    title="Suspicious management session using PowerShell",
    description=("{name}, who uses {usual}, used PowerShell for {did}, from {from}."),
    explanation=(
        "A principal that has not used PowerShell for 45 days, or never in its known history of at least 14 days and "
        f"{ENOUGH} operations, does something with it that can secure a way back in. The client is told by the "
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
    baselines=(CLIENTS,),
    learning=Learning(days=14, events=ENOUGH),
    immediate=True,
)
