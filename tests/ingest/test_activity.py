"""The Activity Log: who did what to which resource, whatever the export made of the record."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from ingest import logs
from ingest.records import SIGN_IN, Event, Rejected
from tests.data import shared
from tests.ingest.test_logs import ACCOUNT, APP, BLOB, LONG, OID, REST, TABLE, VAULT, event

ROLES = "Microsoft.Authorization/roleAssignments/write"
SUBSCRIPTION = "/subscriptions/S1"


def left_out(record: dict[str, Any]) -> str:
    """Why a record is left out."""
    found = logs.decode(record, "a.json", 0)
    assert isinstance(found, str), found
    return found


def of(operation: str, **changed: Any) -> dict[str, Any]:
    """A record in blob form of another operation."""
    return {**BLOB, "operationName": operation, **changed}


def with_body(operation: str, body: Any, name: str = "requestbody", **changed: Any) -> dict[str, Any]:
    """A record whose properties hold a request's (or response's) body as text, as Azure writes it."""
    return of(operation, properties={name: json.dumps(body)}, **changed)


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


@pytest.mark.parametrize("turn", [str.upper, str.lower], ids=["upper", "lower"])
def test_an_act_is_the_same_whatever_case_an_export_gives_its_names(turn: Any) -> None:
    turned = {turn(name): value for name, value in BLOB.items()}
    assert event(turned) == event(BLOB)


def test_an_act_is_known_again_whatever_case_its_ids_and_operation_have() -> None:
    other = of(BLOB["operationName"].lower(), resourceId=BLOB["resourceId"].lower())
    assert event(other).uid == event(BLOB).uid
    assert event(other).operation_id == event(BLOB).operation_id


def test_the_operation_is_read_and_not_its_display_name() -> None:
    old = {**TABLE, "OperationName": "List Storage Account Keys", "ActivityStatus": "Succeeded"}
    assert event(old).operation == "microsoft.storage/storageaccounts/listkeys/action"
    assert event(old).uid == event(TABLE).uid


def test_columns_of_log_analytics_that_are_json_in_text_are_read() -> None:
    row = without(TABLE, "Claims_d", "CallerIpAddress", "_ResourceId") | {
        "Claims": json.dumps({"appid": APP.upper(), LONG: OID}),
        "HTTPRequest": json.dumps({"clientIpAddress": "198.51.100.7:443", "method": "POST"}),
        "Properties": json.dumps({"statusCode": "OK"}),
    }
    found = event(row)
    assert (found.principal, found.application, found.address) == (OID, APP, "198.51.100.7")
    assert found.resource == ACCOUNT, "where the row has no resource id, the authorization's scope says it"


# Outcomes


def failed(code: Any = "", message: str = "", signature: str = "Failed.") -> str:
    """The outcome of a failure with these words."""
    properties = {"statusCode": code, "statusMessage": message}
    return event(
        {**BLOB, "resultType": "Failure", "resultSignature": signature, "properties": properties}
    ).outcome


@pytest.mark.parametrize("code", ["Forbidden", "Unauthorized", "403", 403, 401.0])
def test_a_refusal_is_told_from_a_failure_however_the_code_is_written(code: Any) -> None:
    assert failed(code) == "denied"


def test_a_refusal_is_seen_where_only_the_message_names_it() -> None:
    message = json.dumps({"error": {"code": "LinkedAuthorizationFailed", "message": "…"}})
    assert failed("BadRequest", message) == "denied"


@pytest.mark.parametrize("message", ["x-4031b7c", "vm14010", "/subscriptions/a4039f"])
def test_an_id_that_contains_403_is_no_refusal(message: str) -> None:
    assert failed("NotFound", json.dumps({"error": {"code": "NotFound", "message": message}})) == "failure"


@pytest.mark.parametrize(
    ("signature", "outcome"),
    [("Succeeded.OK", "success"), ("Started.", "started"), ("Failed.Forbidden", "denied"), ("", "success")],
)
def test_an_act_without_a_result_is_no_failure_unless_its_signature_says_so(
    signature: str, outcome: str
) -> None:
    assert event({**without(BLOB, "resultType"), "resultSignature": signature}).outcome == outcome


@pytest.mark.parametrize("status", ["Started", "Accepted"])
def test_the_halves_of_an_operation_meet_in_rest_form_too(status: str) -> None:
    start = event({**REST, "status": {"value": status}, "eventTimestamp": "2026-01-05T10:00:00Z"})
    assert (start.outcome, event(REST).outcome) == ("started", "success")
    assert start.operation_id == event(REST).operation_id != 0


def test_two_acts_without_a_correlation_id_are_not_taken_for_one_operation() -> None:
    assert event(without(BLOB, "correlationId")).operation_id == 0


# Who acted


@pytest.mark.parametrize(
    ("caller", "principal", "name", "kind"),
    [
        ("a@contoso.com", "a@contoso.com", "a@contoso.com", "user"),
        (OID, OID, "", "service_principal"),
        ("Microsoft.Advisor", "Microsoft.Advisor", "Microsoft.Advisor", "service_principal"),
        (None, "", "", ""),
        ("", "", "", ""),
    ],
)
def test_the_caller_is_named_where_there_are_no_claims(
    caller: str | None, principal: str, name: str, kind: str
) -> None:
    found = event({**without(REST, "claims"), "caller": caller})
    assert (found.principal, found.name, found.kind) == (principal, name, kind)


@pytest.mark.parametrize(
    ("stated", "kind"),
    [("ServicePrincipal", "service_principal"), ("MSI", "service_principal"), ("User", "user")],
)
def test_a_managed_identity_is_no_person(stated: str, kind: str) -> None:
    identity = {"authorization": {"evidence": {"principalType": stated}}, "claims": {LONG: OID}}
    assert event({**BLOB, "identity": identity}).kind == kind


def test_a_record_without_identity_still_counts_for_its_resource() -> None:
    found = event(without(BLOB, "identity"))
    assert (found.principal, found.address, found.subscription) == ("", "198.51.100.7", "s1")


# Roles, policies, runbooks

CUSTOM = {
    "Id": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/R1",
    "Properties": {
        "RoleName": "helper",
        "Permissions": [{"Actions": ["*"], "NotActions": ["Microsoft.Sql/*"]}, {"actions": ["a/read"]}],
        "AssignableScopes": [SUBSCRIPTION],
    },
}
GRANT = {
    "Properties": {"PrincipalId": "P2", "PrincipalType": "User", "RoleDefinitionId": "/x/R1", "Scope": "/"}
}


@pytest.mark.parametrize("body", ["requestbody", "responseBody"])
def test_what_a_new_role_allows_is_read_from_request_or_response(body: str) -> None:
    details = event(with_body("Microsoft.Authorization/roleDefinitions/write", CUSTOM, body)).details
    assert (details["role_name"], details["actions"], details["not_actions"]) == (
        "helper",
        ["*", "a/read"],
        ["Microsoft.Sql/*"],
    )
    assert details["role_definition"] == CUSTOM["Id"].lower()  # type: ignore[attr-defined]
    assert details["assignable_scopes"] == [SUBSCRIPTION]


def test_a_role_without_its_body_is_still_named_by_its_id() -> None:
    details = event(of("Microsoft.Authorization/roleDefinitions/write", resourceId="/S/R1")).details
    assert details["role_definition"] == "/s/r1"


def test_a_grant_says_who_gets_what_where() -> None:
    details = event(with_body(ROLES.upper(), GRANT)).details
    assert {name: details[name] for name in ("grantee", "grantee_kind", "role_definition", "scope")} == {
        "grantee": "P2",
        "grantee_kind": "User",
        "role_definition": "/x/r1",
        "scope": "/",
    }


@pytest.mark.parametrize(
    ("resource", "scope", "vault"),
    [
        (f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/A1", "", VAULT),
        (f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/A1", f"{VAULT}/x/y", VAULT),
        (f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/A1", ACCOUNT, ""),
        ("/providers/Microsoft.Authorization/roleAssignments/A1", "/", ""),
    ],
)
def test_a_grant_on_a_vault_reaches_the_vault_and_no_other_does(
    resource: str, scope: str, vault: str
) -> None:
    identity = {"authorization": {"scope": scope}}
    assert event(of(ROLES, resourceId=resource, identity=identity)).vault == vault


def policies(*object_ids: str) -> dict[str, Any]:
    entries = [{"objectId": one, "permissions": {"secrets": ["get"], "keys": ["list"]}} for one in object_ids]
    return {"properties": {"accessPolicies": entries}}


def test_an_access_policy_says_to_whom_where_it_stands_alone() -> None:
    operation = "Microsoft.KeyVault/vaults/accessPolicies/write"
    one = event(with_body(operation, policies("P9"), resourceId=VAULT)).details
    assert (one["grantee"], one["permissions"]) == ("P9", ["keys/list", "secrets/get"])
    many = event(with_body("Microsoft.KeyVault/vaults/write", policies("P8", "P9"), resourceId=VAULT)).details
    assert "grantee" not in many, "a write of the whole vault does not say who was added"


def test_a_job_names_its_runbook() -> None:
    body = {"properties": {"runbook": {"name": "get-AzureKeys"}}}
    operation = "Microsoft.Automation/automationAccounts/jobs/write"
    assert event(with_body(operation, body)).details["runbook"] == "get-AzureKeys"


@pytest.mark.parametrize("body", ["{cut", "null", "[]", '"x"', "{}", '{"properties": 3}', "x" * 300_000])
def test_a_body_that_cant_be_read_costs_only_what_it_says(body: str) -> None:
    for operation in (ROLES, "Microsoft.KeyVault/vaults/write", "Microsoft.Automation/a/runbooks/write"):
        found = event(of(operation, properties={"requestbody": body}))
        assert found.details["role"] == "Contributor"


# What is no business of the detections


@pytest.mark.parametrize(
    "category", ["ServiceHealth", "ResourceHealth", "Recommendation", "Alert", "Autoscale"]
)
def test_what_nobody_did_is_left_out_by_name(category: str) -> None:
    assert category.lower() in left_out({**BLOB, "category": category})
    assert category.lower() in left_out({**REST, "category": {"value": category}})


@pytest.mark.parametrize("category", ["Administrative", "Write", "Delete", "Action", "", None])
def test_each_spelling_of_administrative_is_kept(category: str | None) -> None:
    assert event({**BLOB, "category": category}).layer == "management"


def test_switching_off_the_directorys_logs_is_an_act_and_the_directorys_logs_are_not() -> None:
    entra = "/tenants/T1/providers/Microsoft.aadiam"
    found = event(
        of("Microsoft.aadiam/diagnosticSettings/delete", resourceId=f"{entra}/diagnosticSettings/d")
    )
    assert found.operation == "microsoft.aadiam/diagnosticsettings/delete"
    assert "Entra" in left_out(of("Update policy", category="Policy", resourceId=entra))


def test_every_real_sample_is_read_or_left_out_for_its_reason() -> None:
    lines = shared("azure", "panther_events.jsonl").read_text().splitlines()
    made = [logs.decode(json.loads(line)["event"], "panther", n) for n, line in enumerate(lines)]
    told = Counter(
        f"{one.layer} {one.outcome}" if isinstance(one, Event) else one if isinstance(one, str) else "?"
        for one in made
    )
    assert told == {
        "management success": 103,
        "management denied": 2,
        "sign_in success": 11,
        "sign_in failure": 9,
        "Entra logs (audit)": 8,
        "Activity Log category recommendation": 2,
        "?": 3,
    }
    refused = [json.loads(lines[one.offset])["event"] for one in made if isinstance(one, Rejected)]
    assert sorted(one["operationName"] for one in refused) == [
        "DeleteBlob",
        "GetBlobServiceProperties",
        "deleteblob",
    ], "a storage account's own log is no log that is read"


def test_every_real_act_keeps_its_operation_resource_and_address() -> None:
    for line in shared("azure", "panther_events.jsonl").read_text().splitlines():
        record = json.loads(line)["event"]
        found = logs.decode(record, "panther", 0)
        if isinstance(found, Event) and found.layer != SIGN_IN:
            assert found.operation == record["operationName"].lower()
            assert found.resource == record["resourceId"]
            assert found.address == record["callerIpAddress"]
