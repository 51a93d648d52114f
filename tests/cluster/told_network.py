"""An inventory's file as a cloud would tell it: a picture of the begin, and writes in the Activity Log since."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

GROUP = "/subscriptions/5/resourceGroups/net/providers/Microsoft.Network/publicIPAddresses"


def tell(inventory: Path, folder: Path) -> None:
    """Write both into the folder."""
    rows = list(csv.DictReader(inventory.read_text().splitlines()))
    first = min(row["start"] for row in rows)
    starts = {(row["ip"], row["start"]) for row in rows}
    folder.mkdir(parents=True)
    pictured = [_thing(row) for row in rows if row["start"] == first]
    answer = {"count": len(pictured), "data": pictured}
    (folder / f"{first.replace(':', '-')}.json").write_text(json.dumps(answer))
    writes = [_record(row["start"], "WRITE", row) for row in rows if row["start"] != first]
    writes += [
        _record(row["end"], "DELETE", row)
        for row in rows
        if row["end"] and (row["ip"], row["end"]) not in starts
    ]
    lines = [json.dumps(one) for one in sorted(writes, key=lambda one: str(one["time"]))]
    (folder / "writes.json").write_text("\n".join([*lines, ""]))


def _thing(row: dict[str, str]) -> dict[str, Any]:
    return {
        "id": _id(row),
        "type": "microsoft.network/publicipaddresses",
        "location": row["region"],
        "properties": {
            "provisioningState": "Succeeded",
            "ipAddress": row["ip"],
            "ipConfiguration": {"id": f"{row['resource_id']}/ipConfigurations/c"},
        },
    }


def _id(row: dict[str, str]) -> str:
    return f"{GROUP}/{row['ip'].replace('.', '-')}"


def _record(at: str, verb: str, row: dict[str, str]) -> dict[str, Any]:
    return {
        "time": at,
        "resourceId": _id(row),
        "operationName": f"MICROSOFT.NETWORK/PUBLICIPADDRESSES/{verb}",
        "category": "Administrative",
        "resultType": "Success",
        "correlationId": "c",
        "identity": {
            "authorization": {"scope": _id(row), "evidence": {"role": "Owner"}},
            "claims": {"appid": "11111111-1111-1111-1111-111111111111"},
        },
        "properties": {"responseBody": json.dumps(_thing(row))} if verb == "WRITE" else {},
    }
