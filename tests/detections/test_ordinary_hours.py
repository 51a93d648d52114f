"""An ordinary hour is judged and learned by its groups; what is found and learned is the same by either way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.messages import Found
from baselines.whereabouts import LIMIT, Whereabouts
from detections.management.actions import PERSISTENCE, SECRET_REVEALING
from detections.management.impossible_travel import PLACES
from detections.view import Act, Hour, age, group_key, grouped
from ingest.records import HOUR_US, Event
from tests.actors.making import acts_of
from tests.detections.key_vault.histories import RESOURCE_GRAPH, START, VAULT, event, grant, person
from tests.detections.management.office import BERLIN, LISTED, PORTAL, POWERSHELL, QUITO
from tests.detections.ordinary import Life

MUNICH = {"country": "DE", "latitude": 48.1, "longitude": 11.5, "address": "91.53.1.2"}
NOWHERE = {"country": "", "latitude": None, "longitude": None, "address": ""}
RESTART = "microsoft.web/sites/restart/action"


def ordinary_vault(hour: int, rng: random.Random) -> Iterator[Event]:
    """Known callers read known secrets; one is refused, and a service of Microsoft's looks."""
    for number in range(6):
        at_us = hour * HOUR_US + rng.randrange(HOUR_US)
        item = f"secrets/s{rng.randrange(3)}"
        yield event(at_us, "SecretGet", f"app{number}", item=item)
        yield person(at_us + 1, rng.choice(["SecretGet", "KeyGet"]), f"who{number}", item=item)
    yield event(hour * HOUR_US + 5, "SecretGet", "refused", outcome="denied")
    yield event(hour * HOUR_US + 9, "VaultGet", "arg", application=RESOURCE_GRAPH)


def ordinary_person(hour: int, rng: random.Random) -> Iterator[Event]:
    """At the same desk as ever, with the same vaults and sites."""
    for number in range(8):
        at_us = hour * HOUR_US + rng.randrange(HOUR_US)
        vault = f"/vaults/{number % 4}"
        yield person(at_us, "SecretGet", "eva", item=f"secrets/s{rng.randrange(9)}", vault=vault, **BERLIN)
        yield managed(at_us + 1, RESTART, **BERLIN)


def ordinary_application(hour: int, rng: random.Random) -> Iterator[Event]:
    """Reads the secrets of its vaults."""
    for number in range(8):
        at_us = hour * HOUR_US + rng.randrange(HOUR_US)
        yield event(at_us, "SecretGet", "web", item=f"secrets/s{number}", vault=f"/vaults/{number % 4}")


def managed(at_us: int, operation: str, **more: Any) -> Event:
    """What eva does on the control plane."""
    told = {"layer": "management", "kind": "user", "name": "eva@contoso.com", "application": PORTAL}
    told |= {"vault": "", "resource": "/sites/a"} | more
    return event(at_us, operation, "oid-eva", **told)


ORDINARY = {
    "vault": ("vault", VAULT, ordinary_vault),
    "person": ("principal", "oid-eva", ordinary_person),
    "application": ("principal", "web", ordinary_application),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_hour_is_judged_and_learned_without_a_look_at_its_acts(name: str) -> None:
    kind, entity, events = ORDINARY[name]
    life, rng = Life(kind, entity, watched=True), random.Random(1)
    for hour in range(START, START + 24 * 16):
        found, _ = life.play(hour, events(hour, rng))
        if hour >= START + 24:
            assert (hour - START, life.touched) == (hour - START, 0)
            assert not found


def test_acts_are_looked_at_where_there_is_something_to_tell() -> None:
    life, rng = Life("vault", VAULT, watched=True), random.Random(1)
    for hour in range(START, START + 24 * 20):
        life.play(hour, ordinary_vault(hour, rng))
    last = START + 24 * 20
    found, _ = life.play(last, [*ordinary_vault(last, rng), person(last * HOUR_US, "SecretGet", "mallory")])
    assert [one.type for one in found] == ["key_vault.unusual_user"]
    assert life.touched


PLACES_OF = st.sampled_from([BERLIN, BERLIN, MUNICH, QUITO, LISTED, NOWHERE])
OUTCOMES = st.sampled_from(["success", "success", "success", "failure", "denied", "started"])
WHEN = st.integers(0, 59).map(lambda minute: minute * 60_000_000)
READS = st.sampled_from(
    ["SecretGet", "SecretGet", "SecretList", "KeyGet", "VaultGet", "VaultPut", "SecretSet"]
)
DOES = st.sampled_from([RESTART, *sorted(PERSISTENCE), *sorted(SECRET_REVEALING)])
VAULTS = st.integers(0, 30).map(lambda number: f"/vaults/{number}")
ITEMS = st.integers(0, 9).map(lambda number: f"secrets/s{number}")


@st.composite
def of_a_vault(draw: st.DrawFn, hour: int) -> Event:
    at_us, who = hour * HOUR_US + draw(WHEN), f"u{draw(st.integers(0, 5))}"
    if draw(st.integers(0, 9)) == 0:
        return grant(at_us, who, f"u{draw(st.integers(0, 5))}", outcome=draw(OUTCOMES))
    make = draw(st.sampled_from([event, person]))
    place = draw(PLACES_OF)
    return make(at_us, draw(READS), who, item=draw(ITEMS), outcome=draw(OUTCOMES), **place)


@st.composite
def of_a_person(draw: st.DrawFn, hour: int) -> Event:
    at_us, place, outcome = hour * HOUR_US + draw(WHEN), draw(PLACES_OF), draw(OUTCOMES)
    application = draw(st.sampled_from([PORTAL, POWERSHELL]))
    if draw(st.booleans()):
        vault = draw(VAULTS)
        told = {"vault": vault, "item": draw(ITEMS), "outcome": outcome, "application": application}
        return person(at_us, draw(READS), "eva", **told, **place)
    details = {"role_definition": "x/r1", "grantee": "tim", "actions": ["*"]} if draw(st.booleans()) else {}
    told = {"outcome": outcome, "application": application, "details": details}
    return managed(at_us, draw(DOES), **told, **place)


@st.composite
def hours(draw: st.DrawFn, one: Any) -> list[tuple[int, list[Event]]]:
    """Hours with events, some of them weeks after the one before."""
    hour, made = START, []
    for _ in range(draw(st.integers(1, 6))):
        made.append((hour, draw(st.lists(one(hour), min_size=1, max_size=14, unique_by=lambda e: e.uid))))
        hour += draw(st.sampled_from([1, 1, 1, 3, 24, 24 * 50]))
    return made


def told(life: Life, hour: int, events: list[Event]) -> bytes:
    """All that comes of an hour."""
    return msgspec.msgpack.encode([*life.play(hour, events), life.learned()])


def same_by_either_way(kind: str, entity: str, after: Any, played: list[tuple[int, list[Event]]]) -> None:
    plain, watched = Life(kind, entity), Life(kind, entity, watched=True)
    rng = random.Random(2)
    before = [(hour, list(after(hour, rng))) for day in (20, 12, 1) for hour in (START - 24 * day,)]
    for hour, events in [*before, *played]:
        assert told(plain, hour, events) == told(watched, hour, events)


@settings(max_examples=60, deadline=None)
@given(hours(of_a_vault))
def test_a_vaults_hours_give_the_same_by_either_way(played: list[tuple[int, list[Event]]]) -> None:
    same_by_either_way("vault", VAULT, ordinary_vault, played)


@settings(max_examples=60, deadline=None)
@given(hours(of_a_person))
def test_a_persons_hours_give_the_same_by_either_way(played: list[tuple[int, list[Event]]]) -> None:
    same_by_either_way("principal", "oid-eva", ordinary_person, played)


def flood(hour: int, number: int) -> list[Event]:
    """So many calls by a caller, each of a kind that is not the last one's."""
    kinds = ("SecretGet", "SecretBackup", "KeyDecrypt")
    return [event(hour * HOUR_US + n, kinds[n % len(kinds)], "thief") for n in range(number)]


def used(found: list[Found]) -> list[Any]:
    """What is used of findings that nobody sees."""
    return [(one.type, one.hour, one.learning, one.finding.count, one.finding.held) for one in found]


@settings(max_examples=40, deadline=None)
@given(hours(of_a_vault), st.lists(st.sampled_from([0, 0, 60, 200]), min_size=6, max_size=6))
def test_a_finding_that_is_only_counted_says_what_is_used_of_it(
    played: list[tuple[int, list[Event]]], floods: list[int]
) -> None:
    """What it holds back and how much it rests on: nobody is told more of it, so no more is worked out."""
    whole, brief, flooded = Life("vault", VAULT), Life("vault", VAULT, brief=True), False
    for (hour, events), number in zip(played, floods, strict=False):
        some = [*events, *flood(hour, number)]
        found, counted = whole.play(hour, some)[0], brief.play(hour, some)[0]
        assert all(one.finding.evidence == {} for one in counted)
        assert all(one.brief for one in counted)
        assert used(found) == used(counted)
        if number == 200 and not flooded:
            assert "key_vault.high_operation_volume" in [one.type for one in found]
        flooded = flooded or number > 0
    assert whole.learned() == brief.learned()


def test_a_strange_mix_that_is_only_counted_says_what_is_used_of_it() -> None:
    """It is judged from the second day on."""
    whole, brief, rng = Life("vault", VAULT), Life("vault", VAULT, brief=True), random.Random(3)
    for hour in range(START, START + 40):
        events = list(ordinary_vault(hour, rng))
        whole.play(hour, events)
        brief.play(hour, events)
    events = flood(START + 40, 300)
    found, counted = whole.play(START + 40, events)[0], brief.play(START + 40, events)[0]
    strange = {"key_vault.high_operation_volume", "key_vault.unusual_operation_pattern"}
    assert strange <= {one.type for one in found}
    assert used(found) == used(counted)
    assert whole.learned() == brief.learned()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 3), st.sampled_from([BERLIN, MUNICH, QUITO, NOWHERE])),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, LIMIT),
)
def test_whereabouts_learn_from_groups_what_each_act_would_teach(
    made: list[tuple[int, int, dict[str, Any]]], known: int
) -> None:
    events = [
        managed(START * HOUR_US + minute * 60_000_000, f"operation {number}", **place)
        for minute, number, place in made
    ]
    acts = acts_of({one.uid: one for one in events}.values(), "principal")
    by_act, by_group = Whereabouts(), Whereabouts()
    for model in (by_act, by_group):
        for number in range(known):
            model.learn_one({"hour": START - 1, "address": f"10.0.0.{number}", "country": "DE"})
    for act in acts:
        if act.event.latitude is not None:
            model_told = {name: getattr(act.event, name) for name in BERLIN} | {"at_us": act.last_us}
            by_act.learn_one(model_told | {"hour": START})
    view = Hour("principal", "e", START * HOUR_US, 0, 9, {PLACES.name: by_group}, acts=acts)
    for observation in list(PLACES.observe(view)):
        by_group.learn_one(observation | {"hour": START})
    assert by_group.state() == by_act.state()


def test_groups_merge_what_is_alike_but_for_time_item_resource_and_client() -> None:
    details: dict[str, Any] = {"auth": "pwd", "grantee": ["a"]}
    other_order: dict[str, Any] = {"grantee": ["a"], "auth": "pwd"}
    late, early, other = (
        event(START * HOUR_US + at_us, "SecretGet", "web", item=item, client=str(at_us), details=about)
        for at_us, item, about in ((9, "secrets/a", details), (5, "secrets/b", other_order), (7, "", {}))
    )
    acts = [Act(late, 2, late.at_us, late.at_us + 90), Act(other, 1, other.at_us, other.at_us)]
    acts.append(Act(early, 3, early.at_us, early.at_us))
    assert grouped(acts) == (Act(early, 5, early.at_us, late.at_us + 90), acts[1])
    assert [act.count for act in acts] == [2, 1, 3]  # the acts themselves stay as they were


@given(st.lists(of_a_person(START), max_size=30, unique_by=lambda one: one.uid), st.randoms())
def test_groups_do_not_depend_on_the_order_of_acts(events: list[Event], rng: random.Random) -> None:
    acts = acts_of(events, "principal")
    groups = grouped(acts)
    rng.shuffle(acts)
    assert grouped(acts) == groups
    assert all(age(one) < age(next_) for one, next_ in pairwise(groups))
    assert len({group_key(group.event) for group in groups}) == len(groups)
    assert sum(group.count for group in groups) == sum(act.count for act in acts)


def test_what_was_seen_is_told_by_operations_with_and_without_the_engines_help() -> None:
    acts = acts_of([event(START * HOUR_US, "SecretGet", "web")])
    recent = acts_of([event((START - 1) * HOUR_US, "SecretList", "web")])
    about = "vault", VAULT, START * HOUR_US, 0, 9, {}
    for view in (
        Hour(*about, acts=acts, recent=recent),
        Hour(*about, given_groups=grouped(acts), recent_operations=frozenset({"SecretList"})),
    ):
        assert view.saw(frozenset({"SecretGet", "KeyGet"}))
        assert not view.saw(frozenset({"SecretList"}))
        assert view.saw_lately(frozenset({"SecretList"}))
        assert not view.saw_lately(frozenset({"KeyList"}))
