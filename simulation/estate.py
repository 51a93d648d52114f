"""What the organisation owns: subscriptions, vaults, machines, storage accounts, sites."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from simulation.places import CLOUD
from simulation.randomness import guid, stream

TEAMS = ("payments", "orders", "identity", "warehouse", "reporting", "platform")
REGIONS = tuple(CLOUD)
SERVICES = {  # what listens: (ssh, rdp) on machines of each kind, as seen from the internet
    "web": (False, False),
    "app": (True, False),
    "jump": (True, True),
    "build": (True, False),
    "controller": (True, False),
    "backup": (True, False),
    "desktop": (False, True),
    "node": (False, False),
}
_SECRETS = "db cache queue search mail sms maps storage sign webhook oauth billing report ldap vpn ftp"


@dataclass(slots=True)
class Vault:
    """A key vault. `born` and later: it exists from that day of the run on."""

    resource: str
    name: str
    region: str
    team: str
    secrets: tuple[str, ...]
    keys: tuple[str, ...]
    rbac: bool  # rights are role assignments, not access policies
    kind: str  # 'application', 'batch', 'build', 'people'
    born: int = 0

    def items(self) -> list[str]:
        """Everything in it."""
        return [f"secrets/{name}" for name in self.secrets] + [f"keys/{name}" for name in self.keys]


@dataclass(slots=True)
class Machine:
    """A machine with a public address. `owners` are (from day fraction, resource id), first one from 0."""

    name: str
    kind: str
    region: str
    address: str
    router: int
    owners: list[tuple[float, str]]
    managed_by: str = ""
    ssh: bool = False
    rdp: bool = False
    scanned: float = 1.0  # how much of the background finds it, against the mean

    def owner_at(self, day: float) -> str:
        """The resource that holds the address at that (fractional) day of the run."""
        return [resource for since, resource in self.owners if since <= day][-1]


@dataclass(slots=True)
class Estate:
    """All of it."""

    tenant: str
    subscriptions: list[str]
    vaults: list[Vault]
    machines: list[Machine]
    storage: list[str] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    automation: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)  # resource type -> ids


def group(subscription: str, team: str, environment: str = "prod") -> str:
    """A resource group's id."""
    return f"/subscriptions/{subscription}/resourceGroups/rg-{team}-{environment}"


def _vault_kind(n: int, total: int) -> str:
    if n == 0:
        return "build"
    return (
        ("application", "application", "people", "application", "batch")[n % 5]
        if total > 4
        else "application"
    )


def make_vault(seed: int, n: int, subscriptions: list[str], kind: str, born: int = 0) -> Vault:
    """The n-th vault of the organisation."""
    rng = stream(seed, "vault", n)
    team, region = TEAMS[n % len(TEAMS)], REGIONS[n % len(REGIONS)]
    name = f"kv-{team[:8]}-{n:02d}{rng.choice('abcdefgh')}"
    owner = group(subscriptions[n % len(subscriptions)], team)
    count = rng.randint(16, 30) if kind == "people" else rng.randint(5, 20)
    secrets = tuple(f"{rng.choice(_SECRETS.split())}-{rng.randint(1, 99):02d}-{i}" for i in range(count))
    keys = tuple(f"key-{i}" for i in range(rng.randint(1, 4)))
    resource = f"{owner}/providers/Microsoft.KeyVault/vaults/{name}"
    return Vault(resource, name, region, team, secrets, keys, rng.random() < 0.4, kind, born)


def _machine_kinds(count: int) -> list[str]:
    fixed = ["jump", "jump", "build", "controller", "backup"][:count]
    rest = ("web", "app", "desktop", "web", "node", "app", "web", "desktop")
    return fixed + [rest[i % len(rest)] for i in range(count - len(fixed))]


def _addresses(rng: random.Random, region: str, count: int) -> list[str]:
    """Addresses of one region: neighbours in a few small networks, as clouds hand them out."""
    network = IPv4Network(CLOUD[region].network)
    picked = rng.sample(range(256, network.num_addresses - 256), count)
    return [str(network[n]) for n in picked]


def _machine(
    seed: int, n: int, kind: str, subscriptions: list[str], addresses: dict[str, list[str]]
) -> Machine:
    rng = stream(seed, "machine", n)
    region, team = REGIONS[n % len(REGIONS)], TEAMS[n % len(TEAMS)]
    name = f"vm-{kind}-{n:02d}"
    owner = group(subscriptions[n % len(subscriptions)], team)
    ssh, rdp = SERVICES[kind]
    if kind == "web":
        ssh = rng.random() < 0.3  # some are open to the world, as they are
    resource = f"{owner}/providers/Microsoft.Compute/virtualMachines/{name}"
    return Machine(
        name,
        kind,
        region,
        addresses[region].pop(),
        router=0 if region == "northeurope" else 1,
        owners=[(0.0, resource)],
        managed_by="aks" if kind == "node" else "",
        ssh=ssh,
        rdp=rdp,
        scanned=rng.gammavariate(4, 0.25),
    )


def _machines(seed: int, count: int, subscriptions: list[str]) -> list[Machine]:
    addresses = {region: _addresses(stream(seed, "addresses", region), region, count) for region in REGIONS}
    kinds = _machine_kinds(count)
    return [_machine(seed, n, kind, subscriptions, addresses) for n, kind in enumerate(kinds)]


def _many(
    seed: int, kind: str, count: int, subscriptions: list[str], resource_type: str, name: str
) -> list[str]:
    rng = stream(seed, kind)
    made = []
    for n in range(count):
        owner = group(subscriptions[n % len(subscriptions)], TEAMS[rng.randrange(len(TEAMS))])
        made.append(f"{owner}/providers/{resource_type}/{name}{n:02d}{rng.choice('xyz')}")
    return made


_OTHERS = {
    "registries": ("Microsoft.ContainerRegistry/registries", 2, "cr"),
    "databases": ("Microsoft.DocumentDB/databaseAccounts", 3, "cosmos-"),
    "clusters": ("Microsoft.ContainerService/managedClusters", 2, "aks-"),
    "apps": ("Microsoft.App/containerApps", 3, "ca-"),
    "gateways": ("Microsoft.ApiManagement/service", 1, "apim-"),
    "buses": ("Microsoft.ServiceBus/namespaces", 2, "sb-"),
    "configurations": ("Microsoft.AppConfiguration/configurationStores", 1, "appcs-"),
    "batches": ("Microsoft.Batch/batchAccounts", 1, "ba"),
    "networks": ("Microsoft.Network/networkSecurityGroups", 6, "nsg-"),
    "alerts": ("Microsoft.Insights/metricAlerts", 8, "alert-"),
}


def build(seed: int, vaults: int, machines: int, subscriptions: int) -> Estate:
    """The estate of that size; a longer list has the shorter one's items first."""
    rng = stream(seed, "tenant")
    tenant = guid(rng)
    ids = [guid(rng) for _ in range(subscriptions)]
    return Estate(
        tenant,
        ids,
        [make_vault(seed, n, ids, _vault_kind(n, vaults)) for n in range(vaults)],
        _machines(seed, machines, ids),
        _many(seed, "storage", 20, ids, "Microsoft.Storage/storageAccounts", "st"),
        _many(seed, "sites", 10, ids, "Microsoft.Web/sites", "app-"),
        _many(seed, "automation", 3, ids, "Microsoft.Automation/automationAccounts", "aa-"),
        {kind: _many(seed, kind, n, ids, of, name) for kind, (of, n, name) in _OTHERS.items()},
    )
