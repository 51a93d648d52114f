"""The overview, the detections, an entity and an incident: what they show is what the store has."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.alert import Alert, Entity
from console.settings import DetectionSetting, Health, SourceHealth
from console.world import COUNTRIES, LAND, NORTH, STEP
from detections.catalogue import CATALOGUE
from tests.console.consoles import HOSTILE, NOW, STAMP, VAULT, Console, alert

HEALTH = Health(
    phase="running",
    at=NOW,
    read=1_234_567,
    rejected=89,
    watermark=NOW - timedelta(minutes=12),
    sources=[SourceHealth(HOSTILE, NOW - timedelta(hours=2), 7_200.0), SourceHealth("quiet", None, None)],
    faults=["the store of checkpoints is full"],
    known_since={"key_vault": datetime(2026, 3, 18, tzinfo=UTC)},
)


def tiles(page: str) -> dict[str, tuple[str, str]]:
    found = re.findall(r'class="tile edge-(\w+)".*?<b>([\d,]+)</b><span class="dim">([\d,]+) open', page)
    return {name: (number, is_open) for name, number, is_open in found}


def test_the_overview_counts_what_came_lately_and_what_of_it_is_open(tmp_path: Path) -> None:
    some = [alert(0), alert(1), alert(2, "network.rdp_outgoing", severity="low"), alert(24 * 9)]
    console = Console(tmp_path, some)
    console.store.mark(some[0].id, "benign", "", "uma", STAMP)
    page = console.page("/")
    grave = some[0].severity
    assert tiles(page)[grave] == ("2", "1")
    assert tiles(page)["low"] == ("1", "1")
    assert tiles(console.page("/?span=30d"))[grave] == ("3", "2")
    assert "2026-03-19 22:00 UTC: 1" in page  # a column, and what it is of


def test_where_nothing_came_lately_the_days_up_to_the_newest_alert_are_shown(tmp_path: Path) -> None:
    console = Console(tmp_path, [alert(24 * 15)])  # 4 March, and today is the 20th
    page = console.page("/")
    assert "There were no alerts lately" in page
    assert sum(int(number) for number, _ in tiles(page).values()) == 1
    assert "There were no alerts lately" not in console.page("/?span=30d")


def test_an_empty_store_has_pages_too(tmp_path: Path) -> None:
    console = Console(tmp_path)
    for path in ("/", "/alerts", "/detections", "/rules", "/?span=forever"):
        console.page(path)


def test_how_the_run_stands_is_told_with_what_is_wrong(tmp_path: Path) -> None:
    page = Console(tmp_path, [alert(0)], health=lambda: HEALTH).page("/")
    for said in ("1,234,567", "2 h", "the store of checkpoints is full", "2026-03-20 11:48"):
        assert said in page
    assert "<script>alert" not in page
    assert "no state was found" in Console(tmp_path).page("/")


def test_detections_say_what_is_off_what_learns_and_how_often_each_spoke(tmp_path: Path) -> None:
    settings = {type_: DetectionSetting("on", 14.0 if d.learning else None) for type_, d in CATALOGUE.items()}
    settings["key_vault.tor_access"] = DetectionSetting("off", None)
    settings["network.ssh_incoming"] = DetectionSetting("shadow", 7.0)
    console = Console(tmp_path, [alert(0), alert(1)], detections=settings, health=lambda: HEALTH)
    page = console.page("/detections")
    parts = {part.split('"', 1)[0]: part for part in page.split('class="detection" id="')[1:]}
    assert set(parts) == set(CATALOGUE)
    assert ">off<" in parts["key_vault.tor_access"]
    assert '"number">2<' in parts["key_vault.tor_access"]
    assert ">shadow<" in parts["network.ssh_incoming"]
    assert "learning until 2026-04-01" in parts["key_vault.unusual_user"]
    assert "learning until" not in parts["key_vault.tor_access"]
    assert "nobody knows here" in Console(tmp_path).page("/detections")


def test_an_entity_has_its_alerts_and_what_they_say_is_usual(tmp_path: Path) -> None:
    evidence = {"usual_at_this_hour": 4.5, "usual_at_most": 12}
    mine = [alert(0), alert(5, "key_vault.high_operation_volume", evidence=evidence)]
    console = Console(tmp_path, [*mine, alert(1, entity=Entity("vault", "/other"))])
    page = console.client.get("/entity", params={"id": VAULT.upper()}).text
    assert re.findall(r'href="/alerts/([0-9a-f]{32})" data-row', page) == [one.id for one in mine]
    assert "At most 12 in 99 of 100 such hours" in page
    assert console.client.get("/entity", params={"id": "nobody"}).status_code == 404
    assert console.client.get("/entity").status_code == 404


def test_an_incident_is_told_in_the_order_of_time_with_who_is_connected(tmp_path: Path) -> None:
    later, sooner = alert(0), alert(1, "key_vault.unusual_user", first_seen="2026-03-19T22:03:00Z")
    hostile = alert(
        2, evidence={"callers": [{"object_id": HOSTILE, "name": HOSTILE}]}, entity=Entity("vault", HOSTILE)
    )
    console = Console(tmp_path, [later, sooner, hostile, alert(3, incident="another")])
    page = console.page(f"/incidents/{later.incident}")
    listed = re.findall(r'href="/alerts/([0-9a-f]{32})" data-row', page)
    assert listed == [hostile.id, sooner.id, later.id]
    story = re.findall(r'<a href="/alerts/([0-9a-f]{32})">\s*<time', page)
    assert story == listed, "each was an hour apart"
    assert page.count('class="edge ') >= 3
    assert "185.220.101.4 – uma@example.com: 2" in page
    assert "<script>alert" not in page
    console.page("/incidents/nothing", 404)


def test_the_id_of_an_incident_that_became_part_of_an_older_one_leads_there(tmp_path: Path) -> None:
    """It stands in a ticket and in a mail."""
    console = Console(tmp_path, [alert(0), alert(1, incident="20260319T230000Z-bb")])
    console.store.write([alert(2, joins=("20260319T230000Z-bb",))], "2026-03-20T12:00:00Z")
    answer = console.client.get("/incidents/20260319T230000Z-bb")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents/20260319T230000Z-aa")
    page = console.page("/incidents/20260319T230000Z-aa")
    assert {alert(n).id for n in range(3)} == set(re.findall(r'href="/alerts/([0-9a-f]{32})" data-row', page))
    assert "20260319T230000Z-bb" in page


def test_the_list_of_incidents_has_those_of_several_alerts_for_people_and_programs(tmp_path: Path) -> None:
    hostile = {
        "incident": "20260318T000000Z-cc",
        "evidence": {"callers": [{"object_id": "x", "name": HOSTILE}]},
    }
    alone = alert(3, incident="20260319T200000Z-bb")
    console = Console(tmp_path, [alert(0), alert(1), alone, alert(30, **hostile), alert(31, **hostile)])
    page = console.page("/incidents")
    assert re.findall(r'href="/incidents/([^"]+)" data-row', page) == [
        alert(0).incident,
        "20260318T000000Z-cc",
    ]
    assert "<script>alert" not in page
    assert console.page("/incidents?days=nonsense")
    listed = console.client.get("/api/v1/incidents").json()
    assert [one["id"] for one in listed] == [alert(0).incident, "20260318T000000Z-cc"]
    one = console.client.get(f"/api/v1/incidents/{alert(0).incident}").json()
    assert one["story"][0]["stage"] == "credentials"
    assert one["graph"]["edges"][0]["source"] == "address:185.220.101.4"
    assert console.client.get("/api/v1/incidents/nothing").status_code == 404


@pytest.mark.parametrize("number", [60, 300])
def test_a_large_incident_is_cut_and_says_so(tmp_path: Path, number: int) -> None:
    many = [
        alert(
            n,
            entity=Entity("vault", f"/vaults/v{n}"),
            evidence={"addresses": [{"address": f"10.0.{n // 200}.{n % 200}"}]},
        )
        for n in range(number)
    ]
    console = Console(tmp_path, many)
    page = console.page(f"/incidents/{many[0].incident}")
    assert f"and {min(number, 200) - 12} more" in page  # of the addresses
    assert ("These are its first 200 alerts" in page) == (number == 300)
    assert len(page.encode()) < 300_000


def test_an_entity_shows_its_baselines_over_time_and_since_when_it_is_learned(tmp_path: Path) -> None:
    def busy(number: int, usual: float, seen: float) -> Alert:
        evidence = {
            "usual_at_this_hour": usual,
            "usual_at_most": usual * 3,
            "operations_in_hour": seen,
            "learned_since": "2026-01-05T00:00:00Z",
        }
        return alert(number, "key_vault.high_operation_volume", evidence=evidence)

    other = alert(9, evidence={"known_since": "2026-01-02T00:00:00Z"})
    wrong = alert(
        12, "key_vault.high_operation_volume", evidence={"usual_at_this_hour": "many", "usual": HOSTILE}
    )
    mine = [busy(0, 4.5, 90), busy(30, 3.5, 40), busy(60, 0.0, 0), other, wrong]
    console = Console(tmp_path, mine)
    page = console.client.get("/entity", params={"id": VAULT}).text
    assert "Learning since 2026-01-02" in page
    chart = page.partition("course-chart")[2].partition("</svg>")[0]
    assert chart.count('class="mark-seen"') == 3
    assert re.findall(r'<a href="/alerts/([0-9a-f]{32})"', chart) == [mine[2].id, mine[1].id, mine[0].id]
    assert 'class="course-usual"' in chart
    assert 'class="course-most"' in chart
    assert "seen 90, usual 4.5, usual at most 13.5" in chart
    (tmp_path / "alone").mkdir()
    alone = Console(tmp_path / "alone", [alert(0, evidence={})])
    page = alone.client.get("/entity", params={"id": VAULT}).text
    assert "do not say since when it is learned" in page
    assert "course-chart" not in page


def test_an_incident_says_from_which_countries_it_came(tmp_path: Path) -> None:
    def from_(number: int, *codes: str) -> Alert:
        rows = [{"address": f"9.9.{number}.{n}", "country": code} for n, code in enumerate(codes)]
        return alert(number, evidence={"addresses": rows})

    some = [from_(0, "DE", "JP", "DE"), from_(1, "DE"), from_(2, "ZZ", HOSTILE), from_(3)]
    console = Console(tmp_path, some)
    path = f"/incidents/{some[0].incident}"
    rows = re.findall(r"<tr><td>([^<]*)</td><td>(\d+)</td><td>(\d+)</td></tr>", console.page(path))
    assert rows[0] == ("Germany", "2", "3")
    assert ("Japan", "1", "1") in rows
    assert ("ZZ", "1", "1") in rows
    page = console.page(path)
    assert page.partition("chart world")[2].partition("</svg>")[0].count('class="place"') == 2
    assert "<script>alert" not in page
    console.client.headers["accept-language"] = "ja"
    assert "<td>ドイツ</td>" in console.page(path)
    (tmp_path / "nowhere").mkdir()
    nowhere = Console(tmp_path / "nowhere", [alert(0, evidence={})])
    assert "Where its addresses are" not in nowhere.page(path)


def test_every_country_of_the_map_is_on_it() -> None:
    assert len(COUNTRIES) > 200
    assert len({len(row) for row in LAND}) == 1
    for code, (north, east, *names) in COUNTRIES.items():
        assert NORTH - STEP * len(LAND) <= north <= NORTH, code
        assert -180 <= east <= 180, code
        assert all(names), code
