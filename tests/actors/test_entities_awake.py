"""Which entities are packed where more are active than there is room for, and that nothing of them is lost."""

from __future__ import annotations

import pytest

from actors import entities
from actors.entities import Entities
from actors.entity import EntityState

ROOM = 4
WHO = [f"principal:p{number}" for number in range(6)]


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entities, "MOST_AWAKE", ROOM)


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was unpacked."""
    seen: list[str] = []

    def counting(packed: bytes) -> EntityState:
        state = plain(packed)
        seen.append(state.entity)
        return state

    plain = EntityState.unpack
    monkeypatch.setattr(EntityState, "unpack", counting)
    return seen


def active(known: Entities, hour: int, keys: list[str]) -> None:
    """They are active in an hour, in the order of their keys, as at a shard's close."""
    for key in sorted(keys):
        state = known.get(key) or EntityState("principal", key.partition(":")[2], 0, -24)
        known.put(key, state, hour)
        state.last_hour, state.events = hour, state.events + 1


def events(known: Entities) -> dict[str, int]:
    return {key: state.events for key in sorted(known) if (state := known.get(key)) is not None}


def test_not_all_are_packed_each_hour_where_some_more_are_active_than_there_is_room_for(
    unpacked: list[str],
) -> None:
    """A replay of 25,000 active entities would take twice as long."""
    known = Entities()
    for hour in range(1, 11):
        active(known, hour, WHO)
    assert len(unpacked) <= 9 * (len(WHO) - ROOM + 1)
    assert events(known) == dict.fromkeys(WHO, 10)


def test_who_was_not_active_lately_is_packed_first(unpacked: list[str]) -> None:
    known = Entities()
    active(known, 1, WHO[:ROOM])
    for hour in (3, 4, 5):
        active(known, hour, WHO[2:])  # the first two are silent
    assert not unpacked
    assert events(known) == {
        **dict.fromkeys(WHO[:2], 1),
        **dict.fromkeys(WHO[2:4], 4),
        **dict.fromkeys(WHO[4:], 3),
    }


def test_an_entity_that_changes_twice_in_a_row_keeps_its_changes() -> None:
    known = Entities()
    active(known, 1, WHO[:ROOM])
    for _ in range(3):
        active(known, 1, [WHO[5]])
    assert events(known)[WHO[5]] == 3
