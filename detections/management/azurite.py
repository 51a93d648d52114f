"""The Azurite toolkit: three publishing profiles a site, then vault by vault, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from detections.declare import Detection, Finding
from detections.management.actions import PUBLISH_XML, is_write
from detections.management.clients import POWERSHELL, client_of
from detections.management.evidence import finding
from detections.view import Act, Hour
from ingest.records import KEY_VAULT

ALERT = 6
PROFILES = 3
WITHIN_US = 60_000_000
_KINDS = {"KeyList": "k", "KeyGet": "k", "SecretList": "s", "SecretGet": "s"}


def judge(hour: Hour) -> Finding | None:
    """Points of the hour and the one before; the last sign must be of this hour."""
    acts = [a for a in hour.with_recent() if a.event.operation == PUBLISH_XML or _dump_act(a)]
    if not any(a.last_us >= hour.start_us for a in acts):
        return None
    sites = tripled(acts)
    vaults = dumped(acts)
    reading_alone = not any(is_write(a.event) for a in hour.with_recent())
    points = (4 + len(sites) - 1 if sites else 0) + (3 if len(vaults) >= 2 else 0)
    points += (1 if reading_alone else 0) + any(client_of(a.event) == POWERSHELL for a in acts)
    fresh = any(a.last_us >= hour.start_us for a in acts if _of(a, sites, vaults))
    if points < ALERT or not sites or not fresh:
        return None
    mine = [a for a in acts if _of(a, sites, vaults)]
    return finding(
        hour,
        mine,
        evidence={
            "sites": sites[:20],
            "sites_number": len(sites),
            "vaults": vaults[:20],
            "vaults_number": len(vaults),
            "nothing_written": reading_alone,
            "usual": "one publishing profile at a time, if any",
        },
    )


def _of(act: Act, sites: Sequence[str], vaults: Sequence[str]) -> bool:
    return act.event.resource.lower() in sites or act.event.vault.lower() in vaults


def _dump_act(act: Act) -> bool:
    return act.event.layer == KEY_VAULT and act.event.operation in _KINDS


def tripled(acts: Sequence[Act]) -> list[str]:
    """Sites of which exactly three profiles (or a multiple) were fetched within a minute."""
    profiles = sorted(
        (a for a in acts if a.event.operation == PUBLISH_XML),
        key=lambda a: (a.event.resource.lower(), a.first_us),
    )
    sites = []
    for site, group in groupby(profiles, key=lambda a: a.event.resource.lower()):
        fetched = list(group)
        number = sum(a.count for a in fetched)
        quick = fetched[-1].last_us - fetched[0].first_us <= WITHIN_US * max(1, number // PROFILES)
        if number >= PROFILES and quick:
            sites.append(site)
    return sites


def dumped(acts: Sequence[Act]) -> list[str]:
    """Vaults whose keys were listed and read before their secrets were."""
    by_vault: dict[str, list[Act]] = {}
    for act in acts:
        if _dump_act(act):
            by_vault.setdefault(act.event.vault.lower(), []).append(act)
    return sorted(vault for vault, seen in by_vault.items() if _keys_then_secrets(seen))


def _keys_then_secrets(seen: list[Act]) -> bool:
    counted = Counter(a.event.operation for a in seen)
    if not counted["KeyList"] or not counted["SecretList"]:
        return False
    keys = max(a.first_us for a in seen if _KINDS[a.event.operation] == "k")
    secrets = min(a.first_us for a in seen if _KINDS[a.event.operation] == "s")
    return keys <= secrets


DETECTION = Detection(
    type="management.azurite",
    microsoft="ARM_Azurite",
    owner="principal",
    severity="high",
    title="Azurite toolkit run",
    description=(
        "{name} did what the Azurite toolkit does: three publishing profiles each of {sites_number} web sites, and "
        "{vaults_number} vaults read out keys first, from {from}."
    ),
    explanation=(
        "Marks of Azurite: three publishing profiles (WebDeploy, FileZilla, FTP) of the same site within a minute, "
        "site after site; nothing written meanwhile (somebody who deploys to a site writes to it); then in vault after vault the keys listed and read before the "
        "secrets. It works from the first minute. A run with a reader's rights fetches no profiles and leaves only "
        "what the vaults log."
    ),
    tactics=("Collection",),
    techniques=("T1526", "T1580", "T1552"),
    remediation=(
        "Ask the principal whether a test was agreed on; if not, revoke its sessions and disable it.",
        "Reset the publishing credentials of the sites named in the evidence.",
        "Rotate the keys and secrets of the vaults that were read.",
        "Look for deployments to the sites since then, and for sign-ins with what was read.",
    ),
    judge=judge,
    immediate=True,
)
