"""Zeek's log of connections (conn.log), as tab-separated text and as JSON lines. A line is told when its connection ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from ingest.depth import from_any_depth
from ingest.fields import addresses_of
from ingest.flow_rows import LAST_US, FlowRows, Taken
from ingest.flow_text import Table, TextFlows
from ingest.json_records import Lines
from ingest.json_values import Value, objects_in_lines
from ingest.logs_values import PROBLEMS
from ingest.records import Rejected
from ingest.times import epoch_us

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}
NEEDED = ("ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto")
_SEPARATOR = re.compile(rb"#separator[ \t]+(\S+)")
_COUNTS = {
    "packets": ("orig_pkts",),
    "octets": ("orig_ip_bytes", "orig_bytes"),
    "packets_back": ("resp_pkts",),
    "octets_back": ("resp_ip_bytes", "resp_bytes"),
}
_MOST_S = 1e9


class ZeekFlows(TextFlows):
    """Tab-separated: lines that begin with # say the separator and the names of the fields."""

    header_line = re.compile(rb"^#(?:separator|fields)[^\n]*$", re.MULTILINE)
    marker = comment = b"#"

    def take_header(self, line: bytes) -> None:
        """A line that begins with #."""
        if match := _SEPARATOR.match(line):
            said = match[1].decode("ascii", "replace")
            octet = bytes([int(said[2:4], 16)]) if re.fullmatch(r"\\x[0-9A-Fa-f]{2}", said) else match[1][:1]
            self.table = Table(octet)
        elif line.startswith(b"#fields"):
            separator = self.table.separator if self.table else b"\t"
            names = line.rstrip(b"\r").decode("ascii", "replace").split(separator.decode("latin-1"))
            self.table = Table(separator, tuple(names[1:]))

    def needed(self, names: tuple[str, ...]) -> str:
        """See `TextFlows.needed`."""
        return missing(names)

    def columns(self, rows: FlowRows, at: dict[str, int]) -> None:
        """The lines' fields as flows."""
        fields = rows.fields
        started, good = fields.micros(at["ts"])
        rows.check(good & (started < LAST_US), "no time", at["ts"])
        lasted = fields.micros(at["duration"])[0] if "duration" in at else 0
        rows.columns |= {"start_us": started, "end_us": started + lasted}
        rows.addresses("src", at["id.orig_h"])
        rows.addresses("dst", at["id.resp_h"])
        rows.ports(at["id.orig_p"], at["id.resp_p"])
        protocol = np.zeros(len(fields), np.uint8)
        for name, number in PROTOCOLS.items():
            protocol[fields.equal(at["proto"], name.encode())] = number
        rows.columns["protocol"] = protocol
        for name, said in _COUNTS.items():
            found = [at[one] for one in said if one in at]
            if found:
                rows.count(name, found[0])


def missing(names: tuple[str, ...]) -> str:
    """What is said of a header by whose fields no flow can be made; '' if it has all."""
    lacks = [name for name in NEEDED if name not in names]
    return f"it has no field {', '.join(lacks)}" if lacks else ""


class _Conn(msgspec.Struct, gc=False):
    ts: float | str
    orig_h: str = msgspec.field(name="id.orig_h")
    orig_p: int = msgspec.field(name="id.orig_p")
    resp_h: str = msgspec.field(name="id.resp_h")
    resp_p: int = msgspec.field(name="id.resp_p")
    proto: str
    duration: float = 0.0
    orig_pkts: int = 0
    resp_pkts: int = 0
    orig_bytes: int = 0
    resp_bytes: int = 0
    orig_ip_bytes: int | None = None
    resp_ip_bytes: int | None = None


_decode = from_any_depth(msgspec.json.Decoder(_Conn).decode)
_decode_lines = from_any_depth(msgspec.json.Decoder(_Conn).decode_lines)


class ZeekJson:
    """The flows of one source's records, which are counted through from a number on."""

    def __init__(self, source: str, number: int = 0) -> None:
        self._source = source
        self.number = number

    def read(self, pieces: Iterable[Lines | list[Value]]) -> Taken:
        """The next records."""
        taken = Taken()
        for piece in pieces:
            records, numbers = self._whole(piece) or self._one_by_one(piece, taken)
            if records:
                self._flows(records, numbers, taken)
        return taken

    def _whole(self, piece: Lines | list[Value]) -> tuple[list[_Conn], Any] | None:
        """All lines at once, where nothing is wrong with any."""
        if not isinstance(piece, Lines):
            return None
        try:
            records = _decode_lines(piece.octets)
        except PROBLEMS:
            return None
        if len(records) != objects_in_lines(piece.octets):
            return None
        begun, self.number = self.number, self.number + len(records)
        return records, np.arange(begun, self.number)

    def _one_by_one(self, piece: Lines | list[Value], taken: Taken) -> tuple[list[_Conn], Any]:
        records: list[_Conn] = []
        numbers: list[int] = []
        for value in _in_lines(piece.octets) if isinstance(piece, Lines) else piece:
            try:
                if isinstance(value, Rejected):
                    taken.take_in(value, self._source, self.number)
                else:
                    records.append(value if isinstance(value, _Conn) else _decode(value))
                    numbers.append(self.number)
            except PROBLEMS as error:
                reason = f"the record is no connection of Zeek's conn.log ({error})"
                taken.reject(reason, self._source, self.number, bytes(value))
            self.number += 1
        return records, np.array(numbers, np.int64)

    def _flows(self, records: list[_Conn], numbers: Any, taken: Taken) -> None:
        columns, good = _columns(records)
        for row in np.flatnonzero(~good).tolist():
            reason = "the record has no time, address, port or count that can be read"
            taken.reject(reason, self._source, int(numbers[row]), msgspec.json.encode(records[row]))
        kept = np.flatnonzero(good)
        columns["offset"] = numbers.astype(np.uint64)
        taken.add({name: column[kept] for name, column in columns.items()}, len(kept))


def _in_lines(octets: bytes) -> Iterator[Value]:
    """Each line's values. A line that is a connection is one, as among others, whatever else it names."""
    for line in octets.split(b"\n"):
        try:
            found = _decode(line)
        except PROBLEMS:
            yield from Lines(line).values()
        else:
            yield found


def _columns(records: list[_Conn]) -> tuple[dict[str, Any], Any]:
    """The records' columns, and which of them are good in all."""
    started = np.array([_time_us(one.ts) for one in records], np.int64)
    lasted = np.array([one.duration if 0 <= one.duration < _MOST_S else 0.0 for one in records])
    good = started >= 0
    columns: dict[str, Any] = {
        "start_us": started,
        "end_us": started + np.round(lasted * 1e6).astype(np.int64),
        "protocol": np.array([PROTOCOLS.get(one.proto, 0) for one in records], np.uint8),
    }
    for side, texts in (("src", [one.orig_h for one in records]), ("dst", [one.resp_h for one in records])):
        columns[f"{side}_hi"], columns[f"{side}_lo"], known = addresses_of(texts)
        good &= known
    numbers = {
        "src_port": ([one.orig_p for one in records], 65_535),
        "dst_port": ([one.resp_p for one in records], 65_535),
        "packets": ([one.orig_pkts for one in records], 10**18),
        "packets_back": ([one.resp_pkts for one in records], 10**18),
        "octets": ([_given(one.orig_ip_bytes, one.orig_bytes) for one in records], 10**18),
        "octets_back": ([_given(one.resp_ip_bytes, one.resp_bytes) for one in records], 10**18),
    }
    for name, (values, most) in numbers.items():
        fits = _within(values, most)
        good &= fits
        columns[name] = np.array(
            values if fits.all() else [int(x) if 0 <= x <= most else 0 for x in values], np.uint64
        )
    return columns, good


def _within(values: list[int], most: int) -> Any:
    """Which are from 0 to the most."""
    try:
        told = np.fromiter(map(float, values), np.float64, len(values))
    except OverflowError:  # of hundreds of digits
        return np.array([0 <= value <= most for value in values])
    # A float holds any of them nearly enough to tell what is out of bounds.
    return (told >= 0) & (told <= most)


def _given(first: int | None, other: int) -> int:
    return other if first is None else first


def _time_us(said: float | str) -> int:
    if isinstance(said, str):
        found = epoch_us(said)
        return -1 if found is None else found
    return round(said * 1e6) if 0 <= said < LAST_US / 1e6 else -1
