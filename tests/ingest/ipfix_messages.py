"""IPFIX messages by hand: what tests send to the decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import numpy as np

from ingest.flows import FlowColumns
from ingest.ipfix import Decoded, IpfixDecoder
from ingest.records import FLOW

# Element and length of each field; a third number is an enterprise's.
Field = tuple[int, ...]
EXPORTED_S = 1_767_607_200
START_MS = EXPORTED_S * 1000 - 5_000
PLAIN: tuple[Field, ...] = (
    (152, 8),
    (153, 8),
    (8, 4),
    (12, 4),
    (2, 8),
    (1, 8),
    (7, 2),
    (11, 2),
    (4, 1),
    (6, 1),
)
FOUR = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1))
TALK = ip_address("198.51.100.7").packed + ip_address("10.0.0.5").packed + struct.pack("!HHB", 40_000, 22, 6)


def a_set(number: int, body: bytes) -> bytes:
    """A set with its header."""
    return struct.pack("!HH", number, 4 + len(body)) + body


def specifiers(fields: Iterable[Field]) -> bytes:
    """Field specifiers; an enterprise's element has the highest bit set."""
    made = b""
    for element, length, *enterprise in fields:
        made += struct.pack("!HH", element | (0x8000 if enterprise else 0), length)
        made += struct.pack("!I", enterprise[0]) if enterprise else b""
    return made


def template(number: int, fields: Iterable[Field]) -> bytes:
    """A template set with one template."""
    told = tuple(fields)
    return a_set(2, struct.pack("!HH", number, len(told)) + specifiers(told))


def options_template(number: int, scopes: int, fields: Iterable[Field]) -> bytes:
    """An options template set."""
    told = tuple(fields)
    return a_set(3, struct.pack("!HHH", number, len(told), scopes) + specifiers(told))


def message(*sets: bytes, domain: int = 1, sequence: int = 0, exported_s: int = EXPORTED_S) -> bytes:
    """A whole message."""
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), exported_s, sequence, domain) + body


def record(
    source: str = "198.51.100.7",
    destination: str = "10.0.0.5",
    ports: tuple[int, int] = (40_000, 22),
    counts: tuple[int, int] = (12, 3_400),
    start_ms: int = START_MS,
    end_ms: int = START_MS + 2_000,
    protocol: int = 6,
) -> bytes:
    """A record of `PLAIN`."""
    addresses = ip_address(source).packed + ip_address(destination).packed
    return (
        struct.pack("!QQ", start_ms, end_ms)
        + addresses
        + struct.pack("!QQHHBB", *counts, *ports, protocol, 0x1B)
    )


def decoded(*messages: bytes) -> Decoded:
    """All of a file."""
    return IpfixDecoder("a.ipfix").feed(b"".join(messages), True)


def rows(found: Decoded) -> Any:
    """All flows as rows."""
    return as_rows(found.flows)


def as_rows(flows: FlowColumns) -> Any:
    """Flows as rows; taken one by one, so that no column hangs on which others are looked at."""
    made = np.empty(len(flows), FLOW)
    parts = [part.take(np.array([at])) for part in flows.parts for at in range(len(part))]
    for name in FLOW.names or ():
        made[name] = [part.column(name)[0] for part in parts]
    return made
