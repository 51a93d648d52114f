"""What a vault's ordinary life costs in alerts."""

from __future__ import annotations

from collections import Counter

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
    found: Counter[str] = Counter()
    for seed in range(4):
        replay = Replay(VAULT_DETECTIONS, f"vault{seed}")
        for hour, events in History(LIFE, seed).hours(35):
            found.update(list(replay.play(hour, acts_of(events))))
    loud = {type_: count for type_, count in found.items() if not type_.startswith("key_vault.unusual_user")}
    assert loud == {}
    # Someone who takes another way in for the first time is news here; whether it is theirs elsewhere, the
    # organisation's view says at the hour's close.
    assert found.pop("key_vault.unusual_user_application_pair", 0) <= 8
    assert sum(found.values()) <= 2


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


def found_at(replay: Replay, hour: int, events: list[Event]) -> set[str]:
    """What would be found in an hour; nothing is learned from it."""
    view = replay.hour(hour, acts_of(events))
    return {one.type for one in replay.detections if one.judge(view) is not None}
