"""Look-ups for whole columns must say what `ipaddress` says, one address at a time."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.networks import Network, NetworkTable, SortedAddresses, Spans, parse_network, words

# Few high bits and few low ones, so that networks nest and addresses hit them
SMALL = st.sampled_from([0, 1, 2, 3, 255, 256, 1 << 31, (1 << 32) - 1])
BASES = st.sampled_from(
    [0, 0xFFFF << 32, 0x2001_0DB8 << 96, (0x2001_0DB8 << 96) + (1 << 64), (1 << 128) - (1 << 32)]
)
ADDRESSES = st.builds(lambda base, low: base + low, BASES, SMALL)
NETWORKS = st.builds(
    lambda address, bits: Network(address & ~((1 << 128 - bits) - 1), bits),
    ADDRESSES,
    st.sampled_from([0, 1, 32, 63, 64, 65, 96, 97, 104, 120, 126, 127, 128]),
)


@given(st.lists(NETWORKS, max_size=30), st.lists(ADDRESSES, min_size=1, max_size=30))
@settings(deadline=None)
def test_an_address_is_found_in_the_narrowest_network_and_then_in_all_the_wider_ones(
    networks: list[Network], addresses: list[int]
) -> None:
    table = NetworkTable.of(networks)
    as_standard = [IPv6Network((network.first, network.bits)) for network in networks]
    for address in addresses:
        holding = {net for net in as_standard if IPv6Address(address) in net}
        expected = sorted((net.prefixlen for net in holding), reverse=True)
        assert [int(table.bits[index]) for index in table.chain(address)] == expected
    high, low = words(addresses)
    for address, index in zip(addresses, table.find(high, low).tolist(), strict=True):
        assert index == next(table.chain(address), -1)


@given(st.sets(ADDRESSES, max_size=20), st.lists(ADDRESSES, min_size=1, max_size=20))
@settings(deadline=None)
def test_a_sorted_column_of_both_families_is_searched_as_128_bit_numbers(
    known: set[int], asked: list[int]
) -> None:
    ordered = sorted(known)
    addresses = SortedAddresses(*words(ordered))
    exact = addresses.equal(*words(asked)).tolist()
    below = addresses.not_above(*words(asked)).tolist()
    for number, found, last in zip(asked, exact, below, strict=True):
        assert found == (ordered.index(number) if number in known else -1)
        assert last == sum(one <= number for one in ordered) - 1


@given(
    st.lists(st.lists(st.integers(0, 50), max_size=8, unique=True), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 52)), min_size=1, max_size=30),
)
@settings(deadline=None)
def test_of_an_owners_spans_the_one_that_runs_at_the_time_is_found(
    bounds: list[list[int]], asked: list[tuple[int, int]]
) -> None:
    rows = []
    for owner, times in enumerate(bounds):
        ordered = sorted(times)[: len(times) // 2 * 2]
        rows += [(owner, *span) for span in zip(ordered[::2], ordered[1::2], strict=True)]
    owners, starts, ends = np.array(rows, np.int64).reshape(-1, 3).T
    spans = Spans(len(bounds), owners, starts, ends, np.arange(len(rows)))
    asked = [(owner, at) for owner, at in asked if owner < len(bounds)]
    found = spans.at(*np.array(asked, np.int64).reshape(-1, 2).T)
    for (owner, at), value in zip(asked, found.tolist(), strict=True):
        expected = [n for n, row in enumerate(rows) if row[0] == owner and row[1] <= at < row[2]]
        assert value == (expected[0] if expected else -1)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_an_ipv4_network_is_the_same_written_as_ipv4_or_mapped(number: int, bits: int) -> None:
    address = IPv4Address(number)
    assert parse_network(f"{address}/{bits}") == parse_network(f"::ffff:{address}/{bits + 96}")
    assert parse_network(str(address)) == Network(0xFFFF << 32 | number, 128)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0",
        "10.0.0.256",
        "010.0.0.1",
        "10.0.0.1/33",
        "::1/129",
        "a.b",
        "10.0.0.1\0",
        "1",
        "10.0.0.1 ",
        "::/0",
    ],
)
def test_what_only_looks_like_an_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_network(text)
