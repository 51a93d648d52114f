"""Key Vault's audit log: who took which secret, in each form in which Azure exports it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest import key_vault, logs
from ingest.records import Event
from tests.data import shared
from tests.ingest.test_logs import APP, AUDIT, DIAGNOSTICS, LONG, OID, SPECIFIC, UPN, VAULT, event

LA_LONG = "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g"
LA_UPN = "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s"


def said(**properties: Any) -> dict[str, Any]:
    """A record with other properties."""
    return {**AUDIT, "properties": {**AUDIT["properties"], **properties}}


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def left_out(record: dict[str, Any]) -> str:
    """Why a record is left out."""
    found = logs.decode(record, "a.json", 0)
    assert isinstance(found, str), found
    return found


# Operations and what they touch


@pytest.mark.parametrize("came", ["SecretGet", "SECRETGET", "secretget"])
@pytest.mark.parametrize("form", [AUDIT, SPECIFIC], ids=["blob", "table"])
def test_an_operation_is_the_same_in_any_case(form: dict[str, Any], came: str) -> None:
    name = "operationName" if "operationName" in form else "OperationName"
    assert event({**form, name: came}) == event(form)


def test_an_operation_that_is_new_to_us_is_kept_under_its_name() -> None:
    assert event({**AUDIT, "operationName": "SecretTeleport"}).operation == "SecretTeleport"


def test_a_vaults_record_is_known_without_its_category() -> None:
    assert event(without(AUDIT, "category")) == event(AUDIT)
    assert event(without(SPECIFIC, "Type")) == event(SPECIFIC)


@pytest.mark.parametrize(
    ("operation", "given_id", "item"),
    [
        ("SecretGet", "https://kv1.vault.azure.net/secrets/db/4c39", "secrets/db"),
        ("SecretGet", "https://kv1.vault.azure.net:443/Secrets/db?x=/keys/y", "secrets/db"),
        ("SecretGetDeleted", "https://kv1.vault.azure.net/deletedsecrets/db", "secrets/db"),
        ("SecretList", "https://kv1.vault.azure.net/secrets", "secrets"),
        ("KeySign", "https://kv1.managedhsm.azure.net/keys/k1/v/sign", "keys/k1"),
        ("CertificateGet", "https://kv1.vault.azure.net/certificates/c1/", "certificates/c1"),
        ("VaultGet", "https://kv1.vault.azure.net/", ""),
        ("SecretGet", "https://[broken", ""),
    ],
)
def test_what_was_touched_is_named_without_version_or_value(operation: str, given_id: str, item: str) -> None:
    assert event({**said(id=given_id), "operationName": operation}).item == item


def test_two_secrets_read_in_one_call_are_two_events() -> None:
    other = said(id="https://kv1.vault.azure.net/secrets/other/1")
    assert event(other).uid != event(AUDIT).uid


@pytest.mark.parametrize("beneath", ["", "/", "/secrets/db", "/providers/x/y"])
def test_a_vault_is_one_vault_whatever_lies_beneath(beneath: str) -> None:
    assert event({**AUDIT, "resourceId": VAULT + beneath}).vault == VAULT


# Outcomes


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "success"),
        ("200", "success"),
        (403.0, "denied"),
        ("403", "denied"),
        (404, "failure"),
        (500, "failure"),
    ],
)
def test_the_status_decides_in_whatever_type_it_came(status: Any, outcome: str) -> None:
    found = event(said(httpStatusCode=status))
    assert (found.outcome, "status" in found.details) == (outcome, outcome != "success")
    column = event({**DIAGNOSTICS, "httpStatusCode_d": status})
    assert column.outcome == outcome


@pytest.mark.parametrize("status", [None, 0, "0", -1, "", "(unknown)", True, {}])
def test_without_a_status_the_result_decides(status: Any) -> None:
    record = said(httpStatusCode=status)
    assert event(record).outcome == "success"
    assert event({**record, "resultType": "Failed", "resultSignature": "NotFound"}).outcome == "failure"
    assert event({**record, "resultType": "Failed", "resultSignature": "Forbidden"}).outcome == "denied"


@pytest.mark.parametrize("status", [401, "401", 401.0])
def test_the_challenge_before_a_sign_in_is_no_denial(status: Any) -> None:
    blob = {**said(httpStatusCode=status), "identity": {}}
    column = {name: value for name, value in DIAGNOSTICS.items() if not name.startswith("identity_")} | {
        "httpStatusCode_d": status
    }
    table = without(SPECIFIC, "Identity") | {"HttpStatusCode": status}
    for record in (blob, column, table, {**blob, "identity": {"claim": {}}}):
        assert "401" in left_out(record)


def test_a_refused_token_is_a_denial() -> None:
    found = event(said(httpStatusCode=401))
    assert (found.outcome, found.principal) == ("denied", OID)


def test_a_forbidden_call_of_nobody_is_kept() -> None:
    found = event({**said(httpStatusCode=403), "identity": {}})
    assert (found.outcome, found.principal, found.address) == ("denied", "", "203.0.113.9")


# Callers


def test_the_long_dialects_columns_name_the_same_principal() -> None:
    row = without(DIAGNOSTICS, "identity_claim_oid_g", "identity_claim_upn_s")
    row |= {LA_LONG: OID, LA_UPN: "a@contoso.com", "OperationName": "VaultGet"}
    assert (event(row).principal, event(row).name) == (OID, "a@contoso.com")


def test_empty_columns_of_the_other_dialect_hide_nobody() -> None:
    assert event({**DIAGNOSTICS, LA_LONG: "", LA_UPN: None}).principal == OID


@pytest.mark.parametrize(
    "claim", [{"oid": OID, "appid": APP}, {LONG: OID, "appid": APP}], ids=["short", "long"]
)
@pytest.mark.parametrize("packed", [False, True], ids=["object", "text"])
def test_identity_is_read_as_object_and_as_text(claim: dict[str, str], packed: bool) -> None:
    identity: Any = {"claim": claim}
    found = event({**AUDIT, "identity": json.dumps(identity) if packed else identity})
    assert (found.principal, found.application, found.kind) == (OID, APP, "service_principal")


def test_a_vault_behind_a_proxy_names_the_tokens_address_only_where_it_has_none_itself() -> None:
    identity = {"claim": {"oid": OID, "ipaddr": "198.51.100.9"}}
    assert event({**AUDIT, "identity": identity}).address == "203.0.113.9"
    for masked in ("X.X.X.X", "", None, "0.0.0.0"):
        assert event({**AUDIT, "identity": identity, "callerIpAddress": masked}).address == "198.51.100.9"


# Policies


def test_a_policy_added_in_the_portal_says_to_whom_in_each_form() -> None:
    permissions = {"keys": ["wrapKey"], "secrets": ["get", "list"], "certificates": []}
    blob = said(
        addedAccessPolicy_ObjectId="P9",
        **{f"addedAccessPolicy_Permissions_{kind}": given for kind, given in permissions.items()},
    )
    row = {**DIAGNOSTICS, "addedAccessPolicy_ObjectId_g": "P9"} | {
        f"addedAccessPolicy_Permissions_{kind}_s": json.dumps(given) for kind, given in permissions.items()
    }
    for record, name in ((blob, "operationName"), (row, "OperationName")):
        found = event({**record, name: "VaultPatch"})
        assert found.details == {
            "grantee": "P9",
            "permissions": ["keys/wrapKey", "secrets/get", "secrets/list"],
        }


def test_a_grant_to_everything_at_once_stays_bounded() -> None:
    found = event(said(addedAccessPolicy_ObjectId="P9", addedAccessPolicy_Permissions_keys=["get"] * 10_000))
    assert len(found.details["permissions"]) == 40


# What is no vault's, or no one's act


def test_another_services_audit_events_do_not_become_a_vault() -> None:
    other = VAULT.replace("Microsoft.KeyVault/vaults", "Microsoft.Attestation/attestationProviders")
    assert "not Key Vault" in left_out({**AUDIT, "resourceId": other, "operationName": "AttestSgx"})


def test_notifications_and_policy_evaluations_are_left_out_by_name() -> None:
    assert "Event Grid" in left_out(
        {**AUDIT, "operationName": "VaultAccessPolicyChangedEventGridNotification"}
    )
    assert "policy" in left_out({**AUDIT, "category": "AzurePolicyEvaluationDetails"})


def test_microsofts_own_samples_say_what_they_say() -> None:
    first, second = json.loads(shared("azure", "keyvault_samples.json").read_text())
    (vault,) = first["sample"]["records"]
    (hsm,) = second["sample"]
    found = event(vault)
    assert (found.operation, found.principal, found.name) == (
        "VaultGet",
        vault["identity"]["claim"][LONG],
        vault["identity"]["claim"][UPN],
    )
    assert (found.at_us, found.address) == (1_451_957_521_269_122, "104.40.82.76")
    module = event(hsm)
    assert (module.operation, module.outcome, module.principal) == ("BackupCreate", "success", "<object-id>")
    assert (module.vault, module.address) == (hsm["resourceId"], "")
    assert isinstance(module, Event)
    assert module.client.startswith("azsdk-python-core")


# Pieces of addresses of items, and what is wrong with some.
PIECES = st.sampled_from(
    [
        *("https://", "HTTPS://", "kv1.vault.azure.net", ":443", "[::1]", "u@", "/", "//", "?", "#"),
        *("secrets", "keys", "Keys", "certificates", "deletedsecrets", "deleted", "x=/keys/y"),
        *("db-1", "d%20b", "ü", "_", ".", " ", "\t", "\n", "\x00"),
    ]
)


@given(
    st.lists(PIECES, max_size=9).map("".join)
    | st.lists(PIECES, max_size=6).map(lambda some: "https://kv/" + "".join(some))
)
@example("https://kv/secrets/db\n/x")
@example("https://kv/secrets/")
@example("https://kv/secrets//db")
@example("https://kv/deletedsecrets/db/4c39/?x")
def test_an_item_is_named_by_the_parts_of_its_address_whichever_way_they_are_found(address: str) -> None:
    """Else an item would change its name with the form of the record, and be new once more."""
    assert key_vault.item_of.__wrapped__("SecretGet", address) == key_vault.by_parts(address)
