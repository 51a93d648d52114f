"""Captures of real exporters, decoded as other implementations decode them (logstash, telegraf)."""

from __future__ import annotations

import json
import re
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.ipfix import Decoded, IpfixDecoder
from ingest.records import address_text
from tests.data import shared

# Name of an element in logstash's events -> what it is here.
ELEMENTS = {
    "sourceIPv4Address": "src",
    "destinationIPv4Address": "dst",
    "sourceTransportPort": "src_port",
    "destinationTransportPort": "dst_port",
    "protocolIdentifier": "protocol",
    "packetDeltaCount": "packets",
    "octetDeltaCount": "octets",
    "flowStartMilliseconds": "start_us",
    "flowEndMilliseconds": "end_us",
    "flowStartSeconds": "start_us",
    "flowEndSeconds": "end_us",
    "flowStartMicroseconds": "start_us",
    "flowEndMicroseconds": "end_us",
}
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}


def flows(found: Decoded) -> list[dict[str, Any]]:
    """The flows as dicts, addresses as text."""
    rows = found.flows.rows(np.ones(len(found.flows), bool))
    names = ("src_port", "dst_port", "protocol", "packets", "octets", "start_us", "end_us")
    return [
        {name: int(row[name]) for name in names}
        | {side: address_text(row[f"{side}_hi"], row[f"{side}_lo"]) for side in ("src", "dst")}
        for row in rows
    ]


def datagrams(decoder: IpfixDecoder, paths: list[Path]) -> list[Decoded]:
    """Each file is one datagram of the same exporter."""
    return [decoder.datagram(path.read_bytes()) for path in paths]


def golden() -> list[dict[str, Any]]:
    """logstash's cases of IPFIX."""
    path = Path(__file__).parents[3] / "shared" / "data" / "flows" / "logstash" / "golden.json"
    cases = json.loads(path.read_text()) if path.exists() else []
    return [case for case in cases if case["files"][0].startswith("ipfix")]


def told(event: dict[str, Any]) -> dict[str, Any]:
    """The fields that we have too, in our units."""
    fields = {}
    for theirs, ours in ELEMENTS.items():
        value = event.get("netflow", {}).get(theirs)
        if value is None or "#{" in str(value):  # a place that logstash's own test leaves open
            continue
        if ours.endswith("_us"):
            value = (
                round(datetime.fromisoformat(value).timestamp() * 1_000)
                if isinstance(value, str)
                else value * 1_000
            )
        fields[ours] = value
    return fields


def alike(flow: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether a flow has all the expected fields; times to the millisecond."""
    return all(
        flow[name] // 1_000 == value if name.endswith("_us") else flow[name] == value
        for name, value in expected.items()
    )


@pytest.mark.parametrize("case", golden(), ids=lambda case: case["case"].replace(" ", "_"))
def test_flows_come_out_as_logstash_has_them(case: dict[str, Any]) -> None:
    paths = [shared("flows", "logstash", name) for name in case["files"]]
    found = [flow for one in datagrams(IpfixDecoder("a"), paths) for flow in flows(one)]
    for event in case["expected_events"]:
        expected = told(event)
        if {"src", "dst"} <= set(expected):
            assert any(alike(flow, expected) for flow in found), (expected, found[:3])


# Telegraf's names of our fields; in 'total' counters some exporters send what others send as deltas.
TELEGRAF = {"src": "src", "dst": "dst", "src_port": "src_port", "dst_port": "dst_port"}


def telegraf(folder: Path) -> list[dict[str, Any]]:
    """The flows of an expected.out in InfluxDB's line protocol."""
    made = []
    for line in (folder / "expected.out").read_text().splitlines():
        pairs = dict(re.findall(r'(\w+)=("[^"]*"|[^, ]+)', line))
        if not line.startswith("netflow,") or '"' not in pairs.get("src", "") or "src_port" not in pairs:
            continue
        flow: dict[str, Any] = {name: pairs[name].strip('"') for name in ("src", "dst")}
        flow |= {name: int(pairs[name].rstrip("u")) for name in ("src_port", "dst_port")}
        for ours, theirs in (("packets", "packets"), ("octets", "bytes")):
            value = pairs.get(f"in_{theirs}") or pairs.get(f"in_total_{theirs}")
            flow |= {ours: int(value.rstrip("u"))} if value else {}
        for ours, theirs in (("start_us", "flow_start_ms"), ("end_us", "flow_end_ms")):
            flow |= {ours: int(pairs[theirs].rstrip("u"))} if theirs in pairs else {}
        made.append(flow)
    return made


@pytest.mark.parametrize("name", ["ipfix_example", "ipfix_options", "ipfix_pen_35632", "issue_13305"])
def test_flows_come_out_as_telegraf_has_them(name: str) -> None:
    folder = shared("flows", "telegraf", name)
    decoder = IpfixDecoder(name)
    found = [flow for one in datagrams(decoder, sorted(folder.glob("*.bin"))) for flow in flows(one)]
    expected = telegraf(folder)
    missing = [flow for flow in expected if not any(alike(one, flow) for one in found)]
    assert not missing
    assert len(found) >= len(expected)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("softflowd-sshguess-ipfix-milli.dgrams", 22),
        ("softflowd-sshguess-ipfix-reltime.dgrams", 22),
        ("softflowd-sshguess-ipfix-biflow-milli.dgrams", 11),
        ("softflowd-sshguess-ipfix-tcp.stream", 22),
    ],
)
def test_eleven_guessed_passwords_are_eleven_connections(name: str, count: int) -> None:
    octets = shared("flows", "exporters", name).read_bytes()
    found = flows(IpfixDecoder(name).feed(unframed(octets) if name.endswith(".dgrams") else octets, True))
    guesses = [flow for flow in found if 22 in (flow["src_port"], flow["dst_port"])]
    clients = {max(flow["src_port"], flow["dst_port"]) for flow in guesses}
    assert (len(guesses), len(clients)) == (count, 11)
    starts = [flow["start_us"] for flow in guesses]
    assert 55 < (max(starts) - min(starts)) / 1e6 < 75


def unframed(octets: bytes) -> bytes:
    """The messages of a capture of datagrams, each of which has its length before it."""
    at, messages = 0, []
    while at < len(octets):
        (size,) = struct.unpack_from("!I", octets, at)
        messages.append(octets[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(messages)


def test_no_capture_of_any_exporter_raises_or_loses_count() -> None:
    paths = [*shared("flows", "logstash").glob("*.dat"), *shared("flows", "telegraf").rglob("*.bin")]
    assert len(paths) > 80
    for path in paths:
        found = IpfixDecoder(path.name).feed(path.read_bytes(), True)
        assert found.read == len(found.flows) + sum(found.filtered.values())
        assert found.read or found.rejected or path.read_bytes()[:2] == b"\x00\x0a"
