"""Logs for the benchmarks: applications that poll their secrets, people who work on their resources.

All is within one hour of event time and split over files that each span the hour, as partitions of a hub do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.inputs import SPAN_US, START_US, Input

SUBSCRIPTION = "7d0c1f52-0b7e-4c52-9a43-6f1f3f6f2d11"
TENANT = "2b1c7d90-52a7-4f0e-8f7c-0d3d2a6b9e51"
OF_A_CALLER = (4, 10)  # vaults, and secrets in each
RESOURCES = 20  # of a caller in the Activity Log
TOKEN_MINUTES = 60  # after which a caller has another token
HOUR_S = 3_600

# About 700 octets.
VAULT_RECORD = (
    '{"time":"%s:%s","category":"AuditEvent","operationName":"SecretGet","operationVersion":"7.4",'
    '"resultType":"Success","resultSignature":"OK","durationMs":"%d","correlationId":"%s",%s,'
    '"properties":{%s,"clientInfo":"azsdk-python-keyvault-secrets/4.7.0","httpStatusCode":200},'
    '"resourceId":"/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-%d"}\n'
)
VAULT_CALLER = (
    '"callerIpAddress":"81.%d.%d.7","identity":{"claim":{"oid":"5f2a0c11-7d1e-4b35-a0c2-%012x",'
    '"appid":"9b0e33d4-1c2f-4d0a-8e55-%012x","idtyp":"app"}}'
)
VAULT_SECRET = (
    '"id":"https://kv-%d.vault.azure.net/secrets/s%d/4c39e0","requestUri":'
    '"https://kv-%d.vault.azure.net/secrets/s%d?api-version=7.4"'
)


def times(count: int) -> Iterator[str]:
    """Minute, second and seven digits, as Azure writes them: evenly over the hour."""
    for tick in (np.arange(count, dtype=np.int64) * (SPAN_US * 10) // count).tolist():
        seconds, ticks = divmod(tick, 10_000_000)
        yield f"{seconds // 60:02}:{seconds % 60:02}.{ticks:07}Z"


def hour_of(number: int) -> str:
    """The first hour of the inputs, or one after it, as records have it: up to its minutes."""
    return datetime.fromtimestamp(START_US // 1_000_000 + number * HOUR_S, UTC).strftime("%Y-%m-%dT%H")


FIRST_HOUR = hour_of(0)


def vault_events(
    folder: Path,
    count: int,
    vaults: int = 500,
    callers: int = 500,
    polling: bool = True,
    files: int = 2,
    seed: int = 2,
    name: str = "vault",
    hot: float = 0.0,
    hours: int = 1,
) -> Input:
    """Key Vault audit events. Each caller uses 4 vaults and 10 secrets of each again and again; else, as the
    worst case, any caller any of 40 secrets of any vault. A `hot` share is the first caller's. Of several `hours`
    each has as many.
    """
    count -= count % hours
    chance = np.random.default_rng(seed)
    who = chance.integers(0, callers, count)
    who[np.random.default_rng(seed + 1).random(count) < hot] = 0
    if polling:
        which = (who + chance.integers(0, OF_A_CALLER[0], count) * max(1, vaults // OF_A_CALLER[0])) % vaults
        item = chance.integers(0, OF_A_CALLER[1], count)
    else:
        which, item = chance.integers(0, vaults, count), chance.integers(0, 40, count)
    columns = (column.tolist() for column in (who, which, item))
    moments = ((hour_of(hour), at) for hour in range(hours) for at in times(count // hours))
    lines: list[list[str]] = [[] for _ in range(files)]
    for number, ((hour, at), caller, vault, secret) in enumerate(zip(moments, *columns, strict=True)):
        lines[number % files].append(vault_line(at, number, caller, vault, secret, hour))
    paths = write(folder, name, lines)
    pairs = len(np.unique(who * vaults + which))
    entities = len(np.unique(who)) + len(np.unique(which))
    return Input(
        name, "vault", paths, {"records": count, "applied": count, "entities": entities, "pairs": pairs}
    )


def vault_line(at: str, number: int, caller: int, vault: int, secret: int, hour: str = FIRST_HOUR) -> str:
    """One event: `at` is the time within the hour, `number` makes it one of its own."""
    by = VAULT_CALLER % (caller >> 8 & 255, caller & 255, caller, caller)
    touched = VAULT_SECRET % (vault, secret, vault, secret)
    return VAULT_RECORD % (hour, at, 4 + number % 56, _correlation(number), by, touched, vault)


# About 2,100 octets, half of them claims.
ACTIVITY_RECORD = (
    '{"time":"2026-01-05T08:%s","resourceId":"%s","operationName":"%s","category":"Administrative",'
    '"resultType":"%s","resultSignature":"%s","durationMs":"%d","callerIpAddress":"81.%d.%d.7",'
    '"correlationId":"%s","identity":{"authorization":{"scope":"%s","action":"%s","evidence":'
    '{"role":"Contributor","roleAssignmentId":"0b5a5d1f6c5b4a0f9b0f1d2c3e4f5a6b","principalType":"User"}},'
    '"claims":%s},"level":"Information","location":"westeurope","tenantId":"' + TENANT + '",'
    '"properties":{"statusCode":"%s","serviceRequestId":"%s","eventCategory":"Administrative"}}\n'
)
_LONG = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MICROSOFT = "http://schemas.microsoft.com"
CLAIMS = (
    '{"aud":"https://management.azure.com/","iss":"https://sts.windows.net/' + TENANT + '/",'
    '"iat":"%d","nbf":"%d","exp":"%d","' + _MICROSOFT + '/claims/authnclassreference":"1",'
    '"aio":"AVQAq/8XAAAAqk3%08xu3b0bJ1y5dN5m0h","'
    + _MICROSOFT
    + '/claims/authnmethodsreferences":"pwd,mfa","appid":"04b07795-8ddb-461a-bbee-02f9e1bf7b46",'
    '"appidacr":"0","ipaddr":"81.%d.%d.7","name":"User %d","' + _MICROSOFT + "/identity/claims/"
    'objectidentifier":"5f2a0c11-7d1e-4b35-a0c2-%012x","puid":"10032000%08X","rh":"0.AXkAkH0cK6dSDk+",'
    '"' + _MICROSOFT + '/identity/claims/scope":"user_impersonation","' + _LONG + '/nameidentifier":'
    '"m0y3%08xPq8Lk2Vn5Xw7Zs9Tb1Rc4Jd6Hf","' + _MICROSOFT + '/identity/claims/tenantid":"' + TENANT + '",'
    '"' + _LONG + '/name":"user%d@contoso.example","' + _LONG + '/upn":"user%d@contoso.example",'
    '"uti":"%016x","ver":"1.0","wids":"b79fbf4d-3ef9-4689-8143-76b194e85509"}'
)
OPERATIONS = (
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Storage/storageAccounts/regenerateKey/action",
)
_HALVES = (("Start", "Started.", "Accepted"), ("Success", "Succeeded.OK", "OK"))


def activity_events(
    folder: Path, count: int, callers: int = 2_000, files: int = 2, seed: int = 3, name: str = "activity"
) -> Input:
    """Activity Log events in the blob form. Each caller does 3 operations on its 20 resources again and again;
    an operation's start and end records follow one another.
    """
    chance = np.random.default_rng(seed)
    half = -(-count // 2)
    who, thing, what = (
        chance.integers(0, top, half).tolist() for top in (callers, RESOURCES, len(OPERATIONS))
    )
    tokens: dict[tuple[int, bool], str] = {}
    lines: list[list[str]] = [[] for _ in range(files)]
    for number, at in enumerate(times(count)):
        pair = number // 2
        caller = who[pair]
        lines[pair % files].append(
            activity_line(number, at, caller, thing[pair], OPERATIONS[what[pair]], token(tokens, caller, at))
        )
    paths = write(folder, name, lines)
    pairs = len(set(zip(who, thing, strict=True)))
    return Input(
        name,
        "activity",
        paths,
        {"records": count, "applied": count, "entities": len(set(who)), "pairs": pairs},
    )


def activity_line(number: int, at: str, caller: int, thing: int, operation: str, claims: str) -> str:
    """One record of an operation: its start where the number is even, its end where it is odd."""
    scope = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-{caller}/providers/Microsoft.Storage/"
        f"storageAccounts/sa{caller}x{thing}"
    )
    result, signature, status = _HALVES[number % 2]
    same = _correlation(number // 2)
    return ACTIVITY_RECORD % (
        *(at, scope.upper(), operation.upper(), result, signature, number % 90),
        *(caller >> 8 & 255, caller & 255, same, scope, operation, claims),
        *(status, same),
    )


def token(tokens: dict[tuple[int, bool], str], caller: int, at: str) -> str:
    """The claims of the caller's token at that minute: each has a new one once in the hour."""
    fresh = int(at[:2]) >= caller * 7 % TOKEN_MINUTES
    claims = tokens.get((caller, fresh))
    if claims is None:
        issued = 1_767_600_000 + (caller * 7 % TOKEN_MINUTES - (0 if fresh else TOKEN_MINUTES)) * 60
        serial = caller * 2 + fresh
        claims = tokens[caller, fresh] = CLAIMS % (
            *(issued, issued, issued + 4_000, serial, caller >> 8 & 255, caller & 255, caller, caller),
            *(caller, caller, caller, caller, serial),
        )
    return claims


def _correlation(number: int) -> str:
    return f"{number:08x}-6a3c-4d1e-9f20-{number * 2_654_435_761 & 0xFFFFFFFFFFFF:012x}"


def write(folder: Path, name: str, lines: list[list[str]]) -> tuple[Path, ...]:
    """Each file's lines; where they stand."""
    paths = []
    for number, some in enumerate(lines):
        path = folder / f"{name}-{number}.json"
        path.write_text("".join(some))
        paths.append(path)
    return tuple(paths)
