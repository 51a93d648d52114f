"""The fast path must give what the careful one gives: else speed would change what is detected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import logs
from ingest.compression import chunks
from ingest.records import Event
from simulation import simulate
from tests.data import shared
from tests.ingest.reading import fast, octets
from tests.ingest.test_sign_ins import BLOB_FORM as SIGNED
from tests.ingest.test_sign_ins import INNER


def careful(line: bytes, offset: int = 0) -> Any:
    """What the slow path makes of a line."""
    return logs.decode(msgspec.json.decode(line), "a.json", offset)


def agree(line: bytes) -> bool:
    """Whether the fast path took the line; if so, it must agree with the slow one."""
    found = fast(line, 7)
    if found is None:
        return False
    assert found == careful(line, 7)
    return True


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    out = tmp_path_factory.mktemp("swift")
    simulate(out, days=12, seed=3, sign_ins=True)
    raw: list[bytes] = []
    for path in sorted((out / "telemetry").rglob("*.json*")):
        raw += map(bytes, octets(chunks(path)))
    return raw[::7]


def test_nearly_all_of_an_organisations_records_are_read_fast_and_as_carefully(lines: list[bytes]) -> None:
    taken = sum(map(agree, lines))
    assert taken > 0.6 * len(lines) > 1_000


VAULT = {
    "time": "2026-01-05T11:59:25Z",
    "category": "AuditEvent",
    "operationName": "SecretGet",
    "resultType": "Success",
    "resultSignature": "OK",
    "durationMs": "9",
    "correlationId": "k1",
    "callerIpAddress": "203.0.113.9",
    "identity": {"claim": {"oid": "oid1", "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "upn": "a@c.com"}},
    "properties": {"id": "https://v1.vault.azure.net/secrets/db/4c39", "httpStatusCode": 200},
    "resourceId": "/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG1/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V1",
}
MANAGED = {
    "time": "2026-01-05T10:00:01Z",
    "resourceId": "/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG1/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/SA1",
    "operationName": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
    "category": "Action",
    "resultType": "Success",
    "correlationId": "c1",
    "callerIpAddress": "198.51.100.7:443",
    "identity": {
        "authorization": {"scope": "/x", "evidence": {"role": "Owner", "principalType": "User"}},
        "claims": {"appid": "1950a258-227b-4e31-a9cf-717495945fc2", "name": "A"},
    },
    "location": "West Europe",
}
PIECES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(["", "401", "2026-13-01", "AuditEvent", "Administrative", "0.0.0.0", "/SUBSCRIPTIONS/"]),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    st.lists(st.text(max_size=5), max_size=3),
)


def _spoilt(record: Any, path: list[int], value: Any, how: str) -> Any:
    """The record with one value at some depth replaced, dropped, or under a name in another case."""
    names = sorted(record)
    name = names[path[0] % len(names)]
    changed = dict(record)
    if isinstance(record[name], dict) and record[name] and len(path) > 1:
        changed[name] = _spoilt(record[name], path[1:], value, how)
    elif how == "drop":
        del changed[name]
    elif how == "case":
        changed[name.upper()] = changed.pop(name)
    else:
        changed[name] = value
    return changed


@settings(max_examples=400)
@given(
    st.sampled_from([VAULT, MANAGED, SIGNED]),
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 40), min_size=1, max_size=4),
            PIECES,
            st.sampled_from(["set", "drop", "case"]),
        ),
        max_size=3,
    ),
)
def test_whatever_is_wrong_with_a_record_both_paths_say_the_same(record: Any, wrong: Any) -> None:
    for path, value, how in wrong:
        if record:
            record = _spoilt(record, path, value, how)
    agree(json.dumps(record).encode())


def test_the_usual_forms_are_taken() -> None:
    assert agree(json.dumps(VAULT).encode())
    assert agree(json.dumps(MANAGED).encode())
    assert agree(json.dumps(SIGNED).encode())


BESIDE = {"autonomousSystemNumber": 64500, "conditionalAccessStatus": "success", "userAgent": "Mozilla/5.0"}
OF_APPLICATION = {
    "servicePrincipalId": "s1",
    "servicePrincipalName": "build",
    "userId": None,
    "isInteractive": "",
}


@pytest.mark.parametrize(
    ("changed", "within"),
    [
        ({}, BESIDE),
        ({}, {"isInteractive": None, "signInEventTypes": ["interactiveUser"]}),
        ({}, {"createdDateTime": ""}),
        ({}, {"id": None, "originalRequestId": "", "correlationId": "c9"}),
        ({"category": "ServicePrincipalSignInLogs"}, OF_APPLICATION),
        ({"category": "NonInteractiveUserSignInLogs", "Level": "4"}, {"riskLevelDuringSignIn": "high"}),
        ({"resultType": "50126"}, {"status": {}}),
        ({"callerIpAddress": "198.51.100.7:443"}, {"ipAddress": ""}),
    ],
)
def test_a_sign_in_is_read_fast_whatever_else_it_says(changed: Any, within: Any) -> None:
    """Azure adds properties without saying so: a log of millions must not become five times as slow for that."""
    assert agree(json.dumps({**SIGNED, **changed, "properties": {**INNER, **within}}).encode())


@pytest.mark.parametrize(
    "within",
    [
        {"UserId": "another"},
        {"ipaddress": "198.51.100.7"},
        {"time": "2026-01-05T10:00:00Z"},
        {"resultType": "50126"},
        {"id": 7},
        {"createdDateTime": "yesterday"},
        {"more": "x", "MORE": "y", "APPID": ""},
        {f"p{n}": n for n in range(300)},
        {"userDisplayName": "x" * 9_000},
    ],
)
def test_a_sign_in_that_says_a_thing_twice_or_oddly_is_left_to_the_careful_path(within: Any) -> None:
    assert not agree(json.dumps({**SIGNED, "properties": {**INNER, **within}}).encode())


def test_documented_samples_are_read_alike() -> None:
    path = shared("azure/keyvault_samples.json")
    text = json.loads(Path(path).read_text())
    records = text if isinstance(text, list) else text.get("records", [text])
    assert records
    for record in records:
        agree(json.dumps(record).encode())


def test_a_line_that_is_no_record_is_left_to_the_careful_path() -> None:
    for line in (b"{", b"{}", b"[1]", b'{"records": []}', b'{"time": 1}', b"\xff\xfe"):
        assert fast(line) is None


def test_an_event_of_the_fast_path_has_its_place() -> None:
    found = fast(json.dumps(VAULT).encode(), 41, "b.json")
    assert isinstance(found, Event)
    assert (found.source, found.offset) == ("b.json", 41)
