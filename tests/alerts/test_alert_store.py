"""The store of alerts: what it holds is the last word, people's work stays, and a rule hides only what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from alerts.alert import Alert, Entity, hour_of_time
from alerts.store.marks import marks, stand, take_in
from alerts.store.opening import AlertStoreError
from alerts.store.regions import Stores
from alerts.store.store import AlertStore
from alerts.work import Filter, Scope, matches
from detections.declare import Severity

NOW = "2026-04-01T00:00:00Z"


def alert(id_: str = "aa11", severity: Severity = "medium", **more: Any) -> Alert:
    said: dict[str, Any] = {
        "type": "key_vault.tor_access",
        "title": "Access through Tor",
        "description": "from 185.220.101.4",
        "entity": Entity("vault", "/Subs/1/Vaults/Payroll"),
        "start": "2026-03-17T10:00:00Z",
        "count": 1,
        "evidence": {"addresses": {"185.220.101.4": 3}, "user": "Uma@example.com"},
        **more,
    }
    return Alert(
        id=id_, severity=severity, tactics=(), techniques=(), end="2026-03-17T11:00:00Z",
        first_seen=said["start"], last_seen=said["start"], remediation=(), **said,
    )  # fmt: skip


def ids(store: AlertStore, **asked: Any) -> list[str]:
    return [row.alert.id for row in store.page(Filter(**asked)).alerts]


def test_a_newer_word_replaces_and_an_open_hours_never_a_complete_one(store: AlertStore) -> None:
    def count() -> int:
        return store.find("aa11")[0].alert.count

    for word, expected in (
        (alert(count=1, complete=False), 1),
        (alert(count=2, complete=False), 1),  # as grave: told again after a death
        (alert(severity="high", count=3, complete=False), 3),
        (alert(count=9), 9),
        (alert(severity="high", count=4, complete=False), 9),
        (alert(count=10), 10),
    ):
        store.write([word], NOW)
        assert count() == expected


def test_what_people_said_of_an_alert_outlives_a_newer_word(store: AlertStore) -> None:
    store.write([alert()], NOW)
    store.mark("aa11", "true", "saw it", "uma", NOW)
    store.assign("aa11", "kim", "uma", NOW)
    store.write([alert(count=7)], NOW)
    row = store.find("aa")[0]
    assert (row.alert.count, row.state, row.assignee) == (7, "true", "kim")
    assert [(one.who, one.what) for one in store.history("aa11")] == [
        ("uma", "marked true"), ("uma", "assigned"),
    ]  # fmt: skip


def test_lists_show_what_was_asked_for_in_order(store: AlertStore) -> None:
    store.write(
        [
            alert("a1", "low", start="2026-03-01T00:00:00Z"),
            alert("a2", "high", start="2026-03-02T00:00:00Z", title="100% off_hours"),
            alert("a3", "medium", start="2026-03-03T00:00:00Z", type="key_vault.unusual_user"),
            alert("a4", withdrawn="no"),
        ],
        NOW,
    )
    assert ids(store) == ["a3", "a2", "a1"]
    assert ids(store, order="severity") == ["a2", "a3", "a1"]
    assert ids(store, order="oldest", limit=2) == ["a1", "a2"]
    assert ids(store, type="key_vault.unusual_user") == ["a3"]
    assert ids(store, severity="high") == ids(store, text="100% OFF_") == ["a2"]
    assert ids(store, since="2026-03-02T00:00:00Z", until="2026-03-03T00:00:00Z") == ["a2"]
    assert ids(store, entity="/subs/1/VAULTS/payroll", hidden=True) == ["a4", "a3", "a2", "a1"]
    assert ids(store, text="%") == ["a2"], "what a user types is no pattern"


def test_a_rule_hides_past_and_coming_alerts_until_it_is_removed(store: AlertStore) -> None:
    store.write([alert("a1"), alert("a2", evidence={})], NOW)
    store.mark("a1", "true", "", "uma", NOW)
    scope = Scope(address="185.220.101.4")
    assert store.try_rule(scope) == (["a1"], 1)
    rule, hidden = store.suppress(scope, "2026-05-01T00:00:00Z", "", "uma", NOW)
    store.write([alert("a3")], NOW)
    store.write([alert("a4")], "2026-06-01T00:00:00Z")  # the rule is over
    assert (hidden, ids(store), store.suppressed(Filter())) == (1, ["a4", "a2"], 2)
    assert sorted(ids(store, hidden=True)) == ["a1", "a2", "a3", "a4"]
    assert store.unsuppress(rule, "kim", NOW) == 2
    assert sorted(ids(store)) == ["a1", "a2", "a3", "a4"]
    assert [one.what for one in store.history("a1")] == ["marked true", "suppressed", "unsuppressed"]
    assert store.unsuppress(rule, "kim", NOW) is None


def test_retention_takes_what_is_old_and_nothing_else(store: AlertStore) -> None:
    store.write([alert("a1", start="2026-01-01T00:00:00Z"), alert("a2")], NOW)
    store.note("a1", "x", "uma", NOW)
    assert store.forget("2026-02-01T00:00:00Z") == 1
    assert (ids(store), store.history("a1")) == (["a2"], [])


def test_an_alert_never_lands_in_another_regions_store(tmp_path: Path) -> None:
    west, rest = (f"sqlite:///{tmp_path}/{name}.db" for name in ("west", "rest"))
    stores = Stores([rest, west], lambda region: west if region == "westeurope" else rest)
    stores.write([alert("a1", region="westeurope"), alert("a2", region="eastus"), alert("a3")], NOW)
    assert sorted(ids(AlertStore(west))) == ["a1"]
    assert sorted(ids(AlertStore(rest))) == ["a2", "a3"]


def test_a_rule_matches_only_where_all_that_it_says_holds() -> None:
    one = alert()
    assert matches(Scope(type="key_vault.tor_access", principal="UMA@example.com"), one)
    assert not matches(Scope(type="key_vault.unusual_user", principal="uma@example.com"), one)
    assert not matches(Scope(address="185.220.101.40"), one)
    assert not matches(Scope(address="185.220.101.4", application="x"), one)
    assert not matches(Scope(), one), "an empty rule would hide everything"


def test_a_store_of_a_newer_version_and_one_that_is_none_are_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    AlertStore(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(AlertStoreError, match="newer Redshank"):
        AlertStore(url)
    (tmp_path / "b.db").write_bytes(b"no database" * 1000)
    with pytest.raises(AlertStoreError, match="not a database"):
        AlertStore(f"sqlite:///{tmp_path}/b.db")
    with pytest.raises(AlertStoreError, match="was expected") as told:
        AlertStore("https://uma:geheim@example.com/x")
    assert "geheim" not in str(told.value)


def test_marks_are_kept_for_runs_in_the_order_in_which_they_were_made(store: AlertStore) -> None:
    """A run learns what people said; from which hour on is said once, whoever asks later."""
    store.write([alert("aa11"), alert("bb22", start="2026-03-20T10:00:00Z")], NOW)
    engine = store.engine
    assert stand(engine) == (0, 0, 0)
    store.mark("aa11", "benign", "", "uma", NOW, "2026-05-01T00:00:00Z")
    first = hour_of_time("2026-03-18T00:00:00Z")
    take_in(engine, first)
    store.mark("bb22", "benign", "", "kim", NOW)
    store.mark("aa11", "open", "", "kim", NOW)
    store.mark("none", "true", "", "kim", NOW)  # of no alert: nothing to learn
    assert stand(engine) == (3, 1, 3)
    take_in(engine, first + 5)
    assert [(one.state, one.who, one.expires, one.since) for one in marks(engine)] == [
        ("benign", "uma", "2026-05-01T00:00:00Z", first),
        ("benign", "kim", None, hour_of_time("2026-03-20T11:00:00Z")),  # not before its own alert
        ("open", "kim", None, first + 5),
    ]
    store.forget("2027-01-01T00:00:00Z")
    assert len(marks(engine)) == 3  # a replay needs them longer than people need the alerts
