"""Activity from an anonymous proxy's address."""

from __future__ import annotations

from detections.declare import AtOnce, Detection, Finding, Verdict
from detections.management.evidence import finding
from detections.organisation import Organisation
from detections.view import Hour
from detections.words import counted
from ingest.records import FAILURE, MANAGEMENT, Event

LISTS = frozenset({"tor_exit_node", "anonymous_proxy"})
WIDELY = 3  # other principals that use an address before it is taken for a mis-tagged one


def judge(hour: Hour) -> Finding | None:
    """Control-plane operations from listed addresses."""
    if not [group for group in hour.groups if group.event.listed]:
        return None
    acts = [
        a
        for a in hour.acts
        if a.event.layer == MANAGEMENT and LISTS & set(a.event.listed) and a.event.outcome != FAILURE
    ]
    if not acts:
        return None
    lists = sorted({one for a in acts for one in a.event.listed} & LISTS)
    return finding(
        hour,
        acts,
        evidence={
            "lists": lists,
            "list_text": " and ".join(name.replace("_", " ") for name in lists),
            "did": ", ".join(sorted({a.event.operation for a in acts})[:3]),
            "usual": "addresses that are on no such list",
        },
    )


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """Withheld if others use all of the addresses: then the list is wrong, or it is the way to work."""
    principal = found.principals[0]
    users = {one: organisation.users_of_address(one, principal) for one in found.addresses}
    if users and min(users.values()) >= WIDELY:
        number = min(users.values())
        return Verdict(
            withheld=f"{number} others in the organisation use this address: it is likely mis-tagged"
        )
    told = [
        {
            "address": one,
            "feeds": sorted({entry.feed for entry in organisation.indicators(one, found.last_us)}),
        }
        for one in found.addresses
    ]
    against = tuple(
        f"{counted(number, 'other uses', 'others use')} {one}" for one, number in users.items() if number
    )
    return Verdict(evidence={"indicators": told}, against=against)


def bears(event: Event) -> bool:
    """Whether it came from a listed address."""
    return bool(event.listed) and event.layer == MANAGEMENT and not LISTS.isdisjoint(event.listed)


def sure(found: Finding, hour: int, organisation: Organisation) -> bool:
    """Whether too few others can have used an address by the hour's close."""
    principal = found.principals[0]
    most = [organisation.most_users_of_address(one, hour, principal) for one in found.addresses]
    return any(number is not None and number < WIDELY for number in most)


DETECTION = Detection(
    type="management.anonymous_ip",
    microsoft="ARM.MCAS_ActivityFromAnonymousIPAddresses",
    owner="principal",
    severity="medium",
    title="Activity from an anonymous address",
    description="{name} acted from {from}, which is listed as {list_text}: {did}.",
    explanation=(
        "Control-plane activity from an address that a feed lists as an anonymous proxy or a Tor exit node at that "
        "time. Withheld where three or more others of the organisation used the address in the 30 days before: then "
        "it is likely mis-tagged, or the company's own VPN. It works from the first minute and is as good as the "
        "feeds are."
    ),
    tactics=("DefenseEvasion",),
    techniques=("T1090.003",),
    remediation=(
        "Ask the principal, by another way, whether it was them and why.",
        "If not: revoke sessions, reset credentials, undo what the records name.",
        "Block anonymous addresses by conditional access.",
    ),
    judge=judge,
    confirm=confirm,
    at_once=AtOnce(bears, judge, after=24, sure=sure),
    windowless=True,
    vouched_for=True,
    cloud_app_security=True,
)
