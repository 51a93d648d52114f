"""An alert budget: so many false alerts a day and no more, the most improbable first, however the work is shared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from actors import aggregator_state
from actors.budget import Budget
from actors.messages import Found
from actors.organisation import OrganisationView
from actors.outcome import Outcome
from actors.saving import AGGREGATOR
from actors.settings import Settings
from actors.spent import Spent
from alerts.alert import Alert, to_json
from baselines.tally import Tally
from detections.catalogue import CATALOGUE
from detections.counting import verdict
from detections.declare import Finding, Verdict
from ingest.records import Event
from tests.actors.running import MACHINES, START, Listed, Replayed, at, enrichment, event
from tests.actors.test_judged_days import days_of, few_hours_are_enough
from tests.detections.network.replay import Talk, flows

USER, COUNT = "key_vault.unusual_user", "network.ssh_incoming"
MIDNIGHT = (24 - START % 24) * 60  # minutes from the first hour's start
TOLD = ("alert_budget", "share_of_hours_as_improbable", "share_limit")  # what a budget adds to the evidence


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    few_hours_are_enough(monkeypatch)  # the runs are short


def reads(days: int = 12) -> list[Event]:
    """Ten vaults that a web server reads, and from the sixth day on people who come to one for the first time."""
    everyone: dict[str, Any] = {"application": "web", "address": "81.2.69.142"}
    found = []
    for day in range(days):
        begin = MIDNIGHT + day * 1440 + 9 * 60
        for minute in [begin + 60 * hour + vault for hour in range(6) for vault in range(10)]:
            vault = f"/v{minute % 60 % 10}"
            found += [
                event(minute + n / 10, n, vault=vault, principal="web", item=f"secrets/{n}", **everyone)
                for n in range(2)
            ]
        for n in range((day > 5) + (day > 8)):
            who: dict[str, Any] = {"principal": f"u{day}{n}", "kind": "user"}
            vault = f"/v{(day * 3 + n * 5) % 10}"
            found += [
                event(begin + 30 + n + k / 10, k, vault=vault, item=f"secrets/{k}", **who, **everyone)
                for k in range(4)
            ]
    return sorted(found, key=lambda one: (one.at_us, one.uid))


READS = reads()


def settings(budget: float | None, **given: Any) -> Settings:
    return Settings(learning_days=0.0, budget=budget, **given)


def played(
    budget: float | None, marks: Iterable[int] = (), some: list[Event] = READS, **given: Any
) -> Outcome:
    return Replayed([Listed("log", some, 50)], settings(budget, **given)).play(marks=list(marks))


def lines(alerts: list[Alert], without: Iterable[str] = ()) -> dict[str, Any]:
    told = {alert.id: json.loads(to_json(alert)) for alert in alerts}
    for one in told.values():
        one["evidence"] = {key: value for key, value in one["evidence"].items() if key not in without}
    return told


def test_a_smaller_budget_tells_less_and_says_why() -> None:
    told = {budget: {alert.id for alert in played(budget).alerts} for budget in (5.0, 0.5, 0.1)}
    assert len(told[5.0]) == 9
    assert set() < told[0.5] < told[5.0]
    assert told[0.1] < told[0.5]
    withheld = [one for one in played(0.5).kept if one.type == USER]
    assert len(withheld) == 9 - len(told[0.5]), "what raises no alert can be looked up"
    assert all("the alert budget is 0.5 a day: " in one.reason for one in withheld)


def test_a_budget_that_is_not_reached_changes_no_alert_but_its_evidence() -> None:
    without, ample = played(None), played(1_000.0)
    assert lines(ample.alerts, TOLD) == lines(without.alerts)
    assert not any(key in alert.evidence for alert in without.alerts for key in TOLD)
    assert all(alert.evidence["alert_budget"] == 1_000.0 for alert in ample.alerts)


@pytest.mark.parametrize("shards", [1, 3, 7])
@pytest.mark.parametrize("marks", [(), (2, 5, 9)])
def test_shards_and_checkpoints_change_not_a_byte(shards: int, marks: tuple[int, ...]) -> None:
    expected, found = played(0.5), played(0.5, marks, shards=shards)
    assert lines(found.alerts) == lines(expected.alerts)
    assert [(one.start, one.entity, one.reason) for one in found.kept] == [
        (one.start, one.entity, one.reason) for one in expected.kept
    ]


@pytest.mark.parametrize("steps", [5, 15, 22])
def test_after_a_death_the_thresholds_are_the_same(steps: int) -> None:
    expected = played(0.5)
    died = Replayed([Listed("log", READS, 50)], settings(0.5))
    died.advance(steps)
    saved = died.last_saved(died.advance(3, True).marked)
    outcome = Replayed([Listed("log", READS, 50)], settings(0.5, shards=3), saved).play()
    assert lines(outcome.alerts) == lines(expected.alerts)
    assert len(outcome.kept) == len(expected.kept)


def test_what_was_judged_yesterday_counts_in_todays_run() -> None:
    later = next(at for at, one in enumerate(READS) if one.at_us >= READS[-1].at_us - 2 * 86_400_000_000)
    first = Replayed([Listed("log", READS[:later], 50)], settings(0.5))
    saved, before = first.stop_and_save()
    after = Replayed([Listed("log", READS[later:], 50)], settings(0.5, shards=2), saved).play()
    assert lines(before.alerts) | lines(after.alerts) == lines(played(0.5).alerts)


def knocks(days: int = 5) -> Any:
    """Flows of four machines at which somebody knocks every hour, and of one that is attacked at the end."""
    talks = [
        Talk("81.2.69.142", machine, 22, 1 + hour % 3, at(60 * hour + number))
        for hour in range(days * 24)
        for number, machine in enumerate(MACHINES)
    ]
    rows = flows([*talks, Talk("81.2.69.143", MACHINES[0], 22, 400, at(days * 24 * 60 + 10))])
    return rows[np.argsort(rows["end_us"], kind="stable")]


def told_of_the_attack(budget: float | None, shards: int) -> dict[str, Any] | None:
    outcome = Replayed([Listed("flows", knocks(), 500)], settings(budget, shards=shards)).play()
    told = [alert.evidence for alert in outcome.alerts if alert.type == COUNT]
    withheld = [one.reason for one in outcome.kept if one.type == COUNT]
    assert len(told) + len(withheld) == 1, "it is told, or it is said why not"
    return told[0] if told else None


@pytest.mark.parametrize("shards", [1, 3])
def test_a_count_is_held_against_the_budgets_threshold(shards: int) -> None:
    plain, ample, scarce = (told_of_the_attack(budget, shards) for budget in (None, 500.0, 1e-9))
    assert plain
    assert "alert_budget" not in plain
    assert plain["threshold"] == 1e-5
    assert ample
    assert ample["threshold"] == 1e-5, "a budget lets nothing through that is not told without one"
    assert scarce
    assert scarce["threshold"] == 1e-5, "nothing was found before: it needs nothing"


def test_a_count_just_below_the_budgets_threshold_is_told_and_one_just_above_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = OrganisationView(enrichment())
    view.judged = days_of(COUNT, 2_400, 10, [5.5] * 20)
    monkeypatch.setattr(view, "chance", lambda *_: 0.0)  # the models are right
    budget = Budget(settings(0.012), view)
    budget.begin(240)
    finding = Finding(evidence={"threshold": 1e-5}, first_us=0, last_us=0, count=99, improbability=1e-6)
    one = Found(COUNT, "resource", MACHINES[0], 240, finding)
    budget.prepare(one)
    said = one.finding.evidence
    assert said == {"threshold": 5e-6, "alert_budget": 0.012}
    below, above = (verdict("ssh.in.connections", p, said["threshold"], view) for p in (4.9e-6, 5.1e-6))
    assert not below.withheld
    assert "the limit is about 1 in 200,000" in above.withheld


def test_what_is_found_of_a_count_is_counted_with_the_chance_that_is_measured() -> None:
    """Else a detection that finds nothing would keep its share from the others."""
    view = OrganisationView(enrichment())
    budget = Budget(settings(5.0), view)
    finding = Finding(evidence={}, first_us=0, last_us=0, count=99, improbability=1e-30)
    one = Found(COUNT, "resource", MACHINES[0], 24, finding)
    budget.begin(24)
    for said in (
        Verdict(evidence={"improbability": 1e-6}),
        Verdict(withheld="above the budget's threshold", evidence={"improbability": 5e-6}),
        Verdict(withheld="above the declared one", evidence={"improbability": 5e-5}),
        Verdict(withheld="a wave of scans"),
    ):
        assert budget.checked(one, said) == said
    tally = Tally()
    tally.plain("ssh.in.connections", 70)
    budget.close(24, tally, [])
    assert view.judged.before(COUNT, 2)[:3] == (70.0, 1, 2)


@pytest.mark.parametrize("shards", [1, 3])
def test_what_was_told_and_withheld_is_counted_by_day_for_whoever_asks(shards: int) -> None:
    """Else nobody sees that a budget is too small before it has hidden an attack."""
    later = next(at for at, one in enumerate(READS) if one.at_us >= READS[-1].at_us - 2 * 86_400_000_000)
    saved, _ = Replayed([Listed("log", READS[:later], 50)], settings(0.5, shards=shards)).stop_and_save()
    saved, _ = Replayed([Listed("log", READS[later:], 50)], settings(0.5), saved).stop_and_save()
    (part,) = [part for part in saved.parts if part.kind == AGGREGATOR][-1:]
    spent = Spent(aggregator_state.unpack(saved.store.read(part)).learned.spent)
    assert spent.budget == 0.5
    outcome, first = played(0.5), START // 24 + 1
    told, withheld = Counter[int](), Counter[int]()
    withheld_then = [one for one in outcome.kept if "the alert budget is" in one.reason]
    for counted, some in ((told, outcome.alerts), (withheld, withheld_then)):
        counted.update(int(datetime.fromisoformat(one.start).timestamp()) // 86_400 for one in some)
    assert withheld.total()
    last = max(spent.days)
    assert first + 11 >= last >= first + 10
    for day in range(last - 6, last):  # the last hours are open
        assert spent.days[day] == (told[day], withheld[day])


def test_a_count_that_its_own_threshold_withholds_is_not_laid_to_the_budget() -> None:
    view = OrganisationView(enrichment())
    budget = Budget(settings(5.0), view)
    finding = Finding(evidence={}, first_us=0, last_us=0, count=99, improbability=1e-30)
    budget.begin(24)
    for said in (
        Verdict(evidence={"improbability": 1e-6}),  # told
        Verdict(withheld="above the budget's threshold", evidence={"improbability": 5e-6}),
        Verdict(withheld="above the declared one", evidence={"improbability": 5e-5}),
        Verdict(withheld="a wave of scans"),
    ):
        budget.checked(Found(COUNT, "resource", MACHINES[0], 24, finding), said)
    budget.checked(
        Found("key_vault.tor_access", "vault", "/v", 24, finding), Verdict()
    )  # a rule: no part in it
    budget.close(24, Tally(), [])
    assert view.spent.days == {1: (1, 1)}
    assert Spent(view.spent.state()).state() == view.spent.state() == [5.0, [[1, 1, 1]]]


def test_without_a_budget_nothing_is_counted_and_a_state_of_before_is_read() -> None:
    view = OrganisationView(enrichment())
    budget = Budget(settings(None), view)
    budget.begin(24)
    budget.close(24, Tally(), [])
    assert view.spent.state() == [None, []]
    assert Spent([]).state() == [None, []]


@pytest.mark.parametrize(
    "state", [[5.0], ["x", []], [5.0, [[1, 2]]], [5.0, [[1, -1, 0]]], [5.0, [[1, 0.5, 0]]]]
)
def test_a_damaged_count_of_what_was_told_is_refused(state: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Spent(state)


def test_only_the_last_seven_days_are_remembered() -> None:
    spent = Spent()
    for day in range(30):
        spent.note(5.0, day, 1, 2)
    assert sorted(spent.days) == list(range(23, 30))


def test_who_shares_the_budget() -> None:
    everybody = settings(1.0).sharing_budget()
    assert {USER, COUNT} < set(everybody)
    assert "key_vault.tor_access" not in everybody, "a rule states no chance"
    assert not settings(None).sharing_budget()
    out = {USER: "shadow", COUNT: "disabled"}
    for type_, how in out.items():
        assert type_ not in settings(1.0, **{how: frozenset({type_})}).sharing_budget()
    assert COUNT not in settings(1.0, parameters={COUNT: {"threshold": 1e-6}}).sharing_budget()


def test_what_shares_the_budget_is_told_at_the_hours_close_alone() -> None:
    """Else something would be told that the budget withholds an hour later."""
    for detection in CATALOGUE.values():
        if detection.stated is not None:
            assert detection.at_once is None
            assert not detection.windowless
            told_of = {one.name for one in detection.baselines if one.counts or one.measured}
            assert not detection.stated.baseline or detection.stated.baseline in told_of
