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
from ingest.ipfix_templates import BadTemplateError, Layout, Template, fields_end, options_values
from ingest.records import Rejected

VERSION = 10
MAX_TEMPLATES = 4_096  # of one observation domain
MAX_DOMAINS = 1_024
MAX_WAITING = 1 << 20  # octets of data sets that a domain may keep until their template comes
NO_ADDRESSES = "flow records without addresses"

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
    lost: int = 0  # data records that the sequence numbers say were sent and did not come


@dataclass(slots=True)
class _Waiting:
    number: int
    data: bytes
    offset: int
    exported_s: int


@dataclass(slots=True)
class _Domain:
    templates: dict[int, Template] = field(default_factory=dict)
    waiting: list[_Waiting] = field(default_factory=list)
    waiting_size: int = 0
    sampling: int = 0
    init_ms: int = 0  # systemInitTimeMilliseconds of the options data
    next_sequence: int | None = None


class IpfixDecoder:
    """One exporter's stream of messages, or one file of them."""

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.offset = 0  # of the first octet that is not decoded yet
        self._rest = b""
        self._domains: dict[int, _Domain] = {}
        self._layouts: dict[bytes, Layout] = {}
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
            for kept in domain.waiting:
                text = f"data set {kept.number} of observation domain {number} came before its template"
                self._reject(text, kept.offset, kept.data, "set")
            domain.waiting, domain.waiting_size = [], 0

    def _reject(self, reason: str, offset: int, data: bytes | memoryview, kind: str) -> None:
        self._rejected.append(
            Rejected(
                reason=reason, source=self.source, offset=offset, excerpt=bytes(data[:48]).hex(), kind=kind
            )
        )

    # Messages

    def _messages(self, data: bytes, at_end: bool) -> int:
        """Decode whole messages; how many octets are done with."""
        at, size = 0, len(data)
        while size - at >= _MESSAGE.size:
            version, length, exported_s, sequence, domain = _MESSAGE.unpack_from(data, at)
            if version != VERSION or length < _MESSAGE.size:
                after = self._skip(data, at, at_end)
                if after == at:
                    return at
                at = after
                continue
            if at + length > size:
                break
            self._message(data, at, at + length, exported_s, sequence, domain)
            at += length
        if at_end and at < size:
            self._reject(
                "the IPFIX message is cut: the file ends before it does",
                self.offset + at,
                data[at:],
                "message",
            )
            at = size
        return at

    def _skip(self, data: bytes, at: int, at_end: bool) -> int:
        """Past what is no message, to where one may begin; where that is."""
        after = data.find(b"\x00\x0a", at + 1)
        while after >= 0 and not _plausible(data, after):
            after = data.find(b"\x00\x0a", after + 1)
        if after < 0:
            after = len(data) if at_end else max(at, len(data) - _MESSAGE.size)
        if after > at:
            version = int.from_bytes(data[at : at + 2], "big")
            what = _KNOWN.get(version, "no IPFIX message")
            reason = f"{after - at} octets are {what}; only IPFIX (version 10) is read from files"
            self._reject(reason, self.offset + at, data[at:after], "message")
        return after

    def _message(self, data: bytes, at: int, end: int, exported_s: int, sequence: int, number: int) -> None:
        domain = self._domains.get(number)
        if domain is None:
            if len(self._domains) >= MAX_DOMAINS:
                self._reject(
                    f"more than {MAX_DOMAINS} observation domains", self.offset + at, data[at:end], "message"
                )
                return
            domain = self._domains[number] = _Domain()
        offset, records = self.offset + at, 0
        at += _MESSAGE.size
        while end - at >= _SET.size:
            set_id, length = _SET.unpack_from(data, at)
            if length < _SET.size or at + length > end:
                text = f"set {set_id} says a length of {length}, but its message has {end - at} octets left"
                self._reject(text, offset, data[at:end], "set")
                break
            records += self._set(
                domain, number, set_id, data, at + _SET.size, at + length, offset, exported_s
            )
            at += length
        self._count_lost(domain, sequence, records)

    def _count_lost(self, domain: _Domain, sequence: int, records: int) -> None:
        if domain.next_sequence is not None:
            missing = (sequence - domain.next_sequence) & 0xFFFFFFFF
            self._lost += missing if missing < 1 << 31 else 0
        domain.next_sequence = (sequence + records) & 0xFFFFFFFF

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
    ) -> int:
        """Take a set in; how many data records it had."""
        if set_id in (2, 3):
            self._templates(domain, data, at, end, set_id == 3, offset)
        elif set_id >= 256:
            template = domain.templates.get(set_id)
            if template is not None:
                return self._data(domain, template, data, at, end, offset, exported_s)
            self._wait(domain, number, _Waiting(set_id, data[at:end], offset, exported_s))
        return 0  # ids 4 to 255 are reserved: skipped, as RFC 7011 says

    def _wait(self, domain: _Domain, number: int, kept: _Waiting) -> None:
        if domain.waiting_size + len(kept.data) > MAX_WAITING:
            text = (
                f"data set {kept.number} of observation domain {number} has no template, and no more is kept"
            )
            self._reject(text, kept.offset, kept.data, "set")
            return
        domain.waiting.append(kept)
        domain.waiting_size += len(kept.data)

    def _templates(self, domain: _Domain, data: bytes, at: int, end: int, options: bool, offset: int) -> None:
        while end - at >= _COUNT.size:
            number, count = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            if number == 0 and count == 0:
                return  # padding
            if count == 0:
                self._withdraw(domain, number)
                continue
            scopes = 0
            try:
                if options:
                    if end - at < 2:
                        raise BadTemplateError("has no scope count")
                    scopes = int.from_bytes(data[at : at + 2], "big")
                    at += 2
                after = fields_end(data, at, end, count)
                self._learn(domain, number, scopes, data[at:after])
            except BadTemplateError as error:
                self._reject(f"template {number} {error}", offset, data[at:end], "set")
                return
            at = after
            self._now_known(domain, number)

    def _learn(self, domain: _Domain, number: int, scopes: int, specifiers: bytes) -> None:
        if number < 256:
            raise BadTemplateError("has an id below 256, which is reserved")
        if number not in domain.templates and len(domain.templates) >= MAX_TEMPLATES:
            raise BadTemplateError(
                f"is one more than the {MAX_TEMPLATES} that an observation domain may have"
            )
        layout = self._layouts.get(specifiers)
        if layout is None:
            layout = Layout(specifiers)
            if len(self._layouts) < MAX_TEMPLATES:
                self._layouts[specifiers] = layout
        domain.templates[number] = Template(number, scopes, specifiers, layout)

    def _withdraw(self, domain: _Domain, number: int) -> None:
        """RFC 7011, section 8.1: a field count of 0 withdraws a template, with the id 2 or 3 all."""
        if number in (2, 3):
            kept = {n: t for n, t in domain.templates.items() if bool(t.scopes) != (number == 3)}
            domain.templates = kept
        domain.templates.pop(number, None)

    def _now_known(self, domain: _Domain, number: int) -> None:
        template = domain.templates[number]
        ready = [kept for kept in domain.waiting if kept.number == number]
        if not ready:
            return
        domain.waiting = [kept for kept in domain.waiting if kept.number != number]
        domain.waiting_size = sum(len(kept.data) for kept in domain.waiting)
        for kept in ready:
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
            domain.init_ms = values.get("systemInitTimeMilliseconds", domain.init_ms)
            domain.sampling = _one_in(values) or domain.sampling


def _one_in(values: dict[str, int]) -> int:
    """One in N, from whichever elements say it (RFC 5477 and NetFlow's)."""
    every = values.get("samplingPacketInterval", 0)
    if every:
        return min((every + values.get("samplingPacketSpace", 0)) // every, 0xFFFFFFFF)
    size = values.get("samplingSize", 0)
    if size and values.get("samplingPopulation"):
        return min(values["samplingPopulation"] // size, 0xFFFFFFFF)
    return min(values.get("samplingInterval", 0) or values.get("samplerRandomInterval", 0), 0xFFFFFFFF)


def _plausible(data: bytes, at: int) -> bool:
    """Whether a message may begin here: with a length that leads to the end or to another one."""
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    after = at + length
    return length >= _MESSAGE.size and (
        after == len(data) or data[after : after + 2] == b"\x00\x0a" or after > len(data) - 2
    )
