"""Who signed in from where, in each of the forms in which the directory tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import logs
from ingest.records import FAILURE, SIGN_IN, SUCCESS, Event, Rejected
from ingest.sources import discover
from simulation.acts import PORTAL, Identity
from simulation.wire import sign_ins as wire
from tests.data import shared
from tests.ingest.reading import events_of
from tests.ingest.test_logs import AUDIT, BLOB, VALUES
from tests.ingest.test_sources import LATENESS_US

OID, APP = "7c9e6679-7425-40de-944b-e07fc1f90ae7", "1950a258-227b-4e31-a9cf-717495945fc2"
INNER: dict[str, Any] = {
    "id": "r1",
    "createdDateTime": "2026-01-05T09:44:46.25Z",
    "userId": OID,
    "userPrincipalName": "a@contoso.com",
    "userDisplayName": "Ann",
    "appId": APP.upper(),
    "appDisplayName": "Microsoft Azure PowerShell",
    "ipAddress": "81.2.69.143",
    "clientAppUsed": "Mobile Apps and Desktop clients",
    "authenticationRequirement": "multiFactorAuthentication",
    "isInteractive": True,
    "riskLevelDuringSignIn": "none",
    "riskState": "none",
    "status": {"errorCode": 0, "failureReason": "Other."},
    "deviceDetail": {"deviceId": "d1", "isCompliant": True, "isManaged": True},
    "location": {"city": "London", "countryOrRegion": "GB"},
}
BLOB_FORM: dict[str, Any] = {
    "time": "2026-01-05T09:46:46.25Z",
    "resourceId": "/tenants/t1/providers/Microsoft.aadiam",
    "operationName": "Sign-in activity",
    "category": "SignInLogs",
    "tenantId": "t1",
    "resultType": "0",
    "callerIpAddress": "81.2.69.143",
    "correlationId": "c1",
    "identity": "Ann",
    "Level": 4,
    "location": "GB",
    "properties": INNER,
}
GRAPH: dict[str, Any] = {**INNER, "correlationId": "c1", "signInEventTypes": ["interactiveUser"]}
TABLE: dict[str, Any] = {
    "TenantId": "workspace",
    "TimeGenerated": "2026-01-05T09:46:46.25Z",
    "Type": "SigninLogs",
    "Category": "SignInLogs",
    "OperationName": "Sign-in activity",
    "ResourceId": "/tenants/t1/providers/Microsoft.aadiam",
    "ResultType": "0",
    "CorrelationId": "c1",
    "Identity": "Ann",
    "Location": "GB",
    **{
        name[0].upper() + name[1:]: json.dumps(value) if isinstance(value, dict) else value
        for name, value in INNER.items()
        if name != "ipAddress"
    },
    "IPAddress": "81.2.69.143",
}
FORMS = {"diagnostic settings": BLOB_FORM, "Graph": GRAPH, "Log Analytics": TABLE}


def inner(**changed: Any) -> dict[str, Any]:
    """A record of which the inner part says something else."""
    return {**BLOB_FORM, "properties": {**INNER, **changed}}


def read(record: Any) -> Event:
    found = logs.decode(record, "a.json", 3)
    assert isinstance(found, Event), found
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_sign_in_says_the_same_in_each_form(form: str) -> None:
    assert read(FORMS[form]) == Event(
        at_us=1_767_606_286_250_000,
        layer=SIGN_IN,
        operation="SignIn",
        outcome=SUCCESS,
        principal=OID,
        name="a@contoso.com",
        kind="user",
        application=APP,
        address="81.2.69.143",
        details={"mfa": True, "interactive": True, "managed": True, "to": "Microsoft Azure PowerShell"},
        uid=read(BLOB_FORM).uid,
        source="a.json",
        offset=3,
    )


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [({"status": {"errorCode": 50126}}, FAILURE), ({"status": None}, SUCCESS), ({"status": "{}"}, SUCCESS)],
)
def test_a_wrong_password_is_no_sign_in(changed: dict[str, Any], outcome: str) -> None:
    assert read(inner(**changed)).outcome == outcome
    assert (
        read({**BLOB_FORM, "resultType": "Failure", "properties": {**INNER, "status": None}}).outcome
        == FAILURE
    )


@pytest.mark.parametrize(
    ("level", "state", "risk"),
    [("high", "atRisk", "high"), ("low", "none", "low"), ("hidden", "", None), ("medium", "dismissed", None)],
)
def test_a_risk_that_the_directory_saw_is_kept_until_it_is_settled(
    level: str, state: str, risk: str | None
) -> None:
    found = read(inner(riskLevelDuringSignIn=level, riskState=state))
    assert found.details.get("risk") == risk
    assert found.uid == read(BLOB_FORM).uid or risk, "told again with its risk, it is another record"


@pytest.mark.parametrize("log", ["ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs"])
def test_an_applications_sign_in_is_its_own(log: str) -> None:
    told = {
        "userId": "",
        "servicePrincipalId": "SP1",
        "servicePrincipalName": "deployer",
        "isInteractive": True,
    }
    found = read({**inner(**told), "category": log})
    assert (found.principal, found.name, found.kind, found.application) == (
        "SP1",
        "deployer",
        "service_principal",
        APP,
    )
    assert "interactive" not in found.details, "nobody is there"


def test_a_program_that_renews_its_token_is_told_from_a_person() -> None:
    told = {**inner(), "category": "NonInteractiveUserSignInLogs"}
    del told["properties"]["isInteractive"]
    found = read(told)
    assert (found.principal, found.kind) == (OID, "user")
    assert "interactive" not in found.details


def test_a_user_whom_the_directory_does_not_know_is_known_by_name() -> None:
    assert read(inner(userId="00000000-0000-0000-0000-000000000000")).principal == "a@contoso.com"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({**inner(createdDateTime=None), "time": "soon"}, "no time"),
        ({**inner(status=None), "resultType": None}, "whether the sign-in succeeded"),
    ],
)
def test_what_cant_be_read_is_said(record: Any, said: str) -> None:
    found = logs.decode(record, "a.json", 3)
    assert isinstance(found, Rejected)
    assert said in found.reason
    assert (found.source, found.offset) == ("a.json", 3)


@pytest.mark.parametrize("other", [BLOB, AUDIT], ids=["Activity Log", "Key Vault"])
def test_no_other_log_is_taken_for_sign_ins(other: dict[str, Any]) -> None:
    assert read({**other, "createdDateTime": "x"}).layer != SIGN_IN


@pytest.mark.parametrize("wrapped", ["payload", "lines", "array", "pages of Graph"])
def test_files_of_each_shape_give_each_record_once(tmp_path: Path, wrapped: str) -> None:
    records = [inner(id=f"r{n}") for n in range(3)] + [{**AUDIT, "correlationId": "k9"}]
    shapes = {
        "payload": {"records": records},
        "array": records,
        "pages of Graph": {"@odata.context": "https://graph.microsoft.com/beta/$metadata", "value": records},
    }
    body = "\n".join(map(json.dumps, records)) if wrapped == "lines" else json.dumps(shapes[wrapped])
    path = tmp_path / "PT1H.json"
    path.write_text(body)
    blocks = [block for part in discover([str(path)], LATENESS_US).partitions for block in part.blocks()]
    assert [event.layer for event in events_of(blocks)].count(SIGN_IN) == 3
    assert (sum(block.read for block in blocks), sum(len(block.rejected) for block in blocks)) == (4, 0)


def test_what_the_simulation_writes_is_read_as_what_it_meant() -> None:
    ann = Identity(OID, "Ann", "a@contoso.com")
    made = wire.SignIn(1_767_606_286_000_000, ann, PORTAL.appid, "81.2.69.143", "r1", True, False)
    found = read(json.loads(wire.line(made, "t1")))
    assert (found.at_us, found.principal, found.address, found.kind) == (
        made.at_us,
        OID,
        made.address,
        "user",
    )
    assert found.details == {"mfa": True, "interactive": True, "to": "Azure Portal"}


def test_every_real_sign_in_is_read() -> None:
    lines = shared("azure", "aad_logons.jsonl").read_text().splitlines()
    made = [logs.decode(json.loads(line), "logons", n) for n, line in enumerate(lines)]
    assert len(made) == 86
    assert all(
        isinstance(one, Event) and one.layer == SIGN_IN and one.principal and one.address for one in made
    )


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*FORMS.values()]),
    st.dictionaries(st.sampled_from(sorted({*BLOB_FORM, *GRAPH, *TABLE})), VALUES, max_size=4),
    st.dictionaries(st.sampled_from(sorted(INNER)), VALUES, max_size=4),
)
def test_whatever_a_field_holds_the_decoder_says_something(
    record: dict[str, Any], wrong: dict[str, Any], within: dict[str, Any]
) -> None:
    changed = {**record, **wrong}
    if isinstance(changed.get("properties"), dict):
        changed["properties"] = {**changed["properties"], **within}
    found = logs.decode(changed, "a.json", 0)
    assert isinstance(found, Event | Rejected | str)
    if isinstance(found, Event):
        assert 0 <= found.at_us < 8e15
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Event) == found
