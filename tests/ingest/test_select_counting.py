"""Every flow has one fate, however flows are laid out and whatever comes beside them."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.flow_relevant import SIDES
from ingest.flows import FlowColumns
from ingest.inventory import Inventory
from ingest.records import address_text
from ingest.select import select
from tests.ingest.ipfix_messages import FOUR, TALK, a_set, as_rows, decoded, message, template
from tests.ingest.selecting import (
    DB,
    FORMER,
    INDICATORS,
    LATER,
    LISTED,
    LISTED_6,
    NOON,
    OUTSIDE,
    SIX,
    WEB,
    flow,
    selected,
)

ADDRESSES = st.sampled_from([OUTSIDE, LISTED, LISTED_6, WEB, DB, SIX, FORMER, "10.0.0.200", "2001:db8::7"])
PORTS = st.sampled_from([22, 3389, 443, 40_000])


def flows_with(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(flow, ADDRESSES, ADDRESSES, PORTS, PORTS, protocol=st.sampled_from([1, 6, 17]), **more)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(
        flows_with(denied=st.booleans()),
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
            flows_with(end_us=st.sampled_from([NOON, LATER])),
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
    assert (found.filtered, found.first.sum()) == (expected.filtered, expected.first.sum())
    assert list(own[0].ids) == list(own[1].ids)


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
