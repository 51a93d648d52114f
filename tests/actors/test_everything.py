"""All that a run can be given at once: whatever is combined with whatever, not an alert hangs on how it was run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

from actors.marks import Mark
from actors.outcome import Outcome
from actors.settings import Settings
from alerts.alert import Alert, hour_of, to_json
from baselines import codec
from detections.expected import SHIPPED, Actor
from ingest.enrich import Enrichment
from ingest.networks import parse_network
from ingest.records import HOUR_US, Event
from ingest.threat_intel import Entry, Indicator, Indicators
from tests.actors.running import (
    C2,
    FOR_EVER,
    MACHINES,
    START,
    TOR,
    Listed,
    Replayed,
    Saved,
    at,
    enrichment,
    event,
    managed,
    signed_in,
)
from tests.detections.network.replay import Talk, flows

DAYS = 14
BUDGET = 0.3
MOST_MIDWAY = 100  # with larger blocks most is read before the first hour is closed
MIDNIGHT = (24 - START % 24) * 60  # minutes from the first hour's start
LATER, PROXY = "203.0.113.9", "203.0.113.80"  # addresses that a feed lists from the ninth day on
SPLIT = MIDNIGHT + 11 * 1440 + 630  # minutes: in the middle of an hour with much in it
CHANGED = MIDNIGHT + 9 * 1440
USER, SSH, ANONYMOUS = "key_vault.unusual_user", "network.ssh_incoming", "management.anonymous_ip"
SHADOW = frozenset({"key_vault.unusual_application"})
EXPECTED = Actor("principal", "p0", "the red team", "tries what attackers would")


class World(NamedTuple):
    """What the sources hold."""

    events: list[Event]
    rows: Any

    def before(self, us: int) -> World:
        """What came before a time."""
        return World([one for one in self.events if one.at_us < us], self.rows[self.rows["end_us"] < us])

    def after(self, us: int) -> World:
        """What comes after it."""
        return World([one for one in self.events if one.at_us >= us], self.rows[self.rows["end_us"] >= us])

    def partitions(self, size: int) -> list[Listed]:
        logs = [Listed(f"log {n}", self.events[n::2], size) for n in (0, 1)]
        return [*logs, *(Listed(f"flows {n}", self.rows[n::2], 20 * size) for n in (0, 1))]


def reads(day: int) -> Iterator[Event]:
    """Ten vaults that a web server reads, and people who come to one for the first time."""
    begin = MIDNIGHT + day * 1440 + 9 * 60
    web: dict[str, Any] = {"principal": "web", "application": "web", "address": "81.2.69.142"}
    for hour in range(5):
        for vault in range(10):
            yield event(begin + 60 * hour + vault, hour, vault=f"/v{vault}", **web)
    for n in range((day > 4) * (1 + day % 3)):
        who = {
            "principal": f"u{day}{n}",
            "kind": "user",
            "application": f"app{n}",
            "address": f"81.2.70.{day}",
        }
        for k in range(4):
            yield event(begin + 30 + n + k / 10, k, vault=f"/v{(day * 3 + n * 5) % 10}", item=f"s/{k}", **who)


def operations(day: int) -> Iterator[Event]:
    """What people do in the portal, some of it from addresses on lists; and that they signed in before."""
    begin = MIDNIGHT + day * 1440 + 10 * 60
    for n, address in enumerate((TOR, LATER, PROXY, "81.2.69.143")):
        who: dict[str, Any] = {"principal": f"p{n}", "kind": "user", "address": address}
        how = {"mfa": n % 2 == 0, "interactive": True, "managed": day % 2 == 0}
        yield signed_in(begin + n, n, details=how, **who)
        yield signed_in(begin + n + 90, n + 10, details={}, **who)
        for k in range(3):
            yield managed(begin + 5 + n + 50 * k, day * 100 + n * 10 + k, **who)


def talks() -> Iterator[Talk]:
    """Knocks every hour at each machine; floods; and who talks to what a feed lists, now or later."""
    for hour in range(DAYS * 24):
        for number, machine in enumerate(MACHINES):
            yield Talk("81.2.69.142", machine, 22, 1 + hour % 3, at(MIDNIGHT + 60 * hour + number))
    for day in (5, 7, 8, 11, 12, 13):
        for hour in range(4):
            begin = at(MIDNIGHT + day * 1440 + 600 + 60 * hour)
            yield Talk("81.2.69.143", MACHINES[0], 22, 300, begin, first_port=1_000)
            yield Talk("81.2.69.144", MACHINES[day % 4], 22, 200 + 50 * day, begin, first_port=20_000)
        yield Talk(MACHINES[1], LATER, 4444, 20, at(MIDNIGHT + day * 1440 + 700))
        yield Talk(MACHINES[2], C2, 4444, 20, at(MIDNIGHT + day * 1440 + 710))


@cache
def world() -> World:
    found = [one for day in range(DAYS) for make in (reads, operations) for one in make(day)]
    found.sort(key=lambda one: (one.at_us, one.uid))
    rows = flows(talks())
    return World(found, rows[np.argsort(rows["end_us"], kind="stable")])


def indicators(changed: bool) -> Indicators:
    """What feeds say before a change, and after it: what is new counts from an hour on that nobody has read yet."""
    always = _entry(C2, "command_and_control", -FOR_EVER)
    new = (_entry(LATER, "command_and_control", at(CHANGED)), _entry(PROXY, "anonymous_proxy", at(CHANGED)))
    return Indicators([*enrichment().indicators.entries, always, *(new if changed else ())])


def _entry(ip: str, kind: str, since_us: int) -> Entry:
    return Entry(Indicator(ip, kind, "feed.csv"), parse_network(ip), since_us, FOR_EVER)


def placeless(alert: Alert) -> str:
    """An alert without what tells of a run: offsets of its files, and the incident that goes on from it."""
    said = json.loads(to_json(alert))
    for row in [*said["evidence"].get("records", ()), *said["evidence"].get("top_peers", ())]:
        for place in ("offset", "source", "records"):
            row.pop(place, None)
    return json.dumps(said, sort_keys=True)


class Everything(Replayed):
    """The plain loop with an enrichment of its own: a feed changes on the way."""

    def _begin(self, *given: Any, **more: Any) -> None:
        about = enrichment()
        self._enrichment = Enrichment(about.inventory, indicators(False), about.geography)
        super()._begin(*given, **more)


class How(NamedTuple):
    """How it is run."""

    shards: int = 1
    routers: int = 1
    size: int = 50  # of a block
    batch: int = 400
    steps: int = 5


def begun(how: How, saved: Saved | None = None, part: World | None = None) -> Everything:
    told = Settings(
        learning_days=2.0,
        budget=BUDGET,
        shards=how.shards,
        routers=how.routers,
        batch_records=how.batch,
        shadow=SHADOW,
        expected=(*SHIPPED, EXPECTED),
    )
    return Everything((part or world()).partitions(how.size), told, saved)


def told(outcome: Outcome) -> bytes:
    """All that a user is told."""
    assert not outcome.faults
    kept = [(one.type, one.entity, one.start, one.why, one.reason, str(one.evidence)) for one in outcome.kept]
    numbers = (outcome.kept_total, outcome.applied, outcome.filtered, outcome.entity_days, outcome.expected)
    lines = [*map(to_json, outcome.alerts), *map(to_json, outcome.shadow)]
    return b"\n".join([*lines, repr((kept, numbers)).encode()])


@cache
def unmarked() -> Outcome:
    """Without a mark."""
    return played(How(), marks=())


@cache
def marked() -> tuple[Mark, ...]:
    """The first alert of each kind on an entity is marked: they hold from the tenth day on."""
    since = at(CHANGED) // HOUR_US + 24
    first = {(one.type, one.entity.id): one for one in reversed(unmarked().alerts) if hour_of(one) < since}
    return tuple(
        Mark(one.entity.kind, one.entity.id, one.type, hour_of(one), True, since, said="marked benign by uma")
        for one in first.values()
    )


class Telling:
    """Marks and a changed feed are told once, on the eighth day or as late as blocks allow: before they bear on anything."""

    def __init__(self, run: Everything, how: How, marks: tuple[Mark, ...]) -> None:
        self._run, self._marks = run, marks
        self._at = 0 if how.size > MOST_MIDWAY else at(MIDNIGHT + 8 * 1440) // HOUR_US
        self._told = False

    def look(self) -> None:
        if not self._told and (self._run.router.state()["closed_until"] or 0) >= self._at:
            self._told = True
            self._run.teach(self._marks)
            self._run.renew(indicators(True))


def played(
    how: How, deaths: Sequence[tuple[int, How]] = (), marks: tuple[Mark, ...] | None = None
) -> Outcome:
    """A run to its end. It dies after so many advances, with some steps lost since a checkpoint, and goes on so."""
    known = marked() if marks is None else marks
    saved: Saved | None = None
    for alive, then in deaths:
        run = begun(how, saved)
        telling = Telling(run, how, known)
        for number in range(alive):
            telling.look()
            for said in run.advance(how.steps, mark=number == alive - 1).marked:
                saved = run.saved(said)
        telling.look()
        run.advance(3)
        how = then
    run = begun(how, saved)
    telling = Telling(run, how, known)
    telling.look()
    while not run.advance(how.steps).done:
        telling.look()
    return run.finish()


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer entity-hours than in the product are enough to go by: the runs are short."""
    for where, most in (
        ("actors.judged.ENOUGH", 50),
        ("actors.judged.ENOUGH_DAYS", 2),
        ("baselines.surprise.ENOUGH", 50),
    ):
        monkeypatch.setattr(where, most)


@cache
def expected() -> bytes:
    return told(played(How()))


def test_what_stands_in_for_who_taught_nothing_is_as_new_after_all_of_it() -> None:
    """Whoever taught or changed it would change what is usual for all who are new to a shard."""
    how = How(shards=2)
    run = begun(how)
    telling = Telling(run, how, marked())
    while not run.advance(how.steps).done:
        telling.look()
    for shard in run._shards:
        for judge in shard.judges.values():
            new = {name: learned.make() for name, learned in judge.baselines.items()}
            assert all(codec.pack(judge._unlearned[name]) == codec.pack(model) for name, model in new.items())
        states = [state for key in list(shard.entities) if (state := shard.entities.get(key))]
        known = [model.stands_in_for is None for state in states for model in state.models.values()]
        assert set(known) == {True, False}, "some were taught, some not"


def test_everything_bears_on_the_alerts_of_this_world() -> None:
    """Else the tests below might compare nothing with nothing."""
    outcome = played(How())
    assert outcome.shadow
    assert outcome.expected
    reasons = " ".join(one.reason for one in outcome.kept)
    assert "the alert budget is" in reasons
    assert "marked benign by uma" in reasons
    lines = [json.loads(to_json(one)) for one in outcome.alerts]
    assert any(one["evidence"].get("sign_ins") for one in lines)
    assert any("feed.csv" in json.dumps(one) and one["start"] > "2025-12-04" for one in lines)
    assert {SSH, ANONYMOUS, USER, "network.malicious_address"} <= {one["type"] for one in lines}
    incidents = [one.incident for one in outcome.alerts]
    assert 1 < len(set(incidents)) < len(incidents)


@pytest.mark.parametrize(
    "how", [How(3), How(7), How(1, 2), How(7, 2, 7, 30, 9), How(3, 1, 1_000, 20_000, 50)], ids=str
)
def test_shards_routers_and_batches_change_not_a_byte(how: How) -> None:
    assert told(played(how)) == expected()


@pytest.mark.parametrize("seed", range(3))
def test_deaths_change_not_a_byte(seed: int) -> None:
    """Wherever it dies, and with however many shards and routers it goes on."""
    rng = random.Random(seed)
    deaths = [
        (rng.randint(4, 40), How(rng.choice((1, 3, 7)), rng.choice((1, 2)), 50, rng.choice((30, 400))))
        for _ in range(5)
    ]
    assert told(played(How(3), deaths)) == expected()


@pytest.mark.parametrize("shards", [(1, 1), (3, 7)], ids=str)
def test_two_runs_in_turn_say_what_one_says(shards: tuple[int, int]) -> None:
    """A day's logs each day, on what was learned before: what is judged by earlier days goes from run to run."""
    whole = played(How())
    parts = [world().before(at(SPLIT)), world().after(at(SPLIT))]
    saved, found = None, list[Alert]()
    for part, number in zip(parts, shards, strict=True):
        run = begun(How(number), saved, part)
        run.teach(marked())
        run.renew(indicators(True))
        saved, outcome = run.stop_and_save() if part is parts[0] else (None, run.play())
        found += [*outcome.alerts, *outcome.shadow]
    last = {one.id: one for one in found}
    assert sorted(map(placeless, last.values())) == sorted(map(placeless, [*whole.alerts, *whole.shadow]))
