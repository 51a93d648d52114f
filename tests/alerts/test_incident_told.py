"""An incident says how grave it is and why, its story in the order of time, and who is connected with whom."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.alert import Alert, Entity
from alerts.incident import by_incident, tell
from alerts.stages import STAGES, stage_of
from detections.catalogue import CATALOGUE

VAULTS = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/"


def alert(id_: str, type_: str, at: str, severity: str = "medium", **more: Any) -> Alert:
    detection = CATALOGUE[type_]
    said: dict[str, Any] = {
        "title": detection.title,
        "remediation": (),
        "entity": Entity("principal", "oid-1"),
        "description": f"what {id_} saw",
        "evidence": {"name": "uma@example.com", "addresses": [{"address": "185.220.101.4"}]},
        "incident": "20260319T100000Z-aa",
    }
    return Alert(
        id=id_, type=type_, severity=severity,  # type: ignore[arg-type]
        tactics=detection.tactics, techniques=detection.techniques, start=f"2026-03-19T{at[:2]}:00:00Z",
        end="2026-03-19T23:00:00Z", first_seen=f"2026-03-19T{at}:00Z", last_seen=f"2026-03-19T{at}:30Z",
        count=1, **{**said, **more},
    )  # fmt: skip


def read(id_: str, at: str, vault: str, severity: str = "medium") -> Alert:
    callers = [{"object_id": "oid-1", "name": "uma@example.com"}]
    evidence = {"callers": callers, "addresses": [{"address": "185.220.101.4"}]}
    return alert(
        id_,
        "key_vault.list_and_query",
        at,
        severity,
        entity=Entity("vault", VAULTS + vault),
        evidence=evidence,
    )


ACCESS = alert("a", "management.infrequent_country", "10:05")


@pytest.mark.parametrize("type_", CATALOGUE)
def test_every_alert_has_its_stage_of_an_attack(type_: str) -> None:
    """Without one its alerts could never go on with an attack, nor make an incident graver."""
    assert stage_of(CATALOGUE[type_].tactics) in range(len(STAGES))


def test_the_story_goes_forward_whatever_order_alerts_come_in() -> None:
    told = tell([read("c", "12:00", "kv-b"), read("b", "11:50", "kv-a"), ACCESS])
    assert [step.title for step in told.story] == [
        CATALOGUE["management.infrequent_country"].title,
        CATALOGUE["key_vault.list_and_query"].title,
    ]
    assert told.story[1].alerts == ["b", "c"]
    assert told.story[1].who == ["kv-a", "kv-b"]
    assert told.story[1].text == "what b saw 2 such alerts, on kv-a and kv-b."
    assert told.stages == ["access", "credentials"]
    assert told.title == "Access, then credentials: uma@example.com"
    assert told.summary == "3 alerts on 1 principal and 2 vaults, from 2026-03-19 10:05 to 12:00 UTC."
    assert msgspec.json.encode(told) == msgspec.json.encode(
        tell([ACCESS, read("b", "11:50", "kv-a"), read("c", "12:00", "kv-b")])
    )


def test_stages_in_order_make_it_graver_and_low_alerts_or_the_wrong_order_do_not() -> None:
    assert tell([ACCESS]).severity == "medium"
    assert tell([ACCESS, read("b", "11:00", "kv-a")]).severity == "high"
    assert "access, then credentials" in tell([ACCESS, read("b", "11:00", "kv-a")]).because
    assert tell([ACCESS, read("b", "11:00", "kv-a", "low")]).severity == "medium"
    assert tell([ACCESS, read("b", "09:00", "kv-a")]).severity == "medium"


def test_the_graph_connects_whom_one_alert_names_and_counts_the_alerts() -> None:
    graph = tell([ACCESS, read("b", "11:00", "kv-a", "high"), read("c", "11:10", "kv-a")]).graph
    assert [(node.id, node.alerts) for node in graph.nodes] == [
        ("principal:oid-1", 3),
        ("address:185.220.101.4", 3),
        (f"vault:{VAULTS.lower()}kv-a", 2),
    ]
    edges = {(edge.source, edge.target): (edge.alerts, edge.severity) for edge in graph.edges}
    assert edges == {
        ("address:185.220.101.4", "principal:oid-1"): (3, "high"),
        ("principal:oid-1", f"vault:{VAULTS.lower()}kv-a"): (2, "high"),
    }


def test_an_id_that_ended_still_finds_the_alerts_of_a_file_that_were_told_under_it() -> None:
    """A server's file has what was told before two incidents became one."""
    old = read("b", "11:00", "kv-a")
    old.incident = "20260319T110000Z-bb"
    joins = read("c", "11:30", "kv-a")
    joins.joins = (old.incident,)
    (found,) = by_incident([ACCESS, old, joins])
    assert (found.id, found.was) == (ACCESS.incident, [old.incident])
    assert found.alerts == ["a", "b", "c"]


def test_a_withdrawn_alert_tells_no_story() -> None:
    gone = read("b", "11:00", "kv-a", "high")
    gone.withdrawn = "no longer"
    assert tell([ACCESS, gone]).alerts == ["a"]
    assert tell([gone]).alerts == ["b"]


def test_a_hostile_alert_is_told_without_what_a_terminal_would_obey() -> None:
    told = tell(
        [alert("a", "management.powershell", "10:00", description="\x1b[2J", evidence={"name": "\x1b]0;x"})]
    )
    assert "\x1b" not in "".join(
        (told.title, told.summary, *(step.text + step.who[0] for step in told.story))
    )


def test_thousands_of_alerts_are_told_in_the_time_of_a_page() -> None:
    """Steps and names are gathered once: an incident of a scanner has as many alerts as there are machines."""
    many = [read(f"{n:05}", f"{10 + n % 9}:{n % 60:02}", f"kv-{n}") for n in range(5_000)]
    told = tell(many)
    assert len(told.alerts) == 5_000
    assert told.story[0].text.endswith("more.")
