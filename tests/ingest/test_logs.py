"""What Azure's logs really hold, in each of the forms in which they come."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import logs
from ingest.records import Event, Rejected
from tests.data import shared

OID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
APP = "1950a258-227b-4e31-a9cf-717495945fc2"
LONG = "http://schemas.microsoft.com/identity/claims/objectidentifier"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
ACCOUNT = "/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Storage/storageAccounts/SA1"
VAULT = "/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.KeyVault/vaults/KV1"

BLOB: dict[str, Any] = {
    "time": "2026-01-05T10:00:01.5Z",
    "resourceId": ACCOUNT.upper(),
    "operationName": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
    "category": "Administrative",
    "resultType": "Success",
    "resultSignature": "Succeeded.OK",
    "durationMs": "17",
    "callerIpAddress": "198.51.100.7",
    "correlationId": "c1",
    "identity": {
        "authorization": {
            "scope": ACCOUNT,
            "action": "Microsoft.Storage/storageAccounts/listKeys/action",
            "evidence": {"role": "Contributor", "principalType": "User"},
        },
        "claims": {"appid": APP, "ipaddr": "198.51.100.7", LONG: OID, UPN: "a@contoso.com"},
    },
    "location": "West Europe",
}
REST: dict[str, Any] = {
    "eventTimestamp": "2026-01-05T10:00:01.5000000Z",
    "resourceId": ACCOUNT,
    "operationName": {
        "value": "Microsoft.Storage/storageAccounts/listKeys/action",
        "localizedValue": "List keys",
    },
    "category": {"value": "Administrative", "localizedValue": "Administrative"},
    "status": {"value": "Succeeded"},
    "subStatus": {"value": ""},
    "caller": "a@contoso.com",
    "claims": {"appid": APP, LONG: OID, UPN: "a@contoso.com"},
    "httpRequest": {"clientIpAddress": "198.51.100.7", "method": "POST"},
    "authorization": {
        "action": "Microsoft.Storage/storageAccounts/listKeys/action",
        "role": "Owner",
        "scope": ACCOUNT,
    },
    "correlationId": "c1",
    "subscriptionId": "S1",
}
TABLE: dict[str, Any] = {
    "TimeGenerated": "2026-01-05T10:00:01.5Z",
    "OperationNameValue": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
    "CategoryValue": "Administrative",
    "ActivityStatusValue": "Success",
    "Caller": "a@contoso.com",
    "CallerIpAddress": "198.51.100.7",
    "Claims_d": {"appid": APP, LONG: OID, UPN: "a@contoso.com"},
    "Authorization": json.dumps({"action": "listKeys", "scope": ACCOUNT}),
    "CorrelationId": "c1",
    "_ResourceId": ACCOUNT.lower(),
    "OperationName": "",
    "TenantId": "workspace",
}
FORMS = {"blob": BLOB, "REST": REST, "Log Analytics": TABLE}


def event(record: Any) -> Event:
    """The event of a record that can be read."""
    found = logs.decode(record, "a.json", 3)
    assert isinstance(found, Event), found
    return found


@pytest.mark.parametrize("form", FORMS)
def test_an_act_says_the_same_in_each_form(form: str) -> None:
    found = event(FORMS[form])
    assert (found.at_us, found.layer, found.outcome) == (1_767_607_201_500_000, "management", "success")
    assert found.operation == "microsoft.storage/storageaccounts/listkeys/action"
    assert (found.principal, found.name, found.kind, found.application) == (OID, "a@contoso.com", "user", APP)
    assert (found.address, found.subscription, found.resource.lower()) == (
        "198.51.100.7",
        "s1",
        ACCOUNT.lower(),
    )
    assert (found.source, found.offset) == ("a.json", 3)


def test_the_same_act_is_known_again_in_another_form() -> None:
    assert len({event(record).uid for record in FORMS.values()}) == 1


@pytest.mark.parametrize(
    ("given_address", "read"),
    [
        ("198.51.100.7:51234", "198.51.100.7"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        (None, "198.51.100.7"),  # then the token's address counts
        ("", "198.51.100.7"),
    ],
)
def test_addresses_are_read_with_ports_and_in_every_spelling(given_address: str | None, read: str) -> None:
    assert event({**BLOB, "callerIpAddress": given_address}).address == read


@pytest.mark.parametrize(
    ("status", "signature", "outcome"),
    [
        ("Start", "Started.", "started"),
        ("Accept", "Accepted.Created", "started"),
        ("Success", "Succeeded.OK", "success"),
        ("Failure", "Failed.Conflict", "failure"),
        ("Failure", "Failed.Forbidden", "denied"),
        ("Failed", "Failed.AuthorizationFailed", "denied"),
    ],
)
def test_each_result_is_one_of_four_outcomes(status: str, signature: str, outcome: str) -> None:
    assert event({**BLOB, "resultType": status, "resultSignature": signature}).outcome == outcome


def test_start_and_end_of_an_operation_are_joined_by_one_id() -> None:
    start = event({**BLOB, "resultType": "Start", "time": "2026-01-05T10:00:00Z"})
    assert start.operation_id == event(BLOB).operation_id != 0
    assert start.uid != event(BLOB).uid


def test_who_acted_is_found_where_the_caller_is_missing_or_is_an_application() -> None:
    nobody = {**REST, "caller": None, "claims": {}}
    assert event(nobody).principal == ""
    service = {**REST, "caller": OID, "claims": {"appid": APP, "appidacr": "2"}}
    assert (event(service).principal, event(service).kind) == (OID, "service_principal")


def test_claims_in_text_are_read_like_claims() -> None:
    assert event({**REST, "claims": json.dumps(REST["claims"])}).principal == OID


def test_a_custom_role_and_its_grant_say_what_they_give() -> None:
    body = {
        "id": "/x/roleDefinitions/R1",
        "properties": {"roleName": "helper", "permissions": [{"actions": ["*"], "notActions": []}]},
    }
    definition = {
        **BLOB,
        "operationName": "MICROSOFT.AUTHORIZATION/ROLEDEFINITIONS/WRITE",
        "properties": {"requestbody": json.dumps(body)},
    }
    details = event(definition).details
    assert (details["role_definition"], details["role_name"], details["actions"]) == (
        "/x/roledefinitions/r1",
        "helper",
        ["*"],
    )
    given_to = {
        "properties": {"roleDefinitionId": "/x/roleDefinitions/R1", "principalId": "P2", "scope": VAULT}
    }
    grant = {
        **BLOB,
        "operationName": "Microsoft.Authorization/roleAssignments/write",
        "resourceId": f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/A1",
        "properties": {"requestbody": json.dumps(given_to)},
    }
    found = event(grant)
    assert (found.details["grantee"], found.details["role_definition"]) == ("P2", "/x/roledefinitions/r1")
    assert found.vault == VAULT, "a grant on a vault is the vault's business too"


AUDIT: dict[str, Any] = {
    "time": "2026-01-05T11:59:25Z",
    "category": "AuditEvent",
    "operationName": "SecretGet",
    "resultType": "Success",
    "correlationId": "k1",
    "callerIpAddress": "203.0.113.9",
    "identity": {"claim": {"oid": OID, "appid": APP, "upn": "a@contoso.com"}},
    "properties": {
        "id": "https://kv1.vault.azure.net/secrets/db/4c39",
        "clientInfo": "azsdk-python/4.7",
        "httpStatusCode": 200,
    },
    "resourceId": VAULT.upper(),
}
DIAGNOSTICS: dict[str, Any] = {
    "TimeGenerated": "2026-01-05T11:59:25Z",
    "Category": "AuditEvent",
    "OperationName": "SecretGet",
    "ResultType": "Success",
    "CorrelationId": "k1",
    "CallerIPAddress": "203.0.113.9",
    "identity_claim_oid_g": OID,
    "identity_claim_appid_g": APP,
    "identity_claim_upn_s": "a@contoso.com",
    "id_s": "https://kv1.vault.azure.net/secrets/db/4c39",
    "clientInfo_s": "azsdk-python/4.7",
    "httpStatusCode_d": 200.0,
    "ResourceId": VAULT.upper(),
}
SPECIFIC: dict[str, Any] = {
    "Type": "AZKVAuditLogs",
    "TimeGenerated": "2026-01-05T11:59:25Z",
    "OperationName": "SecretGet",
    "ResultType": "Success",
    "CorrelationId": "k1",
    "CallerIpAddress": "203.0.113.9",
    "Identity": json.dumps({"claim": {"oid": OID, "appid": APP, "upn": "a@contoso.com"}}),
    "RequestUri": "https://kv1.vault.azure.net/secrets/db?api-version=7.4",
    "HttpStatusCode": "200",
    "_ResourceId": VAULT.lower(),
}
AUDITS = {"blob": AUDIT, "AzureDiagnostics": DIAGNOSTICS, "AZKVAuditLogs": SPECIFIC}


@pytest.mark.parametrize("form", AUDITS)
def test_a_secrets_reading_says_the_same_in_each_form(form: str) -> None:
    found = event(AUDITS[form])
    assert (found.layer, found.operation, found.outcome, found.item) == (
        "key_vault",
        "SecretGet",
        "success",
        "secrets/db",
    )
    assert (found.principal, found.name, found.application) == (OID, "a@contoso.com", APP)
    assert (found.vault.lower(), found.address) == (VAULT.lower(), "203.0.113.9")


def test_a_secrets_reading_is_known_again_in_another_form() -> None:
    assert len({event(record).uid for record in AUDITS.values()}) == 1


def test_vault_operations_in_the_long_dialect_name_the_same_principal() -> None:
    long = {
        **AUDIT,
        "operationName": "VaultPatch",
        "identity": {"claim": {LONG: OID, UPN: "a@contoso.com", "appid": APP}},
    }
    assert event(long).principal == event(AUDIT).principal


def test_a_call_without_a_token_is_left_out_and_a_refusal_is_not() -> None:
    challenge = {**AUDIT, "identity": {}, "properties": {"httpStatusCode": 401}}
    assert "without a token" in str(logs.decode(challenge, "a", 0))
    refused = {**AUDIT, "properties": {**AUDIT["properties"], "httpStatusCode": 403}}
    assert event(refused).outcome == "denied"


def test_a_policy_change_says_to_whom() -> None:
    patch = {
        **AUDIT,
        "operationName": "VaultPatch",
        "properties": {
            "httpStatusCode": 200,
            "addedAccessPolicy_ObjectId": "P9",
            "addedAccessPolicy_Permissions_secrets": ["get", "list"],
        },
    }
    details = event(patch).details
    assert (details["grantee"], details["permissions"]) == ("P9", ["secrets/get", "secrets/list"])


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({**BLOB, "time": None}, "no time"),
        ({**BLOB, "time": "0001-01-01T00:00:00Z"}, "no time"),
        ({**BLOB, "time": "9999-12-31T23:59:59Z"}, "no time"),
        ({**AUDIT, "operationName": ""}, "no operation name"),
        ({"hello": 1}, "neither"),
        ("text", "no JSON object"),
        (None, "no JSON object"),
    ],
)
def test_what_cant_be_read_is_said(record: Any, said: str) -> None:
    found = logs.decode(record, "a.json", 3)
    assert isinstance(found, Rejected)
    assert said in found.reason
    assert (found.source, found.offset) == ("a.json", 3)


def test_real_samples_of_azure_monitor_are_each_read_or_left_out_for_a_reason() -> None:
    lines = shared("azure", "panther_events.jsonl").read_text().splitlines()
    made = [logs.decode(json.loads(line)["event"], "panther", n) for n, line in enumerate(lines)]
    kinds = Counter(type(one).__name__ for one in made)
    assert kinds["Event"] >= 90, kinds
    assert sum(kinds.values()) == len(lines) == 138
    assert all(one.operation and one.at_us for one in made if isinstance(one, Event))


def test_microsofts_own_samples_of_vault_logs_are_read() -> None:
    samples = [one["sample"] for one in json.loads(shared("azure", "keyvault_samples.json").read_text())]
    records = [
        one
        for sample in samples
        for one in (sample if isinstance(sample, list) else sample.get("records", [sample]))
    ]
    found = [logs.decode(one, "docs", 0) for one in records]
    assert found
    assert all(isinstance(one, Event) for one in found), found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=400)
@given(
    st.sampled_from([*FORMS.values(), *AUDITS.values()]),
    st.dictionaries(
        st.sampled_from(sorted({name for form in (*FORMS.values(), *AUDITS.values()) for name in form})),
        VALUES,
        max_size=4,
    ),
)
def test_whatever_a_field_holds_the_decoder_says_something(
    record: dict[str, Any], wrong: dict[str, Any]
) -> None:
    found = logs.decode({**record, **wrong}, "a.json", 0)
    assert isinstance(found, Event | Rejected | str)
    if isinstance(found, Event):
        assert 0 <= found.at_us < 8e15
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Event) == found
