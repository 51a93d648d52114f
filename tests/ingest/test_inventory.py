"""Who held which address when: without it a network alert blames the wrong machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import inventory as module
from ingest.errors import ConfigurationError
from ingest.inventory import UNPLACED, Interval, Inventory
from ingest.inventory_file import CHUNK, NO_TIME_US, times
from ingest.networks import words
from ingest.records import HOUR_US, SECOND_US, Rejected, address_words
from ingest.times import epoch_us

VM = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/"
HEADER = "ip,resource_id,start,end\n"


def us(text: str) -> int:
    """RFC 3339 as microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_US


def read(folder: Path, text: str, networks: Sequence[str] = ()) -> tuple[Inventory, list[Rejected]]:
    path = folder / "inventory.csv"
    path.write_text(text)
    return Inventory.read(path, networks)


def holders(inventory: Inventory, addresses: Sequence[str], at_us: Sequence[int] | int) -> list[str]:
    """Ids of the holders, '' = nobody."""
    pairs = [address_words(address) for address in addresses]
    high, low = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
    at = at_us if isinstance(at_us, int) else np.array(at_us, np.int64)
    found = inventory.holders(high, low, at)
    assert found.dtype == np.int32
    return [inventory.ids[index] if index >= 0 else "" for index in found.tolist()]


def test_an_address_belongs_to_whoever_held_it_at_the_time(tmp_path: Path) -> None:
    text = (
        "Region,End,IP,Resource_ID,Start,managed_by,note\n"
        f"westeurope,2026-03-01T10:30:00Z,13.70.0.10,{VM}a,,,x\n"
        f",,13.70.0.10,{VM}B,2026-03-01T10:30:00Z,aks,x\n"
        f",2026-03-01T12:00:00+02:00,2603:1000::9,{VM}c,2026-03-01T10:00:00+02:00,,x\n"
    )
    inventory, rejected = read(tmp_path, text)
    assert rejected == []
    before, after = us("2026-03-01T10:29:59"), us("2026-03-01T10:30:00")
    assert holders(inventory, ["13.70.0.10"] * 2, [before, after]) == [f"{VM}a", f"{VM}B"]
    assert holders(
        inventory, ["2603:1000::9"] * 2, [us("2026-03-01T08:00:00"), us("2026-03-01T10:00:00")]
    ) == [
        f"{VM}c",
        "",
    ]
    assert holders(inventory, ["13.70.0.11"], before) == [""]
    assert inventory.region(f"{VM}A") == "westeurope"
    assert inventory.managed_by(f"{VM}b".upper()) == "aks"
    assert inventory.known_since_us(f"{VM}b") == after
    assert inventory.known_since_us(f"{VM}a") is None
    assert inventory.known_since_us("nobody") is None
    assert inventory.intervals("13.70.0.10") == (
        Interval(f"{VM}a", None, after),
        Interval(f"{VM}B", after, None),
    )


def test_an_hour_counts_only_if_one_resource_had_the_address_all_of_it(tmp_path: Path) -> None:
    text = (
        HEADER
        + "13.70.0.10,vm-a,2026-03-01T10:00:00Z,2026-03-01T11:00:00Z\n"
        + "13.70.0.10,VM-A,2026-03-01T11:00:00Z,2026-03-01T12:30:00Z\n"
        + "13.70.0.10,vm-b,2026-03-01T12:30:00Z,\n"
    )
    inventory, rejected = read(tmp_path, text)
    assert rejected == []
    held = [
        [
            hour
            for hour in range(9, 15)
            if inventory.held_whole_hour(id_, "13.70.0.10", us(f"2026-03-01T{hour:02}:00:00"))
        ]
        for id_ in ("VM-a", "vm-b", "vm-c")
    ]
    assert held == [[10, 11], [13, 14], []]
    assert not inventory.held_whole_hour("vm-a", "13.70.0.11", us("2026-03-01T10:00:00"))
    assert not inventory.held_whole_hour("vm-a", "no address", us("2026-03-01T10:00:00"))


def test_the_narrower_network_counts_and_breaks_the_wider_ones_hour(tmp_path: Path) -> None:
    text = (
        HEADER
        + "13.70.0.0/16,cluster,,\n13.70.1.0/24,pool,2026-03-01T10:20:00Z,2026-03-01T10:40:00Z\n"
        + "13.70.1.7,vm,2026-03-01T12:00:00Z,\n"
    )
    inventory, rejected = read(tmp_path, text)
    assert rejected == []
    at = us("2026-03-01T10:30:00")
    assert holders(inventory, ["13.70.0.1", "13.70.1.7", "13.71.0.1"], at) == ["cluster", "pool", ""]
    assert holders(inventory, ["13.70.1.7"], us("2026-03-01T11:00:00")) == ["cluster"]
    assert holders(inventory, ["13.70.1.7"], us("2026-03-01T12:00:00")) == ["vm"]
    assert not inventory.held_whole_hour("cluster", "13.70.1.7", us("2026-03-01T10:00:00"))
    assert inventory.held_whole_hour("cluster", "13.70.1.7", us("2026-03-01T11:00:00"))
    assert inventory.held_whole_hour("cluster", "13.70.2.7", us("2026-03-01T10:00:00"))


def test_two_resources_that_claim_one_address_are_said_and_the_later_start_wins(tmp_path: Path) -> None:
    text = (
        HEADER
        + "13.70.0.10,vm-b,2026-03-01T12:00:00Z,2026-03-01T13:00:00Z\n"
        + "13.70.0.11,vm-x,,\n"
        + "13.70.0.10,vm-a,2026-03-01T10:00:00Z,\n"
    )
    inventory, rejected = read(tmp_path, text)
    assert [(one.kind, one.offset) for one in rejected] == [("inventory", 2)]
    assert "13.70.0.10 is also held by vm-a (line 4)" in rejected[0].reason
    at = [us(f"2026-03-01T{hour:02}:00:00") for hour in (9, 11, 12, 13)]
    assert holders(inventory, ["13.70.0.10"] * 4, at) == ["", "vm-a", "vm-b", "vm-a"]
    assert not inventory.held_whole_hour("vm-a", "13.70.0.10", at[2])
    assert holders(inventory, ["13.70.0.11"], at[0]) == ["vm-x"]


def test_a_bad_line_is_refused_with_its_number_and_the_rest_is_used(tmp_path: Path) -> None:
    text = (
        HEADER
        + "13.70.0.10,vm-a,yesterday,\n"
        + "13.70.0.300,vm-a,,\n"
        + '13.70.0.10,"vm\nb",,\n'
        + "13.70.0.11\n\n"
        + "13.70.0.12,,,\n"
        + "13.70.0.13,vm-a,2026-03-02T00:00:00Z,2026-03-01T00:00:00Z\n"
        + "13.70.0.14,vm-c,,,,,\n"
        + "13.70.0.15,vm-a,2026-02-30T00:00:00Z,\n"
    )
    inventory, rejected = read(tmp_path, text)
    assert [one.offset for one in rejected] == [6, 2, 3, 8, 9, 11]
    assert all(one.kind == "inventory" and one.reason and one.source for one in rejected)
    assert holders(inventory, ["13.70.0.10", "13.70.0.14", "13.70.0.13"], 0) == ["vm\nb", "vm-c", ""]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no ip, resource_id, start, end"),
        (b"address,resource_id,start,end\n", "it has no ip"),
        (b"ip,resource_id,start,end\n\xff\xfe", "UTF-8"),
        (b"ip,resource_id,start,end\n" + b"a" * 200_000, "not CSV"),
    ],
)
def test_a_file_that_is_no_inventory_is_refused_in_one_line(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "inventory.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=told) as caught:
        Inventory.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="can't be read"):
        Inventory.read(tmp_path)


def test_thousands_of_bad_lines_are_counted_and_not_all_kept(tmp_path: Path) -> None:
    _, rejected = read(tmp_path, HEADER + "x,vm,,\n" * 5_000)
    assert len(rejected) == module.MAX_REJECTED + 1
    assert rejected[-1].reason.startswith("4,000 more")


def test_without_an_inventory_each_address_of_the_networks_is_a_resource_held_for_ever() -> None:
    inventory = Inventory.from_networks(["13.70.0.0/16", "2603:1000::/32"])
    asked = ["13.70.0.10", "8.8.8.8", "2603:1000::9", "13.70.0.10"]
    assert holders(inventory, asked, 0) == ["ip:13.70.0.10", "", "ip:2603:1000::9", "ip:13.70.0.10"]
    assert holders(inventory, asked[:2], HOUR_US) == ["ip:13.70.0.10", ""]
    assert sorted(inventory.ids) == ["ip:13.70.0.10", "ip:2603:1000::9"]
    assert inventory.held_whole_hour("ip:13.70.0.10", "13.70.0.10", 0)
    assert not inventory.held_whole_hour("ip:13.70.0.10", "13.70.0.11", 0)
    assert not inventory.held_whole_hour("ip:8.8.8.8", "8.8.8.8", 0)
    assert inventory.intervals("13.70.0.11") == (Interval("ip:13.70.0.11", None, None),)
    assert inventory.known_since_us("ip:13.70.0.10") is None


def test_what_the_file_names_is_the_files_to_decide(tmp_path: Path) -> None:
    text = HEADER + "13.70.0.10,vm-a,2026-03-01T10:00:00Z,\n"
    inventory, _ = read(tmp_path, text, ["13.70.0.0/16"])
    early, late = us("2026-03-01T09:00:00"), us("2026-03-01T11:00:00")
    assert holders(inventory, ["13.70.0.10", "13.70.0.11"], early) == ["", "ip:13.70.0.11"]
    assert holders(inventory, ["13.70.0.10", "13.70.0.11"], late) == ["vm-a", "ip:13.70.0.11"]
    assert not inventory.held_whole_hour("ip:13.70.0.10", "13.70.0.10", late)


def test_a_scan_through_a_whole_network_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEEN", 3)
    inventory = Inventory.from_networks(["10.0.0.0/8"])
    asked = [f"10.0.0.{n}" for n in range(5)]
    assert holders(inventory, asked, 0) == ["ip:10.0.0.0", "ip:10.0.0.1", "ip:10.0.0.2", "", ""]
    high, low = words(int(ip_address(f"::ffff:{address}")) for address in asked)
    assert inventory.holders(high, low, 0).tolist() == [0, 1, 2, UNPLACED, UNPLACED], "which is told apart"
    assert holders(inventory, asked[:1], 0) == ["ip:10.0.0.0"]
    assert len(inventory.ids) == 3


ADDRESS = st.sampled_from(["13.70.0.1", "13.70.0.2", "13.70.0.255", "13.70.1.1", "2603::1", "2603::1:1"])
NETWORK = st.sampled_from(
    ["13.70.0.1", "13.70.0.2", "13.70.0.0/24", "13.70.0.0/16", "2603::/112", "2603::1", "2000::/3"]
)
ROWS = st.lists(
    st.tuples(NETWORK, st.sampled_from("abc"), st.none() | st.integers(0, 8), st.none() | st.integers(1, 9)),
    max_size=12,
)


def expected_holder(rows: list[tuple[str, str, int | None, int | None]], address: str, at: int) -> str:
    """Row by row: of those that hold, the narrowest network, then the latest start, then the last line."""
    holding = [
        (ip_network(network).prefixlen, -1 if start is None else start, line, holder)
        for line, (network, holder, start, end) in enumerate(rows)
        if ip_address(address) in ip_network(network)
        and (start is None or start <= at)
        and (end is None or at < end)
        and (start is None or end is None or start < end)
    ]
    return max(holding)[-1] if holding else ""


@given(ROWS, st.lists(st.tuples(ADDRESS, st.integers(0, 9)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=150)
def test_any_inventory_gives_the_holders_that_its_lines_say(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, int | None, int | None]],
    asked: list[tuple[str, int]],
) -> None:
    def text(hour: int | None) -> str:
        return "" if hour is None else f"1970-01-02T{hour:02}:00:00Z"

    lines = [f"{network},{holder},{text(start)},{text(end)}\n" for network, holder, start, end in rows]
    inventory, _ = read(tmp_path_factory.getbasetemp(), HEADER + "".join(lines))
    day = 24 * HOUR_US
    found = holders(inventory, [address for address, _ in asked], [day + at * HOUR_US for _, at in asked])
    for (address, at), holder in zip(asked, found, strict=True):
        assert holder == expected_holder(rows, address, at)
        held = inventory.held_whole_hour(holder or "a", address, day + at * HOUR_US)
        assert held == bool(holder)  # all bounds are whole hours


@given(st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)), min_size=1))  # noqa: DTZ001
def test_times_read_as_columns_are_those_read_one_by_one(moments: list[datetime]) -> None:
    texts = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in moments]
    assert times(texts, 0).tolist() == [epoch_us(text) for text in texts]


@pytest.mark.parametrize(
    "text", ["2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "x", "2026"]
)
def test_what_is_no_time_is_told_apart(text: str) -> None:
    assert times([text], 0).tolist() == [NO_TIME_US]


def test_a_large_inventory_is_read_whole_across_chunks(tmp_path: Path) -> None:
    count = 2 * CHUNK + 7
    rows = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255},vm{n},,\n" for n in range(count))
    inventory, rejected = read(tmp_path, HEADER + "".join(rows))
    assert rejected == []
    assert len(inventory.ids) == count
    high, low = words((0xFFFF << 32) + (10 << 24) + n for n in range(count))
    assert inventory.holders(high, low, 0).tolist() == list(range(count))


@given(st.binary(max_size=200), st.booleans())
@settings(deadline=None)
def test_no_bytes_in_the_file_give_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, headed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "inventory.csv"
    path.write_bytes((HEADER.encode() if headed else b"") + content)
    with suppress(ConfigurationError):
        Inventory.read(path)
