"""What analysts mark benign is learned: exactly that raises no alert any more, from one hour on, on any shards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from actors.entity import EntityState
from actors.keys import entity_key
from actors.marks import MOST_WORDS, Holding, Mark, Marks, Word, excuse, remembered
from actors.messages import COUNTED, PRINCIPAL, VAULT, Found
from alerts.alert import Alert, hour_of, to_json
from detections.declare import Finding
from ingest.records import HOUR_US, Event
from tests.actors.making import batch
from tests.actors.running import event
from tests.actors.test_learning import enrichment
from tests.detections.network.replay import Estate, Talk, flows

HOUR = 490_896
TYPE = "network.ssh_incoming"
SCANNER, OTHER = "81.2.0.9", "81.2.0.77"
QUIET = 10 * 24  # hours that are learned before the first flood


def flood(hour: int, count: int, peer: str = SCANNER) -> list[Talk]:
    return [
        Talk("81.2.0.1", "10.0.0.1", 22, 1, hour * HOUR_US),
        Talk(peer, "10.0.0.1", 22, count, hour * HOUR_US),
    ]


# Days after the first flood, connections, by whom; far enough from each other for none to be a repetition, and what comes
# on a fifth day is more than on four before, which would be usual by then.
FLOODS = ((3, 300, SCANNER), (6, 340, SCANNER), (9, 300, OTHER), (12, 900, SCANNER))


class Watched(Estate):
    """One machine with quiet hours and floods; `marks` are known from the beginning, or told on the way."""

    def __init__(self, shards: int = 1, marks: Iterable[Mark] = ()) -> None:
        super().__init__(enrichment(), shards)
        self.tell(marks)

    def tell(self, marks: Iterable[Mark]) -> None:
        for shard in self.shards:
            shard.teach(list(marks))

    def quiet(self, first: int, last: int) -> None:
        for hour in range(first, last, 4):
            self.play(hour, flows([Talk("81.2.0.1", "10.0.0.1", 22, 1 + hour % 2, hour * HOUR_US)]))

    def floods(self) -> list[Alert]:
        return [
            alert
            for days, count, peer in FLOODS
            for alert in self.play(
                HOUR + QUIET + days * 24, flows(flood(HOUR + QUIET + days * 24, count, peer))
            )
        ]


def begun(shards: int = 1, marks: Iterable[Mark] = ()) -> tuple[Watched, Alert]:
    estate = Watched(shards, marks)
    estate.quiet(HOUR, HOUR + QUIET)
    [alert] = estate.play(HOUR + QUIET, flows(flood(HOUR + QUIET, 300)))
    assert alert.type == TYPE
    return estate, alert


def mark(alert: Alert, since: int, benign: bool = True, **more: Any) -> Mark:
    about = alert.entity.kind, alert.entity.id.upper(), alert.type, hour_of(alert)
    return Mark(*about, benign, since, said="marked benign by uma at 2026-01-12T10:00:00Z", **more)


def days_of(alerts: Iterable[Alert]) -> list[int]:
    return [(hour_of(alert) - HOUR - QUIET) // 24 for alert in alerts]


def test_its_like_is_left_alone_and_more_of_it_or_another_peer_is_not() -> None:
    """Else a nightly scan that somebody has looked into wakes them for ever, or an attacker hides behind it."""
    plain, alert = begun()
    assert days_of(plain.floods()) == [3, 6, 9, 12]
    taught, _ = begun()
    taught.tell([mark(alert, HOUR + QUIET + 1)])
    assert days_of(taught.floods()) == [9, 12]
    said = [one for one in taught.kept(TYPE) if one.why == "withheld"]
    assert [one.reason for one in said] == ["this was marked benign by uma at 2026-01-12T10:00:00Z"] * 2


def test_what_is_left_alone_is_learned_at_its_full_weight() -> None:
    """Else the marked level stays a surprise, and the mark is nothing but a filter."""

    def usual(marked: bool) -> float:
        estate, alert = begun()
        if marked:
            estate.tell([mark(alert, HOUR + QUIET + 1)])
        estate.play(HOUR + QUIET + 72, flows(flood(HOUR + QUIET + 72, 300)))
        models = next(state.models for state in estate.shards[0].resources.states())
        return float(
            next(m for name, m in models.items() if "ssh" in name and m.last_hour).mean(HOUR + QUIET + 73)
        )

    assert usual(True) > 1.2 * usual(False)


def test_a_mark_is_taken_back_and_runs_out() -> None:
    estate, alert = begun()
    first = mark(alert, HOUR + QUIET + 1)
    estate.tell([first, mark(alert, HOUR + QUIET + 5 * 24, benign=False)])
    assert days_of(estate.floods()) == [6, 9, 12]
    estate, _ = begun()
    estate.tell([mark(alert, HOUR + QUIET + 1, until=HOUR + QUIET + 6 * 24)])
    assert days_of(estate.floods()) == [6, 9, 12]


def test_before_the_hour_from_which_it_holds_nothing_differs() -> None:
    plain, alert = begun()
    late = [mark(alert, HOUR + QUIET + 7 * 24)]
    told = Watched(1, late)
    told.quiet(HOUR, HOUR + QUIET)
    told.play(HOUR + QUIET, flows(flood(HOUR + QUIET, 300)))
    before, after = plain.floods(), told.floods()
    assert list(map(to_json, after)) == list(
        map(to_json, before)
    )  # 900, and another peer: neither was marked
    assert days_of(before)[:2] == [3, 6]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("told", ["at once", "before it began", "after a death"])
def test_when_it_is_told_and_to_how_many_shards_is_all_one(shards: int, told: str) -> None:
    """A replay with the same marks, and a run that died, come to the same alerts to the byte."""
    once, alert = begun()
    since = [mark(alert, HOUR + QUIET + 1)]
    once.tell(since)
    wanted = list(map(to_json, once.floods()))
    if told == "after a death":
        saved = begun(2)[0].save()
        estate: Any = Estate.resumed(saved, enrichment(), shards)
        for shard in estate.shards:
            shard.teach(since)
        found = Watched.floods(estate)
    else:
        estate, _ = begun(shards, since if told == "before it began" else ())
        estate.tell(since)
        found = estate.floods()
    assert list(map(to_json, found)) == wanted


# Principals and vaults


def vault_hour(hour: int, *people: str) -> list[Event]:
    minute = (hour - 490_000) * 60
    return [
        event(
            minute + number,
            hour * 10 + number,
            principal=who,
            name=f"{who}@x.example",
            kind="user",
            address="",
        )
        for number, who in enumerate(people)
    ]


class Vault(Estate):
    """A vault that two people use each day; somebody new comes, and again 45 days later."""

    FIRST, AGAIN = 20 * 24, 65 * 24

    def hours(self, *people: str, at: int) -> list[Alert]:
        said = batch(vault_hour(HOUR + at, *people), PRINCIPAL | VAULT | COUNTED)
        self.shards[0].apply(said)
        self.since.setdefault("key_vault", HOUR * HOUR_US)
        return [one for one in self.close(HOUR + at) if one.type == "key_vault.unusual_user"]

    def played(self, marks: list[Mark]) -> list[int]:
        self.shards[0].teach(marks)
        for at in range(0, 70 * 24, 8):
            if at == self.FIRST:
                self.alerts = self.hours("ann", "bob", "new", at=at)
            elif at == self.AGAIN:
                self.alerts += self.hours("ann", "bob", "new", at=at)
            else:
                self.hours("ann", "bob", at=at)
        return [hour_of(one) - HOUR for one in self.alerts]


def test_somebody_new_who_was_marked_benign_is_known_as_long_as_anybody() -> None:
    """What was flagged is learned at a tenth, and forgotten after a month: a colleague would be news again and again."""
    plain = Vault(enrichment(), 1)
    assert plain.played([]) == [Vault.FIRST, Vault.AGAIN]
    taught = Vault(enrichment(), 1)
    assert taught.played([mark(plain.alerts[0], HOUR + Vault.FIRST + 3)]) == [Vault.FIRST]
    state = taught.shards[0].entities.get("vault:/v")
    assert state is not None
    assert not taught.kept("key_vault.unusual_user")  # the model knows them: there is nothing to withhold
    again = EntityState.unpack(state.pack())
    assert again.words == state.words != []


# The rules themselves


def found(type_: str = "t.x", kind: str = "vault", hour: int = 10, **more: Any) -> Found:
    values: dict[str, Any] = {"evidence": {}, "first_us": 0, "last_us": 0, "count": 10}
    return Found(type_, kind, "E", hour, Finding(**{**values, **more}))


def holding(word: Word, **more: Any) -> Holding:
    marks = Marks()
    marks.set([Mark("vault", "E", word.type, word.hour, True, word.hour + 1, **more)])
    return marks.holding(entity_key("vault", "e"), word.hour + 2)


@pytest.mark.parametrize(
    ("held", "count", "type_", "is_it"),
    [
        ([("users", "a")], 99, "t.x", True),
        ([("users", "a"), ("users", "b")], 10, "t.x", False),  # somebody else came too
        ([("users", "a")], 10, "t.y", False),
        ([("ops", "")], 12, "t.x", True),
        ([("ops", "")], 13, "t.x", False),  # more than a quarter more
        ([("other", "")], 10, "t.x", False),
        ([], 10, "t.x", False),  # a rule: it holds nothing back
    ],
)
def test_exactly_what_was_marked_is_excused(held: Any, count: int, type_: str, is_it: bool) -> None:
    word = Word("t.x", 10, 10, (("users", "a"), ("ops", "")))
    one = found(type_, count=count, held=tuple(held))
    excuse([one], [word], holding(word))
    assert bool(one.excused) == is_it
    assert one.finding.held == (() if is_it else tuple(held))


def test_of_many_findings_those_marked_are_remembered_longest() -> None:
    first = Word("t.x", 1, 1, (("users", "a"),))
    words = [first]
    for hour in range(2, 3 * MOST_WORDS):
        words = remembered(words, [found(hour=hour, held=(("users", str(hour)),))], holding(first))
    assert len(words) == MOST_WORDS
    assert words[0] == first
    assert words[-1].hour == 3 * MOST_WORDS - 1
    learning = found(held=(("users", "z"),))
    learning.learning = True
    assert remembered(words, [learning, found()], {}) is words


def test_the_latest_mark_on_an_alert_counts_however_early_it_holds() -> None:
    """After a death a run may say of a later mark that it holds from an earlier hour on."""
    marks = Marks()
    marks.set([Mark("vault", "E", "t.x", 10, True, 14), Mark("vault", "E", "t.x", 10, False, 12)])
    assert not marks.holding("vault:e", 15)
    marks.set([Mark("vault", "E", "t.x", 10, False, 12), Mark("vault", "E", "t.x", 10, True, 12)])
    assert marks.holding("vault:e", 12)
    assert not marks.holding("vault:e", 11)
    assert not marks.holding("vault:other", 12)
