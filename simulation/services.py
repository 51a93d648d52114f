"""The service principals: pipelines, applications, batch jobs, scanners, and Microsoft's own."""

from __future__ import annotations

import random
from dataclasses import dataclass

from simulation.acts import Identity
from simulation.estate import Estate, Vault, make_vault
from simulation.places import CLOUD
from simulation.randomness import guid, stream

RESOURCE_GRAPH = "509e4652-da8d-478d-a730-e9d4a1996ca4"
KINDS = (
    "web", "web", "pipeline", "scanner", "batch", "rotation",
    "web", "web", "pipeline", "backup", "batch", "monitor",
)  # fmt: skip
_AGENTS = {
    "web": "azsdk-net-Security.KeyVault.Secrets/4.6.0 (.NET 8.0.4; Linux)",
    "batch": "azsdk-python-keyvault-secrets/4.8.0 Python/3.11.8 (Linux)",
    "pipeline": "Go/go1.22 (amd64-linux) go-autorest/v14.2.1 HashiCorp Terraform/1.8.5",
    "rotation": "azsdk-python-keyvault-keys/4.9.0 Python/3.11.8 (Linux)",
    "backup": "azsdk-java-KeyVaultBackup/4.8.0 (17.0.10; Linux)",
    "scanner": "azsdk-python-mgmt-storage/21.1.0 Python/3.11.8 (Linux)",
    "monitor": "azsdk-python-mgmt-keyvault/10.3.0 Python/3.11.8 (Linux)",
    "graph": "azure-resource-manager/2.0",
}


@dataclass(slots=True)
class Service:
    """A service principal with its vaults and how busy it is in each (calls in a mean hour)."""

    who: Identity
    kind: str
    agent: str
    addresses: tuple[str, ...]
    vaults: tuple[Vault, ...]
    rates: tuple[float, ...] = ()
    utc_offset_h: float = 1.0
    born: int = 0

    def address(self, rng: random.Random) -> str:
        """One of its instances' addresses."""
        return self.addresses[int(rng.random() * len(self.addresses))]


def _service_vaults(kind: str, nth: int, estate: Estate) -> tuple[Vault, ...]:
    """Applications share out the application vaults; the others take what their work needs."""
    applications = [vault for vault in estate.vaults if vault.kind in ("application", "people")]
    batches = [vault for vault in estate.vaults if vault.kind == "batch"] or estate.vaults
    if kind == "web":
        return tuple(applications[nth::4])
    if kind == "batch":
        return tuple(batches[nth::2])
    if kind == "pipeline":
        return tuple(estate.vaults[nth::2][:8])
    if kind == "backup":
        return tuple(estate.vaults[1:7])
    return tuple(estate.vaults)


def _service(seed: int, n: int, estate: Estate) -> Service:
    rng = stream(seed, "service", n)
    kind = KINDS[n] if n < len(KINDS) else ("web", "batch")[n % 2]
    nth = sum(1 for other in KINDS[: min(n, len(KINDS))] if other == kind)
    vaults = _service_vaults(kind, nth % 4, estate)
    who = Identity(guid(rng), f"sp-{kind}-{n:02d}", "", guid(rng), "Contributor")
    place = CLOUD[rng.choice(tuple(CLOUD))]
    addresses = tuple(place.address(rng) for _ in range(rng.randint(1, 4)))
    rates = tuple(2 + rng.gammavariate(2, 5) for _ in vaults)
    return Service(who, kind, _AGENTS[kind], addresses, vaults, rates, rng.choice((1.0, 1.0, 5.5)))


def _graph(seed: int, estate: Estate) -> Service:
    """Azure Resource Graph: Microsoft's own, reads every vault."""
    rng = stream(seed, "graph")
    who = Identity(guid(rng), "Azure Resource Graph", "", RESOURCE_GRAPH, "Reader")
    address = CLOUD["westeurope"].address(rng)
    return Service(who, "graph", _AGENTS["graph"], (address,), tuple(estate.vaults))


def staff(seed: int, count: int, estate: Estate) -> list[Service]:
    """The organisation's service principals and Microsoft's."""
    return [_service(seed, n, estate) for n in range(count)] + [_graph(seed, estate)]


def launches(seed: int, days: int, estate: Estate, apart: tuple[int, int] = (4, 10)) -> list[Service]:
    """Applications deployed in mid-run: a new identity each, and for two of three a vault of their own."""
    rng = stream(seed, "launches")
    made: list[Service] = []
    day = rng.randint(4, 9)  # the first; then `apart` days from one to the next
    while day < days:
        fresh = len(made) % 3 != 1
        old = [vault for vault in estate.vaults if vault.kind == "application"]
        number = len(estate.vaults) + len(made)
        vault = (
            make_vault(seed, number, estate.subscriptions, "application", day) if fresh else rng.choice(old)
        )
        who = Identity(guid(rng), f"sp-launch-{len(made):02d}", "", guid(rng), "Contributor")
        place = CLOUD[vault.region]
        rate = 3 + rng.gammavariate(2, 3)
        made.append(Service(who, "web", _AGENTS["web"], (place.address(rng),), (vault,), (rate,), 1.0, day))
        day += rng.randint(*apart)
    return made
