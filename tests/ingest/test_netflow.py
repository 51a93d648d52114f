"""Routers that speak NetFlow 5 or 9 are heard like those that speak IPFIX: same flows, times, losses."""

from __future__ import annotations

import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ipfix import DecoderState, IpfixDecoder
from tests.data import shared
from tests.ingest.ipfix_messages import EXPORTED_S, rows
from tests.ingest.test_ipfix_interop import Flow, as_range, decoded, exported, without

TEMPLATE = struct.pack("!HHHH", 0, 36, 256, 7) + struct.pack(
    "!14H", 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 22, 4, 21, 4
)
RECORD = bytes([198, 51, 100, 7, 10, 0, 0, 5]) + struct.pack("!HHB", 40_000, 22, 6)


def nine(*sets: bytes, sequence: int = 0, uptime: int = 500_000, source: int = 1) -> bytes:
    return struct.pack("!HHIIII", 9, len(sets), uptime, EXPORTED_S, sequence, source) + b"".join(sets)


def data(first: int = 490_000, last: int = 499_000) -> bytes:
    return struct.pack("!HH", 256, 25) + RECORD + struct.pack("!II", first, last)


def five(sequence: int, count: int = 1, sampling: int = 0) -> bytes:
    head = struct.pack("!HHIIIIBBH", 5, count, 500_000, EXPORTED_S, 0, sequence, 0, 0, sampling)
    body = RECORD[:8] + bytes(8) + struct.pack("!IIIIHH", 3, 180, 490_000, 499_000, 40_000, 22)
    return head + (body + bytes([0, 2, 6, 0]) + bytes(8)) * count


@pytest.mark.parametrize("version", ["v5", "v9"])
@pytest.mark.parametrize("exporter", ["softflowd", "pmacctd", "nfreplay"])
def test_guessed_passwords_come_out_of_netflow_as_of_ipfix(exporter: str, version: str) -> None:
    flows = exported(f"{exporter}-sshguess-{version}.dgrams")
    clients = {max(flow["src_port"], flow["dst_port"]) for flow in flows}
    assert len(clients) == 11
    assert sum(flow["packets"] for flow in flows) == 431
    assert sum(flow["octets"] for flow in flows) == 77_967


ELEMENTS = {
    "ipv4_src_addr": "src",
    "ipv6_src_addr": "src",
    "ipv4_dst_addr": "dst",
    "ipv6_dst_addr": "dst",
    "l4_src_port": "src_port",
    "l4_dst_port": "dst_port",
    "protocol": "protocol",
    "tcp_flags": "flags",
    "in_pkts": "packets",
    "in_bytes": "octets",
    "first_switched": "start_us",
    "last_switched": "end_us",
}
# Times that differ: more than an hour after their export, which are dated a turn of the clock earlier (a Fortigate, version
# 5's starts); an export in 1970 (nProbe); logstash's end in .999 (Streamcore).
OTHERS = {
    "Netflow 5 valid 01",
    "Netflow 9 Fortigate FortiOS 5.2.1",
    "Netflow 9 nprobe DPI L7",
    "Netflow 9 Streamcore",
}


def of_logstash(event: dict[str, Any], late_s: int) -> Flow:
    told: Flow = {}
    for theirs, ours in ELEMENTS.items():
        value = event.get("netflow", {}).get(theirs)
        if value is None or value == "::":
            continue
        if ours.endswith("_us"):
            span = as_range(value)
            value = range(span.start - late_s * 1_000_000, span.stop)
        told[ours] = value
    return told


def test_flows_of_other_makers_routers_come_out_as_logstash_has_them() -> None:
    """Logstash forgets to carry a second where it takes the uptime off: its times may be one second more."""
    cases = json.loads(shared("flows", "logstash", "golden.json").read_text())
    differ, compared = set(), 0
    for case in (case for case in cases if case["files"][0].startswith("netflow")):
        flows, _ = decoded([shared("flows", "logstash", name) for name in case["files"]])
        told = [of_logstash(event, 1) for event in case["expected_events"]]
        expected = [one for one in told if {"src", "dst"} <= set(one)]
        compared += len(expected)
        times = ("start_us", "end_us")
        bare = [{name: one[name] for name in one if name not in times} for one in expected]
        assert without(flows, bare) == [], case["case"]
        if without(flows, expected):
            differ.add(case["case"])
    assert differ == OTHERS
    assert compared > 25


def test_times_since_the_start_are_dated_by_the_header_also_where_its_clock_began_again() -> None:
    plain, turned = (
        rows(IpfixDecoder("a").datagram(nine(TEMPLATE, data(*times), uptime=uptime)))
        for times, uptime in (((490_000, 499_000), 500_000), (((1 << 32) - 9_500, 500), 1_500))
    )
    assert int(plain[0]["end_us"]) == int(turned[0]["end_us"]) + 0 == (EXPORTED_S - 1) * 1_000_000
    assert int(plain[0]["end_us"] - plain[0]["start_us"]) == 9_000_000
    assert int(turned[0]["end_us"] - turned[0]["start_us"]) == 10_000_000


def test_version_9_counts_messages_and_version_5_flows() -> None:
    decoder = IpfixDecoder("a")
    lost = [decoder.datagram(nine(TEMPLATE, data(), data(), sequence=number)).lost for number in (7, 8, 11)]
    assert lost == [0, 0, 2]
    assert [decoder.datagram(five(number, 3)).lost for number in (0, 3, 10)] == [0, 0, 4]


def test_a_router_that_starts_again_has_lost_nothing() -> None:
    decoder = IpfixDecoder("a")
    decoder.datagram(nine(TEMPLATE, data(), sequence=900, uptime=9_000_000))
    assert decoder.datagram(nine(TEMPLATE, data(), sequence=0, uptime=500_000)).lost == 0
    assert decoder.datagram(nine(data(), sequence=2, uptime=501_000)).lost == 1


def test_the_sampling_of_a_header_holds_for_its_flows() -> None:
    assert rows(IpfixDecoder("a").datagram(five(0, sampling=0x4000 | 100)))[0]["sampling"] == 100


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.integers(1, 400), max_size=8), st.binary(max_size=60), st.integers(0, 300))
def test_whatever_comes_and_however_it_is_cut_the_same_is_read(
    sizes: list[int], noise: bytes, at: int
) -> None:
    whole = nine(data(), source=3) + five(0, 2) + nine(TEMPLATE, data(), source=3, sequence=1) + five(2)
    octets = whole[:at] + noise + whole[at:]
    one = IpfixDecoder("a").feed(octets, True)
    decoder, count, rejected = IpfixDecoder("a"), 0, []
    for size in [*sizes, len(octets)]:
        piece, octets = octets[:size], octets[size:]
        found = decoder.feed(piece)
        count, rejected = count + found.read, rejected + found.rejected
        kept = msgspec.convert(decoder.state(), DecoderState)
        decoder = IpfixDecoder.restored("a", kept)
    last = decoder.feed(b"", True)
    assert count + last.read == one.read == len(one.flows) + sum(one.filtered.values())
    assert rejected + last.rejected == one.rejected
