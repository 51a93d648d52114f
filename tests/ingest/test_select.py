"""Which flows reach a detection, and as what: a wrong side here blames the victim, a lost row hides an attack."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.flow_relevant import SIDES
from ingest.flows import FlowColumns
from ingest.inventory import Inventory
from ingest.networks import parse_network
from ingest.records import FLOW, HOUR_US, SERVICES, address_text, address_words
from ingest.select import INWARD, IRRELEVANT, NOBODY, Selected, is_public, select
from ingest.threat_intel import Entry, Indicator, Indicators
from ingest.times import epoch_us
from tests.ingest.ipfix_messages import FOUR, TALK, a_set, as_rows, decoded, message, template

NOON = epoch_us("2026-03-01T12:00:00Z") or 0
LATER = NOON + 6 * HOUR_US
OUTSIDE, LISTED, LISTED_6 = "198.51.100.7", "203.0.113.66", "2001:db8:bad::1"
WEB, DB, SIX = "10.0.0.5", "10.0.0.6", "2001:db8:1::5"
PUBLIC = "13.70.0.10"
FORMER = "10.0.0.9"  # of `old` until LATER, of `new` from then on
INVENTORY = f"""ip,resource_id,start,end
{WEB},web,,
{DB},db,,
{SIX},six,,
{PUBLIC},public,,
{FORMER},old,,2026-03-01T18:00:00Z
{FORMER},new,2026-03-01T18:00:00Z,
"""


def entry(address: str, start_us: int = 0, end_us: int = 1 << 62) -> Entry:
    told = Indicator(address, "command_and_control", "c2")
    return Entry(told, parse_network(address), start_us, end_us)


INDICATORS = Indicators([entry(LISTED), entry(LISTED_6), entry("203.0.113.99", 0, LATER)])


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    path = tmp_path_factory.mktemp("inventory") / "inventory.csv"
    path.write_text(INVENTORY)
    found, rejected = Inventory.read(path)
    assert not rejected
    return found


def flow(source: str, destination: str, port: int = 22, client: int = 40_000, **values: Any) -> Any:
    """One flow from `source`:`client` to `destination`:`port`."""
    row = np.zeros(1, FLOW)
    row["src_hi"], row["src_lo"] = address_words(source)
    row["dst_hi"], row["dst_lo"] = address_words(destination)
    told = {"src_port": client, "dst_port": port, "protocol": 6, "packets": 10, "octets": 900}
    for name, value in {"start_us": NOON - 10, "end_us": NOON, **told, **values}.items():
        row[name] = value
    return row


def selected(inventory: Inventory, *flows: Any, **settings: int) -> Selected:
    """What becomes of these flows; every one of them has its fate."""
    found = select(FlowColumns.of_rows(np.concatenate(flows)), inventory, INDICATORS, **settings)
    assert found.read == len(flows) == np.count_nonzero(found.first) + sum(found.filtered.values())
    assert all(found.filtered.values())
    return found


def seen(found: Selected) -> list[tuple[str, str, str, bool, bool]]:
    """Resource, peer, service, outgoing, forward of each row."""
    return [
        (
            found.ids[row["entity"]],
            address_text(row["peer_hi"], row["peer_lo"]),
            SERVICES[row["service"]],
            bool(row["outgoing"]),
            bool(row["forward"]),
        )
        for row in found.rows
    ]


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


# Counting

ADDRESSES = st.sampled_from([OUTSIDE, LISTED, LISTED_6, WEB, DB, SIX, FORMER, "10.0.0.200", "2001:db8::7"])
PORTS = st.sampled_from([22, 3389, 443, 40_000])


def test_no_flows_are_no_rows(inventory: Inventory) -> None:
    found = select(FlowColumns([]), inventory, INDICATORS)
    assert (len(found.rows), len(found.first), found.read, found.filtered) == (0, 0, 0, {})


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(
        st.builds(
            flow,
            ADDRESSES,
            ADDRESSES,
            PORTS,
            PORTS,
            protocol=st.sampled_from([1, 6, 17]),
            denied=st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_every_flow_has_one_fate_and_none_hangs_on_its_neighbours(flows: list[Any]) -> None:
    own = Inventory.from_networks([f"{WEB}/32", f"{DB}/32", f"{SIX}/128"])
    found = selected(own, *flows)
    alone = [selected(own, one) for one in flows]
    names = [name for name in found.rows.dtype.names if name != "entity"]
    assert sorted(row[names].tolist() for one in alone for row in one.rows) == sorted(
        row[names].tolist() for row in found.rows
    )
    assert sum(sum(one.filtered.values()) for one in alone) == sum(found.filtered.values())
    assert all(one.first.sum() == min(len(one.rows), 1) for one in alone)


# Layouts

FOUR_FIELDS, SIX_FIELDS = ((8, 4), (12, 4)), ((27, 16), (28, 16))
LAYOUTS = {300: FOUR_FIELDS, 301: SIX_FIELDS, 302: (*FOUR_FIELDS, *SIX_FIELDS)}
REST = ((7, 2), (11, 2), (4, 1), (2, 4), (153, 8))


def sent(row: Any, number: int) -> bytes:
    """The flow as a record of one of these layouts; an address that does not fit there is zero."""
    packed = [ip_address(address_text(row[f"{side}_hi"], row[f"{side}_lo"])).packed for side in SIDES]
    four, six = (b"".join(one if len(one) == size else bytes(size) for one in packed) for size in (4, 16))
    addresses = {300: four, 301: six, 302: four + six}[number]
    ports = (int(row["src_port"]), int(row["dst_port"]), int(row["protocol"]))
    return addresses + struct.pack("!HHBIQ", *ports, int(row["packets"]), int(row["end_us"]) // 1000)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.builds(
                flow,
                ADDRESSES,
                ADDRESSES,
                PORTS,
                PORTS,
                protocol=st.sampled_from([1, 6, 17]),
                end_us=st.sampled_from([NOON, LATER]),
            ),
            st.sampled_from(list(LAYOUTS)),
        ),
        max_size=30,
    )
)
def test_how_flows_are_laid_out_decides_nothing(told: list[tuple[Any, int]]) -> None:
    templates = [template(number, (*addresses, *REST)) for number, addresses in LAYOUTS.items()]
    flows = decoded(message(*templates, *(a_set(number, sent(row[0], number)) for row, number in told))).flows
    own = [Inventory.from_networks([f"{WEB}/32", f"{DB}/32", f"{SIX}/128"]) for _ in range(2)]
    found, expected = (
        select(flows, own[0], INDICATORS),
        select(FlowColumns.of_rows(as_rows(flows)), own[1], INDICATORS),
    )
    assert sorted(found.rows.tolist()) == sorted(expected.rows.tolist())
    assert (found.ids, found.filtered, found.first.sum()) == (
        expected.ids,
        expected.filtered,
        expected.first.sum(),
    )


# Newest


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([0, 5, 1_000, 1 << 31, (1 << 63) // 1000, 1 << 63, (1 << 64) - 1]), max_size=4),
    st.none() | st.sampled_from([-1, 0, 4_999, 5_000, 1 << 42, (1 << 63) - 1, 1 << 70]),
    st.sampled_from([(153, 8), (151, 8), (151, 4), (155, 8), (159, 4), (161, 4)]),
)
def test_the_newest_flow_is_the_last_that_is_not_above_the_limit(
    values: list[int], limit: int | None, element: tuple[int, int]
) -> None:
    body = b"".join(TALK + (value % (1 << 8 * element[1])).to_bytes(element[1], "big") for value in values)
    flows = decoded(message(template(256, (*FOUR, element)), a_set(256, body))).flows
    ends = [end for end in flows.column("end_us").tolist() if limit is None or end <= limit]
    assert flows.newest_us(limit) == max(ends, default=0)
    assert FlowColumns.of_rows(as_rows(flows)).newest_us(limit) == max(ends, default=0)
