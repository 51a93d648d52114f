"""Applications whose work takes them to vaults that are new to them: pipelines, and what a pipeline has just released.

Of a vault alone both look like an intruder with an application's identity. The organisation knows more: who came to new
vaults before, on days apart and from these addresses, and whether what comes after it was ever at a vault.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from detections.declare import Finding, Verdict
from detections.key_vault.callers import is_person
from detections.key_vault.evidence import common_address
from detections.key_vault.habits import RARE
from detections.key_vault.operations import POLICY, is_policy_change
from detections.organisation import Organisation
from detections.view import Act, Hour
from detections.words import rfc3339
from ingest.records import SUCCESS

ARRIVALS = 2  # days on which it came to a vault that was new to it, after its first day
KNOWN_DAYS = 7  # since when it has been at vaults, and at each of its addresses


class Written(NamedTuple):
    """The last write of the vault by an application, before somebody new came."""

    by: str  # principal
    address: str
    at_us: int


def written_before(hour: Hour, newcomer: Act) -> Written | None:
    """Who wrote the vault (or gave rights on it) in the hour before a newcomer's first act, if an application did."""
    if not hour.saw_lately(POLICY):
        return None
    writes = [
        act
        for act in hour.with_recent()
        if is_policy_change(act.event)
        and act.event.outcome == SUCCESS
        and act.event.principal.lower() != newcomer.event.principal.lower()
        and not is_person(act.event)
        and 0 <= newcomer.first_us - act.first_us <= 3_600_000_000
    ]
    last = max(writes, key=lambda act: act.first_us, default=None)
    return None if last is None else Written(last.event.principal, last.event.address, last.first_us)


def told(written: Written | None) -> dict[str, Any]:
    """As part of a newcomer's evidence."""
    if written is None:
        return {}
    return {
        "written_by": {"object_id": written.by, "address": written.address, "time": rfc3339(written.at_us)}
    }


def _goes_often(principal: str, organisation: Organisation) -> tuple[bool, float]:
    """Whether an application often comes to vaults that are new to it, and for how many days it has been at any."""
    times, days = organisation.arrivals(principal)
    # Its own chance that a day brings a new vault, held against the limit below which a vault's newcomers are rare.
    return times >= ARRIVALS and (times + 0.5) / (days + 1) >= RARE, days


def keeps_to_its_own(principal: str, organisation: Organisation) -> bool:
    """Whether an application has had its vaults for a week, and seldom comes to another."""
    often, days = _goes_often(principal, organisation)
    return days >= KNOWN_DAYS and not often


def goes_about(principal: str, addresses: Collection[str], organisation: Organisation) -> str:
    """What speaks for an application to which new vaults are nothing new; '' if they are, or if it comes from elsewhere."""
    often, days = _goes_often(principal, organisation)
    own = [organisation.days_with_address(principal, address) >= KNOWN_DAYS for address in addresses]
    if not often or days < KNOWN_DAYS or not own or not all(own):
        return ""
    times = organisation.arrivals(principal)[0]
    return f"{principal} came to a vault that was new to it on {times} days before, from the same addresses"


def released(row: Mapping[str, Any], organisation: Organisation) -> str:
    """What speaks for an application that was at no vault before, right after a pipeline's write; '' if nothing does."""
    written = row.get("written_by")
    if not written or organisation.arrivals(row["object_id"])[1]:
        return ""
    if not goes_about(written["object_id"], [written["address"]], organisation):
        return ""
    return (
        f"{row['object_id']} was at no vault before, and {written['object_id']}, which goes from vault to vault, wrote this one at "
        f"{written['time']}: so does a release"
    )


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """One step lower where all was done by one application that goes from vault to vault, unless it is a whole dump."""
    verdict = common_address(found, organisation)
    alone = len(found.actors) == len(found.principals) == 1 and bool(found.actors[0][0])
    alone = alone and not found.evidence["changed_back"]  # no deployment does that
    said = goes_about(found.principals[0], found.addresses, organisation) if alone else ""
    return Verdict(
        against=(*verdict.against, *filter(None, [said])),
        evidence=verdict.evidence,
        steps=-1 if said else 0,
    )
