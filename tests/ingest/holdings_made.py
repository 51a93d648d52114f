"""What logs and pictures tell of machines, interfaces and addresses, made for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingest import holding_files

GROUP = "/subscriptions/S1/resourceGroups/rg/providers"
VM, VM2 = f"{GROUP}/Microsoft.Compute/virtualMachines/vm1", f"{GROUP}/Microsoft.Compute/virtualMachines/vm2"
NIC, NIC2 = (f"{GROUP}/Microsoft.Network/networkInterfaces/nic{n}" for n in (1, 2))
PIP = f"{GROUP}/Microsoft.Network/publicIPAddresses/pip1"
BALANCER = f"{GROUP}/Microsoft.Network/loadBalancers/lb1"
FAR = "13.70.0.10"
DAY = "2026-01-05T"


def public(
    ip: str | None = FAR, on: str = f"{NIC}/ipConfigurations/c", way: str = "Static"
) -> dict[str, Any]:
    told: dict[str, Any] = {"provisioningState": "Succeeded", "publicIPAllocationMethod": way}
    told |= {"ipAddress": ip} if ip else {}
    told |= {"ipConfiguration": {"id": on}} if on else {}
    return {
        "id": PIP,
        "type": "Microsoft.Network/publicIPAddresses",
        "location": "West Europe",
        "properties": told,
    }


def interface(id_: str = NIC, ip: str = "10.0.0.4", vm: str = VM, pip: str = PIP) -> dict[str, Any]:
    way: dict[str, Any] = {"privateIPAddress": ip, "primary": True}
    way |= {"publicIPAddress": {"id": pip}} if pip else {}
    told: dict[str, Any] = {"provisioningState": "Succeeded", "ipConfigurations": [{"properties": way}]}
    told |= {"virtualMachine": {"id": vm}} if vm else {}
    return {
        "id": id_,
        "type": "microsoft.network/networkinterfaces",
        "location": "westeurope",
        "properties": told,
    }


def machine(*interfaces: str, id_: str = VM) -> dict[str, Any]:
    told = {"networkProfile": {"networkInterfaces": [{"id": one} for one in interfaces]}}
    return {
        "id": id_,
        "type": "microsoft.compute/virtualmachines",
        "location": "westeurope",
        "properties": told,
    }


def record(
    at: str, operation: str, body: dict[str, Any] | None, id_: str = "", **more: Any
) -> dict[str, Any]:
    """The Activity Log's, with the answer to the request."""
    told = {
        "time": f"{DAY}{at}Z",
        "operationName": operation.upper(),
        "category": "Administrative",
        "resultType": "Success",
        "resourceId": (id_ or (body or {}).get("id", "")).upper(),
        "properties": {"responseBody": json.dumps(body)} if body else {},
    }
    return {**told, **more}


def wrote(at: str, row: dict[str, Any], **more: Any) -> dict[str, Any]:
    return record(at, f"{row['type']}/write", row, **more)


def deleted(at: str, id_: str, **more: Any) -> dict[str, Any]:
    kind = "/".join(id_.split("/")[6:8])
    return record(at, f"{kind}/delete", None, id_, **more)


def write(path: Path, told: Any) -> Path:
    lines = isinstance(told, list) and told and "operationName" in told[0]
    path.write_text("\n".join(map(json.dumps, told)) if lines else json.dumps(told, indent=1))
    return path


def held(folder: Path, **files: Any) -> list[tuple[str, str, str, str]]:
    """Address, the resource's name, start and end (times of the day) as some files tell them together."""
    paths = [write(folder / f"{name}.json", told) for name, told in files.items()]
    found = holding_files.read(paths)
    assert not found.rejected
    return [
        (ip, who.rpartition("/")[2].lower(), *(t.removeprefix(DAY) for t in span))
        for ip, who, *span, _, _ in found.lines
    ]


def answer(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What `az graph query` prints."""
    return {"count": len(rows), "data": list(rows), "skip_token": None, "total_records": len(rows), **more}
