"""A person reads a vault that they did not use before."""

from __future__ import annotations

from detections.declare import Detection, Finding, Learning, Stated
from detections.key_vault.evidence import REMEDIATION
from detections.key_vault.habits import LEARNING_DAYS, LEARNING_EVENTS
from detections.key_vault.known import USER
from detections.key_vault.newcomers_told import HOW, confirm, judge_level
from detections.key_vault.returns import BASELINES
from detections.key_vault.visits import VISITS
from detections.view import Hour


def judge(hour: Hour) -> Finding | None:
    """A person who is new to this vault, where new ones are rare."""
    return judge_level(hour, USER)


DETECTION = Detection(
    type="key_vault.unusual_user",
    microsoft="KV_UserAnomaly",
    owner="vault",
    severity="medium",
    title="Unusual user accessed a key vault",
    description=(
        "{who} {used} the vault {entity}, from {from}; this user is not one of those who use it. Secrets and keys "
        "touched: {secrets_total}. The chance of a new user here: {odds}."
    ),
    explanation=(
        f"Looks for a person whom this vault did not know, through an application that it does. {HOW} It "
        f"cannot see an intruder who acts as a person whom the vault knows."
    ),
    tactics=("CredentialAccess",),
    techniques=("T1555.006", "T1078.004"),
    remediation=REMEDIATION,
    judge=judge,
    baselines=(*BASELINES, VISITS),
    learning=Learning(days=LEARNING_DAYS, events=LEARNING_EVENTS),
    confirm=confirm,
    vouched_for=True,
    stated=Stated(),
    part_of="key_vault.high_vault_access_volume",
)
