"""Which kind of client an application id stands for, and whose calls are nobody's doing.

Ids: Microsoft's list of first-party applications
(learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in).
"""

from __future__ import annotations

from detections.view import Act, Hour
from ingest.records import SUCCESS, Event

POWERSHELL = "PowerShell"
_KNOWN = {
    "1950a258-227b-4e31-a9cf-717495945fc2": POWERSHELL,
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "command line",
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c": "portal",
    "1b730954-1685-4b74-9bfd-dac224a7b894": POWERSHELL,  # Azure Active Directory PowerShell
    "aebc6443-996d-45c2-90f0-388ff96faa56": "Visual Studio Code",
    "872cd9fa-d31f-45e0-9eab-6e460a02d1f1": "Visual Studio",
}
# Clients that people sign in to from any machine: that somebody uses one of them says little of who it is.
PUBLIC = frozenset(_KNOWN)

# Microsoft's own services that act on resources by themselves.
FIRST_PARTY = frozenset(
    {
        "509e4652-da8d-478d-a730-e9d4a1996ca4",  # Azure Resource Graph
        "1d78a85d-813d-46f0-b496-dd72f50a3ec0",  # Microsoft Azure Policy Insights
        "8cae6e77-e04e-42ce-b5cb-50d82bce26b1",  # Microsoft Policy Insights Provider Data Plane
        "8edd93e1-2103-40b4-bd70-6e34e586362d",  # Windows Azure Security Resource Provider
        "262044b1-e2ce-469f-a196-69ab7ada62d3",  # Backup Management Service
        "abfa0a7c-a6b6-4736-8310-5855508787cd",  # Microsoft Azure App Service
    }
)


def client_of(event: Event) -> str:
    """The kind of client; of an application that is not known, its id.

    >>> client_of(Event(at_us=0, layer="management", operation="o", outcome="success", application="x"))
    'x'
    """
    return _KNOWN.get(event.application, event.application)


def is_first_party(event: Event) -> bool:
    """Whether one of Microsoft's own services acted by itself."""
    return event.application in FIRST_PARTY and event.kind != "user"


def is_person(event: Event) -> bool:
    """Whether a person acted."""
    return event.kind == "user" or (not event.kind and "@" in (event.name or event.principal))


def by_persons(hour: Hour) -> list[Act]:
    """The groups of what persons did successfully; ask by `hour.once(by_persons)`."""
    return [g for g in hour.groups if g.event.outcome == SUCCESS and is_person(g.event)]
