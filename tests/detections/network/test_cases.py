"""Each network detection on machines with a history: what fires, what does not, and what an alert says."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest

from actors.traffic_bound import bounded
from alerts.alert import Alert
from alerts.explaining_shapes import Bars
from detections.catalogue import CATALOGUE
from ingest.records import HOUR_US
from tests.alerts.explained import explained
from tests.detections.network.cases import (
    AIMS,
    AT_US,
    CASES,
    CONTACTS,
    MALICIOUS,
    Aim,
    Case,
    Contact,
    attack,
    sampled_attack,
)
from tests.detections.network.estate import (
    MACHINES,
    MOVED,
    NOON,
    SHORT_HISTORY,
    START,
    VICTIM,
    Life,
    enrichment,
    history,
    machine,
    ordinary,
)
from tests.detections.network.replay import Estate, Talk, address, flows

EIGHT = pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.type)


def grown(shards: int = 2) -> Estate:
    """The estate with its whole history, to be changed at will."""
    return Estate.resumed(history()[1], enrichment(), shards)


def told(estate: Estate, talks: Any, hour: int = NOON) -> list[Alert]:
    """The alerts of an ordinary hour with these flows in it."""
    return estate.play(hour, np.concatenate([ordinary(hour), flows(talks)]))


def seen_of(aim: Aim, said: dict[str, Any]) -> bool:
    """Whether an attack's size is told, beside the ordinary hour's handful of peers."""
    return bool(150 <= said["seen"] < 175 if aim.many else said["seen"] == 1_000)


def of_victim(alerts: list[Alert]) -> dict[str, Alert]:
    """Alerts by type; all must be the victim's."""
    assert {alert.entity.id for alert in alerts} <= {machine(VICTIM)}
    return {alert.type: alert for alert in alerts}


def test_the_internets_background_of_scans_raises_nothing_in_weeks() -> None:
    assert history()[2] == 0


@pytest.mark.parametrize(
    ("case", "aim"),
    [(case, aim) for case in CASES for aim in case.aims],
    ids=lambda value: value.name if isinstance(value, Case) else value.type,
)
def test_a_case_fires_what_it_should_and_nothing_else(case: Case, aim: Aim) -> None:
    estate = grown()
    assert set(of_victim(told(estate, case.story(aim)))) == case.fires(aim)
    estate.kept()


@EIGHT
def test_an_alert_says_who_with_whom_how_often_and_what_is_usual(aim: Aim) -> None:
    alert = of_victim(told(grown(), attack(aim)))[aim.type]
    said = alert.evidence
    assert json.loads(json.dumps(said)) == said
    assert CATALOGUE[aim.type].description.format(entity=alert.entity.id, **said) == alert.description
    assert seen_of(aim, said)
    assert said["usual"] < 20
    assert said["usual_for_neighbours"] < 60
    assert said["own_addresses"] == [VICTIM]
    top = said["top_peers"][0]
    assert top["address"].startswith("81.")
    assert len(top["country"]) == 2
    assert len(said["top_peers"]) <= 10
    assert 0 < len(said["records"]) <= 20
    assert said["records"][0]["source"] == "f.ipfix"
    assert said["short_share"] > 0.9
    assert said["improbability"] < 1e-5
    assert alert.start.endswith("T12:00:00Z")
    assert alert.start <= said["first_seen"] <= said["last_seen"] < alert.end


@EIGHT
def test_an_explanation_has_the_usual_range_and_the_neighbours_to_hold_a_count_against(aim: Aim) -> None:
    counts, _ = explained(of_victim(told(grown(), attack(aim)))[aim.type])
    assert isinstance(counts, Bars)
    seen, usual, most, others = (bar.value for bar in counts.bars)
    assert usual <= most < seen
    assert others < seen


@EIGHT
def test_sampled_counts_are_told_as_they_are_and_never_multiplied(aim: Aim) -> None:
    said = of_victim(told(grown(), sampled_attack(aim)))[aim.type].evidence
    assert seen_of(aim, said)
    assert said["sampling"] == 100
    assert any("one in 100" in line for line in said["against"])


@EIGHT
def test_an_attack_on_a_machine_that_is_known_for_days_only_is_kept_as_learning(aim: Aim) -> None:
    estate = Estate.resumed(history()[0], enrichment())
    hour = START + 24 * SHORT_HISTORY
    assert told(estate, attack(aim, at_us=hour * HOUR_US + 1), hour) == []
    kept = {one.type: one for one in estate.kept()}
    assert kept[aim.type].why == "learning"
    assert "7 days" in kept[aim.type].reason


@EIGHT
def test_traffic_of_an_address_that_moved_within_the_hour_is_withheld_and_kept(aim: Aim) -> None:
    estate = grown()
    assert told(estate, attack(aim, own=MOVED)) == []
    (kept,) = (one for one in estate.kept() if (one.type, one.entity) == (aim.type, machine(MOVED)))
    assert kept.why == "withheld"
    assert kept.reason == f"{MOVED} was not held by this resource for the whole hour"
    assert seen_of(aim, kept.evidence)


@EIGHT
def test_the_hour_before_it_moves_the_address_is_its_holders(aim: Aim) -> None:
    estate = Estate.resumed(history()[1], enrichment())
    alerts = told(estate, attack(aim, own=MOVED, at_us=AT_US - HOUR_US), NOON - 1)
    assert {(alert.type, alert.entity.id) for alert in alerts} == {(aim.type, machine(MOVED))}


@EIGHT
def test_an_attack_that_goes_on_is_not_learned_as_normal_within_hours(aim: Aim) -> None:
    estate = grown()
    hours = [of_victim(told(estate, attack(aim, at_us=(NOON + n) * HOUR_US + 1), NOON + n)) for n in range(6)]
    assert [aim.type in found for found in hours] == [True] * 6


def test_who_is_busy_from_the_third_hour_on_is_busy_and_not_attacked() -> None:
    """A machine that was begun at night: what few quiet hours say of it must not be held against it for weeks."""
    aim, estate, life = AIMS[0], Estate(enrichment()), Life(np.random.default_rng(1))
    alerts: list[Alert] = []
    for hour in range(START, START + 24 * 9):
        talks = attack(aim, at_us=hour * HOUR_US + 1) if hour >= START + 3 else []
        alerts += estate.play(
            hour, np.concatenate([life.hour(hour), flows(talks)]) if talks else life.hour(hour)
        )
    assert alerts == []


def test_an_attack_that_never_ends_is_no_news_after_a_day() -> None:
    """The analyst has heard of it by then, or does not mind: 24 alerts a day at full weight bury the others."""
    aim, estate = AIMS[0], grown()
    hours = [
        of_victim(told(estate, attack(aim, at_us=(NOON + n) * HOUR_US + 1), NOON + n)) for n in range(30)
    ]
    severities = [found[aim.type].severity for found in hours if aim.type in found]
    assert severities[0] in ("medium", "high")
    assert severities[-1] == "informational"
    again = of_victim(told(estate, attack(aim, at_us=(NOON + 96) * HOUR_US + 1), NOON + 96))
    assert again[aim.type].severity == severities[0]


@pytest.mark.parametrize("aim", [aim for aim in AIMS if not aim.many], ids=lambda aim: aim.type)
def test_a_flood_of_which_only_a_part_is_kept_is_told_as_at_least_that(
    aim: Aim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded; an alert must not pretend that it has counted all of it."""
    monkeypatch.setattr("detections.network.brute_force.MOST_CONNECTIONS", 600)
    monkeypatch.setattr("actors.traffic_window.bounded", partial(bounded, most=600))
    said = of_victim(told(grown(), attack(aim)))[aim.type].evidence
    assert 580 < said["seen"] <= 600
    assert any("only 600 connections of the hour were kept" in one for one in said["against"])


@EIGHT
def test_one_flood_hides_no_later_one(aim: Aim) -> None:
    estate = grown()
    flood = [talk._replace(connections=20 * talk.connections) for talk in attack(aim)]
    told(estate, flood)
    later = (NOON + 48) * HOUR_US
    assert aim.type in of_victim(told(estate, attack(aim, at_us=later), NOON + 48))


@EIGHT
def test_more_shards_change_no_alert(aim: Aim) -> None:
    one, three = (told(grown(shards), attack(aim)) for shards in (1, 3))
    assert one == three


@pytest.mark.parametrize("contact", CONTACTS, ids=lambda contact: contact.name)
def test_traffic_with_a_listed_address_fires_where_something_passed(contact: Contact) -> None:
    estate = grown()
    found = of_victim(told(estate, contact.talks))
    assert set(found) == ({MALICIOUS} if contact.fires else set())
    if contact.fires:
        said = found[MALICIOUS].evidence
        assert tuple(said["feeds"]) == contact.feeds
        assert {one["feed"] for one in said["top_peers"][0]["indicators"]} == set(contact.feeds)
        assert contact.against in " ".join(said.get("against", ()))
        assert bool(said.get("against")) == bool(contact.against)
        assert json.loads(json.dumps(said)) == said
    estate.kept()


def test_command_and_control_is_told_from_the_first_minute() -> None:
    talk = Talk(VICTIM, "198.51.100.7", 443, 3, START * HOUR_US)
    assert set(of_victim(told(Estate(enrichment()), [talk], START))) == {MALICIOUS}


def test_command_and_control_of_an_address_that_moved_is_kept() -> None:
    estate = grown()
    assert told(estate, [Talk(MOVED, "198.51.100.7", 443, 3, AT_US)]) == []
    assert [one.why for one in estate.kept() if one.type == MALICIOUS] == ["withheld"]


def test_two_signs_on_one_machine_in_an_hour_raise_the_severity() -> None:
    aim = AIMS[0]
    alone = of_victim(told(grown(), attack(aim)))[aim.type]
    found = of_victim(told(grown(), [*attack(aim), Talk(VICTIM, "198.51.100.7", 443, 3, AT_US)]))
    assert (alone.severity, found[aim.type].severity, found[MALICIOUS].severity) == ("medium", "high", "high")


@pytest.mark.parametrize(
    "aim", [aim for aim in AIMS if aim.direction == "in" and aim.many], ids=lambda aim: aim.type
)
def test_a_wave_of_scans_over_all_resources_at_once_raises_nothing(aim: Aim) -> None:
    estate = grown()
    assert told(estate, [talk for own in MACHINES for talk in attack(aim, own=own)]) == []
    waves = [one for one in estate.kept() if one.type == aim.type and "wave of scans" in one.reason]
    assert len(waves) > len(MACHINES) / 2


BOTNETS = pytest.mark.parametrize(
    "aim", [aim for aim in AIMS if aim.direction == "in" and aim.many], ids=lambda aim: aim.type
)


def knocks(aim: Aim, own: str, sources: int, first: int) -> list[Talk]:
    """So many sources more at a machine's door, once each."""
    return [aim.talk(own, address(first + number), 1) for number in range(sources)]


def more_everywhere(aim: Aim, sources: int) -> list[Talk]:
    """An hour in which the internet scans more: everybody sees more than usual, nobody unusually much."""
    return [
        talk for n, own in enumerate(MACHINES) for talk in knocks(aim, own, sources, 9_800_000 + 1_000 * n)
    ]


@BOTNETS
def test_what_would_be_unusual_is_not_in_an_hour_in_which_everybody_sees_more(aim: Aim) -> None:
    """Else a fleet of thousands has a dozen false alerts on each day on which the internet scans twice as much."""
    least = next(n for n in range(16, 60) if told(grown(), knocks(aim, VICTIM, n, 9_000_000)))
    few = knocks(aim, VICTIM, least, 9_000_000)
    assert set(of_victim(told(grown(), few))) == {aim.type}
    estate = grown()
    assert told(estate, [*few, *more_everywhere(aim, 7)]) == []
    (kept,) = [one for one in estate.kept() if one.type == aim.type and one.entity == machine(VICTIM)]
    assert "times as many different sources as usual in this hour" in kept.reason


@BOTNETS
def test_a_botnet_is_told_in_an_hour_in_which_everybody_sees_more(aim: Aim) -> None:
    alert = of_victim(told(grown(), [*attack(aim), *more_everywhere(aim, 7)]))[aim.type]
    assert "all resources together saw 1." in " ".join(alert.evidence["against"])
    alone = of_victim(told(grown(), attack(aim)))[aim.type]
    assert not alone.evidence.get("against")
    assert alert.evidence["improbability"] > alone.evidence["improbability"]


@BOTNETS
def test_nobody_hides_a_botnet_behind_a_small_wave_of_his_own(aim: Aim) -> None:
    """Twelve sources more at every door make a wave; a hundred and fifty at one are none of it."""
    estate = grown()
    assert set(of_victim(told(estate, [*attack(aim), *more_everywhere(aim, 12)]))) == {aim.type}
    assert told(grown(), more_everywhere(aim, 12)) == []


@BOTNETS
def test_outgoing_attacks_of_many_machines_at_once_excuse_nothing(aim: Aim) -> None:
    """A worm: that all do it is no reason to be silent."""
    out = aim._replace(direction="out")
    alerts = told(grown(), [talk for own in MACHINES for talk in attack(out, own=own)])
    assert len([alert for alert in alerts if alert.type == out.type]) > len(MACHINES) / 2


@pytest.mark.parametrize(
    "aim", [aim for aim in AIMS if aim.direction == "in" and not aim.many], ids=lambda aim: aim.type
)
def test_one_source_that_guesses_at_every_machine_is_told_for_each(aim: Aim) -> None:
    alerts = told(grown(), [talk for own in MACHINES for talk in attack(aim, own=own)])
    assert {alert.type for alert in alerts} == {aim.type}
    assert len(alerts) > len(MACHINES) / 2


@pytest.mark.parametrize("aim", [aim for aim in AIMS if aim.direction == "in"], ids=lambda aim: aim.type)
def test_a_small_wave_of_scans_over_all_resources_at_once_raises_nothing(aim: Aim) -> None:
    talks = [aim.talk(own, address(9_800_000 + number), 1) for own in MACHINES for number in range(6)]
    assert told(grown(), talks) == []
