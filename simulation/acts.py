"""What somebody did to the control plane or a vault, before it is written in the cloud's own form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Client:
    """A program that people or machines act with."""

    name: str
    appid: str
    agent: str  # what a vault writes into clientInfo


POWERSHELL = Client(
    "powershell",
    "1950a258-227b-4e31-a9cf-717495945fc2",
    "AzurePowershell/v12.1.0 PSVersion/v7.4.2 Az.KeyVault/6.1.0",
)
CLI = Client(
    "cli",
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "python/3.11.8 (Linux-6.5-x86_64) AZURECLI/2.60.0 azsdk-python-keyvault-secrets/4.7.0",
)
PORTAL = Client(
    "portal",
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
)
EDITOR = Client(
    "editor", "aebc6443-996d-45c2-90f0-388ff96faa56", "azsdk-js-keyvault-secrets/4.8.0 vscode/1.90"
)
TERRAFORM = Client(
    "terraform", CLI.appid, "Go/go1.22 (amd64-linux) go-autorest/v14.2.1 HashiCorp Terraform/1.8.5"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts: a person (with a user principal name) or a service principal (with an application)."""

    oid: str
    name: str
    upn: str = ""  # '' = a service principal
    appid: str = ""  # a service principal's own application
    role: str = "Contributor"

    @property
    def kind(self) -> str:
        """'user' or 'service_principal'."""
        return "user" if self.upn else "service_principal"

    @property
    def id(self) -> str:
        """What an alert names."""
        return self.oid


class Management(NamedTuple):
    """One control-plane operation (it becomes a start record and an end record)."""

    at_us: int
    who: Identity
    appid: str
    address: str
    operation: str  # 'Microsoft.Storage/storageAccounts/listKeys/action', the documented case
    resource: str  # resource id in its own case
    correlation: str
    status: str = "OK"  # 'OK', 'Created', 'Forbidden', 'Conflict', ...
    duration_us: int = 1_000_000
    region: str = "westeurope"
    request: str = ""  # request body, as text
    response: str = ""


class Vaulted(NamedTuple):
    """One call to a vault: data plane, or the vault's own control plane ('VaultGet', 'VaultPatch')."""

    at_us: int
    who: Identity | None  # None: the first call of a client, without a token
    appid: str
    agent: str
    address: str
    operation: str
    vault: str  # resource id
    correlation: str
    item: str = ""  # 'secrets/db'
    status: int = 200
    duration_ms: int = 12
    extra: dict[str, Any] | None = None  # further properties ('addedAccessPolicy_ObjectId')


Act = Management | Vaulted


def day_us(start: date, day: int) -> int:
    """Midnight (UTC) of that day of the run, in microseconds since 1970."""
    return (
        int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp()) * 1_000_000 + day * DAY_US
    )


def subscription_of(resource: str) -> str:
    """The subscription in a resource id, as it is written there."""
    return resource.split("/")[2]
