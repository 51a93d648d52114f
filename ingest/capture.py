"""Export datagrams in a packet capture (pcap, pcapng): what a collector would have heard, with who sent it and when."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any, BinaryIO
from zlib import crc32

from dpkt import Error, ethernet, ip, ip6, loopback, pcap, pcapng, sll, sll2, udp

from ingest.journal_files import Datagram

PCAPNG = b"\x0a\x0d\x0d\x0a"
MAX_BLOCK = 16 << 20  # octets of a block or a packet: what says more is damaged
NO_UDP = "packets of a capture that are no UDP"
NO_EXPORT = "datagrams of a capture that are no IPFIX and no NetFlow"
FRAGMENT = "fragments of datagrams, which a capture must have whole"
_LAST_S = 7_258_118_400  # the year 2200
_VERSIONS = (5, 9, 10)
_LINKS: dict[int, Any] = {
    pcap.DLT_EN10MB: ethernet.Ethernet,
    pcap.DLT_NULL: loopback.Loopback,
    pcap.DLT_LOOP: loopback.Loopback,
    pcap.DLT_LINUX_SLL: sll.SLL,
    pcap.DLT_LINUX_SLL2: sll2.SLL2,
}
_RAW = {pcap.DLT_RAW, 12, 14, 101, 228, 229}
# What the library raises for octets that it can't read.
_PROBLEMS = (Error, ValueError, struct.error, IndexError, TypeError, AttributeError, KeyError, OverflowError)


class BrokenError(Exception):
    """A capture that can't be read further; the text says where and why."""


def packets(stream: BinaryIO) -> Iterator[Datagram | str]:
    """Each packet: the datagram, or why it is none of an exporter. Raises BrokenError."""
    reading = _Bounded(stream)
    begins = reading.peek(4)
    try:
        reader: Any = pcapng.Reader(reading) if begins == PCAPNG else pcap.Reader(reading)
        link = reader.datalink()
        if link not in _LINKS and link not in _RAW:
            raise BrokenError(f"the capture is of link type {link}, which is not known here")
        for at_s, packet in reader:
            yield _datagram(link, packet, at_s)
    except EOFError:
        raise BrokenError(f"the capture is cut at octet {reading.read_octets}") from None
    except _PROBLEMS as error:
        what = f"{type(error).__name__} {error}".strip()
        raise BrokenError(f"the capture is damaged before octet {reading.read_octets} ({what:.80})") from None


def _datagram(link: int, packet: bytes, at_s: float) -> Datagram | str:
    try:
        inner = _network(link, packet)
        if not isinstance(inner, ip.IP | ip6.IP6):
            return NO_UDP
        if isinstance(inner, ip.IP) and (inner.mf or inner.offset):
            return FRAGMENT if inner.p == ip.IP_PROTO_UDP else NO_UDP
        sent = inner.data
        if not isinstance(sent, udp.UDP):
            return NO_UDP
        data = bytes(sent.data)[: max(sent.ulen - 8, 0)]
        if int.from_bytes(data[:2], "big") not in _VERSIONS:
            return NO_EXPORT
        address = IPv4Address(inner.src) if isinstance(inner, ip.IP) else IPv6Address(inner.src)
        number = int(address) | (0xFFFF << 32 if isinstance(address, IPv4Address) else 0)
        received_us = int(min(max(at_s, 0), _LAST_S) * 1_000_000)
        return Datagram((number.to_bytes(16, "big"), sent.sport), received_us, crc32(data), data)
    except _PROBLEMS:
        return NO_UDP


def _network(link: int, packet: bytes) -> Any:
    if link in _RAW:
        return ip6.IP6(packet) if packet[:1] and packet[0] >> 4 == 6 else ip.IP(packet)
    return _LINKS[link](packet).data


class _Bounded:
    """A stream that tells cut from ended, and gives nobody what no capture has."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ahead = b""
        self.read_octets = 0

    def peek(self, size: int) -> bytes:
        """The octets that come next."""
        self._ahead = self._read(size)
        return self._ahead

    def read(self, size: int) -> bytes:
        """So many octets, or none at the end. Raises EOFError within, and ValueError for what is no size."""
        if not 0 <= size <= MAX_BLOCK:
            raise ValueError(f"a block of {size} octets")
        data = self._ahead + self._read(size - len(self._ahead))
        self._ahead = b""
        self.read_octets += len(data)
        if data and len(data) < size:
            raise EOFError
        return data

    def _read(self, size: int) -> bytes:
        parts = []
        while size > 0 and (part := self._stream.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
