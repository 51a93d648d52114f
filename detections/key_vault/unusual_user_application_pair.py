"""A person whom a vault knows comes through an application that they did not use there."""

from __future__ import annotations

from detections.declare import Detection, Finding, Learning, Stated
from detections.key_vault.evidence import REMEDIATION
from detections.key_vault.habits import LEARNING_DAYS, LEARNING_EVENTS
from detections.key_vault.known import PAIR
from detections.key_vault.newcomers_told import HOW, confirm, judge_level
from detections.key_vault.returns import BASELINES
from detections.view import Hour


def judge(hour: Hour) -> Finding | None:
    """A known person and a known application that were not seen together here, where that is rare."""
    return judge_level(hour, PAIR)


DETECTION = Detection(
    type="key_vault.unusual_user_application_pair",
    microsoft="KV_UserAppAnomaly",
    owner="vault",
    severity="medium",
    title="Unusual pair of user and application accessed a key vault",
    description=(
        "{who} {used} the vault {entity}, from {from}, through an application that others use here, but not "
        "this user. Secrets and keys touched: {secrets_total}. The chance of a new pair here: {odds}."
    ),
    explanation=(
        f"Looks for a person and an application that this vault both knows, but not together. {HOW} It "
        f"cannot see an intruder who takes the way that the person always takes."
    ),
    tactics=("CredentialAccess",),
    techniques=("T1555.006", "T1078.004"),
    remediation=REMEDIATION,
    judge=judge,
    baselines=BASELINES,
    learning=Learning(days=LEARNING_DAYS, events=LEARNING_EVENTS),
    confirm=confirm,
    vouched_for=True,
    stated=Stated(),
    part_of="key_vault.high_vault_access_volume",
)
