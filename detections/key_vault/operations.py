"""What a vault's events are: lists, reads, changes of policy, and how big a number is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from detections.key_vault.callers import expected
from detections.view import Act, Hour
from ingest.records import DENIED, FAILURE, KEY_VAULT, MANAGEMENT, SUCCESS, Event

LISTS = frozenset({"SecretList", "KeyList", "CertificateList"})
# What gives a value or a copy away, or reads an object; the use of a key (decrypt, sign) is traffic.
READS = frozenset(
    {"SecretGet", "SecretBackup", "SecretGetDeleted", "KeyGet", "KeyBackup", "KeyExport", "KeyRelease"}
    | {"KeyGetDeleted", "CertificateGet", "CertificateBackup", "CertificateGetDeleted"}
)
MAKES = frozenset(
    {"SecretSet", "SecretRestore", "KeyCreate", "KeyImport", "KeyRestore", "KeyRotate"}
) | frozenset({"CertificateCreate", "CertificateImport", "CertificateRestore"})
POLICY_AUDIT = frozenset({"VaultPut", "VaultPatch"})
POLICY_MANAGEMENT = frozenset(
    {
        "microsoft.keyvault/vaults/write",
        "microsoft.keyvault/vaults/accesspolicies/write",
        "microsoft.authorization/roleassignments/write",
    }
)
POLICY = POLICY_AUDIT | POLICY_MANAGEMENT

# Sizes in steps of about 1.26 (ten to a factor of ten): history keeps these, not numbers.
_STEPS = (10, 13, 16, 20, 25, 32, 40, 50, 63, 79)
SIZES = (5, 6, 8, *(step * 10**decade for decade in range(6) for step in _STEPS))


def size_of(number: int) -> int:
    """The step of a number; -1 below 5.

    >>> size_of(4), size_of(5), size_of(9), size_of(10)
    (-1, 0, 2, 3)
    """
    return bisect_right(SIZES, number) - 1


def audits(acts: Iterable[Act]) -> Iterator[Act]:
    """The vault's own events, without Microsoft's services doing what they always do."""
    return (act for act in acts if act.event.layer == KEY_VAULT and not expected(act.event))


def audited(hour: Hour) -> list[Act]:
    """This hour's `audits`, act by act, where there is something to tell; ask by `hour.once(audited)`."""
    return list(audits(hour.acts))


def succeeded(acts: Iterable[Act]) -> list[Act]:
    """Those that were let through and worked."""
    return [act for act in acts if act.event.outcome == SUCCESS]


def in_order(acts: Iterable[Act]) -> list[Act]:
    """In time order, each once."""
    once = {id(act): act for act in acts}
    return sorted(once.values(), key=lambda act: (act.first_us, act.event.uid))


def refused(act: Act) -> bool:
    """Whether the vault said no. A secret that is not there (FAILURE) is no refusal: it let the caller in."""
    return act.event.outcome == DENIED


def is_policy_change(event: Event) -> bool:
    """Whether the event changed who may do what in a vault (or was about to, and its end is not seen yet)."""
    if event.outcome in (DENIED, FAILURE):
        return False
    if event.layer == MANAGEMENT:
        return bool(event.vault) and event.operation in POLICY_MANAGEMENT
    return event.operation in POLICY_AUDIT


def grantees(event: Event) -> frozenset[str]:
    """Who was given rights by a policy change, lower case; empty where the record does not say."""
    told = event.details.get("grantee") or ()
    return frozenset(str(one).lower() for one in ([told] if isinstance(told, str) else told) if one)
