"""Who held an address when is told from what the cloud's logs and pictures say, and nobody is said to hold more."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import holding_files
from ingest.errors import ConfigurationError
from ingest.event_reader import EventReader
from ingest.holding_records import FAILED, NO_BODY, OTHER, PAGES, of_activity, thing_of, told_of
from ingest.holdings import Changed, Deleted, Holdings, Picture, Span, Thing
from ingest.inventory import Inventory
from ingest.logs_values import folded
from ingest.networks import FOREVER_US
from ingest.pictures import in_order
from ingest.records import HOUR_US
from ingest.told_holders import ToldHolders
from tests.ingest.test_logs import VALUES

GROUP = "/subscriptions/S1/resourceGroups/rg/providers"
VM, VM2 = f"{GROUP}/Microsoft.Compute/virtualMachines/vm1", f"{GROUP}/Microsoft.Compute/virtualMachines/vm2"
NIC, NIC2 = (f"{GROUP}/Microsoft.Network/networkInterfaces/nic{n}" for n in (1, 2))
PIP = f"{GROUP}/Microsoft.Network/publicIPAddresses/pip1"
BALANCER = f"{GROUP}/Microsoft.Network/loadBalancers/lb1"
FAR = "13.70.0.10"
DAY = "2026-01-05T"


def public(
    ip: str | None = FAR, on: str = f"{NIC}/ipConfigurations/c", way: str = "Static"
) -> dict[str, Any]:
    told: dict[str, Any] = {"provisioningState": "Succeeded", "publicIPAllocationMethod": way}
    told |= {"ipAddress": ip} if ip else {}
    told |= {"ipConfiguration": {"id": on}} if on else {}
    return {
        "id": PIP,
        "type": "Microsoft.Network/publicIPAddresses",
        "location": "West Europe",
        "properties": told,
    }


def interface(id_: str = NIC, ip: str = "10.0.0.4", vm: str = VM, pip: str = PIP) -> dict[str, Any]:
    way: dict[str, Any] = {"privateIPAddress": ip, "primary": True}
    way |= {"publicIPAddress": {"id": pip}} if pip else {}
    told: dict[str, Any] = {"provisioningState": "Succeeded", "ipConfigurations": [{"properties": way}]}
    told |= {"virtualMachine": {"id": vm}} if vm else {}
    return {
        "id": id_,
        "type": "microsoft.network/networkinterfaces",
        "location": "westeurope",
        "properties": told,
    }


def machine(*interfaces: str, id_: str = VM) -> dict[str, Any]:
    told = {"networkProfile": {"networkInterfaces": [{"id": one} for one in interfaces]}}
    return {
        "id": id_,
        "type": "microsoft.compute/virtualmachines",
        "location": "westeurope",
        "properties": told,
    }


def record(
    at: str, operation: str, body: dict[str, Any] | None, id_: str = "", **more: Any
) -> dict[str, Any]:
    """The Activity Log's, with the answer to the request."""
    told = {
        "time": f"{DAY}{at}Z",
        "operationName": operation.upper(),
        "category": "Administrative",
        "resultType": "Success",
        "resourceId": (id_ or (body or {}).get("id", "")).upper(),
        "properties": {"responseBody": json.dumps(body)} if body else {},
    }
    return {**told, **more}


def wrote(at: str, row: dict[str, Any], **more: Any) -> dict[str, Any]:
    return record(at, f"{row['type']}/write", row, **more)


def deleted(at: str, id_: str, **more: Any) -> dict[str, Any]:
    kind = "/".join(id_.split("/")[6:8])
    return record(at, f"{kind}/delete", None, id_, **more)


def write(path: Path, told: Any) -> Path:
    lines = isinstance(told, list) and told and "operationName" in told[0]
    path.write_text("\n".join(map(json.dumps, told)) if lines else json.dumps(told, indent=1))
    return path


def held(folder: Path, **files: Any) -> list[tuple[str, str, str, str]]:
    """Address, the resource's name, start and end (times of the day) as some files tell them together."""
    paths = [write(folder / f"{name}.json", told) for name, told in files.items()]
    found = holding_files.read(paths)
    assert not found.rejected
    return [
        (ip, who.rpartition("/")[2].lower(), *(t.removeprefix(DAY) for t in span))
        for ip, who, *span, _, _ in found.lines
    ]


def test_a_new_machines_addresses_are_its_own_from_when_it_has_them(tmp_path: Path) -> None:
    told = [
        wrote("10:00:00", public(None, "")),
        wrote("10:01:00", interface(vm="")),
        wrote("10:02:00", public()),
        wrote("10:05:00", machine(NIC)),
    ]
    assert held(tmp_path, log=told) == [
        ("10.0.0.4", "nic1", "10:01:00Z", "10:05:00Z"),
        ("10.0.0.4", "vm1", "10:05:00Z", ""),
        (FAR, "nic1", "10:02:00Z", "10:05:00Z"),
        (FAR, "vm1", "10:05:00Z", ""),
    ]


def test_an_address_that_moves_is_the_others_from_then_on(tmp_path: Path) -> None:
    told = [
        wrote("10:00:00", interface()),
        wrote("10:00:00", public()),
        wrote("10:00:00", interface(NIC2, "10.0.0.5", VM2, pip="")),
        wrote("12:30:00", public(on=f"{NIC2}/ipConfigurations/c")),
    ]
    spans = [one for one in held(tmp_path, log=told) if one[0] == FAR]
    assert spans == [(FAR, "vm1", "10:00:00Z", "12:30:00Z"), (FAR, "vm2", "12:30:00Z", "")]


@pytest.mark.parametrize("gone", [deleted("12:00:00", PIP), wrote("12:00:00", public(on=""))])
def test_an_address_that_is_deleted_or_taken_off_is_nobodys(tmp_path: Path, gone: dict[str, Any]) -> None:
    told = [wrote("10:00:00", interface()), wrote("10:00:00", public()), gone]
    assert (FAR, "vm1", "10:00:00Z", "12:00:00Z") in held(tmp_path, log=told)


def test_a_deleted_machine_leaves_its_interface_with_the_addresses(tmp_path: Path) -> None:
    told = [wrote("10:00:00", interface()), wrote("10:00:00", public()), deleted("12:00:00", VM)]
    assert (FAR, "nic1", "12:00:00Z", "") in held(tmp_path, log=told)


@pytest.mark.parametrize(("way", "end"), [("Dynamic", "12:00:00Z"), ("Static", "")])
def test_a_stopped_machine_gives_back_what_is_dynamic(tmp_path: Path, way: str, end: str) -> None:
    stop = record("12:00:00", "Microsoft.Compute/virtualMachines/deallocate/action", None, VM)
    spans = held(tmp_path, log=[wrote("10:00:00", interface()), wrote("10:00:00", public(way=way)), stop])
    assert spans == [("10.0.0.4", "vm1", "10:00:00Z", ""), (FAR, "vm1", "10:00:00Z", end)]


def test_a_balancer_holds_its_address_itself(tmp_path: Path) -> None:
    assert held(tmp_path, log=[wrote("10:00:00", public(on=f"{BALANCER}/frontendIPConfigurations/f"))]) == [
        (FAR, "lb1", "10:00:00Z", "")
    ]


def test_two_networks_may_use_one_private_address(tmp_path: Path) -> None:
    told = [wrote("10:00:00", interface(pip="")), wrote("10:00:00", interface(NIC2, "10.0.0.4", VM2, pip=""))]
    assert [who for _, who, *_ in held(tmp_path, log=told)] == ["vm1", "vm2"]


@pytest.mark.parametrize(
    ("given_record", "reason"),
    [
        (wrote("10:00:00", public(), resultType="Failure"), FAILED),
        (wrote("10:00:00", public(), properties={"requestBody": json.dumps(public("9.9.9.9"))}), NO_BODY),
        (record("10:00:00", "Microsoft.Web/sites/write", {"id": "/x"}), OTHER),
        (wrote("10:00:00", public(), resultType="Start", properties={}), OTHER),
        (deleted("10:00:00", PIP, resultType="Start"), OTHER),
    ],
)
def test_what_tells_nothing_is_left_out_for_its_reason(given_record: dict[str, Any], reason: str) -> None:
    assert of_activity(folded(given_record)) == reason


def test_an_address_that_is_yet_to_be_given_changes_nothing() -> None:
    pending = public(None)
    pending["properties"]["provisioningState"] = "Updating"
    assert of_activity(folded(wrote("10:00:00", pending))) == NO_BODY


# Pictures


def answer(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What `az graph query` prints."""
    return {"count": len(rows), "data": list(rows), "skip_token": None, "total_records": len(rows), **more}


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


# As an inventory


def test_an_answer_is_an_inventory_and_a_replay_asks_it_of_its_own_time(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    path.write_text(
        "\n".join(
            map(
                json.dumps,
                [wrote("10:00:00", interface()), wrote("10:00:00", public()), deleted("12:00:00", PIP)],
            )
        )
    )
    inventory, rejected = Inventory.read(path)
    at = int(datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()) * 1_000_000
    assert rejected == []
    assert [inventory.held_whole_hour(VM, FAR, at + n * HOUR_US) for n in (-1, 0, 1, 2)] == [
        False,
        True,
        True,
        False,
    ]
    assert inventory.region(VM) == "westeurope"


def test_a_file_that_tells_of_no_address_is_no_inventory(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.json", answer({"id": "/x", "type": "microsoft.web/sites", "properties": {"a": 1}})
    )
    with pytest.raises(ConfigurationError, match="no address is held by anybody"):
        Inventory.read(path)


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


def test_an_earlier_inventorys_lines_are_kept(tmp_path: Path) -> None:
    earlier = tmp_path / "inventory.csv"
    earlier.write_text(f"ip,resource_id,start,end\n9.9.9.9,{VM},,2026-01-01T00:00:00Z\n")
    found = holding_files.read([earlier, write(tmp_path / "a.json", answer(public(), interface()))])
    assert ("9.9.9.9", VM, "", "2026-01-01T00:00:00Z", "", "") in found.lines
    again = tmp_path / "again.csv"
    again.write_text(found.csv())
    assert holding_files.read([again]).lines == found.lines


ids = st.sampled_from([NIC, NIC2])
things = st.one_of(
    st.builds(
        lambda on, ip: Thing("public", PIP, (ip,) if ip else (), on),
        st.sampled_from(["", NIC, NIC2, BALANCER]),
        st.sampled_from(["", FAR]),
    ),
    st.builds(
        lambda id_, ip, vm, pip: Thing("interface", id_, (ip,), vm, (pip,) if pip else ()),
        ids,
        st.sampled_from(["10.0.0.4", "10.0.0.5"]),
        st.sampled_from(["", VM, VM2]),
        st.sampled_from(["", PIP]),
    ),
    st.builds(
        lambda id_, parts: Thing("machine", id_, parts=tuple(parts)),
        st.sampled_from([VM, VM2]),
        st.lists(ids, unique=True),
    ),
)
tellings = st.lists(
    st.one_of(
        st.builds(Changed, st.integers(0, 20), things),
        st.builds(
            lambda at, thing, stopped: Deleted(at, thing.kind, thing.id, stopped and thing.kind == "machine"),
            st.integers(0, 20),
            things,
            st.booleans(),
        ),
        st.builds(
            lambda at, some: Picture(at, tuple(some)), st.integers(0, 20), st.lists(things, max_size=4)
        ),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=200)
@given(tellings, st.randoms())
def test_of_one_thing_an_address_is_one_holders_at_a_time_whatever_the_order_of_files(
    told: list[Changed | Deleted | Picture], chance: random.Random
) -> None:
    def spans(some: list[Changed | Deleted | Picture]) -> list[Span]:
        holdings = Holdings()
        for one in in_order(some):
            holdings.take(one)
        return holdings.spans()

    found = spans(told)
    shuffled = [one for one in told if not isinstance(one, Picture)]
    chance.shuffle(shuffled)
    assert spans([*shuffled, *(one for one in told if isinstance(one, Picture))]) == found
    assert all(one.start_us < one.end_us for one in found)
    public_ones = sorted((one.start_us, one.end_us) for one in found if one.address == FAR)
    assert all(before[1] <= after[0] for before, after in pairwise(public_ones))
    assert sum(end == FOREVER_US for _, end in public_ones) <= 1


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


def test_a_folder_of_all_sorts_is_told_of_in_one_line(tmp_path: Path) -> None:
    """Not in one for each of a month's flow files; who names a file is told what is wrong with it."""
    graph, flows = tmp_path / "2026-01-05T10-00-00Z.json", tmp_path / "flows.ipfix"
    graph.write_text(json.dumps({"data": [interface()]}))
    for name in ("flows.ipfix", "notes.txt", "redshank.toml"):
        (tmp_path / name).write_bytes(b"\x00\x0a none of these")
    found = holding_files.read([tmp_path])
    assert (len(found.lines), found.rejected) == (1, [])
    assert found.left_out == {holding_files.OTHER_FILES: 3}
    found = holding_files.read([graph, flows])
    assert [one.source for one in found.rejected] == [str(flows)]
