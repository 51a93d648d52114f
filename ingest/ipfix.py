"""IPFIX (RFC 7011) from bytes to flow columns, without I/O: feed it chunks of a file (RFC 5655) or messages.

Any chunk boundaries give the same flows. Sets of one template layout are joined and viewed as one NumPy
array; per message and set there is a little Python, per record of fixed length there is none. Hostile bytes
cost linear time and bounded memory, and come out as `Rejected`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

from ingest.flows import FlowColumns
from ingest.ipfix_columns import LayoutPart, Slice
from ingest.ipfix_templates import (
    BadTemplateError,
    Layout,
    Layouts,
    Template,
    Templates,
    fields_end,
    one_in,
    options_values,
)
from ingest.records import Rejected

VERSION = 10
EXCERPT = 48  # octets of what is rejected that are shown
MAX_DOMAINS = 1_024
MAX_WAITING = 1 << 20  # octets of data sets that a domain may keep until their template comes
MAX_ALL_WAITING = 1 << 24  # ... and all domains together
WAITING_COST = 256  # octets that a waiting set costs beside its data
REORDERED = 4_096  # records by which a message may come late; one further back: the exporter began again
MAX_INIT_MS = 1 << 48  # in the year 10889: beyond it, times would no longer fit their columns
NO_ADDRESSES = "flow records without addresses"

_BEGIN = b"\x00\x0a"  # of a message: its version
_MESSAGE = Struct("!HHIII")
_SET = Struct("!HH")
_COUNT = Struct("!HH")
_KNOWN = {5: "NetFlow version 5", 9: "NetFlow version 9"}


@dataclass(slots=True)
class Decoded:
    """What a chunk came to: read = flows + filtered, in data records."""

    flows: FlowColumns
    rejected: list[Rejected]
    read: int
    filtered: dict[str, int]
    # Data records that the sequence numbers say were sent and did not come, less those that came late.
    lost: int = 0


@dataclass(slots=True)
class _Waiting:
    number: int
    data: bytes
    offset: int
    exported_s: int


@dataclass(slots=True)
class _Domain:
    templates: Templates
    waiting: dict[int, list[_Waiting]] = field(default_factory=dict)
    waiting_size: int = 0
    sampling: int = 0
    init_ms: int = 0  # systemInitTimeMilliseconds of the options data
    next_sequence: int | None = None  # None: what came last had a number of records that is not known
    missing: int = 0  # of those that were counted as lost, how many may still come late


class IpfixDecoder:
    """One exporter's stream of messages, or one file of them."""

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.offset = 0  # of the first octet that is not decoded yet
        self._rest = b""
        self._garbage: bytearray | None = None  # how what is passed over begins
        self._garbage_from = 0
        self._domains: dict[int, _Domain] = {}
        self._layouts = Layouts()
        self._waiting_size = 0
        self._start_over()

    def _start_over(self) -> None:
        self._slices: dict[Layout, list[Slice]] = {}
        self._rejected: list[Rejected] = []
        self._read = self._lost = 0
        self._filtered: dict[str, int] = {}

    def feed(self, data: bytes | memoryview, at_end: bool = False) -> Decoded:
        """Decode the next octets of a file; `at_end` after the last ones."""
        buffer = self._rest + bytes(data) if self._rest else bytes(data)
        used = self._messages(buffer, at_end)
        self._rest = buffer[used:]
        self.offset += used
        if at_end:
            self._end()
        return self._decoded()

    def datagram(self, data: bytes, offset: int = 0) -> Decoded:
        """Decode one message that came by itself; `offset` is said with what is rejected."""
        self.offset, self._rest = offset, b""
        self._messages(data, True)
        return self._decoded()

    def _decoded(self) -> Decoded:
        flows = FlowColumns(LayoutPart(layout, slices) for layout, slices in self._slices.items())
        decoded = Decoded(flows, self._rejected, self._read, self._filtered, self._lost)
        self._start_over()
        return decoded

    def _end(self) -> None:
        for number, domain in sorted(self._domains.items()):
            sets = (kept for kept_sets in domain.waiting.values() for kept in kept_sets)
            for kept in sorted(sets, key=lambda one: one.offset):
                text = f"data set {kept.number} of observation domain {number} came before its template"
                self._reject(text, kept.offset, kept.data, "set")
            domain.waiting, domain.waiting_size = {}, 0
        self._waiting_size = 0

    def _reject(self, reason: str, offset: int, data: bytes | memoryview, kind: str) -> None:
        self._rejected.append(
            Rejected(
                reason=reason,
                source=self.source,
                offset=offset,
                excerpt=bytes(data[:EXCERPT]).hex(),
                kind=kind,
            )
        )

    # Messages

    def _messages(self, data: bytes, at_end: bool) -> int:
        """Decode whole messages; how many octets are done with."""
        at, size = 0, len(data)
        while size - at >= _MESSAGE.size:
            version, length, exported_s, sequence, domain = _MESSAGE.unpack_from(data, at)
            is_message = self._garbage is None and version == VERSION and length >= _MESSAGE.size
            if is_message and at + length <= size:
                self._message(data, at, at + length, exported_s, sequence, domain)
                at += length
                continue
            if is_message and not at_end:
                break
            at, found = self._resume(data, at, at_end, is_message)
            if not found:
                break
        if at_end:
            self._cut(data, at)
            at = size
        return at

    def _resume(self, data: bytes, at: int, at_end: bool, is_cut: bool) -> tuple[int, bool]:
        """Where to go on, and whether a message begins there.

        A message that the file ends before (`is_cut`) may have a length that lies, and others behind it.
        """
        place, found = _next_message(data, at + is_cut, at_end)
        if is_cut and not found:
            return at, False
        self._pass_over(data, at, place)
        if found:
            self._say_garbage(place)
        return place, found

    def _pass_over(self, data: bytes, at: int, end: int) -> None:
        """Octets that are no message; what is said of them does not hang on the chunks they came in."""
        if self._garbage is None:
            self._garbage, self._garbage_from = bytearray(), self.offset + at
        self._garbage += data[at : min(end, at + EXCERPT - len(self._garbage))]

    def _say_garbage(self, end: int) -> None:
        begin, self._garbage = bytes(self._garbage or b""), None
        what = _KNOWN.get(int.from_bytes(begin[:2], "big"), "no IPFIX message")
        size = self.offset + end - self._garbage_from
        reason = f"{size} octets are {what}; only IPFIX (version 10) is read from files"
        self._reject(reason, self._garbage_from, begin, "message")

    def _cut(self, data: bytes, at: int) -> None:
        """What is left at the end of the file."""
        if self._garbage is not None:
            self._pass_over(data, at, len(data))
            self._say_garbage(len(data))
        elif at < len(data):
            reason = "the IPFIX message is cut: the file ends before it does"
            self._reject(reason, self.offset + at, data[at : at + EXCERPT], "message")

    def _message(self, data: bytes, at: int, end: int, exported_s: int, sequence: int, number: int) -> None:
        domain = self._domains.get(number)
        if domain is None:
            if len(self._domains) >= MAX_DOMAINS:
                self._reject(
                    f"more than {MAX_DOMAINS} observation domains", self.offset + at, data[at:end], "message"
                )
                return
            domain = self._domains[number] = _Domain(Templates(self._layouts))
        offset = self.offset + at
        records: int | None = 0
        at += _MESSAGE.size
        while end - at >= _SET.size:
            set_id, length = _SET.unpack_from(data, at)
            if length < _SET.size or at + length > end:
                text = f"set {set_id} says a length of {length}, but its message has {end - at} octets left"
                self._reject(text, offset, data[at:end], "set")
                records = None
                break
            more = self._set(domain, number, set_id, data, at + _SET.size, at + length, offset, exported_s)
            records = None if records is None or more is None else records + more
            at += length
        self._count_lost(domain, sequence, records)

    def _count_lost(self, domain: _Domain, sequence: int, records: int | None) -> None:
        expected = sequence if domain.next_sequence is None else domain.next_sequence
        ahead = (sequence - expected + (1 << 31)) % (1 << 32) - (1 << 31)
        if -REORDERED <= ahead < 0:
            late = min(records or 0, domain.missing)
            self._lost -= late
            domain.missing -= late
            return
        domain.missing = domain.missing + ahead if ahead >= 0 else 0
        self._lost += max(ahead, 0)
        domain.next_sequence = None if records is None else (sequence + records) & 0xFFFFFFFF

    # Sets

    def _set(
        self,
        domain: _Domain,
        number: int,
        set_id: int,
        data: bytes,
        at: int,
        end: int,
        offset: int,
        exported_s: int,
    ) -> int | None:
        """Take a set in; how many data records it had, None if that is not known yet."""
        if set_id in (2, 3):
            self._templates(domain, data, at, end, set_id == 3, offset)
        elif set_id >= 256:
            template = domain.templates.get(set_id)
            if template is not None:
                return self._data(domain, template, data, at, end, offset, exported_s)
            if end > at:
                self._wait(domain, number, _Waiting(set_id, data[at:end], offset, exported_s))
                return None
        return 0  # ids 4 to 255 are reserved: skipped, as RFC 7011 says

    def _wait(self, domain: _Domain, number: int, kept: _Waiting) -> None:
        size = len(kept.data) + WAITING_COST
        if domain.waiting_size + size > MAX_WAITING or self._waiting_size + size > MAX_ALL_WAITING:
            text = (
                f"data set {kept.number} of observation domain {number} has no template, and no more is kept"
            )
            self._reject(text, kept.offset, kept.data, "set")
            return
        domain.waiting.setdefault(kept.number, []).append(kept)
        domain.waiting_size += size
        self._waiting_size += size

    def _templates(self, domain: _Domain, data: bytes, at: int, end: int, options: bool, offset: int) -> None:
        while end - at >= _COUNT.size:
            number, count = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            if number == 0 and count == 0:
                return  # padding
            if count == 0:
                domain.templates.withdraw(number)
                continue
            scopes = 0
            try:
                if options:
                    if end - at < 2:
                        raise BadTemplateError("has no scope count")
                    # None is against RFC 7011; its records are options all the same.
                    scopes = int.from_bytes(data[at : at + 2], "big") or 1
                    at += 2
                after = fields_end(data, at, end, count)
                domain.templates.learn(number, scopes, data[at:after])
            except BadTemplateError as error:
                self._reject(f"template {number} {error}", offset, data[at:end], "set")
                return
            at = after
            self._now_known(domain, number)

    def _now_known(self, domain: _Domain, number: int) -> None:
        template = domain.templates.get(number)
        if template is None:
            return
        for kept in domain.waiting.pop(number, ()):
            domain.waiting_size -= len(kept.data) + WAITING_COST
            self._waiting_size -= len(kept.data) + WAITING_COST
            self._data(domain, template, kept.data, 0, len(kept.data), kept.offset, kept.exported_s)

    def _data(
        self,
        domain: _Domain,
        template: Template,
        data: bytes,
        at: int,
        end: int,
        offset: int,
        exported_s: int,
    ) -> int:
        layout = template.layout
        if layout.length:
            count = (end - at) // layout.length
            records: bytes = data[at : at + count * layout.length]
            rest = at + count * layout.length
        else:
            records, count, rest = layout.compact(data, at, end)
        if end - rest >= layout.shortest:
            self._reject(
                f"a record of template {template.number} runs past its set", offset, data[rest:end], "set"
            )
        if template.scopes:
            self._options(domain, layout, records, count)
        elif layout.is_flow:
            self._read += count
            part = Slice(records, count, offset, exported_s, domain.sampling, domain.init_ms)
            self._slices.setdefault(layout, []).append(part)
        else:
            self._read += count
            self._filtered[NO_ADDRESSES] = self._filtered.get(NO_ADDRESSES, 0) + count
        return count

    def _options(self, domain: _Domain, layout: Layout, records: bytes, count: int) -> None:
        for values in options_values(layout, records, count):
            domain.init_ms = min(values.get("systemInitTimeMilliseconds", domain.init_ms), MAX_INIT_MS)
            domain.sampling = one_in(values) or domain.sampling


def _next_message(data: bytes, at: int, at_end: bool) -> tuple[int, bool]:
    """Where a message begins from `at` on, and True; or how far there is none, as yet."""
    place = data.find(_BEGIN, at)
    while place >= 0:
        begins = _begins(data, place, at_end)
        if begins is not False:
            return place, bool(begins)
        place = data.find(_BEGIN, place + 1)
    return (len(data) if at_end else max(at, len(data) - 1)), False


def _begins(data: bytes, at: int, at_end: bool) -> bool | None:
    """Whether a message begins here: its length leads to another, or to the end. None: not seen yet."""
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    if len(data) - at >= 4 and length < _MESSAGE.size:
        return False
    after = at + length
    if len(data) - at >= 4 and len(data) - after >= 2:
        return data[after : after + 2] == _BEGIN
    if not at_end:
        return None
    return length >= _MESSAGE.size and after <= len(data) and _BEGIN.startswith(data[after:])
