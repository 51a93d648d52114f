"""Who called a vault: a person through an application, or an application by itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from detections.expected import MOST_ACTORS
from detections.management.clients import PUBLIC
from detections.view import Act
from ingest.records import Event

# Microsoft's own services that read vaults without a person behind them, and what each is known to do there.
# Another operation by one of them is judged like anybody's. Names and ids: Microsoft's list of first-party
# applications (learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in)
# and the pages named beside them.
_METADATA = frozenset({"VaultGet", "SecretList", "KeyList", "KeyGet", "CertificateList", "CertificateGet"})
FIRST_PARTY: dict[str, frozenset[str]] = {
    # Azure Resource Graph; left out by Microsoft's own 'Mass secret retrieval' rule (Azure-Sentinel PR 7588)
    "509e4652-da8d-478d-a730-e9d4a1996ca4": frozenset({"VaultGet"}),
    # Microsoft Policy Insights Provider Data Plane, Microsoft Azure Policy Insights
    "8cae6e77-e04e-42ce-b5cb-50d82bce26b1": _METADATA,
    "1d78a85d-813d-46f0-b496-dd72f50a3ec0": _METADATA,
    # Windows Azure Security Resource Provider (Defender for Cloud's posture scan)
    "8edd93e1-2103-40b4-bd70-6e34e586362d": _METADATA,
    # Microsoft Azure App Service: imports certificates (azure/app-service/configure-ssl-certificate)
    "abfa0a7c-a6b6-4736-8310-5855508787cd": frozenset({"VaultGet", "SecretGet", "CertificateGet"}),
    # Backup Management Service: keys of encrypted machines (azure/backup/backup-azure-vms-encryption)
    "262044b1-e2ce-469f-a196-69ab7ada62d3": _METADATA | {"SecretGet", "KeyBackup", "SecretBackup"},
}


class Caller(NamedTuple):
    """A caller as the vault's history knows it, in lower case."""

    application: str  # application id, of a service principal without one its object id; '' = not said
    user: str  # a person's object id (or UPN); '' = no person


def is_person(event: Event) -> bool:
    """Whether a person made the call, as far as the record tells."""
    return bool(caller_of(event).user)


def caller_of(event: Event) -> Caller:
    """The caller; both parts are empty where the log names nobody."""
    return caller_named(event.application, event.principal, event.name, event.kind)


@lru_cache(maxsize=1 << 14)
def caller_named(application: str, principal: str, name: str, kind: str) -> Caller:
    """The caller that an event names so."""
    app = application.lower()
    if _named_person(app, principal, name, kind):
        return Caller(app, (principal or name).lower())
    return Caller(app or principal.lower(), "")


def _named_person(application: str, principal: str, name: str, kind: str) -> bool:
    if kind:
        return kind == "user"
    if "@" in name or "@" in principal:
        return True
    return application in PUBLIC and principal.lower() != application


def actors_of(acts: Iterable[Act]) -> tuple[tuple[str, str], ...]:
    """For `Finding.actors`."""
    done = {(is_person(event), event.application, event.principal) for event in (act.event for act in acts)}
    actors = {
        ("" if person else application.lower(), principal.lower()) for person, application, principal in done
    }
    return tuple(sorted(actors)) if len(actors) <= MOST_ACTORS else ()


def who(event: Event) -> str:
    """One id for a caller, however the log names it: the person, else the application."""
    caller = caller_of(event)
    return caller.user or caller.application


def expected(event: Event) -> bool:
    """Whether it is one of Microsoft's own services doing what it is known to do."""
    return event.operation in FIRST_PARTY.get(event.application.lower(), ()) and not is_person(event)
