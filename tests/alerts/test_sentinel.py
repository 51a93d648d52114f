"""SecurityAlert: queries and rules that are written for today's alerts find Redshank's under the same ids."""

from __future__ import annotations

import json
from datetime import datetime

import msgspec
import pytest

from alerts.alert import Alert, Entity
from alerts.formats import FORMATS
from detections.catalogue import CATALOGUE


def alert(type_: str, kind: str, entity: str) -> Alert:
    return Alert(
        id="0123", type=type_, title="t", description="d", severity="high", tactics=("CredentialAccess",),
        techniques=("T1555.006",), entity=Entity(kind, entity), start="2026-03-17T10:00:00Z",
        end="2026-03-17T11:00:00Z", first_seen="2026-03-17T10:05:00Z", last_seen="2026-03-17T10:06:00Z",
        count=3, evidence={"usual": {"mean": 2.5}}, remediation=("look",), incident="i",
    )  # fmt: skip


def test_the_type_is_the_id_of_today() -> None:
    row = json.loads(FORMATS["sentinel"][1](alert("key_vault.list_and_query", "vault", "/s/v")))
    assert row["AlertType"] == "KV_ListGetAnomaly"
    assert (row["StartTime"], row["AlertSeverity"]) == ("2026-03-17T10:05:00Z", "High")
    properties = json.loads(row["ExtendedProperties"])
    assert json.loads(properties["Evidence"]) == {"usual": {"mean": 2.5}}
    assert properties["RedshankType"] == "key_vault.list_and_query"
    assert json.loads(row["RemediationSteps"]) == ["look"]


def test_every_type_has_its_own_id_and_an_unknown_one_keeps_its_name() -> None:
    line = FORMATS["sentinel"][1]
    ids = {json.loads(line(alert(type_, "vault", "/s/v")))["AlertType"] for type_ in CATALOGUE}
    assert ids == {detection.microsoft for detection in CATALOGUE.values()}
    assert json.loads(line(alert("old.type", "vault", "/s/v")))["AlertType"] == "old.type"


@pytest.mark.parametrize(
    ("kind", "entity", "first"),
    [
        ("principal", "7c6a", {"Type": "account", "AadUserId": "7c6a"}),
        ("principal", "ann@example.com", {"Type": "account", "Name": "ann", "UPNSuffix": "example.com"}),
        ("vault", "/s/v", {"Type": "azure-resource", "ResourceId": "/s/v"}),
        ("resource", "ip:10.0.0.4", {"Type": "ip", "Address": "10.0.0.4"}),
    ],
)
def test_the_entity_can_be_joined_with_other_tables(kind: str, entity: str, first: dict[str, str]) -> None:
    row = json.loads(FORMATS["sentinel"][1](alert("key_vault.tor_access", kind, entity)))
    assert json.loads(row["Entities"]) == [{"$id": "1", **first}]
    assert row["ResourceId"] == (entity if kind == "vault" else "")


def test_who_took_part_is_among_the_entities_and_what_is_usual_is_not() -> None:
    evidence = {
        "addresses": [{"address": "185.220.101.4"}],
        "callers": [{"object_id": "7c6a", "name": "ann@example.com", "kind": "user"}],
        "usual": {"addresses": [{"address": "10.9.9.9"}]},
    }
    one = msgspec.structs.replace(alert("key_vault.tor_access", "vault", "/s/v"), evidence=evidence)
    row = json.loads(FORMATS["sentinel"][1](one))
    assert json.loads(row["Entities"]) == [
        {"$id": "1", "Type": "azure-resource", "ResourceId": "/s/v"},
        {"$id": "2", "Type": "account", "AadUserId": "7c6a", "Name": "ann", "UPNSuffix": "example.com"},
        {"$id": "3", "Type": "ip", "Address": "185.220.101.4"},
    ]
    assert row["CompromisedEntity"] == "v"
    assert json.loads(row["ExtendedProperties"])["EntityId"] == "/s/v"


def test_a_technique_and_its_sub_technique_have_a_column_each() -> None:
    one = msgspec.structs.replace(
        alert("key_vault.tor_access", "vault", "/s/v"), techniques=("T1555.006", "T1555.001", "T1078")
    )
    row = json.loads(FORMATS["sentinel"][1](one))
    assert json.loads(row["Techniques"]) == ["T1555", "T1078"]
    assert json.loads(row["SubTechniques"]) == ["T1555.006", "T1555.001"]


# https://learn.microsoft.com/azure/azure-monitor/reference/tables/securityalert, without what begins with '_'
TABLE = {
    **dict.fromkeys(
        ["AlertLink", "AlertName", "AlertSeverity", "AlertType", "CompromisedEntity", "ConfidenceLevel", "Description",
         "DisplayName", "Entities", "ExtendedLinks", "ExtendedProperties", "ProductComponentName", "ProductName",
         "ProviderName", "RemediationSteps", "ResourceId", "SourceComputerId", "Status", "SubTechniques",
         "SystemAlertId", "Tactics", "Techniques", "Type", "VendorName", "VendorOriginalId", "WorkspaceResourceGroup",
         "WorkspaceSubscriptionId"],
        "string",
    ),
    **dict.fromkeys(["EndTime", "ProcessingEndTime", "StartTime", "TimeGenerated"], "datetime"),
    "ConfidenceScore": "real",
    "IsIncident": "bool",
}  # fmt: skip


@pytest.mark.parametrize("type_", CATALOGUE)
def test_every_column_is_one_of_the_table_and_of_its_type(type_: str) -> None:
    """A column that the table does not have is dropped on the way, and nobody is told."""
    for name, value in json.loads(FORMATS["sentinel"][1](alert(type_, "vault", "/s/v"))).items():
        match TABLE[name]:
            case "string":
                assert isinstance(value, str)
            case "bool":
                assert isinstance(value, bool)
            case "datetime":
                assert datetime.fromisoformat(value).tzinfo is not None
