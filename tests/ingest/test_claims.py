"""Who acted must be one principal in every dialect of claims, or its history falls apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.claims import Caller, caller_of, short_claims, short_name
from tests.ingest.test_logs import APP, LONG, OID, UPN

SOAP_NAME = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
METHODS = "http://schemas.microsoft.com/claims/authnmethodsreferences"

SHORT = {"oid": OID, "upn": "a@contoso.com", "appid": APP, "amr": "pwd,mfa", "ipaddr": "203.0.113.9"}
DIALECTS: dict[str, Any] = {
    "short": SHORT,
    "upper": {name.upper(): value for name, value in SHORT.items()},
    "long": {LONG: OID, UPN: "a@contoso.com", "appid": APP, METHODS: "pwd,mfa", "ipaddr": "203.0.113.9"},
    "columns": {
        "http_schemas_microsoft_com_identity_claims_objectidentifier": OID,
        "http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn": "a@contoso.com",
        "http_schemas_microsoft_com_claims_authnmethodsreferences": "pwd,mfa",
        "appid": APP.upper(),
        "ipaddr": "203.0.113.9:443",
    },
    "nested": {
        "http_schemas_microsoft_com_identity": {"claims": {"objectidentifier": OID}},
        "http_schemas_xmlsoap_org_ws_2005_05_identity": {"claims": {"upn": "a@contoso.com"}},
        "http_schemas_microsoft_com_claims_authnmethodsreferences": '["pwd","mfa"]',
        "appid": APP,
        "ipaddr": "203.0.113.9",
    },
    "text": json.dumps(SHORT),
}


def caller(claims: Any, given: str = "", stated: str = "") -> Caller:
    return caller_of(short_claims(claims), given, stated)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_person_is_the_same_in_every_dialect(dialect: str) -> None:
    assert caller(DIALECTS[dialect]) == Caller(OID, "a@contoso.com", "user", APP, "203.0.113.9", "pwd,mfa")


def test_both_dialects_at_once_are_one_caller_and_empty_claims_hide_nothing() -> None:
    assert caller({"oid": "", "upn": None, LONG: OID, UPN: "a@contoso.com"}).principal == OID
    assert caller({LONG: OID, "oid": None}).principal == OID


@pytest.mark.parametrize(
    ("claims", "given", "principal"),
    [
        ({"oid": OID, "upn": "a@b.c"}, "x@y.z", OID),
        ({"upn": "a@b.c"}, OID, OID),  # an id is steadier than a name
        ({"upn": "a@b.c", "appid": APP}, "", "a@b.c"),
        ({"appid": APP.upper()}, "", APP),
        ({"azp": APP}, "", APP),
        ({SOAP_NAME: "live.com#a@outlook.com"}, "", "live.com#a@outlook.com"),
        ({"name": "Anna Example"}, "", ""),  # a display name is nobody's id
        ({}, "Microsoft.Insights/autoscale", "Microsoft.Insights/autoscale"),
        ({}, "", ""),
    ],
)
def test_the_steadiest_id_that_came_is_the_principal(
    claims: dict[str, Any], given: str, principal: str
) -> None:
    assert caller(claims, given).principal == principal


@pytest.mark.parametrize(
    ("claims", "stated", "kind"),
    [
        ({"appid": APP, "appidacr": "2"}, "", "service_principal"),
        ({"appid": APP, "idtyp": "app", "upn": "odd@contoso.com"}, "", "service_principal"),
        ({"oid": OID, "idtyp": "user"}, "", "user"),
        ({"oid": OID, "name": "Anna"}, "", "user"),
        ({"appid": APP}, "MSI", "service_principal"),
        ({"oid": OID}, "User", "user"),
        ({"oid": OID}, "Group", ""),  # a member's role came by way of a group: that says nothing of the kind
        ({}, "", ""),
    ],
)
def test_a_person_is_told_from_an_application(claims: dict[str, Any], stated: str, kind: str) -> None:
    assert caller(claims, "", stated).kind == kind


@pytest.mark.parametrize("methods", ["pwd,mfa", '["pwd","mfa"]', ["pwd", "mfa"], "pwd, mfa"])
def test_the_way_of_signing_in_is_one_text(methods: Any) -> None:
    assert caller({"amr": methods}).auth == "pwd,mfa"


@pytest.mark.parametrize(
    "claims", [None, "", "{cut", "[1]", 3, [], {"oid": {"a": 1}}, {"oid": ["x"]}, {"a" * 500: 1}]
)
def test_claims_of_no_use_name_nobody(claims: Any) -> None:
    assert not caller(claims).known


def test_a_claim_we_do_not_know_is_not_taken_for_one_we_do() -> None:
    foreign = "http://schemas.example.com/claims/oid"
    assert short_name(foreign) != "oid"
    assert not caller({foreign: OID}).known
