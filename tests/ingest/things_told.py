"""Public addresses and the machines that hold them, as sources tell of them, for tests."""

from __future__ import annotations

from ingest.holdings import Thing

GROUP = "/subscriptions/s/resourceGroups/g/providers"
ADDRESSES = ("20.1.0.1", "20.1.0.2", "20.1.0.3")
OWNERS = tuple(f"{GROUP}/Microsoft.Compute/virtualMachines/vm{n}" for n in range(3))


def public(number: int, address: str, owner: str) -> Thing:
    """An address of somebody's."""
    return Thing("public", f"{GROUP}/Microsoft.Network/publicIPAddresses/p{number}", (address,), owner)
