"""Files for the throughput benchmarks: many records of one kind, spread over an hour of event time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from detections.words import rfc3339
from simulation.conversations import FLOW
from simulation.wire.ipfix import Exporter

START_US = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z
NETWORKS = ["10.0.0.0/8"]


def flows(path: Path, count: int, relevant: float = 0.03, resources: int = 50_000, seed: int = 1) -> None:
    """IPFIX: so many flows, a share of them SSH or RDP to the resources 10.0.0.0 and on."""
    chance = np.random.default_rng(seed)
    made = np.zeros(count, FLOW)
    made["start_us"] = START_US + np.sort(chance.integers(0, 3_590_000_000, count))
    made["end_us"] = made["start_us"] + chance.integers(0, 5_000_000, count)
    made["source"] = chance.integers(0x20000000, 0x60000000, count)
    made["destination"] = 0x0A000000 + chance.integers(0, resources, count)
    made["source_port"] = chance.integers(1_024, 65_535, count)
    service = np.where(chance.random(count) < 0.7, 22, 3_389)
    made["destination_port"] = np.where(chance.random(count) < relevant, service, 443)
    made["protocol"], made["flags"] = 6, 0x1B
    made["packets"] = chance.integers(1, 40, count)
    made["octets"] = made["packets"] * 120
    path.write_bytes(Exporter(1).export(made))


def _times(count: int) -> list[str]:
    return [rfc3339(START_US + index * 3_590_000_000 // count) for index in range(count)]


def vault_events(path: Path, count: int, vaults: int = 500, callers: int = 2_000, seed: int = 2) -> None:
    """Key Vault audit events, about 700 bytes each, JSON lines."""
    chance = np.random.default_rng(seed)
    which, who, item = (chance.integers(0, top, count) for top in (vaults, callers, 40))
    with path.open("w") as file:
        for number, at in enumerate(_times(count)):
            vault, caller = f"V{which[number]}", int(who[number])
            secret = f"https://{vault.lower()}.vault.azure.net/secrets/s{item[number]}"
            record = {
                "time": at,
                "category": "AuditEvent",
                "operationName": "SecretGet",
                "operationVersion": "7.4",
                "resultType": "Success",
                "resultSignature": "OK",
                "durationMs": "9",
                "correlationId": f"{number:032x}",
                "callerIpAddress": f"81.2.{caller % 250}.{caller // 250}",
                "identity": {
                    "claim": {
                        "oid": f"00000000-0000-0000-0000-{caller:012x}",
                        "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
                        "upn": f"user{caller}@contoso.example",
                    }
                },
                "properties": {
                    "id": f"{secret}/4c39",
                    "clientInfo": "azsdk-python-keyvault-secrets/4.7.0",
                    "httpStatusCode": 200,
                    "requestUri": f"{secret}?api-version=7.4",
                },
                "resourceId": f"/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{vault}",
            }
            file.write(json.dumps(record) + "\n")


def activity_events(path: Path, count: int, callers: int = 2_000, seed: int = 3) -> None:
    """Activity Log events in the blob form, about 2 KB each, JSON lines; start and end records alternate."""
    chance = np.random.default_rng(seed)
    who, what = (chance.integers(0, top, count) for top in (callers, 2_000))
    claims_of = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
    with path.open("w") as file:
        for number, at in enumerate(_times(count)):
            caller, thing = int(who[number // 2]), int(what[number // 2])
            scope = (
                f"/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/sa{thing}"
            )
            record = {
                "time": at,
                "resourceId": scope.upper(),
                "operationName": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
                "category": "Administrative",
                "resultType": "Success" if number % 2 else "Start",
                "resultSignature": "Succeeded.OK" if number % 2 else "Started.",
                "durationMs": "17",
                "callerIpAddress": f"81.2.{caller % 250}.{caller // 250}",
                "correlationId": f"{number // 2:032x}",
                "identity": {
                    "authorization": {
                        "scope": scope,
                        "action": "Microsoft.Storage/storageAccounts/listKeys/action",
                        "evidence": {"role": "Contributor", "principalType": "User"},
                    },
                    "claims": {
                        "aud": "https://management.azure.com/",
                        "iss": "https://sts.windows.net/0000/",
                        "appid": "1950a258-227b-4e31-a9cf-717495945fc2",
                        "ipaddr": f"81.2.{caller % 250}.{caller // 250}",
                        "http://schemas.microsoft.com/identity/claims/objectidentifier": f"oid-{caller}",
                        "http://schemas.microsoft.com/claims/authnmethodsreferences": "pwd,mfa",
                        f"{claims_of}/upn": f"user{caller}@contoso.example",
                        f"{claims_of}/name": f"user{caller}",
                        "groups": "g" * 500,
                    },
                },
                "level": "Information",
                "location": "westeurope",
                "tenantId": "t",
                "properties": {"statusCode": "OK", "serviceRequestId": "r" * 36},
            }
            file.write(json.dumps(record) + "\n")
