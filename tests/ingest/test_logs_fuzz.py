"""Nothing that a log can hold brings the decoders down, and whatever they let through is fit to travel."""

from __future__ import annotations

import gzip
import json
import math
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest import activity, key_vault, logs
from ingest.claims import caller_of, short_claims
from ingest.logs_values import MAX_TEXT, address, excerpt, folded, number, place, text, texts
from ingest.records import DENIED, FAILURE, KEY_VAULT, MANAGEMENT, SIGN_IN, STARTED, SUCCESS, Event, Rejected
from ingest.sources import discover
from tests.data import shared
from tests.ingest.reading import events_of, fast
from tests.ingest.test_logs import AUDITS, FORMS
from tests.ingest.test_sources import LATENESS_US

YEAR_2200 = 7_258_118_400_000_000
MAX_EVENT = 200_000  # octets of an event on the wire, whatever the record held

ODD = st.sampled_from(
    [
        "", " ", "0", "-1", "401", "{", "[", '{"a": 1}', '["a"]', '{"claim": {"oid": "x"}}', "NaN", "é" * 3_000,
        "/subscriptions/", "/SUBSCRIPTIONS/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/", "\x00", "İ",
        "https://[", "https://v.vault.azure.net/secrets/%00/", "[::1", "1.2.3.4:99999", "AuditEvent", "Success",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "1970-01-01T00:00:00+14:00",
    ]
)  # fmt: skip
NUMBERS = [0, -1, 401, 1e308, -1e308, 2**63, -(2**63), 10**30, 1e17, math.nan, math.inf, True, None]
NAMES = st.sampled_from(
    [
        "value",
        "localizedValue",
        "claim",
        "claims",
        "scope",
        "evidence",
        "role",
        "principalType",
        "authorization",
        "clientIpAddress",
        "oid",
        "upn",
        "appid",
        "amr",
        "name",
        "ipaddr",
        "requestbody",
        "responseBody",
        "properties",
        "permissions",
        "actions",
        "accessPolicies",
        "objectId",
        "statusCode",
        "statusMessage",
        "httpStatusCode",
        "id",
        "requestUri",
        "clientInfo",
        "runbook",
        "roleDefinitionId",
        "addedAccessPolicy_ObjectId",
        "addedAccessPolicy_Permissions_keys",
    ]
)
SINGLE = st.one_of(ODD, st.sampled_from(NUMBERS), st.text(max_size=12), st.floats(), st.integers())
NESTED = st.recursive(
    SINGLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
VALUES = st.booleans().flatmap(lambda nested: NESTED if nested else SINGLE)
OPERATIONS = st.sampled_from(
    [
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleDefinitions/write",
        "Microsoft.KeyVault/vaults/accessPolicies/write",
        "Microsoft.Automation/automationAccounts/jobs/write",
        "SecretGet",
        "VaultPatch",
    ]
)


@lru_cache
def real() -> list[dict[str, Any]]:
    """Records in every form: Microsoft's, others', and our own after the documentation."""
    panther = shared("azure", "panther_events.jsonl").read_text().splitlines()
    samples = [one["sample"] for one in json.loads(shared("azure", "keyvault_samples.json").read_text())]
    documented = [one for s in samples for one in (s if isinstance(s, list) else s["records"])]
    return [
        *FORMS.values(),
        *AUDITS.values(),
        *documented,
        *(json.loads(one)["event"] for one in panther[::7]),
    ]


def judge(found: Any) -> None:
    """An event is fit to travel and bounded; a rejection says why; anything else is a reason."""
    if isinstance(found, Event):
        assert 0 <= found.at_us < YEAR_2200
        assert found.operation
        assert found.layer in (MANAGEMENT, KEY_VAULT, SIGN_IN)
        assert found.outcome in (STARTED, SUCCESS, FAILURE, DENIED)
        assert 0 <= found.uid < 1 << 63
        packed = msgspec.msgpack.encode(found)
        assert len(packed) < MAX_EVENT
        assert msgspec.msgpack.decode(packed, type=Event) == found
    elif isinstance(found, Rejected):
        assert found.reason
        assert len(found.excerpt) <= 200
        msgspec.json.encode(found)
    else:
        assert isinstance(found, str)
        assert 0 < len(found) < 200


Wrong = list[tuple[list[int], Any]]


def replaced(record: Any, path: list[int], value: Any) -> Any:
    """The record with the value at a place replaced, on whatever level that is."""
    if not isinstance(record, dict) or not record or not path:
        return value
    name = sorted(record)[path[0] % len(record)]
    return {**record, name: replaced(record[name], path[1:], value)}


def mutated(record: dict[str, Any], wrong: Wrong) -> dict[str, Any]:
    """The record with some of its values replaced."""
    changed: Any = record
    for path, value in wrong:
        changed = replaced(changed, path, value)
    return changed  # type: ignore[no-any-return]


WRONG = st.lists(st.tuples(st.lists(st.integers(0, 40), min_size=1, max_size=4), VALUES), max_size=4)


@settings(derandomize=True, max_examples=600, deadline=None)
@given(st.integers(0, 10**6), WRONG, st.none() | OPERATIONS)
@example(0, [([1], math.nan)], None)  # correlationId
def test_a_record_of_which_anything_is_wrong_still_has_a_fate(
    which: int, wrong: Wrong, operation: str | None
) -> None:
    record = mutated(real()[which % len(real())], wrong)
    if operation:
        record = {**record, "operationName": operation}
    judge(logs.decode(record, "a.json", 3))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(VALUES)
def test_any_value_at_all_has_a_fate(value: Any) -> None:
    judge(logs.decode(value, "a.json", 3))
    fields = folded(value)
    judge(activity.decode(fields, "a.json", 3))
    judge(key_vault.decode(fields, "a.json", 3))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.integers(0, 10**6), WRONG)
def test_the_fast_path_never_sees_another_event_than_the_careful_one(which: int, wrong: Wrong) -> None:
    try:
        line = msgspec.json.encode(mutated(real()[which % len(real())], wrong))
        value = msgspec.json.decode(line)
    except (msgspec.MsgspecError, OverflowError):
        return  # what can't be JSON comes from no file
    found = fast(line, 3)
    if found is not None:
        assert found == logs.decode(value, "a.json", 3)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(VALUES)
@example(math.nan)
def test_every_reader_of_a_single_value_takes_any_value(value: Any) -> None:
    assert len(text(value)) <= MAX_TEXT
    assert number(value) is None or abs(number(value) or 0) < 10**16
    assert len(texts(value, 5)) <= 5
    assert len(excerpt(value)) <= 200
    assert len(address(value)) <= 45
    assert place(text(value)).subscription == place(text(value)).subscription.lower()
    assert all(isinstance(part, str) for part in caller_of(short_claims(value), text(value)))


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 2_000))
def test_a_record_nested_to_any_depth_has_a_fate(depth: int) -> None:
    inner: Any = 1
    for _ in range(depth):
        inner = {"properties": inner, "identity": [inner]} if depth < 12 else {"properties": inner}
    judge(logs.decode({**FORMS["blob"], "properties": inner, "identity": inner}, "a.json", 0))


@lru_cache
def bodies() -> list[bytes]:
    """Whole files in each form."""
    records = real()[:12]
    return [
        b"\n".join(json.dumps(one).encode() for one in records),
        json.dumps(records).encode(),
        json.dumps({"records": records}, indent=1).encode(),
        b"\n".join(json.dumps(one, indent=2).encode() for one in records),
        gzip.compress(b"\n".join(json.dumps(one).encode() for one in records), mtime=0),
    ]


@settings(
    derandomize=True,
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=4)), max_size=6),
    st.integers(0, 10**6),
)
def test_a_file_with_octets_changed_and_cut_anywhere_adds_up(
    tmp_path: Path, form: int, changes: list[tuple[int, bytes]], cut: int
) -> None:
    body = bytearray(bodies()[form])
    for at, octets in changes:
        start = at % len(body)
        body[start : start + len(octets)] = octets
    path = tmp_path / "x.json"
    path.write_bytes(body[: len(body) - cut % len(body) if cut % 2 else len(body)])
    found = discover([path], LATENESS_US)
    assert len(found.partitions) + len(found.rejected) == 1, "a file is read, or said not to be"
    for partition in found.partitions:
        for block in partition.blocks():
            records = sum(one.kind == "record" for one in block.rejected)
            assert block.read == len(block.events) + records + sum(block.filtered.values())
            for one in [*events_of([block], partition.name), *block.rejected]:
                judge(one)


@settings(
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"{", b"[", b'{"', b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"])
)
def test_random_octets_are_said_to_be_no_log(tmp_path: Path, body: bytes, start: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(start + body)
    found = discover([path], LATENESS_US)
    blocks = [block for partition in found.partitions for block in partition.blocks()]
    said = [*found.rejected, *(one for block in blocks for one in block.rejected)]
    assert not events_of(blocks)
    if start + body not in (b"[]", b"{}"):
        assert said or not body.strip(b" \t\r\n],") or any(block.read for block in blocks)
    for one in said:
        judge(one)


@given(
    st.ip_addresses(v=4).map(str)
    | st.text("0123456789.", max_size=16)
    | st.sampled_from(
        ["0.0.0.0", "01.2.3.4", "1.2.3", "1.2.3.4.", "１.2.3.4", "1.2.3.4\0", "\ud800", "1.2.3.4/8"]
    )
)
def test_an_address_is_what_the_library_says(came: str) -> None:
    try:
        found = ip_address(came)
        expected = "" if found.is_unspecified else str(found)
    except ValueError:
        expected = ""
    assert address(came) == (expected if len(came) > 1 else "")
