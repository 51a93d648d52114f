"""The tables of who used what stay bounded, and a checkpoint has what became of each entry."""

from __future__ import annotations

import pytest

from actors import uses
from actors.uses import KEEP_HOURS, UseTables

DAY = 24


def used(*acts: tuple[str, int]) -> UseTables:
    """Addresses that Ann used, each in an hour."""
    tables = UseTables()
    for address, hour in acts:
        tables.learn("address", address, "ann", hour)
    tables.taken_in()
    return tables


def test_of_a_full_table_the_longest_unused_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is met from a new address each hour must not fill the memory, nor push out what is in use."""
    monkeypatch.setattr(uses, "MAX_KEYS", 3)
    tables = used(("a", 5), ("b", 1), ("c", 3), ("d", 4), ("b", 6))
    tables.forget(7)
    assert set(tables["address"]) == {"a", "b", "d"}


def test_what_nobody_used_for_90_days_is_forgotten() -> None:
    tables = used(("old", 0), ("kept", 1))
    tables.forget(KEEP_HOURS + 1)
    assert set(tables["address"]) == {"kept"}


def test_what_was_forgotten_does_not_come_back_with_a_checkpoint() -> None:
    """Else a restart knows more than the run that it goes on with, and comes to other alerts."""
    tables, restored = used(("old", 0), ("kept", DAY)), UseTables()
    restored.load(tables.changes())
    tables.forget(KEEP_HOURS + DAY)
    tables.learn("address", "kept", "bob", KEEP_HOURS)
    restored.load(tables.changes())
    assert dict(restored["address"]) == dict(tables["address"])
    assert set(restored.of("address", "kept")) == {"ann", "bob"}
    assert tables.changes() == []
    tables.mark()
    assert [key for _, key, _ in tables.changes()] == ["kept"]


def test_who_came_within_the_last_day_is_no_witness() -> None:
    """An attacker's own accounts would vouch for each other."""
    tables = used(("a", 10 * DAY))
    tables.learn("address", "a", "bob", 12 * DAY)
    assert tables.others("address", "a", "", 24, 12 * DAY) == 1
    assert tables.others("address", "a", "Ann", 24, 12 * DAY) == 0
    assert tables.lately("address", "a", 12 * DAY) == {"ann"}
    assert (tables.days("address", "a", "ann", 12 * DAY), tables.days("address", "a", "eva", 12 * DAY)) == (
        2.0,
        0.0,
    )
