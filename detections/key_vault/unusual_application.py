"""An application reads a vault that it did not use before."""

from __future__ import annotations

from detections.declare import Detection, Finding, Learning, Stated
from detections.key_vault.evidence import REMEDIATION
from detections.key_vault.habits import LEARNING_DAYS, LEARNING_EVENTS
from detections.key_vault.known import APPLICATION
from detections.key_vault.newcomers_told import HOW, confirm, judge_level
from detections.key_vault.returns import BASELINES
from detections.view import Hour


def judge(hour: Hour) -> Finding | None:
    """An application that is new to this vault, where new ones are rare."""
    return judge_level(hour, APPLICATION)


DETECTION = Detection(
    type="key_vault.unusual_application",
    microsoft="KV_AppAnomaly",
    owner="vault",
    severity="medium",
    title="Unusual application accessed a key vault",
    description=(
        "{who} {used} the vault {entity}, from {from}; it is not one of those that use it. Secrets and keys "
        "touched: {secrets_total}. The chance of a new application here: {odds}."
    ),
    explanation=(
        f"Looks for an application (or a service principal) that this vault did not know. {HOW} It cannot "
        f"see an intruder who uses an application that the vault knows."
    ),
    tactics=("CredentialAccess",),
    techniques=("T1555.006", "T1078.004"),
    remediation=REMEDIATION,
    judge=judge,
    baselines=BASELINES,
    learning=Learning(days=LEARNING_DAYS, events=LEARNING_EVENTS),
    confirm=confirm,
    stated=Stated(),
    part_of="key_vault.high_vault_access_volume",
)
