"""Small readers of what the simulation wrote, independent of the product's own decoders."""

from __future__ import annotations

import gzip
import json
import struct
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from simulation import Organisation

SMALL = Organisation(people=24, service_principals=12, vaults=12, machines=20)


class Flow(NamedTuple):
    start_ms: int
    end_ms: int
    source: int
    destination: int
    packets: int
    octets: int
    source_port: int
    destination_port: int
    protocol: int


def activity(out: Path) -> list[dict[str, Any]]:
    """Every Activity Log record."""
    files = sorted((out / "telemetry" / "insights-activity-logs").rglob("PT1H.json"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def vault(out: Path) -> list[dict[str, Any]]:
    """Every Key Vault record."""
    lines = [
        line
        for path in sorted((out / "telemetry" / "key-vault").iterdir())
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    return [record for line in lines for record in json.loads(line)["records"]]


def captures(out: Path) -> dict[str, bytes]:
    """The bytes of every IPFIX file, unpacked, by name."""
    unpack = zstandard.ZstdDecompressor().decompress
    files = sorted((out / "telemetry" / "ipfix").iterdir())
    return {
        path.name: unpack(path.read_bytes()) if path.suffix == ".zst" else path.read_bytes() for path in files
    }


def sets(wire: bytes) -> list[tuple[tuple[int, ...], int, bytes]]:
    """(message header, set id, set content) of every set in a file of IPFIX messages."""
    found, at = [], 0
    while at < len(wire):
        header = struct.unpack_from("!HHIII", wire, at)
        assert header[0] == 10
        end, inner = at + header[1], at + 16
        while inner < end:
            kind, length = struct.unpack_from("!HH", wire, inner)
            found.append((header, kind, wire[inner + 4 : inner + length]))
            inner += length
        assert inner == end
        at = end
    return found


def flows(wire: bytes) -> list[Flow]:
    """The flows of a file."""
    form = struct.Struct("!QQIIQQHHBBBB")
    return [
        Flow(*record[:9])
        for _, kind, content in sets(wire)
        if kind == 256
        for record in form.iter_unpack(content)
    ]


def truth(out: Path) -> list[dict[str, Any]]:
    """The truth's lines."""
    return [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]


def at_us(text: str) -> int:
    """A record's or the truth's time in microseconds."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
