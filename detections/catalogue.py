"""The catalogue: every detection, by explicit import, so that no process can have an emptier one."""

from __future__ import annotations

from hashlib import blake2b
from types import MappingProxyType

from detections.declare import Detection
from detections.key_vault import (
    high_operation_volume,
    high_vault_access_volume,
    list_and_query,
    policy_change_and_query,
    tor_access,
    unusual_application,
    unusual_operation_pattern,
    unusual_user,
    unusual_user_application_pair,
)
from detections.management import (
    anonymous_ip,
    azurite,
    impossible_travel,
    inactive_account,
    infrequent_country,
    microburst,
    persistence,
    powershell,
)
from detections.network import (
    malicious_address,
    rdp_incoming,
    rdp_incoming_multiple,
    rdp_outgoing,
    rdp_outgoing_multiple,
    ssh_incoming,
    ssh_incoming_multiple,
    ssh_outgoing,
    ssh_outgoing_multiple,
)

_MODULES = (
    rdp_outgoing,
    rdp_outgoing_multiple,
    ssh_outgoing,
    ssh_outgoing_multiple,
    ssh_incoming,
    ssh_incoming_multiple,
    rdp_incoming,
    rdp_incoming_multiple,
    malicious_address,
    microburst,
    azurite,
    inactive_account,
    powershell,
    persistence,
    infrequent_country,
    anonymous_ip,
    impossible_travel,
    tor_access,
    policy_change_and_query,
    list_and_query,
    unusual_user_application_pair,
    unusual_application,
    unusual_user,
    unusual_operation_pattern,
    high_operation_volume,
    high_vault_access_volume,
)

CATALOGUE: MappingProxyType[str, Detection] = MappingProxyType(
    {module.DETECTION.type: module.DETECTION for module in _MODULES}
)


def catalogue_hash() -> str:
    """A hash of what the detections declare: two processes that differ in it must not work together."""
    declared = "\n".join(
        f"{d.type} {d.owner} {d.severity} {d.learning} {[b.name for b in d.baselines]}"
        for d in CATALOGUE.values()
    )
    return blake2b(declared.encode(), digest_size=8).hexdigest()
