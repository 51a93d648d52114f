"""Azure's flow logs: those of virtual networks (version 4) and of network security groups (versions 1 and 2).

A record is a minute of one network interface, and holds tuples of comma-separated fields. A flow is told when it
begins (B, without counts), goes on (C) and ends (E), each with what came since it was told last, so what is told of one flow
adds up; what was denied is told once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np

from ingest.depth import from_any_depth
from ingest.fields import Fields, Index
from ingest.flow_rows import FlowRows, Taken
from ingest.json_records import Lines
from ingest.json_values import Value
from ingest.logs_values import PROBLEMS
from ingest.records import Rejected

CATEGORIES = ("FlowLogFlowEvent", "NetworkSecurityGroupFlowEvent")
_VNET = (
    *("the time", "the source", "the destination", "the source port", "the destination port", "the protocol"),
    *("the direction", "the state", "the encryption"),
    *("packets sent", "octets sent", "packets received", "octets received"),
)
_NSG = (*_VNET[:6], "the direction", "the decision", *_VNET[7:8], *_VNET[9:])
_NSG_1 = _NSG[:8]
_TUPLES = "a flow tuple: "
_SOURCE, _DESTINATION = 1, 2  # `seen_at`
AT_ONCE = 16_384  # tuples: their columns stay in the processor's cache


class _Group(msgspec.Struct, gc=False, rename="camel"):
    flow_tuples: list[str] = []


class _Acl(msgspec.Struct, gc=False, rename="camel"):
    flow_groups: list[_Group] = []


class _Rule(msgspec.Struct, gc=False):
    flows: list[_Group] = []


class _FlowRecords(msgspec.Struct, gc=False):
    flows: list[_Acl] = []


class _Properties(msgspec.Struct, gc=False):
    flows: list[_Rule] = []


class _Record(msgspec.Struct, gc=False, rename="camel"):
    category: str
    flow_records: _FlowRecords | None = None
    properties: _Properties | None = None


_decode = from_any_depth(msgspec.json.Decoder(_Record).decode)


class _Tuples(NamedTuple):
    """The tuples of records of one form: how many each record has, and the record's number."""

    texts: list[str]
    counts: list[int]
    numbers: list[int]

    def add(self, groups: list[_Group], number: int) -> None:
        begun = len(self.texts)
        for group in groups:
            self.texts.extend(group.flow_tuples)
        self.counts.append(len(self.texts) - begun)
        self.numbers.append(number)


class AzureFlows:
    """The flows of one source's records, which are counted through from a number on."""

    def __init__(self, source: str, number: int = 0) -> None:
        self._source = source
        self.number = number  # of the next record

    def read(self, pieces: Iterable[Lines | list[Value]]) -> Taken:
        """The next records."""
        taken = Taken()
        forms: dict[tuple[str, ...], _Tuples] = {}
        for piece in pieces:
            for value in piece.values() if isinstance(piece, Lines) else piece:
                self._record(value, taken, forms)
                self.number += 1
        for names, tuples in forms.items():
            _flows(names, tuples, self._source, taken)
        return taken

    def _record(self, value: Value, taken: Taken, forms: dict[tuple[str, ...], _Tuples]) -> None:
        if isinstance(value, Rejected):
            taken.take_in(value, self._source, self.number)
            return
        try:
            record = _decode(value)
        except PROBLEMS as error:
            taken.reject(f"the record is no flow log ({error})", self._source, self.number, bytes(value))
            return
        groups = _groups(record)
        first = next((group.flow_tuples[0] for group in groups or () if group.flow_tuples), None)
        if groups is None:
            reason = f"the record is of category {record.category[:40]!r}, and the file one of flow logs"
            taken.reject(reason, self._source, self.number, bytes(value))
        elif first is None:
            taken.leave_out("flow logs of a minute without flows", 1)
        else:
            forms.setdefault(_form(record, first), _Tuples([], [], [])).add(groups, self.number)


def _form(record: _Record, first: str) -> tuple[str, ...]:
    """The names of the fields of a record's tuples."""
    if record.flow_records is not None:
        return _VNET
    return _NSG_1 if first.count(",") == len(_NSG_1) - 1 else _NSG


def _groups(record: _Record) -> list[_Group] | None:
    """The groups of tuples; None if it is no flow log."""
    if record.category not in CATEGORIES:
        return None
    if record.flow_records is not None:
        return [group for acl in record.flow_records.flows for group in acl.flow_groups]
    if record.properties is not None:
        return [group for rule in record.properties.flows for group in rule.flows]
    return None


def _flows(names: tuple[str, ...], tuples: _Tuples, source: str, taken: Taken) -> None:
    offsets = np.repeat(np.array(tuples.numbers, np.int64), tuples.counts)
    for begin in range(0, len(offsets), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        _some_flows(names, tuples.texts[some], offsets[some], source, taken)


def _some_flows(names: tuple[str, ...], texts: list[str], offsets: Index, source: str, taken: Taken) -> None:
    data = "\n".join(texts)
    if data.count("\n") != len(texts) - 1 or "" in texts:
        data = "\n".join(" ".join(text.split()) or "?" for text in texts)
    octets = data.encode("utf-8", "surrogateescape") + b"\n"
    rows = FlowRows(Fields(octets, b",", len(names)), offsets, source)
    if names is _VNET:
        _vnet(rows)
    else:
        _nsg(rows, names is _NSG_1)
    rows.columns["end_us"] = rows.columns["start_us"]  # of a flow that goes on, no other time is told
    rows.give(taken, f"{len(names)} ({_TUPLES}{', '.join(names[:3])} ...)", lambda at: _TUPLES + names[at])


def _ends(rows: FlowRows, direction: int) -> None:
    rows.addresses("src", 1)
    rows.addresses("dst", 2)
    rows.ports(3, 4)
    is_out = rows.one_of(direction, b"IO") == ord("O")
    rows.columns["seen_at"] = np.where(is_out, np.uint8(_SOURCE), np.uint8(_DESTINATION))


def _counts(rows: FlowRows, first: int) -> None:
    for place, name in enumerate(("packets", "octets", "packets_back", "octets_back"), first):
        rows.count(name, place)


def _vnet(rows: FlowRows) -> None:
    rows.time("start_us", 0, 1_000)
    _ends(rows, 6)
    rows.number("protocol", 5, 255, "no number of a protocol")
    rows.columns["denied"] = rows.one_of(7, b"BCED") == ord("D")
    _counts(rows, 9)


def _nsg(rows: FlowRows, is_short: bool) -> None:
    rows.time("start_us", 0, 1_000_000)
    _ends(rows, 6)
    rows.columns["protocol"] = np.where(rows.one_of(5, b"TU") == ord("T"), np.uint8(6), np.uint8(17))
    rows.columns["denied"] = rows.one_of(7, b"AD") == ord("D")
    if not is_short:
        rows.one_of(8, b"BCE")
        _counts(rows, 9)
