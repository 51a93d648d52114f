"""What can't be read of who holds an address is said, with its place, and the rest counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import holding_files
from ingest.event_reader import EventReader
from ingest.holding_records import of_activity, thing_of
from ingest.holdings import Changed, Deleted
from ingest.logs_values import folded
from tests.ingest.holdings_made import (
    NIC,
    NIC2,
    VM2,
    answer,
    interface,
    machine,
    public,
    record,
    write,
    wrote,
)
from tests.ingest.test_logs import VALUES


def test_what_cant_be_read_is_said_with_its_place_and_the_rest_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    rows = [public(), 7, {**interface(), "time": "soon"}, interface()]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n{broken\n")
    found = holding_files.read([path])
    assert [(one.offset, one.kind) for one in found.rejected][:2] == [(1, "inventory"), (2, "inventory")]
    assert len(found.rejected) == 3
    assert len(found.lines) == 2


UNREAD = [
    (interface(ip="10.0.0.4.5", pip=""), "privateIPAddress '10.0.0.4.5'"),
    (interface(ip=7, pip=""), "privateIPAddress '7'"),  # type: ignore[arg-type]
    (public(ip="13.70.0"), "ipAddress '13.70.0'"),
    ({**interface(), "properties": {"ipConfigurations": "none"}}, "ipConfigurations is no list"),
    (
        {**interface(), "properties": {"ipConfigurations": ["x"]}},
        "ipConfigurations has entries that are no objects",
    ),
    (machine(*(f"{NIC}{n}" for n in range(257))), "networkInterfaces beyond the first 256"),
]


@pytest.mark.parametrize(("row", "reason"), UNREAD)
def test_an_address_that_cant_be_read_is_said_and_the_rest_of_the_row_counts(
    tmp_path: Path, row: dict[str, Any], reason: str
) -> None:
    """Else a machine goes unwatched, and nobody knows why."""
    of_file = holding_files.read(
        [write(tmp_path / "graph.json", answer(row, interface(NIC2, "10.0.0.5", VM2)))]
    )
    written = EventReader("log.json").read([record("10:00:00", f"{row['type']}/write", row, row["id"])])
    graph = EventReader("graph.json").read([answer(row, interface(NIC2, "10.0.0.5", VM2))])
    for rejected in (of_file.rejected, written.rejected, graph.rejected):
        assert [(one.kind, one.offset) for one in rejected] == [("inventory", 0)]
        assert reason in rejected[0].reason
        assert rejected[0].excerpt
    assert "10.0.0.5" in {line[0] for line in of_file.lines}
    assert (written.read, len(written.events)) == (1, 2), "the record, and what it tells beside it"
    assert (graph.read, len(graph.events)) == (1, 2)


@pytest.mark.parametrize("properties", ["{broken", 7, ["x"]])
def test_a_row_whose_properties_cant_be_read_is_said_with_its_name(
    tmp_path: Path, properties: object
) -> None:
    """Else a machine goes unwatched; counted as a record of something else, nobody looks for it."""
    row = {**interface(), "properties": properties}
    of_file = holding_files.read([write(tmp_path / "graph.json", answer(row))])
    alone, beside = EventReader("a").read([answer(row)]), EventReader("a").read([answer(row, public())])
    for rejected in (of_file.rejected, alone.rejected, beside.rejected):
        assert [one.reason for one in rejected] == [
            f"of networkInterfaces/{NIC.rpartition('/')[2]} something can't be read: properties is no object; the rest counts"
        ]
    assert not of_file.left_out
    assert of_file.told == 0
    assert (alone.read, [one.kind for one in alone.rejected]) == (1, ["record"]), "each record has one fate"
    assert (beside.read, [one.kind for one in beside.rejected]) == (1, ["inventory"])


@pytest.mark.parametrize("time", ["2026-13-45", "yesterday", {"a": 1}])
def test_an_answer_whose_time_cant_be_read_is_not_taken_for_what_has_always_been(
    tmp_path: Path, time: object
) -> None:
    """Else all hours before are judged by who holds addresses now."""
    page = {**answer(interface()), "time": time}
    of_file = holding_files.read([write(tmp_path / "2026-01-05T10-00-00Z.json", page)])
    read = EventReader("2026-01-05T10-00-00Z.json").read([page])
    assert not of_file.lines
    assert not read.events
    for rejected in (of_file.rejected, read.rejected):
        assert ["time that can be read" in one.reason for one in rejected] == [True]
    dated = {**answer({**interface(), "time": "2026-01-05T10:00:00Z"}), "time": time}
    assert holding_files.read([write(tmp_path / "b.json", dated)]).lines
    assert EventReader("b.json").read([dated]).events


@pytest.mark.parametrize("value", [None, "", "0.0.0.0"])
def test_an_address_that_is_not_given_is_no_fault(value: str | None) -> None:
    faults: list[str] = []
    thing_of(folded(interface(ip=value)), faults)  # type: ignore[arg-type]
    assert faults == []


def test_of_many_addresses_that_cant_be_read_a_few_are_named() -> None:
    ways = [{"properties": {"privateIPAddress": f"10.0.0.{n}"}} for n in range(250, 264)]
    piece = EventReader("a").read([answer({**interface(), "properties": {"ipConfigurations": ways}})])
    [one] = piece.rejected
    assert (
        "privateIPAddress '10.0.0.256', privateIPAddress '10.0.0.257', privateIPAddress '10.0.0.258' and 5 more"
        in one.reason
    )


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([public(), interface(), machine(NIC), wrote("10:00:00", public())]),
    st.dictionaries(
        st.sampled_from(["id", "type", "properties", "time", "operationName", "resultType", "location"]),
        VALUES,
        max_size=4,
    ),
    st.dictionaries(
        st.sampled_from(
            ["ipAddress", "ipConfiguration", "ipConfigurations", "networkProfile", "virtualMachine"]
        ),
        VALUES,
        max_size=4,
    ),
)
def test_whatever_a_field_holds_nothing_breaks(
    row: dict[str, Any], wrong: dict[str, Any], inner: dict[str, Any]
) -> None:
    changed = {**row, **wrong}
    if isinstance(changed.get("properties"), dict):
        changed["properties"] = {**changed["properties"], **inner}
    fields = folded(changed)
    thing = thing_of(fields)
    assert thing is None or thing.kind in ("public", "interface", "machine")
    assert isinstance(of_activity(fields), str | Changed | Deleted)
