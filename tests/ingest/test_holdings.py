"""Who held an address when is told from what the cloud's logs and pictures say, and nobody is said to hold more."""

from __future__ import annotations

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
from ingest.holding_records import FAILED, NO_BODY, OTHER, of_activity
from ingest.holdings import Changed, Deleted, Holdings, Picture, Span, Thing
from ingest.inventory import Inventory
from ingest.logs_values import folded
from ingest.networks import FOREVER_US
from ingest.pictures import in_order
from ingest.records import HOUR_US
from tests.ingest.holdings_made import (
    BALANCER,
    FAR,
    NIC,
    NIC2,
    PIP,
    VM,
    VM2,
    answer,
    deleted,
    held,
    interface,
    machine,
    public,
    record,
    write,
    wrote,
)


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
