"""Which flows reach a detection, and as what: a wrong side here blames the victim, a lost row hides an attack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ingest.flows import FlowColumns
from ingest.inventory import Inventory
from ingest.records import HOUR_US, address_text, address_words
from ingest.select import BEYOND, INWARD, IRRELEVANT, NOBODY, is_public, select
from ingest.threat_intel import Indicators
from ingest.told_inventory import ToldInventory
from tests.ingest.selecting import (
    DB,
    FORMER,
    INDICATORS,
    INVENTORY,
    LATER,
    LISTED,
    LISTED_6,
    NOON,
    OUTSIDE,
    PUBLIC,
    SIX,
    WEB,
    entry,
    flow,
    seen,
    selected,
)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    path = tmp_path_factory.mktemp("inventory") / "inventory.csv"
    path.write_text(INVENTORY)
    found, rejected = Inventory.read(path)
    assert not rejected
    return found


# Direction


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (flow(OUTSIDE, WEB), ("web", OUTSIDE, "ssh", False, True)),
        (flow(WEB, OUTSIDE, 40_000, 22), ("web", OUTSIDE, "ssh", False, False)),
        (flow(WEB, OUTSIDE), ("web", OUTSIDE, "ssh", True, True)),
        (flow(OUTSIDE, WEB, 40_000, 22), ("web", OUTSIDE, "ssh", True, False)),
        (flow(OUTSIDE, WEB, 22, 22), ("web", OUTSIDE, "ssh", False, True)),
    ],
    ids=["attack", "its answer", "attacker", "the answer to it", "both ports are the service's"],
)
def test_who_attacks_whom_is_told_by_the_service_port(
    inventory: Inventory, told: Any, expected: tuple[Any, ...]
) -> None:
    found = selected(inventory, told)
    assert seen(found) == [expected]
    assert found.rows["client_port"].tolist() == [22 if told["src_port"] == told["dst_port"] else 40_000]


def test_a_row_has_the_resources_side_and_all_of_the_flow(inventory: Inventory) -> None:
    told = flow(OUTSIDE, WEB, offset=77, packets_back=4, octets_back=100, sampling=8)
    (row,) = selected(inventory, told, source=3, own_sampling=5).rows
    assert address_text(row["own_hi"], row["own_lo"]) == WEB
    names = ("start_us", "end_us", "offset", "packets", "octets", "both", "sampling", "source", "peer_port")
    assert [int(row[name]) for name in names] == [NOON - 10, NOON, 77, 14, 1_000, 1, 8, 3, 40_000]


def test_only_a_flow_with_packets_both_ways_has_both(inventory: Inventory) -> None:
    ways = [flow(OUTSIDE, WEB, packets=there, packets_back=back) for there, back in ((3, 0), (0, 3), (1, 1))]
    assert selected(inventory, *ways).rows["both"].tolist() == [False, False, True]


def test_where_the_export_says_no_sampling_the_configured_one_holds(inventory: Inventory) -> None:
    found = selected(inventory, flow(OUTSIDE, WEB), flow(OUTSIDE, WEB, sampling=1), own_sampling=50)
    assert found.rows["sampling"].tolist() == [50, 1]


def test_what_two_interfaces_saw_counts_at_the_resource_that_it_is_about(inventory: Inventory) -> None:
    """A flow between two machines is in both ones' logs: twice the packets would hide a guess of a password."""
    both = [flow(LISTED, WEB, seen_at=2), flow(LISTED, WEB, seen_at=1)]
    found = selected(inventory, *both)
    assert [(one[0], one[4]) for one in seen(found)] == [("web", True)]


def test_what_a_firewall_denied_is_known_as_denied(inventory: Inventory) -> None:
    found = selected(inventory, flow(OUTSIDE, WEB, denied=True), flow(OUTSIDE, WEB))
    assert found.rows["denied"].tolist() == [True, False]


# Service


@pytest.mark.parametrize(
    ("protocol", "port", "service"),
    [
        (6, 22, "ssh"),
        (6, 3389, "rdp"),
        (17, 3389, "rdp"),
        (17, 22, ""),
        (6, 23, ""),
        (1, 22, ""),
        (1, 3389, ""),
    ],
)
def test_ssh_is_tcp_and_rdp_either(inventory: Inventory, protocol: int, port: int, service: str) -> None:
    found = selected(inventory, flow(OUTSIDE, WEB, port, protocol=protocol))
    assert [one[2] for one in seen(found)] == ([service] if service else [])
    assert found.filtered == ({} if service else {IRRELEVANT: 1})


def test_the_service_that_the_protocol_allows_is_the_one(inventory: Inventory) -> None:
    """RDP's answer over UDP to a client's port 22 is no SSH."""
    found = selected(inventory, flow(OUTSIDE, WEB, 22, 3389, protocol=17))
    assert seen(found) == [("web", OUTSIDE, "rdp", True, False)]


# Resources


def test_the_holder_at_the_flows_time_is_blamed_and_nobody_else(inventory: Inventory) -> None:
    times = (LATER - 1, LATER, LATER + HOUR_US)
    found = selected(inventory, *(flow(OUTSIDE, FORMER, end_us=at) for at in times))
    assert [one[0] for one in seen(found)] == ["old", "new", "new"]


def test_flows_of_addresses_that_nobody_holds_are_counted(inventory: Inventory) -> None:
    found = selected(
        inventory, flow(OUTSIDE, "10.0.0.200"), flow(LISTED, OUTSIDE, 443), flow(OUTSIDE, WEB, 80)
    )
    assert (len(found.rows), found.filtered) == (0, {NOBODY: 2, IRRELEVANT: 1})


@pytest.mark.parametrize("is_told", [False, True])
def test_addresses_of_networks_beyond_the_bound_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    """Else an operator whose machines are not watched any more reads that they are nobody's."""
    monkeypatch.setattr("ingest.inventory.MAX_SEEN", 1)
    given = Inventory.from_networks(["10.0.0.0/8"])
    flows = [
        flow(OUTSIDE, "10.0.0.1"),
        flow(OUTSIDE, "10.0.0.2"),
        flow(OUTSIDE, "10.0.0.3"),
        flow(OUTSIDE, PUBLIC),
    ]
    found = select(
        FlowColumns.of_rows(np.concatenate(flows)), ToldInventory(given) if is_told else given, Indicators()
    )
    assert (len(found.rows), found.filtered) == (1, {BEYOND: 2, NOBODY: 1})


def test_ipv6_is_seen_as_well(inventory: Inventory) -> None:
    found = selected(inventory, flow("2001:db8::7", SIX, 3389), flow(SIX, "2001:db8::8"))
    expected = [("six", "2001:db8::7", "rdp", False, True), ("six", "2001:db8::8", "ssh", True, True)]
    assert seen(found) == expected


def test_a_flow_between_two_resources_counts_once_and_for_the_attacked(inventory: Inventory) -> None:
    found = selected(inventory, flow(WEB, DB), flow(DB, WEB, 40_000, 22))
    assert seen(found) == [("db", WEB, "ssh", False, True), ("db", WEB, "ssh", False, False)]
    assert found.first.tolist() == [True, True]


def test_a_resource_with_a_public_address_is_no_outside_target(inventory: Inventory) -> None:
    found = selected(inventory, flow(WEB, PUBLIC))
    assert seen(found) == [("public", WEB, "ssh", False, True)]


def test_a_private_peer_is_an_attacker_but_no_target(inventory: Inventory) -> None:
    found = selected(inventory, flow("10.9.9.9", WEB), flow(WEB, "10.9.9.9"))
    assert seen(found) == [("web", "10.9.9.9", "ssh", False, True)]
    assert found.filtered == {INWARD: 1}


# Threat intelligence


@pytest.mark.parametrize("listed", [LISTED, LISTED_6])
def test_traffic_with_a_listed_address_is_seen_on_any_port_and_both_ways(
    inventory: Inventory, listed: str
) -> None:
    own = SIX if ":" in listed else WEB
    found = selected(inventory, flow(own, listed, 443), flow(listed, own, 8_443, protocol=17))
    assert {one[:4] for one in seen(found)} == {
        (found.ids[found.rows["entity"][0]], listed, "", outgoing) for outgoing in (True, False)
    }
    assert found.rows["malicious"].all()
    assert sorted(found.rows["peer_port"].tolist()) == [443, 40_000]


def test_a_list_counts_for_flows_of_its_own_time(inventory: Inventory) -> None:
    found = selected(inventory, *(flow(WEB, "203.0.113.99", 443, end_us=at) for at in (LATER - 1, LATER)))
    assert (len(found.rows), found.filtered) == (1, {IRRELEVANT: 1})


def test_an_ordinary_peer_is_not_malicious(inventory: Inventory) -> None:
    found = selected(inventory, flow(OUTSIDE, WEB), flow(LISTED, WEB))
    by_peer = {address_text(row["peer_hi"], row["peer_lo"]): bool(row["malicious"]) for row in found.rows}
    assert by_peer == {OUTSIDE: False, LISTED: True}


def test_a_flow_between_two_listed_resources_is_two_rows_and_one_flow() -> None:
    own = Inventory.from_networks([f"{LISTED}/32", "203.0.113.67/32"])
    listed = Indicators([entry(LISTED), entry("203.0.113.67")])
    flows = np.concatenate([flow(LISTED, "203.0.113.67", 443)] * 2)
    found = select(FlowColumns.of_rows(flows), own, listed)
    assert (len(found.rows), found.first.sum(), found.read, found.filtered) == (4, 2, 2, {})
    assert {found.ids[row["entity"]] for row in found.rows[~found.first]} != {
        found.ids[row["entity"]] for row in found.rows[found.first]
    }


# Addresses


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (("10.0.0.0", "10.255.255.255"), ("9.255.255.255", "11.0.0.0")),
        (("172.16.0.0", "172.31.255.255"), ("172.15.255.255", "172.32.0.0")),
        (("192.168.0.0", "192.168.255.255"), ("192.167.255.255", "192.169.0.0")),
        (("100.64.0.0", "100.127.255.255"), ("100.63.255.255", "100.128.0.0")),
        (("169.254.0.0", "169.254.255.255"), ("169.253.255.255", "169.255.0.0")),
        (("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"), ("126.0.0.1", "1.0.0.0", "223.255.255.255")),
        (("fc00::", "fdff::1", "fe80::1", "febf::1", "ff02::1"), ("fbff::1", "fe00::1", "2001:db8::1")),
        (("::", "::1"), ("::2", "64:ff9b::1")),
    ],
)  # fmt: skip
def test_what_is_outside_ends_where_the_networks_inside_begin(
    inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    words = np.array([address_words(one) for one in (*inside, *outside)], np.uint64)
    assert is_public(words[:, 0], words[:, 1]).tolist() == [False] * len(inside) + [True] * len(outside)


def test_no_flows_are_no_rows(inventory: Inventory) -> None:
    found = select(FlowColumns([]), inventory, INDICATORS)
    assert (len(found.rows), len(found.first), found.read, found.filtered) == (0, 0, 0, {})
