"""What answers of Azure Resource Graph say of who held an address: whole ones, and pages of larger ones."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ingest import holding_files
from ingest.event_reader import EventReader
from ingest.holding_records import PAGES, told_of
from ingest.holdings import Changed
from ingest.networks import FOREVER_US
from ingest.told_holders import ToldHolders
from tests.ingest.holdings_made import (
    DAY,
    FAR,
    NIC,
    NIC2,
    VM,
    VM2,
    answer,
    held,
    interface,
    machine,
    public,
    write,
    wrote,
)


def test_one_answer_without_a_time_counts_for_ever(tmp_path: Path) -> None:
    assert held(tmp_path, answer=answer(public(), interface(), machine(NIC))) == [
        ("10.0.0.4", "vm1", "", ""),
        (FAR, "vm1", "", ""),
    ]


def test_between_two_answers_that_differ_nobody_is_said_to_hold_an_address(tmp_path: Path) -> None:
    path = tmp_path / "graph 2026-01-05T10-00-00Z.json"  # the name tells the time
    write(path, answer(public(), interface()))
    moved = public(on=f"{NIC2}/ipConfigurations/c"), interface(pip=""), interface(NIC2, "10.0.0.5", VM2)
    files = {
        "b": answer(public(), interface(), time=f"{DAY}10:40:00Z"),
        "c": answer(*moved, time=f"{DAY}12:00:00Z"),
    }
    found = holding_files.read(
        [path, *(write(tmp_path / f"{name}.json", told) for name, told in files.items())]
    )
    assert [(who, start, end) for ip, who, start, end, *_ in found.lines if ip == FAR] == [
        (VM, f"{DAY}10:00:00Z", f"{DAY}10:40:00Z"),
        (VM2, f"{DAY}12:00:00Z", ""),
    ]


def test_what_an_answer_lacks_was_held_until_it_was_seen_last(tmp_path: Path) -> None:
    files = {
        "a": answer(public(), interface(), time=f"{DAY}10:00:00Z"),
        "b": answer(public(), interface(), time=f"{DAY}11:00:00Z"),
        "c": answer(interface(NIC2, "10.0.0.5", VM2, pip=""), time=f"{DAY}12:00:00Z"),
    }
    assert held(tmp_path, **files) == [
        ("10.0.0.4", "vm1", "10:00:00Z", "11:00:00Z"),
        ("10.0.0.5", "vm2", "12:00:00Z", ""),
        (FAR, "vm1", "10:00:00Z", "11:00:00Z"),
    ]


def test_an_answer_of_another_subscription_ends_nothing(tmp_path: Path) -> None:
    other = json.loads(json.dumps(interface(NIC2, "10.0.0.5", VM2, pip="")).replace("/S1/", "/S2/"))
    spans = held(
        tmp_path, a=answer(interface(), time=f"{DAY}10:00:00Z"), b=answer(other, time=f"{DAY}12:00:00Z")
    )
    assert ("10.0.0.4", "vm1", "10:00:00Z", "") in spans


CUT = [
    {"skip_token": "x"},
    {"total_records": 1_001},
    {"total_records": None, "totalRecords": 1_001},
    {"resultTruncated": "true"},
]


@pytest.mark.parametrize("cut", CUT)
def test_a_page_of_a_larger_answer_adds_and_takes_nothing_away(tmp_path: Path, cut: dict[str, Any]) -> None:
    """Networks of more than 1,000 rows come in pages: one page must not make the others' machines nobody's."""
    other = interface(NIC2, "10.0.0.5", VM2, pip="")
    whole = write(tmp_path / "a.json", answer(interface(pip=""), time=f"{DAY}10:00:00Z"))
    page = answer(other, time=f"{DAY}12:00:00Z", **cut)
    found = holding_files.read([whole, write(tmp_path / "b.json", page)])
    assert [(ip, end) for ip, _, _, end, *_ in found.lines] == [("10.0.0.4", ""), ("10.0.0.5", "")]
    assert found.left_out == {PAGES: 1}
    # and as a run reads it among its sources
    piece = EventReader("page.json").read([page])
    [event] = piece.events.events("page.json")
    assert isinstance(told_of(event.operation, event.details, event.at_us), Changed)
    assert piece.filtered == {PAGES: 1}


def network(count: int) -> list[dict[str, Any]]:
    return [interface(f"{NIC}-{n}", f"10.1.{n // 250}.{n % 250}", VM, pip="") for n in range(count)]


def told_of_both(folder: Path, first: Any, second: Any) -> tuple[set[str], set[str], int, int]:
    """Two pictures, the second of later: whose addresses are held after it, by the command and by a run that is told, and
    how many of the pictures each took for full pages."""
    files = [
        write(folder / f"2026-01-05T1{hour}-00-00Z.json", told) for hour, told in enumerate((first, second))
    ]
    found = holding_files.read(files)
    holders = ToldHolders()
    for path in files:
        told = json.loads(path.read_text())
        values = told if isinstance(told, list) else [told]
        events = EventReader(str(path)).read(values).events.events(str(path))
        holders.take((one.at_us, told_of(one.operation, one.details, one.at_us)) for one in events)
    holders.settle(0, to_the_end=True)
    again = ToldHolders(holders.packed()).spans()
    held = {span.address for span in again.spans if span.end_us == FOREVER_US}
    by_command = {line[0] for line in found.lines if not line[3]}
    return by_command, held, sum(found.left_out.values()), again.now.pages


@pytest.mark.parametrize("count", [100, 1_000, 2_000])
@pytest.mark.parametrize("form", ["list", "answer"])
def test_a_full_page_that_was_cut_out_by_hand_takes_nothing_away(
    tmp_path: Path, count: int, form: str
) -> None:
    """`az graph query --query data` is a list: its first 1,000 rows must not make the machines of the others nobody's."""
    rows = network(count + 1)
    whole, page = answer(*rows), rows[:count]
    by_command, held, said, pages = told_of_both(tmp_path, whole, page if form == "list" else {"data": page})
    assert len(by_command) == count + 1
    assert held == by_command
    assert said == 1
    assert pages == (form == "list"), "the answer's was told apart when it was read"


@pytest.mark.parametrize("count", [99, 101, 999, 1_001])
def test_another_list_is_a_picture_of_the_whole(tmp_path: Path, count: int) -> None:
    rows = network(count + 1)
    by_command, held, said, pages = told_of_both(tmp_path, answer(*rows), rows[:count])
    assert (len(by_command), len(held), said, pages) == (count, count, 0, 0)


@pytest.mark.parametrize("count", [100, 1_000])
def test_an_answer_that_says_that_this_is_all_is_believed(tmp_path: Path, count: int) -> None:
    rows = network(count + 1)
    by_command, held, said, pages = told_of_both(tmp_path, answer(*rows), answer(*rows[:count]))
    assert (len(by_command), len(held), said, pages) == (count, count, 0, 0)


def test_pages_of_one_time_are_counted_together(tmp_path: Path) -> None:
    rows = network(1_010)
    before = write(tmp_path / "2026-01-05T10-00-00Z.json", answer(*rows))
    pages = [rows[:1_000], rows[1_000:1_009]]
    files = [write(tmp_path / f"{n}-2026-01-05T11-00-00Z.json", page) for n, page in enumerate(pages)]
    found = holding_files.read([before, *files])
    assert (sum(not line[3] for line in found.lines), sum(found.left_out.values())) == (1_009, 0)


def test_a_write_between_two_answers_tells_when_it_was(tmp_path: Path) -> None:
    both = interface(), interface(NIC2, "10.0.0.5", VM2, pip="")
    moved = public(on=f"{NIC2}/ipConfigurations/c")
    after = answer(moved, interface(pip=""), interface(NIC2, "10.0.0.5", VM2), time=f"{DAY}12:00:00Z")
    spans = held(
        tmp_path, a=answer(public(), *both, time=f"{DAY}10:00:00Z"), log=[wrote("11:20:00", moved)], b=after
    )
    assert [one for one in spans if one[0] == FAR] == [
        (FAR, "vm1", "10:00:00Z", "11:20:00Z"),
        (FAR, "vm2", "11:20:00Z", ""),
    ]


def test_the_portals_export_says_what_the_answer_says(tmp_path: Path) -> None:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["ID", "NAME", "TYPE", "LOCATION", "PROPERTIES"])
    for row in (public(), interface(), machine(NIC)):
        rows.writerow([row["id"], "x", row["type"], row["location"], json.dumps(row["properties"])])
    path = tmp_path / "export.csv"
    path.write_text(out.getvalue(), encoding="utf-8-sig")
    packed = tmp_path / "answer.json.gz"
    packed.write_bytes(gzip.compress(json.dumps([public(), interface(), machine(NIC)]).encode()))
    assert holding_files.read([path]).lines == holding_files.read([packed]).lines != []
