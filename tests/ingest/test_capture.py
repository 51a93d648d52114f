"""Captures of export packets: what tcpdump has kept of an exporter is read as if a collector had heard it."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.capture import NO_EXPORT, NO_UDP
from ingest.capture_file import CaptureFile
from ingest.ipfix import IpfixDecoder
from ingest.live_file import LiveFile
from ingest.records import FLOW
from ingest.sources import discover
from tests.data import shared
from tests.ingest.ipfix_messages import PLAIN, a_set, as_rows, message, record, template
from tests.ingest.reading import goes_on_from_everywhere

TEMPLATE = message(template(256, PLAIN))
DATA = message(a_set(256, record() * 3))
EXPORTER, OTHER, COLLECTOR = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes([10, 0, 0, 9])


def ethernet(data: bytes, source: bytes = EXPORTER, port: int = 50_000, to: int = 4739) -> bytes:
    sent = dpkt.udp.UDP(sport=port, dport=to, data=data)
    sent.ulen = len(sent)
    packet = dpkt.ip.IP(src=source, dst=COLLECTOR, p=dpkt.ip.IP_PROTO_UDP, data=sent)
    packet.len = len(packet)
    return bytes(dpkt.ethernet.Ethernet(data=packet, type=dpkt.ethernet.ETH_TYPE_IP))


def ethernet_6(data: bytes) -> bytes:
    sent = dpkt.udp.UDP(sport=50_000, dport=4739, data=data)
    sent.ulen = len(sent)
    packet = dpkt.ip6.IP6(src=bytes(15) + b"\1", dst=bytes(15) + b"\2", nxt=17, plen=len(sent), data=sent)
    packet.extension_hdrs = {}
    return bytes(dpkt.ethernet.Ethernet(data=packet, type=dpkt.ethernet.ETH_TYPE_IP6))


def capture(*packets: bytes, form: str = "pcap", link: int = dpkt.pcap.DLT_EN10MB) -> bytes:
    out = io.BytesIO()
    if form == "pcap":
        writer: Any = dpkt.pcap.Writer(out, linktype=link)
    elif form == "nanoseconds":
        writer = dpkt.pcap.Writer(out, linktype=link, nano=True)
    else:
        idb = dpkt.pcapng.InterfaceDescriptionBlockLE(linktype=link)
        writer = dpkt.pcapng.Writer(out, idb=idb)
    for number, packet in enumerate(packets):
        writer.writepkt(packet, ts=1_700_000_000 + number)
    return out.getvalue()


def swapped(octets: bytes) -> bytes:
    """A capture of another machine: its numbers the other way round."""
    out, at = [struct.pack(">IHHiIII", *struct.unpack("<IHHiIII", octets[:24]))], 24
    while at < len(octets):
        head = struct.unpack("<IIII", octets[at : at + 16])
        out += [struct.pack(">IIII", *head), octets[at + 16 : at + 16 + head[2]]]
        at += 16 + head[2]
    return b"".join(out)


def read(octets: bytes, folder: Path) -> tuple[list[Any], list[str], dict[str, int]]:
    path = folder / "a.bin"
    path.write_bytes(octets)
    (partition,) = discover([path], 0).partitions
    assert isinstance(partition, CaptureFile)
    return of_blocks(partition.blocks())


def of_blocks(blocks: Any) -> tuple[list[Any], list[str], dict[str, int]]:
    flows: list[Any] = []
    said: list[str] = []
    filtered: dict[str, int] = {}
    for block in blocks:
        rows = as_rows(block.flows) if block.flows is not None else []
        assert block.read == len(rows) + sum(block.filtered.values())
        flows += rows.tolist() if len(rows) else []
        said += [f"{one.source}: {one.reason}" for one in block.rejected]
        filtered |= block.filtered
    return flows, said, filtered


PACKETS = (ethernet(TEMPLATE), ethernet(DATA), ethernet_6(TEMPLATE), ethernet_6(DATA))


@pytest.mark.parametrize(
    "octets",
    [
        capture(*PACKETS),
        capture(*PACKETS, form="pcapng"),
        capture(*PACKETS, form="nanoseconds"),
        swapped(capture(*PACKETS)),
        gzip.compress(capture(*PACKETS), mtime=0),
        capture(*(packet[14:] for packet in PACKETS), link=101),
    ],
    ids=["pcap", "pcapng", "nanoseconds", "big-endian", "gzip", "raw"],
)
def test_the_datagrams_of_a_capture_are_flows(octets: bytes, tmp_path: Path) -> None:
    flows, said, _ = read(octets, tmp_path)
    assert (len(flows), said) == (6, [])


def test_an_exporter_is_its_address_and_port(tmp_path: Path) -> None:
    """Another exporter's template under the same number is another one: it must not be used."""
    _, said, _ = read(
        capture(ethernet(TEMPLATE), ethernet(DATA, OTHER), ethernet(DATA, port=50_001)), tmp_path
    )
    assert [one.split(": ")[0] for one in said] == ["10.0.0.2:50000", "10.0.0.1:50001"]
    assert all("before its template" in one for one in said)


def test_other_traffic_in_a_capture_is_counted_and_left_out(tmp_path: Path) -> None:
    tcp = dpkt.ip.IP(src=EXPORTER, dst=COLLECTOR, p=6, data=dpkt.tcp.TCP(sport=1, dport=2))
    arp = dpkt.ethernet.Ethernet(type=dpkt.ethernet.ETH_TYPE_ARP, data=dpkt.arp.ARP())
    others = bytes(dpkt.ethernet.Ethernet(data=tcp)), bytes(arp), ethernet(b"a question", to=53)
    flows, said, filtered = read(capture(*PACKETS, *others), tmp_path)
    assert (len(flows), said) == (6, [])
    assert filtered == {NO_UDP: 2, NO_EXPORT: 1}


def test_a_capture_without_an_exporter_is_said_to_be_one(tmp_path: Path) -> None:
    _, said, _ = read(capture(ethernet(b"a question", to=53)), tmp_path)
    assert "none of the 1 packets of the capture is of an exporter" in said[0]


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_a_cut_capture_gives_its_whole_packets_and_says_that_it_is_cut(form: str, tmp_path: Path) -> None:
    flows, said, _ = read(capture(*PACKETS, form=form)[:-20], tmp_path)
    assert len(flows) == 3
    assert "the capture is cut at octet" in said[0]


def test_a_packet_that_says_it_is_enormous_is_not_waited_for(tmp_path: Path) -> None:
    octets = bytearray(capture(*PACKETS))
    octets[24 + 8 : 24 + 12] = b"\xff\xff\xff\xff"
    _, said, _ = read(bytes(octets), tmp_path)
    assert "damaged" in said[0]


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_reading_a_capture_goes_on_behind_any_block(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.capture_file.PER_BLOCK", 1)
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(*PACKETS, form=form))
    assert len(goes_on_from_everywhere(CaptureFile(path))) == 5


@pytest.mark.parametrize("name", ["pmacctd-sshguess-v9", "softflowd-sshguess-v5", "pmacctd-sshguess-ipfix"])
def test_real_exporters_captured_are_as_their_datagrams_are(name: str, tmp_path: Path) -> None:
    datagrams = shared("flows", "exporters", f"{name}.dgrams").read_bytes()
    packets, expected, at, decoder = [], list[Any](), 0, IpfixDecoder("a")
    while at < len(datagrams):
        size = int.from_bytes(datagrams[at : at + 4], "big")
        packets.append(ethernet(datagrams[at + 4 : at + 4 + size]))
        expected += as_rows(decoder.datagram(datagrams[at + 4 : at + 4 + size]).flows).tolist()
        at += 4 + size
    flows, said, _ = read(capture(*packets), tmp_path)
    assert not said
    offset = (FLOW.names or ()).index("offset")
    assert [one[:offset] + one[offset + 1 :] for one in flows] == [
        one[:offset] + one[offset + 1 :] for one in expected
    ]
    assert len(flows) >= 22


def test_a_capture_of_sessions_is_no_capture_of_exporters() -> None:
    (partition,) = discover([shared("pcap", "sshguess.pcap")], 0).partitions
    flows, said, _ = of_blocks(partition.blocks())
    assert not flows
    assert "is of an exporter" in said[0]


def test_a_capture_in_a_folder_that_is_served_is_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.live_follower.UNKNOWN_S", 0.0)
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(*PACKETS))
    blocks = LiveFile(path).blocks()
    said = [one.reason for _ in range(4) for one in next(blocks).rejected]
    assert said == ["the file is a packet capture: it is read by `redshank detect`, and not while it grows"]


FORMS = [capture(*PACKETS), capture(*PACKETS, form="pcapng")]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    octets=st.sampled_from(FORMS),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=6)), min_size=1, max_size=6
    ),
)
def test_hostile_captures_give_flows_or_reasons_and_nothing_else(
    octets: bytes, changes: list[tuple[float, int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    for where, gone, come in changes:
        at = 4 + int(where * (len(octets) - 4))
        octets = octets[:at] + come + octets[at + gone :]
    path = tmp_path_factory.getbasetemp() / "hostile.pcap"
    path.write_bytes(octets)
    blocks = list(CaptureFile(path).blocks())
    of_blocks(blocks)
