"""STIX: a threat intelligence platform takes every alert, and knows it again when a newer word on it comes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from alerts.alert import Alert, Entity
from alerts.samples import samples
from detections.catalogue import CATALOGUE
from tests.alerts.hostile import BAD, hostile
from tests.cluster.receivers import an_alert

stix2 = pytest.importorskip("stix2", reason="the extra `stix` is not installed")
stix = pytest.importorskip("alerts.formats.stix")
# That ids are random, and terms those of a list, is only recommended.
RECOMMENDED = "uuid-check,indicator-pattern-types,hash-check"

EVIDENCE = {
    "addresses": [{"address": "185.220.101.4"}, {"address": "2001:DB8::1"}, {"address": "no address"}],
    "callers": [
        {"object_id": "o1", "name": "ann@example.com", "kind": "user"},
        {"object_id": "o2", "name": "", "kind": "service_principal"},
    ],
    "usual": {"addresses": [{"address": "10.9.9.9"}]},
}


def said(*alerts: Alert) -> dict[str, Any]:
    """The bundle, read by the library without leave to hold anything of our own making."""
    body = b"".join(stix.bundle(alerts))
    stix2.parse(body, allow_custom=False)
    found: dict[str, Any] = json.loads(body)
    return found


def of(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in bundle["objects"] if one["type"] == kind]


def valid(bundle: dict[str, Any]) -> list[str]:
    validator = pytest.importorskip("stix2validator", reason="stix2-validator is not installed")
    options = validator.ValidationOptions(version="2.1", disabled=RECOMMENDED)
    return [str(error) for error in validator.validate_string(json.dumps(bundle), options).errors]


def test_every_type_is_valid_by_the_library_and_the_validator() -> None:
    bundle = said(*samples(1_774_000_000_000_000))
    assert valid(bundle) == []
    assert len(of(bundle, "sighting")) == len(CATALOGUE)
    assert {one["pattern"] for one in of(bundle, "indicator")} == set(CATALOGUE)


def test_an_alert_whose_every_text_means_harm_is_valid_and_says_them_as_they_came() -> None:
    one = msgspec.structs.replace(hostile(count=10**12, type=BAD), tactics=("x y",), techniques=("T1; DROP",))
    bundle = said(one)
    assert valid(bundle) == []
    extension = of(bundle, "sighting")[0]["extensions"][stix.ALERT]
    assert extension["entity_id"] == one.entity.id
    assert json.loads(extension["evidence"]) == one.evidence
    assert stix.line(one).count(b"\n") == 1
    assert b"\r" not in stix.line(one)


def test_an_alert_is_a_sighting_of_its_detection_with_what_was_observed() -> None:
    bundle = said(an_alert(evidence=EVIDENCE, count=3, incident="20260317T100000Z-ab"))
    ids = {one["id"]: one for one in bundle["objects"]}
    sighting = of(bundle, "sighting")[0]
    assert ids[sighting["sighting_of_ref"]]["name"] == CATALOGUE["key_vault.tor_access"].title
    assert (sighting["count"], sighting["labels"]) == (3, ["severity-medium"])
    assert ids[sighting["where_sighted_refs"][0]]["name"] == "payroll"
    seen = [ids[one] for one in ids[sighting["observed_data_refs"][0]]["object_refs"]]
    assert [(one["type"], one.get("value") or one["user_id"]) for one in seen] == [
        ("user-account", "o1"),
        ("user-account", "o2"),
        ("ipv4-addr", "185.220.101.4"),
        ("ipv6-addr", "2001:db8::1"),
    ]
    assert [one["is_service_account"] for one in seen[:2]] == [False, True]
    indicated = {ids[one["target_ref"]]["name"] for one in of(bundle, "relationship")}
    assert indicated == set(CATALOGUE["key_vault.tor_access"].techniques)
    note = of(bundle, "note")[0]
    assert "1. Rotate the secrets." in note["content"]
    assert [ids[one]["type"] for one in note["object_refs"]] == ["sighting", "incident"]
    assert of(bundle, "incident")[0]["created"] == "2026-03-17T10:00:00.000Z"


@pytest.mark.parametrize(
    ("entity", "evidence", "login"),
    [
        (Entity("principal", "o1"), {"name": "ann@example.com", "kind": "user"}, "ann@example.com"),
        (Entity("principal", "ann@example.com"), {}, "ann@example.com"),
    ],
)
def test_a_person_is_an_account(entity: Entity, evidence: dict[str, Any], login: str) -> None:
    bundle = said(an_alert(entity=entity, evidence=evidence))
    assert [one["account_login"] for one in of(bundle, "user-account")] == [login]
    assert "where_sighted_refs" not in of(bundle, "sighting")[0]


def test_an_alert_of_which_nothing_can_be_observed_is_told_all_the_same() -> None:
    bundle = said(an_alert(evidence={}, entity=Entity("vault", "")))
    assert of(bundle, "observed-data") == []
    assert "observed_data_refs" not in of(bundle, "sighting")[0]


def test_ids_are_the_same_in_every_bundle_and_what_alerts_share_is_there_once() -> None:
    one, other = an_alert("aa11", evidence=EVIDENCE), an_alert("bb22", evidence=EVIDENCE)
    both = Counter(thing["id"] for thing in said(one, other)["objects"])
    assert set(both.values()) == {1}
    assert {thing["id"] for thing in said(one)["objects"]} | {
        thing["id"] for thing in said(other)["objects"]
    } == set(both)
    assert said(one) == said(one)
    assert said(one)["id"] != said(other)["id"]


def test_a_newer_word_is_a_newer_version_and_a_withdrawn_alert_is_revoked() -> None:
    last = "2026-03-17T10:20:00Z"
    whole = msgspec.structs.replace(an_alert(), last_seen=last)
    words = [
        msgspec.structs.replace(whole, complete=False, last_seen="2026-03-17T10:05:00Z"),
        msgspec.structs.replace(whole, complete=False),
        whole,
        msgspec.structs.replace(whole, withdrawn="it was a drill"),
    ]
    found = [of(said(one), "sighting")[0] for one in words]
    assert len({one["id"] for one in found}) == 1
    assert len({one["created"] for one in found}) == 1
    times = [one["modified"] for one in found]
    assert times == sorted(set(times))
    assert [one.get("revoked", False) for one in found] == [False, False, False, True]


def test_a_bundle_remembers_a_bounded_number_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stix, "REMEMBERED", 3)
    bundle = said(an_alert("aa11"), an_alert("bb22"))
    assert valid(bundle) == []
    assert len(of(bundle, "sighting")) == 2


def test_no_alerts_are_a_valid_bundle() -> None:
    assert valid(said()) == []
