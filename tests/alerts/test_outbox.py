"""The outbox: what is told is told once, in order, and only to who is to hear it; what is not told stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from alerts.alert import Alert
from alerts.routing import Route
from alerts.store.opening import AlertStoreError, writing
from alerts.store.outbox import FULL, Row
from alerts.store.schema import OUTBOX
from alerts.store.store import AlertStore, row_of
from alerts.work import Scope
from tests.cluster.receivers import an_alert

NOW = "2026-04-01T00:00:00Z"
AT = 1_775_001_600.0
ALL = Route(name="hook")


def write(store: AlertStore, alert: Alert, *routes: Route) -> None:
    store.write([alert], NOW, routes or (ALL,))


def claimed(store: AlertStore, sink: str = "hook", at: float = AT, most: int = 100) -> list[Row]:
    return store.outbox.claim(sink, most, at, 60.0)


def all_told(store: AlertStore, sink: str = "hook") -> list[tuple[str, str]]:
    """Deliver whatever is due; what that was."""
    told = []
    while rows := claimed(store, sink):
        store.outbox.delivered([row.id for row in rows], AT)
        told += [(row.alert.id, row.kind) for row in rows]
    return told


def test_what_is_written_twice_is_told_once(store: AlertStore) -> None:
    write(store, an_alert())
    assert all_told(store) == [("aa11", "alert")]
    write(store, an_alert())
    assert all_told(store) == []


def test_words_on_one_alert_come_in_order_and_another_one_does_not_wait(store: AlertStore) -> None:
    write(store, an_alert(count=1, complete=False))
    write(store, an_alert(count=2))
    write(store, an_alert("bb22"))
    first = claimed(store)
    assert [(row.alert.id, row.alert.count) for row in first] == [("aa11", 1), ("bb22", 1)]
    assert claimed(store) == []  # the second word waits for the first, whose try goes on
    store.outbox.delivered([first[1].id], AT)
    store.outbox.failed([first[0].id], AT + 500, "HTTP 500")
    assert claimed(store, at=AT + 499) == [], "overtaken"
    store.outbox.delivered([claimed(store, at=AT + 501)[0].id], AT)
    assert [row.alert.count for row in claimed(store)] == [2]


def test_what_somebody_has_claimed_comes_again_when_they_died(store: AlertStore) -> None:
    write(store, an_alert())
    assert len(claimed(store)) == 1
    assert claimed(store, at=AT + 59) == []
    again = claimed(store, at=AT + 61)
    assert [row.tries for row in again] == [1]


@pytest.mark.parametrize(
    ("route", "alert", "told"),
    [
        ({"severity": "high"}, {}, False),
        ({"severity": "medium"}, {}, True),
        ({"types": ("network.ssh_incoming",)}, {}, False),
        ({"types": ("key_vault.tor_access",)}, {}, True),
        ({"regions": ("West Europe",)}, {"region": "westeurope"}, True),
        ({"regions": ("westeurope",)}, {"region": "eastus"}, False),
        ({"complete_only": True}, {"complete": False}, False),
        ({"complete_only": True}, {}, True),
    ],
)
def test_a_sink_is_told_what_its_filters_let_through(
    store: AlertStore, route: dict[str, Any], alert: dict[str, Any], told: bool
) -> None:
    write(store, an_alert(**alert), Route(name="hook", **route))
    assert bool(all_told(store)) is told


def test_a_sink_for_people_hears_again_only_of_what_became_graver(store: AlertStore) -> None:
    people = Route(name="hook", updates="graver")
    for alert, told in (
        (an_alert(count=1, complete=False), 1),
        (an_alert(count=2), 0),
        (an_alert(severity="high", count=3), 1),
        (an_alert(severity="high", count=4), 0),
    ):
        write(store, alert, people)
        assert len(all_told(store)) == told, alert.count


def test_who_was_told_hears_that_it_is_none_and_who_was_not_hears_nothing(store: AlertStore) -> None:
    both = (ALL, Route(name="late"))
    write(store, an_alert(complete=False), *both)
    assert all_told(store) == [("aa11", "alert")]
    write(store, an_alert(withdrawn="the address was not theirs"), *both)
    assert all_told(store) == [("aa11", "withdrawn")]
    assert all_told(store, "late") == [], "an alert that nobody had heard of"


def test_what_a_rule_hides_is_not_told_even_if_it_waited_already(store: AlertStore) -> None:
    write(store, an_alert())
    store.suppress(Scope(type="key_vault.tor_access"), None, "", "uma", NOW)
    write(store, an_alert("bb22"))
    write(store, an_alert("cc33", type="key_vault.unusual_user"))
    assert all_told(store) == [("cc33", "alert")]
    assert store.outbox.backlog("hook").waiting == 0


def test_a_rule_does_not_keep_a_withdrawal_from_who_was_told(store: AlertStore) -> None:
    write(store, an_alert(complete=False))
    all_told(store)
    store.suppress(Scope(type="key_vault.tor_access"), None, "", "uma", NOW)
    write(store, an_alert(withdrawn="not theirs"))
    assert all_told(store) == [("aa11", "withdrawn")]


def test_dead_ones_are_shown_and_can_be_put_back(store: AlertStore) -> None:
    write(store, an_alert())
    store.outbox.bury([claimed(store)[0].id], AT, "HTTP 403")
    backlog = store.outbox.backlog("hook")
    assert (backlog.waiting, backlog.dead, backlog.error) == (0, 1, "HTTP 403")
    assert claimed(store) == []
    assert store.outbox.retry("hook", AT + 9) == 1
    assert [row.made for row in claimed(store)] == [AT + 9]


def test_a_sink_that_is_down_for_long_bounds_what_waits_and_loses_nothing(
    store: AlertStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.store.outbox.MOST", 2)
    hasty = Route(name="hook", when_full="give_up")
    for number in range(4):
        write(store, an_alert(f"a{number}"), hasty)
    backlog = store.outbox.backlog("hook")
    assert (backlog.waiting, backlog.dead, backlog.error) == (2, 2, FULL)
    assert store.outbox.retry("hook", AT) == 2
    assert [id_ for id_, _ in all_told(store)] == ["a0", "a1", "a2", "a3"]


def test_an_alert_for_which_a_sink_has_no_room_waits_with_who_raised_it(
    store: AlertStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the disk fills up behind a receiver that is down, or alerts are given up that nobody has tried to tell."""
    monkeypatch.setattr("alerts.store.outbox.MOST", 2)
    some = [an_alert(f"a{number}") for number in range(3)]
    with pytest.raises(AlertStoreError, match="sink hook: 2 alerts wait for it already"):
        store.write(some, NOW, [ALL])
    assert store.find("a") == [], "half of a helping would be told, and come again"
    store.write(some[:2], NOW, [ALL])
    with pytest.raises(AlertStoreError, match="no room"):
        store.write(some, NOW, [ALL])
    (first,) = claimed(store, most=1)
    store.outbox.delivered([first.id], AT)
    store.write(some, NOW, [ALL])
    assert store.outbox.backlog("hook").waiting == 2


def test_what_nobody_puts_back_does_not_pile_up_for_ever(
    store: AlertStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        write(store, an_alert(f"a{number}"))
    store.outbox.bury([row.id for row in claimed(store)], AT, "HTTP 403")
    monkeypatch.setattr("alerts.store.outbox.MOST", 2)
    assert [store.outbox.trim("hook"), store.outbox.trim("hook"), store.outbox.trim("other")] == [3, 0, 0]
    store.outbox.retry("hook", AT)
    assert [row.alert.id for row in claimed(store)] == ["a3", "a4"], "the newest are the ones to be told"
    assert len(store.find("a", 10)) == 5


def test_an_alert_that_is_not_stored_is_not_told_either(
    store: AlertStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: a fault between the two leaves neither."""

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("alerts.store.store.enqueue", fails)
    with pytest.raises(ZeroDivisionError):
        write(store, an_alert())
    assert store.find("aa11") == []
    assert claimed(store) == []


def test_what_was_delivered_is_forgotten_in_time_and_what_was_not_is_kept(store: AlertStore) -> None:
    write(store, an_alert())
    write(store, an_alert("bb22"))
    first, second = claimed(store)
    store.outbox.delivered([first.id], AT)
    store.outbox.bury([second.id], AT, "HTTP 403")
    assert store.outbox.forget(AT + 1) == 1
    assert store.outbox.backlog("hook").dead == 1


def test_two_who_deliver_at_once_do_not_get_the_same(store: AlertStore) -> None:
    store.write([an_alert(f"a{number:02}") for number in range(30)], NOW, [ALL])

    def take(_: int) -> list[int]:
        return [row.id for _ in range(8) for row in claimed(store, most=2)]

    with ThreadPoolExecutor(4) as pool:
        taken = [id_ for some in pool.map(take, range(4)) for id_ in some]
    assert len(taken) == len(set(taken)) == 30


def test_a_store_of_before_sinks_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    columns = (
        "id",
        "type",
        "grave",
        "entity",
        "region",
        "start",
        "complete",
        "shown",
        "state",
        "words",
        "body",
    )
    with monkeypatch.context() as before:
        before.setattr("alerts.store.opening.HEAD", "0001")
        row = {name: value for name, value in row_of(an_alert(), None).items() if name in columns}
        with writing(AlertStore(url).outbox._engine) as connection:
            names = ", ".join(row)
            marks = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO alerts ({names}) VALUES ({marks})"), row)
    store = AlertStore(url)
    assert store.find("aa11")[0].alert.count == 1
    write(store, an_alert("bb22"))
    assert all_told(store) == [("bb22", "alert")]


def test_what_a_bound_held_back_is_not_told_once_it_is_withdrawn_or_hidden(store: AlertStore) -> None:
    for id_ in ("aa11", "bb22", "cc33"):
        write(store, an_alert(id_, complete=False, type=f"key_vault.{id_}"))
    store.outbox.hold([row.id for row in claimed(store)], AT)
    write(store, an_alert(withdrawn="not theirs"))
    store.suppress(Scope(type="key_vault.bb22"), None, "", "uma", NOW)
    assert all_told(store) == [], "a withdrawal of what nobody had heard of"
    rows, number, _ = store.outbox.held("hook", "", 20)
    assert ([row.alert.id for row in rows], number) == (["cc33"], 1)


def test_a_row_of_another_version_is_put_aside_and_keeps_nothing_waiting(store: AlertStore) -> None:
    write(store, an_alert())
    write(store, an_alert("bb22"))
    with writing(store.outbox._engine) as connection:
        connection.execute(update(OUTBOX).where(OUTBOX.c.alert == "aa11").values(body='{"id": 7}'))
    assert all_told(store) == [("bb22", "alert")]
    backlog = store.outbox.backlog("hook")
    assert (backlog.dead, backlog.error) == (1, "can't be read by this version")
