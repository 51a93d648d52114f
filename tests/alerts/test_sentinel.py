"""SecurityAlert: queries and rules that are written for today's alerts find Redshank's under the same ids."""

from __future__ import annotations

import json

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
    ("kind", "entity", "type_", "key"),
    [
        ("principal", "7c6a", "account", "AadUserId"),
        ("vault", "/s/v", "azure-resource", "ResourceId"),
        ("resource", "ip:10.0.0.4", "resource", "Name"),
    ],
)
def test_the_entity_can_be_joined_with_other_tables(kind: str, entity: str, type_: str, key: str) -> None:
    row = json.loads(FORMATS["sentinel"][1](alert("key_vault.tor_access", kind, entity)))
    assert json.loads(row["Entities"]) == [{"$id": "1", "Type": type_, key: entity}]


def test_a_person_known_by_name_alone_is_an_account_with_that_name() -> None:
    row = json.loads(FORMATS["sentinel"][1](alert("key_vault.tor_access", "principal", "ann@example.com")))
    account = {"$id": "1", "Type": "account", "Name": "ann", "UPNSuffix": "example.com"}
    assert json.loads(row["Entities"]) == [account]
