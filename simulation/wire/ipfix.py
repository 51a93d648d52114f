"""An IPFIX exporter (RFC 7011) writing files of messages (RFC 5655), whole columns at a time."""

from __future__ import annotations

import struct

import numpy as np

from simulation.conversations import Table

TEMPLATE, OPTIONS_TEMPLATE = 256, 257
PER_MESSAGE = 28  # 1,364 octets: within one Ethernet frame
RESEND = 64  # messages between two sendings of the templates
# (information element, octets): IANA's numbers
ELEMENTS = (
    (152, 8),  # flowStartMilliseconds
    (153, 8),  # flowEndMilliseconds
    (8, 4),  # sourceIPv4Address
    (12, 4),  # destinationIPv4Address
    (2, 8),  # packetDeltaCount
    (1, 8),  # octetDeltaCount
    (7, 2),  # sourceTransportPort
    (11, 2),  # destinationTransportPort
    (4, 1),  # protocolIdentifier
    (6, 1),  # tcpControlBits, reduced to one octet
    (136, 1),  # flowEndReason
    (5, 1),  # ipClassOfService
)
_RECORD = np.dtype(
    [
        ("start", ">u8"),
        ("end", ">u8"),
        ("source", ">u4"),
        ("destination", ">u4"),
        ("packets", ">u8"),
        ("octets", ">u8"),
        ("source_port", ">u2"),
        ("destination_port", ">u2"),
        ("protocol", "u1"),
        ("flags", "u1"),
        ("reason", "u1"),
        ("tos", "u1"),
    ]
)
_HEAD = np.dtype(
    [
        ("version", ">u2"),
        ("length", ">u2"),
        ("exported", ">u4"),
        ("sequence", ">u4"),
        ("domain", ">u4"),
        ("set", ">u2"),
        ("set_length", ">u2"),
    ]
)


def _templates() -> bytes:
    fields = b"".join(struct.pack("!HH", *element) for element in ELEMENTS)
    template = struct.pack("!HHHH", 2, 8 + len(fields), TEMPLATE, len(ELEMENTS)) + fields
    # scope observationDomainId; samplingInterval, samplingAlgorithm (2: random)
    options = struct.pack("!HHH", OPTIONS_TEMPLATE, 3, 1) + struct.pack("!HHHHHH", 149, 4, 34, 4, 35, 1)
    padded = options + b"\0\0"
    return template + struct.pack("!HH", 3, 4 + len(padded)) + padded


class Exporter:
    """One router's exporting process: its observation domain and sequence number."""

    def __init__(self, domain: int, sampling: int = 1) -> None:
        self.domain, self.sampling, self.sequence = domain, sampling, 0

    def _head(self, body: bytes, exported_s: int) -> bytes:
        return struct.pack("!HHIII", 10, 16 + len(body), exported_s, self.sequence, self.domain) + body

    def announce(self, exported_s: int) -> bytes:
        """A message with the templates and the sampling rate."""
        record = struct.pack("!IIB", self.domain, self.sampling, 2)
        body = _templates() + struct.pack("!HH", OPTIONS_TEMPLATE, 4 + len(record)) + record
        message = self._head(body, exported_s)
        self.sequence = (self.sequence + 1) & 0xFFFFFFFF
        return message

    def export(self, flows: Table) -> bytes:
        """Messages with the flows (rows of `conversations.FLOW`, by end), templates at the start and again."""
        parts, step = [], PER_MESSAGE * RESEND
        for first in range(0, len(flows), step):
            chunk = flows[first : first + step]
            parts.append(self.announce(int(chunk["end_us"][0]) // 1_000_000))
            whole = len(chunk) // PER_MESSAGE * PER_MESSAGE
            parts += [
                self._messages(part, size)
                for part, size in ((chunk[:whole], PER_MESSAGE), (chunk[whole:], 0))
            ]
        return b"".join(parts)

    def _messages(self, flows: Table, each: int) -> bytes:
        """Messages of `each` flows (0: one message with all)."""
        if not len(flows):
            return b""
        each = each or len(flows)
        count, length = len(flows) // each, _HEAD.itemsize + each * _RECORD.itemsize
        made = np.zeros((count, length), np.uint8)
        head = np.zeros(count, _HEAD)
        head["version"], head["length"], head["domain"] = 10, length, self.domain
        head["exported"] = flows["end_us"][each - 1 :: each] // 1_000_000 + 1
        head["sequence"] = (self.sequence + each * np.arange(count)) & 0xFFFFFFFF
        head["set"], head["set_length"] = TEMPLATE, length - 16
        made[:, : _HEAD.itemsize] = head.view(np.uint8).reshape(count, -1)
        made[:, _HEAD.itemsize :] = _records(flows).view(np.uint8).reshape(count, -1)
        self.sequence = (self.sequence + len(flows)) & 0xFFFFFFFF
        return made.tobytes()


def _records(flows: Table) -> Table:
    made = np.zeros(len(flows), _RECORD)
    made["start"], made["end"] = flows["start_us"] // 1000, flows["end_us"] // 1000
    for field in (
        "source",
        "destination",
        "packets",
        "octets",
        "source_port",
        "destination_port",
        "protocol",
        "flags",
    ):
        made[field] = flows[field]
    made["reason"] = np.where(flows["flags"] & 0x05, 3, 1)  # end of flow detected, else idle timeout
    return made
