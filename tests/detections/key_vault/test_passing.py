"""Who attacked while all was learned is no habit, and who works so is no alarm."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import pytest

from detections.declare import Finding
from detections.key_vault import habits, newcomers_told, returns
from ingest.records import HOUR_US, Event
from tests.actors.making import acts_of
from tests.detections.key_vault.histories import (
    COMMAND_LINE,
    OWN_TOOL,
    START,
    VAULT,
    Habits,
    History,
    event,
    person,
)
from tests.detections.key_vault.replay import Replay
from tests.detections.key_vault.test_cases import VAULT_DETECTIONS

USER, APPLICATION = "key_vault.unusual_user", "key_vault.unusual_application"
PAIR = "key_vault.unusual_user_application_pair"
VOLUME, LIST, POLICY = (
    "key_vault.high_operation_volume",
    "key_vault.list_and_query",
    "key_vault.policy_change_and_query",
)
LIFE = Habits(web=3.0, admins=3)
DAYS = 70
Story = Callable[[int], Iterable[Event]]  # of an hour's start


@cache
def ordinary(habits: Habits) -> dict[int, list[Event]]:
    """A vault's ordinary life, by hour."""
    return dict(History(habits, 5).hours(DAYS))


def lived(story: Story, days: Iterable[int], until: int, life: Habits = LIFE) -> Replay:
    """A vault in whose life something happens at ten on these days."""
    replay, hours = Replay(VAULT_DETECTIONS, VAULT), {START + day * 24 + 10 for day in days}
    for hour in range(START, START + until * 24):
        events = [*ordinary(life).get(hour, ()), *(story(hour * HOUR_US) if hour in hours else ())]
        if events:
            replay.play(hour, acts_of(events))
    return replay


def said(replay: Replay, type_: str, story: Story, *days: int) -> list[str]:
    """What is said of the same on these days: '' for nothing, else the severity."""
    found = [
        replay.play(START + day * 24 + 10, acts_of(story((START + day * 24 + 10) * HOUR_US))) for day in days
    ]
    return ["" if type_ not in each else each[type_].severity or "declared" for each in found]


def reads(at: int) -> Iterator[Event]:
    """A person who is no regular takes two secrets."""
    for number in range(2):
        yield person(at + number * 40_000_000, "SecretGet", "mallory", item=f"secrets/s{number}")


def looks(at: int) -> Iterator[Event]:
    """The same person looks at names alone."""
    yield person(at, "SecretList", "mallory")


def takes_many(at: int) -> Iterator[Event]:
    """Four of them."""
    for number in range(4):
        yield person(at + number * 40_000_000, "SecretGet", "mallory", item=f"secrets/s{number}")


def tool(at: int) -> Iterator[Event]:
    """An application that is no regular."""
    yield event(at, "SecretGet", "tool", application=OWN_TOOL, item="secrets/s1")


def flood(at: int) -> Iterator[Event]:
    """An admin's token in a script."""
    for number in range(600):
        yield person(at + number * 3_000_000, "SecretGet", "admin5-0", item="secrets/s1")


def month_end(at: int) -> Iterator[Event]:
    """A batch job."""
    for number in range(600):
        yield event(at + number * 3_000_000, "SecretGet", "month", item="secrets/s1")


def dump(at: int) -> Iterator[Event]:
    """An admin lists, and reads a dozen."""
    yield person(at, "SecretList", "admin5-0")
    for number in range(12):
        yield person(at + (number + 1) * 3_000_000, "SecretGet", "admin5-0", item=f"secrets/s{number}")


def takes_rights(at: int) -> Iterator[Event]:
    """An admin puts a policy and reads one secret."""
    yield person(at, "VaultPatch", "admin5-0")
    yield person(at + 60_000_000, "SecretGet", "admin5-0", item="secrets/s1")


ATTACKS = pytest.mark.parametrize(
    ("type_", "story"),
    [(USER, reads), (APPLICATION, tool), (VOLUME, flood), (LIST, dump), (POLICY, takes_rights)],
)


@ATTACKS
def test_who_attacks_on_three_days_of_learning_is_told_when_it_comes_again(type_: str, story: Story) -> None:
    replay = lived(story, (2, 3, 4), 24)
    assert said(replay, type_, story, 24) == ["informational"]


@ATTACKS
def test_who_was_there_on_more_days_or_lately_is_a_regular(type_: str, story: Story) -> None:
    assert said(lived(story, (2, 4, 8, 11, 13), 24), type_, story, 24) == [""]
    assert said(lived(story, (2, 8, 12), 20), type_, story, 20) == [""]


@ATTACKS
def test_nothing_of_it_is_told_while_all_is_learned(type_: str, story: Story) -> None:
    assert said(lived(story, (2,), 12), type_, story, 12) == [""]


@ATTACKS
def test_a_colleague_or_job_that_comes_monthly_is_no_alarm(type_: str, story: Story) -> None:
    assert said(lived(story, (5,), 35), type_, story, 35) == [""]
    assert said(lived(story, (5, 35), 65), type_, story, 65) == [""]


def test_an_alert_says_on_how_many_days_it_was_seen_and_when_last() -> None:
    replay = lived(reads, (2, 3, 4), 24)
    hour = START + 24 * 24 + 10
    found: Finding = replay.play(hour, acts_of(reads(hour * HOUR_US)))[USER]
    text = found.evidence["against"][-1]
    assert text == "it was here before, on 3 days, last at 2026-02-20T10:00:00Z, while all was still learned"
    assert ("vault_users", "oid-mallory") in found.held


def test_who_comes_back_is_told_on_three_more_days_and_then_is_known() -> None:
    replay = lived(reads, (2, 3, 4), 24)
    assert said(replay, USER, reads, *range(24, 30)) == ["informational"] * 4 + [""] * 2


def test_who_comes_back_for_several_secrets_is_told_one_step_higher() -> None:
    assert said(lived(reads, (2, 3, 4), 24), USER, takes_many, 24) == ["low"]


def test_who_comes_back_to_look_at_names_is_not_told() -> None:
    assert said(lived(looks, (2, 3, 4), 24), USER, looks, 24) == [""]


def test_where_others_come_back_so_too_one_more_is_no_news() -> None:
    def occasional(at: int) -> Iterator[Event]:
        day = (at // HOUR_US - START) // 24
        for number in range(8):
            if day == (2 + number % 3 if day < 14 else 16 + number):
                yield person(at + number, "SecretGet", f"now-and-then-{number}", item="secrets/s1")
        if day in (2, 3, 4):
            yield from reads(at)

    alone = lived(reads, (2, 3, 4), 24)
    among = lived(occasional, (2, 3, 4, *range(16, 24)), 24)
    assert said(alone, USER, reads, 24) == ["informational"]
    assert said(among, USER, reads, 24) == [""]


def test_who_began_in_the_last_week_of_learning_is_told_once_and_then_is_known() -> None:
    replay = lived(reads, range(9, 14), 14)
    assert said(replay, USER, reads, *range(15, 19)) == ["informational", "", "", ""]


def test_a_state_of_an_earlier_version_tells_nothing_until_it_knows_how_common_it_is() -> None:
    replay = lived(reads, (2, 3, 4), 24)
    earlier = copy.deepcopy(replay)
    earlier.models[returns.BASELINE] = habits.novelty()
    assert said(earlier, USER, reads, 24) == [""]
    assert said(replay, USER, reads, 24) == ["informational"]


class Elsewhere:
    """An organisation in which everybody has used every application for so many days."""

    def __init__(self, days: float) -> None:
        self.days = days

    def days_with_application(self, principal: str, application: str) -> float:
        """Since the first time anywhere, here too."""
        return self.days

    def users_of_address(self, address: str, excluding: str = "", before_hours: int = 24) -> int:
        """Nobody else."""
        return 0


def by_command_line(at: int) -> Iterator[Event]:
    """A person who comes here through the portal each day comes by another way."""
    for number in range(2):
        yield person(at + number, "SecretGet", "ann", item=f"secrets/s{number}", application=COMMAND_LINE)


def each_day(at: int) -> Iterator[Event]:
    """Her own way, and somebody else who comes by the other one."""
    yield person(at, "SecretGet", "ann", item="secrets/s1")
    yield person(at, "SecretGet", "ben", item="secrets/s1", application=COMMAND_LINE)
    if (at // HOUR_US - START) // 24 in (2, 3, 4):
        yield from by_command_line(at)


def test_what_a_pair_did_here_does_not_vouch_for_it() -> None:
    """Else who attacks twice is excused by the first time."""
    replay = lived(each_day, range(24), 24, Habits(web=3.0))
    hour = START + 24 * 24 + 10
    found = replay.play(hour, acts_of(by_command_line(hour * HOUR_US)))[PAIR]
    assert found.evidence["new"][0]["days_since_first"] == 22.0
    told, excused = (newcomers_told.confirm(found, Elsewhere(days)) for days in (22.0, 24.5))  # type: ignore[arg-type]
    assert not told.withheld
    assert excused.withheld == "ann@contoso.com has used this application elsewhere for 2 days"


def test_who_is_seldom_here_and_takes_a_new_way_in_is_told_for_the_way() -> None:
    """What is new weighs more than that somebody comes back."""

    def seldom(at: int) -> Iterator[Event]:
        yield person(at, "SecretGet", "ben", item="secrets/s1", application=COMMAND_LINE)
        if (at // HOUR_US - START) // 24 in (2, 3, 4):
            yield person(at, "SecretGet", "ann", item="secrets/s1")

    replay = lived(seldom, range(24), 24, Habits(web=3.0))
    hour = START + 24 * 24 + 10
    found = replay.play(hour, acts_of(by_command_line(hour * HOUR_US)))
    assert USER not in found
    assert found[PAIR].evidence["against"] == []
