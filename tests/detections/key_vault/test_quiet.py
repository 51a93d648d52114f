"""What a vault's ordinary life costs in alerts."""

from __future__ import annotations

from collections import Counter

from detections.declare import Finding
from detections.key_vault.habits import TOLD_BEFORE
from detections.passing import WHILE_LEARNING
from ingest.records import HOUR_US, Event
from tests.actors.making import acts_of
from tests.detections.key_vault.histories import START, Habits, History, event, person
from tests.detections.key_vault.replay import Replay
from tests.detections.key_vault.test_cases import VAULT_DETECTIONS

LIFE = Habits(
    web=20.0,
    builds=2.0,
    build_lists=True,
    batch=18,
    month_end=600,
    rotation=12,
    admins=4,
    deploys=1.0,
    month=12,
)


def test_a_vault_with_web_builds_jobs_people_and_deployments_stays_quiet() -> None:
    found, again, passing = Counter[str](), list[Finding](), Counter[tuple[str, int]]()
    for seed in range(4):
        replay = Replay(VAULT_DETECTIONS, f"vault{seed}")
        for hour, events in History(LIFE, seed).hours(35):
            for type_, finding in replay.play(hour, acts_of(events)).items():
                if TOLD_BEFORE in finding.evidence["against"]:
                    again.append(finding)
                elif any(text.endswith(WHILE_LEARNING) for text in finding.evidence["against"]):
                    assert finding.severity in ("informational", "low")
                    passing[type_, seed] += 1
                else:
                    found[type_] += 1
    loud = {type_: count for type_, count in found.items() if not type_.startswith("key_vault.unusual_user")}
    assert loud == {}
    # Months are of twelve days here. At a real month's distance a batch is not told (test_passing).
    assert set(passing.values()) <= {1}
    # Someone who takes another way in for the first time is news here; whether it is theirs elsewhere, the
    # organisation's view says at the hour's close.
    assert found.pop("key_vault.unusual_user_application_pair", 0) <= 8
    assert sum(found.values()) <= 2
    assert len(again) <= 10  # four vaults, five weeks: about as many as there is news
    assert {finding.severity for finding in again} <= {"informational"}


def test_newcomers_who_begin_to_come_every_week_alert_at_first_and_become_normal() -> None:
    replay = Replay(VAULT_DETECTIONS, "vault")
    flagged = []
    for hour, events in History(Habits(web=20.0, admins=2), 3).hours(110):
        weekly = hour % 168 == 130 and hour >= START + 30 * 24
        if weekly:
            events = [*events, event(hour * HOUR_US, "SecretGet", f"weekly{hour}", item="secrets/s1")]
        found = replay.play(hour, acts_of(events))
        flagged += ["key_vault.unusual_application" in found] if weekly else []
    assert flagged[:2] == [True, True]
    assert not any(flagged[-3:])


def test_two_colleagues_first_visits_do_not_cover_for_a_stranger_who_takes_many_secrets() -> None:
    replay = Replay(VAULT_DETECTIONS, "vault")
    last = START + 24 * 24
    for hour, events in History(Habits(web=20.0, admins=3), 5).hours(24):
        replay.play(hour, acts_of(events))
    for number, hour in enumerate((last, last + 10)):
        replay.play(hour, acts_of([person(hour * HOUR_US, "SecretGet", f"first{number}", item="secrets/s1")]))
    at = (last + 20) * HOUR_US
    taken = [person(at + n, "SecretGet", "stranger", item=f"secrets/s{n}") for n in range(5)]
    looked = [person(at + n, "SecretGet", "looker", item="secrets/s1") for n in range(5)]
    assert "key_vault.unusual_user" not in found_at(replay, last + 20, looked)
    assert "key_vault.unusual_user" in found_at(replay, last + 20, taken)


def flagged_days(read: list[int]) -> list[str | None]:
    """What is said of one stranger's reads of so many secrets on days on end: '' for nothing, else the severity."""
    replay = Replay(VAULT_DETECTIONS, "vault")
    for hour, events in History(Habits(web=20.0, admins=3), 5).hours(24):
        replay.play(hour, acts_of(events))
    said: list[str | None] = []
    for day, count in enumerate(read):
        hour = START + (24 + day) * 24 + 10
        acts = [person(hour * HOUR_US, "SecretList", "stranger")]
        acts += [
            person(hour * HOUR_US + n, "SecretGet", "stranger", item=f"secrets/s{n}") for n in range(count)
        ]
        one = replay.play(hour, acts_of(acts)).get("key_vault.list_and_query")
        said.append("" if one is None else one.severity or "declared")
    return said


def test_who_dumps_a_vault_again_the_next_day_is_told_again_but_lower_and_not_for_ever() -> None:
    assert flagged_days([12] * 6) == ["declared", *["informational"] * 3, "", ""]


def test_who_takes_a_little_more_each_day_does_not_become_usual() -> None:
    said = flagged_days([6, 8, 10, 14, 18, 20, 20, 20])
    assert said[0] == "declared"
    assert said[5] != ""  # by then three times as many as on the first day, which was told and known


def found_at(replay: Replay, hour: int, events: list[Event]) -> set[str]:
    """What would be found in an hour; nothing is learned from it."""
    view = replay.hour(hour, acts_of(events))
    return {one.type for one in replay.detections if one.judge(view) is not None}
