"""An event in parts is the event: else what is kept once for many records would change what they say."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from ingest.event_columns import EventColumns, joined
from ingest.parts import Numbers, Parts, put_together, taken_apart
from ingest.records import Event

OWN = ("at_us", "uid", "operation_id", "offset", "source")


def full() -> Event:
    """An event with another value in each field."""
    values: dict[str, Any] = {}
    for number, field in enumerate(msgspec.structs.fields(Event), 1):
        kinds = {int: number, str: field.name, tuple[str, ...]: ("a", "b"), dict[str, Any]: {"status": 403}}
        values[field.name] = kinds.get(field.type, number / 2)
    return Event(**values)


def test_no_field_is_lost_or_put_in_anothers_place() -> None:
    event = full()
    assert put_together(*taken_apart(event), *(getattr(event, name) for name in OWN)) == event


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"status": 1}, {"status": True}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({}, {"a": ""}, False),
    ],
)
def test_details_that_differ_are_told_apart(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    """1 and True are equal in Python, and two things in an alert; the order of names says nothing."""
    parts = Parts()
    numbers = [parts.of(msgspec.structs.replace(full(), details=details)).what for details in (one, other)]
    assert (numbers[0] == numbers[1]) is same


def test_pieces_that_number_their_parts_differently_are_joined() -> None:
    """A reader may begin anew in the middle of records that are put in order together."""
    events = [msgspec.structs.replace(full(), principal=name, source="f") for name in ("p", "q", "p")]
    pieces = [EventColumns.of(events[:1]), EventColumns.of(events[1:]), EventColumns()]
    both = joined(pieces)
    assert list(both.events("f")) == events
    assert len(both.parts.whos) == 2


def test_numbers_are_learned_as_parts_come() -> None:
    here, there, numbers = Parts(), Parts(), Numbers()
    there.of(msgspec.structs.replace(full(), principal="somebody else"))
    for name in ("p", "q"):
        codes = here.of(msgspec.structs.replace(full(), principal=name))
        numbers.learn(here, there)
        what, who, where = numbers.of(*(np.array([code]) for code in codes))
        assert there.event((what[0], who[0], where[0])).principal == name
