"""The Azurite toolkit: three publishing profiles a site, then vault by vault, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from detections.declare import Detection, Finding
from detections.management.actions import PUBLISH_XML, is_write
from detections.management.clients import POWERSHELL, client_of
from detections.management.evidence import finding
from detections.view import Act, Hour
from ingest.records import KEY_VAULT

ALERT = 6
PROFILES = 3
WITHIN_US = 60_000_000
_PROFILE = frozenset({PUBLISH_XML})  # without one there is no site, and without a site no alert
_KINDS = {"KeyList": "k", "KeyGet": "k", "SecretList": "s", "SecretGet": "s"}


class Marks(NamedTuple):
    """What speaks for the toolkit."""

    sites: list[str]
    vaults: list[str]
    nothing_written: bool
    powershell: bool

    @property
    def enough(self) -> bool:
        """Whether it is an alert: never without a site."""
        points = 4 + len(self.sites) - 1 + (3 if len(self.vaults) >= 2 else 0)
        return bool(self.sites) and points + self.nothing_written + self.powershell >= ALERT


def judge(hour: Hour) -> Finding | None:
    """The marks of this hour and the one before, or of this hour alone if the one before told of its own."""
    if not hour.saw_lately(_PROFILE):
        return None
    acts, told = list(hour.with_recent()), _marks(hour.recent).enough
    if told:
        acts = list(hour.acts)
    marks = _marks(acts)
    wanted = {*marks.sites, *marks.vaults}
    mine = [a for a in acts if _bears(a) and {a.event.resource.lower(), a.event.vault.lower()} & wanted]
    if not marks.enough or not any(a.last_us >= hour.start_us for a in mine):
        return None
    return finding(
        hour,
        mine,
        evidence={
            "sites": marks.sites[:20],
            "sites_number": len(marks.sites),
            "vaults": marks.vaults[:20],
            "vaults_number": len(marks.vaults),
            "nothing_written": marks.nothing_written,
            "usual": "one publishing profile at a time, if any",
        },
    )


def _marks(acts: Sequence[Act]) -> Marks:
    bearing = [a for a in acts if _bears(a)]
    sites = tripled(bearing)
    return Marks(
        sites,
        dumped(bearing) if sites else [],
        not any(is_write(a.event) for a in acts) if sites else False,
        any(client_of(a.event) == POWERSHELL for a in bearing),
    )


def _bears(act: Act) -> bool:
    return act.event.operation == PUBLISH_XML or _dump_act(act)


def _dump_act(act: Act) -> bool:
    return act.event.layer == KEY_VAULT and act.event.operation in _KINDS


def tripled(acts: Sequence[Act]) -> list[str]:
    """Sites of which three profiles, or more, were fetched within a minute."""
    profiles = sorted(
        (a for a in acts if a.event.operation == PUBLISH_XML),
        key=lambda a: (a.event.resource.lower(), a.first_us),
    )
    by_site = groupby(profiles, key=lambda a: a.event.resource.lower())
    return [site for site, fetched in by_site if _quick(list(fetched))]


def _quick(fetched: list[Act]) -> bool:
    """Whether three are within a minute; equal ones are one act, whose span grows with their number."""
    number = oldest = 0
    for index, act in enumerate(fetched):
        number += act.count
        while oldest <= index and act.last_us - fetched[oldest].first_us > WITHIN_US * max(
            1, number // PROFILES
        ):
            number -= fetched[oldest].count
            oldest += 1
        if number >= PROFILES:
            return True
    return False


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
        "{name} did what the Azurite toolkit does: three publishing profiles each of {sites_number:web site|web sites}, "
        "and {vaults_number:vault|vaults} read out keys first, from {from}."
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
    only_with=_PROFILE,
)
