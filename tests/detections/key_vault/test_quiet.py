"""What a vault's ordinary life costs in alerts."""

from __future__ import annotations

from collections import Counter

from ingest.records import HOUR_US
from tests.actors.making import acts_of
from tests.detections.key_vault.histories import START, Habits, History, event
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
