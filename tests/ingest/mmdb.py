"""Writes small databases in MaxMind's format, of any schema, for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"


class _Uint16(int):
    """A number of 16 bits."""


class _Uint64(int):
    """A number of 64 bits."""


def _sized(kind: int, size: int, content: bytes) -> bytes:
    assert size < 29 + 256
    extended = kind > 7
    first = (0 if extended else kind) << 5 | min(size, 29)
    more = bytes([kind - 7]) if extended else b""
    return bytes([first]) + more + (bytes([size - 29]) if size >= 29 else b"") + content


def _encoded(value: Any) -> bytes:
    if isinstance(value, str):
        content = value.encode()
        return _sized(2, len(content), content)
    if isinstance(value, float):
        return _sized(3, 8, struct.pack(">d", value))
    if isinstance(value, _Uint16):
        return _sized(5, 2, struct.pack(">H", value))
    if isinstance(value, _Uint64):
        return _sized(9, 8, struct.pack(">Q", value))
    if isinstance(value, int):
        return _sized(6, 4, struct.pack(">I", value))
    if isinstance(value, list):
        return _sized(11, len(value), b"".join(map(_encoded, value)))
    return _sized(7, len(value), b"".join(_encoded(k) + _encoded(v) for k, v in value.items()))


def write(path: Path, records: Mapping[str, Any], kind: str = "Test-City", version: int = 4) -> Path:
    """A database that gives each network (disjoint ones) its record."""
    nodes: list[list[Any]] = [[None, None]]
    data, places = b"", {}
    for name, record in records.items():
        places[name] = len(data)
        data += _encoded(record)
        network = ip_network(name)
        number, bits, width = int(network.network_address), network.prefixlen, network.max_prefixlen
        if version == 6 and width == 32:
            bits, width = bits + 96, 128
        node = 0
        for depth in range(bits):
            side = number >> (width - 1 - depth) & 1
            if depth == bits - 1:
                nodes[node][side] = name
            elif nodes[node][side] is None:
                nodes.append([None, None])
                nodes[node][side] = node = len(nodes) - 1
            else:
                node = nodes[node][side]
    tree = b"".join(
        (len(nodes) if to is None else to if isinstance(to, int) else len(nodes) + 16 + places[to]).to_bytes(
            3, "big"
        )
        for pair in nodes
        for to in pair
    )
    metadata = {
        "node_count": len(nodes), "record_size": _Uint16(24), "ip_version": _Uint16(version), "database_type": kind,
        "languages": ["en"], "binary_format_major_version": _Uint16(2), "binary_format_minor_version": _Uint16(0),
        "build_epoch": _Uint64(1_700_000_000), "description": {"en": "for tests"},
    }  # fmt: skip
    path.write_bytes(tree + bytes(16) + data + MARKER + _encoded(metadata))
    return path
