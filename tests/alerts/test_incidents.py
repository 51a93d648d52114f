"""Alerts of one attack belong together; those that merely share a day, or what everybody shares, do not."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Entity, alert_id
from alerts.incidents import LONGEST_HOURS, WIDE, Incidents
from detections.words import rfc3339
from ingest.records import HOUR_US

ACCESS, DISCOVERY, CREDENTIALS = ("InitialAccess",), ("Discovery",), ("CredentialAccess",)


def alert(hour: int, name: str, tactics: tuple[str, ...] = (), severity: str = "low") -> Alert:
    start = rfc3339(hour * HOUR_US)
    fields: dict[str, Any] = dict.fromkeys(("title", "description", "end", "first_seen", "last_seen"), "")
    return Alert(
        id=alert_id("t", "vault", name, start),
        type="t",
        severity=severity,  # type: ignore[arg-type]
        tactics=tactics,
        techniques=(),
        entity=Entity("vault", name),
        start=start,
        count=1,
        evidence={},
        remediation=(),
        **fields,
    )


def joined(*alerts: tuple[int, str, list[str]]) -> list[str]:
    incidents = Incidents()
    made = [(alert(hour, name), hour, links) for hour, name, links in alerts]
    for one, hour, links in made:
        incidents.add(one, hour, links)
    return [incidents.root(one.incident) for one, _, _ in made]


def attack(*steps: tuple[int, tuple[str, ...], str, str]) -> int:
    """How many incidents come of (hour, tactics, severity, link)."""
    incidents, found = Incidents(), set()
    for number, (hour, tactics, severity, link) in enumerate(steps):
        one = alert(hour, str(number), tactics, severity)
        incidents.add(one, hour, [link])
        found.add(one.incident)
    return len(found)


def test_alerts_that_share_an_address_in_neighbouring_hours_are_one_incident() -> None:
    first, second = joined((10, "a", ["address:1"]), (11, "b", ["address:1", "vault:b"]))
    assert first == second


def test_an_incident_goes_on_from_hour_to_hour() -> None:
    assert len(set(joined(*((hour, "a", ["vault:a"]) for hour in range(10, 20))))) == 1


def test_hours_apart_or_nothing_in_common_is_two_incidents() -> None:
    assert len(set(joined((10, "a", ["vault:a"]), (12, "a", ["vault:a"]), (12, "b", ["vault:b"])))) == 3


def test_an_alert_that_joins_two_incidents_makes_them_one_under_the_older_id_and_says_so() -> None:
    incidents = Incidents()
    made = [alert(10, "a"), alert(10, "b"), alert(11, "c")]
    links = [["vault:a"], ["vault:b"], ["vault:a", "vault:b"]]
    for one, hour, keys in zip(made, (10, 10, 11), links, strict=True):
        incidents.add(one, hour, keys)
    older, younger = sorted(one.incident for one in made[:2])
    assert {incidents.root(one.incident) for one in made} == {older}
    assert older.startswith("19700101T100000Z-")
    assert made[2].joins == (younger,)
    assert made[0].joins is msgspec.UNSET, "an alert that ends nothing is written as before"


def test_who_goes_on_with_an_attack_hours_later_is_in_the_same_incident() -> None:
    by_one = [(10, ACCESS, "medium", "principal:p"), (19, DISCOVERY, "medium", "principal:p")]
    assert attack(*by_one, (30, CREDENTIALS, "medium", "principal:p")) == 1


def test_the_same_stage_hours_later_or_an_earlier_one_is_another_incident() -> None:
    assert attack((10, ACCESS, "medium", "principal:p"), (19, ACCESS, "medium", "principal:p")) == 2
    assert attack((10, CREDENTIALS, "medium", "principal:p"), (19, ACCESS, "medium", "principal:p")) == 2
    assert attack((10, (), "medium", "principal:p"), (19, ACCESS, "medium", "principal:p")) == 2


def test_a_day_later_a_vault_or_a_low_alert_is_nothing_that_an_attack_goes_on_by() -> None:
    assert attack((10, ACCESS, "medium", "principal:p"), (35, DISCOVERY, "medium", "principal:p")) == 2
    assert attack((10, ACCESS, "medium", "vault:v"), (19, CREDENTIALS, "medium", "vault:v")) == 2
    assert attack((10, ACCESS, "medium", "principal:p"), (19, CREDENTIALS, "low", "principal:p")) == 2


def scan(machines: int) -> list[tuple[int, str, list[str]]]:
    return [(10, f"scan {n:02}", ["address:scanner", f"resource:{n}"]) for n in range(machines)]


def test_a_scanner_is_one_incident_and_takes_in_nothing_else_that_its_victims_do() -> None:
    others = [(11, f"other {n:02}", [f"resource:{n}"]) for n in range(50)]
    found = joined(*scan(50), *others)
    assert len(set(found[:50])) == 1
    assert found[0] not in found[50:]
    assert len(set(found[50:])) == 50


def test_what_was_there_before_the_scanner_came_is_not_chained_by_it() -> None:
    before = [(10, f"before {n:02}", [f"resource:{n}"]) for n in range(50)]
    found = joined(*before, *scan(50))
    assert len(set(found[50:])) == 1
    assert sum(one == found[50] for one in found[:50]) <= WIDE + 1
    assert len(set(found[:50])) >= 50 - WIDE


def test_a_chain_of_neighbours_ends() -> None:
    """Each shares a vault with the one before, and somebody else with the one after."""
    links = [[f"principal:{n // 2}", f"vault:{(n + 1) // 2}"] for n in range(200)]
    found = joined(*((10, f"{n:03}", keys) for n, keys in enumerate(links)))
    assert max(found.count(one) for one in set(found)) <= 4 * (WIDE + 1)


def test_what_never_ends_is_told_in_weeks() -> None:
    found = joined(*((hour, "a", ["vault:a"]) for hour in range(1_000)))
    assert len(set(found)) == -(-1_000 // (LONGEST_HOURS + 1))


def test_an_incident_told_before_its_hour_closed_is_known_by_its_first_id() -> None:
    incidents = Incidents()
    first, early = alert(10, "a"), alert(11, "b")
    incidents.add(first, 10, ["vault:a"])
    early.joins = ("19700101T110000Z-early",)  # what it was told as
    incidents.add(early, 11, ["vault:a"])
    assert early.incident == first.incident
    assert early.joins == ("19700101T110000Z-early",)


def test_late_records_do_not_count_an_alert_twice() -> None:
    incidents = Incidents()
    one = alert(10, "a")
    incidents.add(one, 10, ["vault:a"])
    before = incidents.state()
    incidents.add(one, 10, ["vault:a"])
    assert incidents.state() == before


def test_saved_incidents_go_on() -> None:
    incidents = Incidents()
    first, second = alert(10, "a"), alert(11, "b")
    incidents.add(first, 10, ["vault:a"])
    restored = Incidents.restore(incidents.state())
    restored.add(second, 11, ["vault:a"])
    assert second.incident == first.incident


def test_incidents_that_an_older_version_saved_go_on() -> None:
    old = [[["19700101T100000Z-b", "19700101T100000Z-a"]], [["vault:a", 10, "19700101T100000Z-b"]]]
    restored, one = Incidents.restore(old), alert(11, "b")
    restored.add(one, 11, ["vault:a"])
    assert one.incident == "19700101T100000Z-a"


KINDS = ("principal", "address", "vault", "resource")
LINKS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 5)).map(lambda two: f"{two[0]}:{two[1]}"),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 60),
        LINKS,
        st.sampled_from([ACCESS, CREDENTIALS, ()]),
        st.sampled_from(["low", "high"]),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 40))
def test_a_restart_anywhere_changes_nothing(steps: list[Any], at: int) -> None:
    """The same ids come out, and the same state to the byte: checkpoints are compared by it."""
    ordered = sorted(steps, key=lambda step: step[0])

    def played(restart: bool) -> tuple[list[Any], list[Any]]:
        incidents, told = Incidents(), []
        for number, (hour, links, tactics, severity) in enumerate(ordered):
            if restart and number == at:
                saved = msgspec.msgpack.decode(msgspec.msgpack.encode(incidents.state()))
                incidents = Incidents.restore(saved)
            one = alert(hour, str(number), tactics, severity)
            incidents.add(one, hour, links)
            told.append((one.incident, one.joins))
        return told, incidents.state()

    assert played(True) == played(False)


def test_a_restart_ends_no_incident_of_late_alerts_before_its_time() -> None:
    """Else what came late, of an hour long over, is one incident or two, as the server was killed between them or not."""
    found = []
    for dies in (False, True):
        incidents = Incidents()
        incidents.forget(100)
        late, now, later = alert(60, "a"), alert(100, "b"), alert(60, "c")
        incidents.add(late, 60, ["principal:q"])
        if dies:
            incidents = Incidents.restore(incidents.state(), 100)
        incidents.add(now, 100, ["principal:r"])
        incidents.add(later, 60, ["principal:q"])
        found.append(later.incident == late.incident)
    assert found == [True, True]
