"""Expected actors are a doubt about what they alone have done, and nothing else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from actors.messages import Found
from actors.organisation import OrganisationView
from actors.settings import Settings
from actors.verdicts import Verdicts
from detections.catalogue import CATALOGUE
from detections.declare import Finding, Verdict
from detections.expected import MOST_ACTORS, SHIPPED, Actor, Expected, told
from detections.key_vault.callers import FIRST_PARTY, actors_of
from detections.management import clients
from detections.view import Act
from ingest.records import Event
from tests.actors.running import enrichment

BACKUP = "262044b1-e2ce-469f-a196-69ab7ada62d3"
SCANNER = Actor("network", "10.0.9.0/24", "Scanner", "")
AUDIT = Actor("principal", "audit", "Audit", "each quarter", ("key_vault",))
VM = Actor("resource", "/vm/s", "Nessus", "scans the estate", ("network.ssh_outgoing_multiple",))
LIST = Expected((*SHIPPED, SCANNER, AUDIT, VM))
VAULT, ARM = "key_vault.list_and_query", "management.microburst"


def finding(**more: Any) -> Finding:
    values: dict[str, Any] = {"evidence": {}, "first_us": 0, "last_us": 0, "count": 1}
    return Finding(**{**values, **more})


def names(type_: str, kind: str = "vault", entity: str = "/v", **more: Any) -> list[str]:
    return [one.name for one in LIST.all_of(type_, kind, entity, finding(**more))]


@pytest.mark.parametrize(
    ("type_", "actors", "who"),
    [
        (VAULT, ((BACKUP, "oid"),), ["Backup Management Service"]),
        (VAULT, ((BACKUP, "oid"), ("", "audit")), ["Backup Management Service", "Audit"]),
        (VAULT, ((BACKUP, "oid"), ("", "mallory")), []),  # somebody else took part
        (VAULT, (("", "uma"),), []),  # a person, through whatever application
        (VAULT, (), []),  # nobody knows who it was
        (ARM, (("", "audit"),), []),  # expected at vaults alone
    ],
)
def test_all_who_did_it_must_be_expected(type_: str, actors: Any, who: list[str]) -> None:
    assert names(type_, actors=actors) == who


@pytest.mark.parametrize(
    ("type_", "entity", "addresses", "of", "who"),
    [
        ("network.ssh_incoming", "/vm/a", ("10.0.9.7",), 1, ["Scanner"]),
        ("network.ssh_incoming_multiple", "/vm/a", ("10.0.9.7", "10.0.9.8"), 2, ["Scanner"]),
        (
            "network.ssh_incoming_multiple",
            "/vm/a",
            ("10.0.9.7", "10.0.9.8"),
            9,
            [],
        ),  # who knows the other seven?
        ("network.ssh_incoming_multiple", "/vm/a", ("10.0.9.7", "81.2.3.4"), 2, []),
        ("network.ssh_outgoing_multiple", "/VM/S", ("81.2.3.4",), 1, ["Nessus"]),
        ("network.ssh_outgoing", "/vm/s", ("81.2.3.4",), 1, []),  # not what a scanner does
        ("network.ssh_outgoing_multiple", "/vm/a", ("10.0.9.7",), 1, []),  # the peer did nothing
        ("network.malicious_address", "/vm/s", ("10.0.9.7",), 1, []),
        ("network.ssh_incoming", "/vm/a", ("no address",), 1, []),
    ],
)
def test_of_traffic_the_side_that_began_it_must_be(
    type_: str, entity: str, addresses: tuple[str, ...], of: int, who: list[str]
) -> None:
    assert names(type_, "resource", entity, addresses=addresses, evidence={"addresses": of}) == who


def verdicts() -> Verdicts:
    settings = Settings(expected=(AUDIT,))
    return Verdicts(settings, OrganisationView(enrichment()), lambda *kept: None, lambda faults: None)


def test_it_is_told_a_step_lower_with_the_reason_and_never_hidden() -> None:
    judge = verdicts()
    one = Found(VAULT, "vault", "/v", 490_000, finding(actors=(("", "audit"),)))
    verdict = judge.of(one)
    assert verdict is not None
    alert = judge.alert(one, verdict, 1)
    assert (CATALOGUE[VAULT].severity, alert.severity) == ("medium", "low")
    assert "Audit (audit) is expected to act so: each quarter" in alert.evidence["against"]
    assert alert.evidence["expected_actors"] == [{"kind": "principal", "id": "audit", "name": "Audit"}]
    other = judge.of(Found(VAULT, "vault", "/v", 490_000, finding(actors=(("", "uma"),))))
    assert other is not None
    assert (other.steps, other.against) == (0, ())
    assert told((SCANNER,)) == ("Scanner (10.0.9.0/24) is expected to act so",)
    assert Verdict().steps == 0


def event(**more: Any) -> Act:
    values: dict[str, Any] = {"layer": "key_vault", "operation": "SecretGet", "outcome": "success", **more}
    return Act(Event(at_us=0, **values), 1, 0, 0)


def test_a_person_behind_an_application_is_the_one_who_acts() -> None:
    """Else whoever signs in through a service's application would pass for the service."""
    service = event(application=BACKUP.upper(), principal="OID", kind="service_principal")
    person = event(application=BACKUP, principal="UMA", name="uma@x.example", kind="user")
    assert actors_of([service, person, service]) == (("", "uma"), (BACKUP, "oid"))
    assert actors_of([event(principal=str(n), kind="user") for n in range(MOST_ACTORS + 1)]) == ()


def test_the_list_that_ships_is_sound_and_has_the_services_that_detections_know() -> None:
    ids = [one.id for one in SHIPPED]
    assert len(set(ids)) == len(ids)
    assert all(str(UUID(id_)) == id_ for id_ in ids)
    layers = {type_.split(".", 1)[0] for type_ in CATALOGUE}
    assert all(set(one.detections) <= layers and one.name and one.reason for one in SHIPPED)
    assert set(FIRST_PARTY) | clients.FIRST_PARTY <= set(ids)
    assert not set(ids) & clients.PUBLIC  # people's own tools
