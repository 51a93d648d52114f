"""A vault is reached from the Tor network."""

from __future__ import annotations

from detections.declare import AtOnce, Detection, Finding
from detections.key_vault.evidence import REMEDIATION, finding
from detections.key_vault.operations import refused
from detections.view import Hour
from ingest.records import KEY_VAULT, Event

EXIT_NODE = "tor_exit_node"


def judge(hour: Hour) -> Finding | None:
    """Any of the vault's events whose address was a Tor exit when it was used."""
    if not [group for group in hour.groups if EXIT_NODE in group.event.listed]:
        return None
    acts = [act for act in hour.acts if act.event.layer == KEY_VAULT and EXIT_NODE in act.event.listed]
    if not acts:
        return None
    through = [act for act in acts if not refused(act)]
    evidence = {
        "let_through": sum(act.count for act in through),
        "refused": sum(act.count for act in acts if refused(act)),
        "usual": "People and services of an organisation do not reach their vaults through Tor.",
    }
    return finding(hour, acts, evidence, denied=not through)


def bears(event: Event) -> bool:
    """Whether it came through Tor."""
    return EXIT_NODE in event.listed and event.layer == KEY_VAULT


DETECTION = Detection(
    type="key_vault.tor_access",
    microsoft="KV_TORAccess",
    owner="vault",
    severity="medium",
    title="Access to a key vault from a Tor exit node",
    description=(
        "{who} reached the vault {entity} through Tor, from {from}: {let_through:operation was|operations were} let "
        "through, {refused} refused."
    ),
    explanation=(
        "Looks up the caller's address of each vault event in the lists of Tor exit nodes that held at that "
        "time. It cannot see Tor users who come out through a relay that no list has, or through a further "
        "proxy."
    ),
    tactics=("CredentialAccess",),
    techniques=("T1555.006", "T1090.003"),
    remediation=REMEDIATION,
    judge=judge,
    at_once=AtOnce(bears, judge, after=None),
    windowless=True,
)
