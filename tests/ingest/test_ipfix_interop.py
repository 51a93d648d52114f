"""Captures of real exporters, decoded as other implementations decode them (logstash, telegraf)."""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.ipfix import IpfixDecoder
from ingest.records import Rejected, address_text
from tests.data import shared
from tests.ingest.ipfix_messages import rows

Flow = dict[str, Any]
NUMBERS = (
    *("src_port", "dst_port", "protocol", "flags", "packets", "octets", "packets_back", "octets_back"),
    *("start_us", "end_us", "sampling"),
)
# Name of an element in logstash's events -> what it is here. An exporter may say a count in two ways.
ELEMENTS = {
    "sourceIPv4Address": "src",
    "destinationIPv4Address": "dst",
    "sourceIPv6Address": "src",
    "destinationIPv6Address": "dst",
    "sourceTransportPort": "src_port",
    "destinationTransportPort": "dst_port",
    "protocolIdentifier": "protocol",
    "tcpControlBits": "flags",
    "packetDeltaCount": "packets",
    "octetDeltaCount": "octets",
    "packetTotalCount": "packets",
    "octetTotalCount": "octets",
    "reversePacketTotalCount": "packets_back",
    "reverseOctetTotalCount": "octets_back",
    "flowStartMilliseconds": "start_us",
    "flowEndMilliseconds": "end_us",
    "flowStartSeconds": "start_us",
    "flowEndSeconds": "end_us",
    "flowStartMicroseconds": "start_us",
    "flowEndMicroseconds": "end_us",
}


def decoded(files: list[Path]) -> tuple[list[Flow], list[Rejected]]:
    """The flows of an exporter's datagrams, each in a file of its own; addresses as text."""
    decoder, flows, rejected = IpfixDecoder("a"), [], []
    for path in files:
        found = decoder.datagram(path.read_bytes())
        assert found.read == len(found.flows) + sum(found.filtered.values())
        flows += as_dicts(rows(found))
        rejected += found.rejected
    return flows, rejected


def as_dicts(found: Any) -> list[Flow]:
    return [
        {name: int(row[name]) for name in NUMBERS}
        | {side: address_text(row[f"{side}_hi"], row[f"{side}_lo"]) for side in ("src", "dst")}
        for row in found
    ]


def differences(flow: Flow, expected: Flow) -> list[str]:
    """The names in which they differ; times are expected as a range, as exact as they were printed."""
    return [
        name
        for name, value in expected.items()
        if (flow[name] not in value if isinstance(value, range) else flow[name] != value)
    ]


def without(flows: list[Flow], expected: list[Flow]) -> list[Flow]:
    """The expected flows that did not come; each flow answers for one only."""
    left, missing = list(flows), []
    for one in expected:
        found = next((flow for flow in left if not differences(flow, one)), None)
        if found is None:
            missing.append(one)
        else:
            left.remove(found)
    return missing


# logstash


def as_range(text: str) -> range:
    """Microseconds that a time stands for; logstash's own tests leave the fraction of NTP's times open."""
    whole, _, is_open = text.partition(".000#")
    start = round(datetime.fromisoformat(f"{whole}Z" if is_open else text).timestamp() * 1_000) * 1_000
    return range(start, start + (1_000_000 if is_open else 1_000))


def of_logstash(event: dict[str, Any]) -> Flow:
    """The fields that we have too, in our units; what a template with both families leaves out is '::'."""
    told: Flow = {}
    for theirs, ours in ELEMENTS.items():
        value = event.get("netflow", {}).get(theirs)
        if value is not None and value != "::":
            told[ours] = as_range(value) if ours.endswith("_us") else value
    return told


# Files -> flows in them, where logstash's count has options as well or is of the first message alone.
OTHER_COUNTS = {
    "ipfix.dat": 12,
    "ipfix_test_juniper_mx240_junos151r6s3_opttpl512.dat": 0,
    "ipfix_test_yaf_tpls_option_tpl.dat": 2,
}


def test_flows_come_out_as_logstash_has_them() -> None:
    cases = json.loads(shared("flows", "logstash", "golden.json").read_text())
    cases = [case for case in cases if case["files"][0].startswith("ipfix")]
    compared = 0
    for case in cases:
        expected = [told for told in map(of_logstash, case["expected_events"]) if {"src", "dst"} <= set(told)]
        flows, rejected = decoded([shared("flows", "logstash", name) for name in case["files"]])
        assert without(flows, expected) == [], case["case"]
        assert not rejected, case["case"]
        if case["files"][0] != "ipfix_test_netscaler_data.dat":
            assert len(flows) == OTHER_COUNTS.get(case["files"][0], case["decoded_events"]), case["case"]
        compared += len(expected)
    assert (len(cases), compared) == (15, 23)


def test_data_that_logstash_drops_for_want_of_a_template_is_kept_until_it_comes() -> None:
    names = ("data", "tpl", "tpl", "data")
    files = [shared("flows", "logstash", f"ipfix_test_netscaler_{name}.dat") for name in names]
    assert [len(decoded(files[:count])[0]) for count in (1, 2, 4)] == [0, 3, 6]


def test_times_since_the_system_started_are_dated_by_the_options() -> None:
    case = next(
        one
        for one in json.loads(shared("flows", "logstash", "golden.json").read_text())
        if one["files"] == ["ipfix.dat"]
    )
    options, *events = (event["netflow"] for event in case["expected_events"])
    expected = [
        of_logstash({"netflow": event})
        | {
            ours: (options["systemInitTimeMilliseconds"] + event[theirs]) * 1_000
            for ours, theirs in (("start_us", "flowStartSysUpTime"), ("end_us", "flowEndSysUpTime"))
        }
        for event in events
    ]
    flows, _ = decoded([shared("flows", "logstash", "ipfix.dat")])
    assert without(flows, expected) == []
    assert {flow["sampling"] for flow in flows} == {1}


def test_a_firewalls_flow_lasts_as_long_as_it_says() -> None:
    names = ("ipfix_test_barracuda_tpl.dat", "ipfix_test_barracuda_data256.dat")
    flows, _ = decoded([shared("flows", "logstash", name) for name in names])
    (flow,) = (one for one in flows if one["dst_port"] == 50_294)
    assert flow["end_us"] - flow["start_us"] == 20_368_000  # its flowDurationMilliseconds
    assert flow["end_us"] == 1_498_744_708_000_000  # 13:58:28, when it was exported


# telegraf

_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58}
_TELEGRAF = {
    "src_port": ("src_port",),
    "dst_port": ("dst_port",),
    "packets": ("in_packets", "in_total_packets"),
    "octets": ("in_bytes", "in_total_bytes"),
    "packets_back": ("type_29305_86",),  # RFC 5103's; telegraf does not know them, and prints octets
    "octets_back": ("type_29305_85",),
    "start_us": ("flow_start_ms",),
    "end_us": ("flow_end_ms",),
}


def of_telegraf(line: str) -> Flow:
    """A line of an expected.out (InfluxDB's line protocol) in our names and units."""
    pairs = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^, ]+)', line)}
    told: Flow = {"src": pairs["src"], "dst": pairs["dst"], "protocol": _PROTOCOLS[pairs["protocol"]]}
    for ours, names in _TELEGRAF.items():
        for theirs in names:
            if theirs in pairs:
                value = int(pairs[theirs].rstrip("u"), 0)
                told[ours] = value * 1_000 if ours.endswith("_us") else value
    return told


@pytest.mark.parametrize(
    ("name", "count"),
    [("ipfix_example", 29), ("ipfix_options", 0), ("ipfix_pen_35632", 2), ("issue_13305", 2)],
)
def test_flows_come_out_as_telegraf_has_them(name: str, count: int) -> None:
    folder = shared("flows", "telegraf", name)
    lines = (folder / "expected.out").read_text().splitlines()
    expected = [of_telegraf(line) for line in lines if line.startswith("netflow,")]
    flows, rejected = decoded(sorted(folder.glob("*.bin")))
    assert (len(flows), len(expected), rejected) == (count, count, [])
    assert without(flows, expected) == []


def test_a_set_beyond_its_message_is_refused_where_telegraf_reads_it() -> None:
    """The exporter's lengths are two octets short, and telegraf's addresses of that set are shifted."""
    folder = shared("flows", "telegraf", "issue_14370")
    first, _ = (of_telegraf(line) for line in (folder / "expected.out").read_text().splitlines())
    flows, rejected = decoded([folder / "message.bin"])
    assert (len(flows), without(flows, [first])) == (1, [])
    assert "set 257 says a length of 84, but its message has 82" in rejected[0].reason


# Exporters that were run over a capture of eleven guessed passwords


def unframed(octets: bytes) -> bytes:
    """The messages of a capture of datagrams, each of which has its length before it."""
    at, messages = 0, []
    while at < len(octets):
        (size,) = struct.unpack_from("!I", octets, at)
        messages.append(octets[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(messages)


def exported(name: str) -> list[Flow]:
    octets = shared("flows", "exporters", name).read_bytes()
    found = IpfixDecoder(name).feed(unframed(octets) if name.endswith(".dgrams") else octets, True)
    assert (found.rejected, found.lost) == ([], 0)
    return as_dicts(rows(found))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("softflowd-sshguess-ipfix-milli.dgrams", 22),
        ("softflowd-sshguess-ipfix-reltime.dgrams", 22),
        ("softflowd-sshguess-ipfix-biflow-milli.dgrams", 11),
        ("softflowd-sshguess-ipfix-tcp.stream", 22),
        ("pmacctd-sshguess-ipfix.dgrams", 26),  # which exports what lasts long in pieces
    ],
)
def test_eleven_guessed_passwords_are_eleven_connections(name: str, count: int) -> None:
    flows = exported(name)
    clients = {max(flow["src_port"], flow["dst_port"]) for flow in flows}
    assert (len(flows), len(clients)) == (count, 11)
    assert all(22 in (flow["src_port"], flow["dst_port"]) and flow["protocol"] == 6 for flow in flows)
    assert {flow[side] for flow in flows for side in ("src", "dst")} == {"192.168.56.1", "192.168.56.103"}
    total = sum((Counter({name: flow[name] for name in NUMBERS[4:8]}) for flow in flows), Counter())
    assert total["packets"] + total["packets_back"] == 431
    assert total["octets"] + total["octets_back"] == 77_967
    first, last = min(flow["start_us"] for flow in flows), max(flow["end_us"] for flow in flows)
    assert last - first == 70_093_000
    if "milli" in name or "pmacctd" in name:  # the others were replayed: their clock is the replay's
        assert first == 1_427_726_689_213_000


def test_a_biflow_has_the_counts_of_its_two_uniflows() -> None:
    uniflows = {
        (flow["src_port"], flow["dst_port"]): (flow["packets"], flow["octets"])
        for flow in exported("softflowd-sshguess-ipfix-milli.dgrams")
    }
    for both in exported("softflowd-sshguess-ipfix-biflow-milli.dgrams"):
        ports = both["src_port"], both["dst_port"]
        assert uniflows.pop(ports) == (both["packets"], both["octets"])
        assert uniflows.pop(ports[::-1]) == (both["packets_back"], both["octets_back"])
    assert not uniflows


def test_a_guessed_ftp_password_is_a_connection_too() -> None:
    flows = exported("softflowd-ftpbrute-ipfix-milli.dgrams")
    assert len(flows) == 60
    assert len({max(flow["src_port"], flow["dst_port"]) for flow in flows}) == 30


def test_no_capture_of_any_exporter_raises_or_loses_count() -> None:
    paths = [*shared("flows", "logstash").glob("*.dat"), *shared("flows", "telegraf").rglob("*.bin")]
    assert len(paths) > 80
    for path in paths:
        found = IpfixDecoder(path.name).feed(path.read_bytes(), True)
        assert found.read == len(found.flows) + sum(found.filtered.values())
        # IPFIX and version 9 have messages of templates alone.
        assert found.read or found.rejected or path.read_bytes()[:2] in (b"\x00\x0a", b"\x00\x09")
