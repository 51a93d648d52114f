"""OCSF: a data lake that checks its schema takes every alert."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from alerts.alert import Alert, Entity
from alerts.formats import FORMATS
from detections.catalogue import CATALOGUE


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    ocsf = pytest.importorskip("ocsf_json_schema", reason="ocsf-json-schema is not installed")
    schema = ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema(version="1.5.0"))
    return jsonschema.Draft202012Validator(schema.get_class_schema("detection_finding", profiles=[]))


def alert(type_: str, evidence: dict[str, Any], remediation: tuple[str, ...]) -> Alert:
    said = CATALOGUE[type_]
    return Alert(
        id="0123", type=type_, title=said.title, description="d", severity=said.severity,
        tactics=said.tactics, techniques=said.techniques, entity=Entity("vault", "/s/v"),
        start="2026-03-17T10:00:00Z", end="2026-03-17T11:00:00Z", first_seen="2026-03-17T10:05:00Z",
        last_seen="2026-03-17T10:06:00.5Z", count=3, evidence=evidence, remediation=remediation,
    )  # fmt: skip


LEARNED = {"improbability": 1e-6, "odds": "about 1 in 1,000,000", "usual": {"mean": 2.5}}


@pytest.mark.parametrize("type_", CATALOGUE)
@pytest.mark.parametrize("evidence", [{}, {"improbability": None, "usual": "none"}, LEARNED])
def test_every_type_is_valid_by_the_schema(type_: str, evidence: dict[str, Any], validator: Any) -> None:
    one = alert(type_, evidence, CATALOGUE[type_].remediation)
    for word in (one, msgspec.structs.replace(one, withdrawn="it was a drill")):
        line = FORMATS["ocsf"][1](word)
        assert [e.message for e in validator.iter_errors(json.loads(line))] == []


def test_what_is_usual_stands_beside_what_was_seen_and_a_rule_has_none() -> None:
    line = FORMATS["ocsf"][1]
    learned = json.loads(line(alert("key_vault.unusual_user", LEARNED, ())))
    assert learned["anomaly_analyses"][0]["baselines"][0]["observations"] == [{"value": '{"mean":2.5}'}]
    assert learned["anomaly_analyses"][0]["anomalies"][0]["observed_pattern"] == "about 1 in 1,000,000"
    assert learned["time"] == 1773741960500
    rule = json.loads(line(alert("key_vault.tor_access", {"improbability": None, "usual": "none"}, ())))
    assert "anomaly_analyses" not in rule
