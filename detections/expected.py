"""Who is expected to do what looks unusual: backup, scanners, the cloud's own services. A doubt, never a silence.

The list that ships has Microsoft's services that act by themselves, without a person behind them. Ids and names:
Microsoft's list of first-party applications
(learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in), and the page of
learn.microsoft.com/azure that is named beside each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from detections.declare import Finding

Kind = Literal["application", "principal", "network", "resource"]
MOST_ACTORS = 100  # of a finding; with more nobody says that all are expected


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that is expected to act so."""

    kind: Kind
    id: str  # in lower case
    name: str
    reason: str
    detections: tuple[str, ...] = ()  # types or layers; none: all

    def covers(self, type_: str) -> bool:
        """Whether it is expected to raise this."""
        return not self.detections or bool({type_, type_.split(".", 1)[0]} & set(self.detections))


def _service(id_: str, name: str, reason: str, *detections: str) -> Actor:
    return Actor("application", id_, name, reason, detections or ("key_vault", "management"))


SHIPPED = (
    # backup/backup-azure-vms-encryption
    _service("262044b1-e2ce-469f-a196-69ab7ada62d3", "Backup Management Service", "backs up keys of encrypted machines"),
    # governance/resource-graph/overview
    _service("509e4652-da8d-478d-a730-e9d4a1996ca4", "Azure Resource Graph", "takes stock of all resources"),
    # governance/policy/overview: one evaluates resources, the other what is in vaults
    _service("1d78a85d-813d-46f0-b496-dd72f50a3ec0", "Microsoft Azure Policy Insights", "scans for compliance"),
    _service("8cae6e77-e04e-42ce-b5cb-50d82bce26b1", "Policy Insights Provider Data Plane", "scans vaults for compliance"),
    # defender-for-cloud/concept-cloud-security-posture-management
    _service("8edd93e1-2103-40b4-bd70-6e34e586362d", "Windows Azure Security Resource Provider", "scans for Defender for Cloud"),
    # app-service/configure-ssl-certificate: the first imports certificates, the second renews those that it sold
    _service("abfa0a7c-a6b6-4736-8310-5855508787cd", "Microsoft Azure App Service", "imports certificates"),
    _service("f3c21649-0979-4721-ac85-b0216b2cf413", "Microsoft.Azure.CertificateRegistration", "renews certificates", "key_vault"),
    # frontdoor/standard-premium/how-to-configure-https-custom-domain
    _service("205478c0-bd83-4e1b-a9d6-db63a3e1e1c8", "Microsoft.AzureFrontDoor-Cdn", "reads its certificates", "key_vault"),
    # key-vault/secrets/overview-storage-keys: the vaults' own service, in all clouds but the US government's
    _service("cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "Azure Key Vault", "regenerates the storage keys it manages", "management"),
)  # fmt: skip


class Expected:
    """A list to ask."""

    def __init__(self, actors: Iterable[Actor]) -> None:
        self._by_id: dict[tuple[str, str], Actor] = {}
        self._networks: list[tuple[Any, Actor]] = []
        for actor in actors:
            if actor.kind == "network":
                self._networks.append((ip_network(actor.id), actor))
            else:
                self._by_id[actor.kind, actor.id] = actor

    def all_of(self, type_: str, kind: str, entity: str, found: Finding) -> tuple[Actor, ...]:
        """Those who did what was found, if every one of them is expected to; else none."""
        if kind != "resource":
            who = [self._one(("application", app), ("principal", id_)) for app, id_ in found.actors]
        elif "_outgoing" in type_:
            who = [self._one(("resource", entity.lower()))]
        elif "_incoming" in type_ and found.evidence.get("addresses") == len(found.addresses):
            who = [self._at(address) for address in found.addresses]
        else:
            return ()
        known = [one for one in who if one is not None and one.covers(type_)]
        return tuple(dict.fromkeys(known)) if len(known) == len(who) else ()

    def _one(self, *keys: tuple[str, str]) -> Actor | None:
        return next((self._by_id[key] for key in keys if key in self._by_id), None)

    def _at(self, address: str) -> Actor | None:
        try:
            at = ip_address(address)
        except ValueError:
            return None
        return next((actor for network, actor in self._networks if at in network), None)


def told(actors: Sequence[Actor]) -> tuple[str, ...]:
    """What speaks against an alert, in words."""
    return tuple(
        f"{one.name} ({one.id}) is expected to act so" + (f": {one.reason}" if one.reason else "")
        for one in actors
    )
