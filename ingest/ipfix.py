"""IPFIX (RFC 7011) from bytes to flow columns, without I/O: feed it chunks of a file (RFC 5655) or messages.

Any chunk boundaries give the same flows. Sets of one template layout are joined and viewed as one NumPy
array; per run of messages that are alike there is a little Python, per message only in other places, and per
record of fixed length nowhere. Hostile bytes cost linear time and bounded memory, and come out as `Rejected`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from ingest import netflow
from ingest.flows import FlowColumns
from ingest.ipfix_columns import LayoutPart
from ingest.ipfix_domains import DomainState
from ingest.ipfix_runs import HEADER, VERSION, chain, next_message
from ingest.ipfix_sets import Sets
from ingest.ipfix_taken import EXCERPT
from ingest.records import Rejected

_KNOWN = {5: "no message of NetFlow version 5", 9: "no message of NetFlow version 9"}


@dataclass(slots=True)
class Decoded:
    """What a chunk came to: read = flows + filtered, in data records."""

    flows: FlowColumns
    rejected: list[Rejected]
    read: int
    filtered: dict[str, int]
    # Data records that the sequence numbers say were sent and did not come, less those that came late.
    lost: int = 0


class DecoderState(msgspec.Struct, array_like=True, frozen=True):
    """A decoder as it is kept: at most 64 KB of an unfinished message, and the bounds of what domains may say."""

    offset: int = 0
    rest: bytes = b""
    garbage: bytes | None = None
    garbage_from: int = 0
    domains: list[DomainState] = []


class IpfixDecoder:
    """One exporter's stream of messages, or one file of them."""

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.offset = 0  # of the first octet that is not decoded yet
        self._rest = b""
        self._garbage: bytearray | None = None  # how what is passed over begins
        self._garbage_from = 0
        self._sets = Sets(source)

    def state(self) -> list[Any]:
        """What a decoder must know to go on from here, in plain values (`DecoderState`); nothing that was counted."""
        garbage = None if self._garbage is None else bytes(self._garbage)
        return [self.offset, self._rest, garbage, self._garbage_from, self._sets.state()]

    @classmethod
    def restored(cls, source: str, kept: DecoderState) -> IpfixDecoder:
        """A decoder that goes on where another one was. Raises BadTemplateError."""
        made = cls(source)
        made.offset, made._rest, made._garbage_from = kept.offset, kept.rest, kept.garbage_from
        made._garbage = None if kept.garbage is None else bytearray(kept.garbage)
        made._sets.restore(kept.domains)
        return made

    def feed(self, data: bytes | memoryview, at_end: bool = False) -> Decoded:
        """Decode the next octets of a file; `at_end` after the last ones."""
        buffer, start = self._joined(bytes(data))
        used = self._messages(buffer, start, at_end)
        self._rest = buffer[used:]
        self.offset += used
        if at_end:
            self._sets.end()
        return self._decoded()

    def _joined(self, data: bytes) -> tuple[bytes, int]:
        """What is left and what comes as one, and where to go on.

        A message that ends in what comes is taken in by itself: it costs no copy of all the others.
        """
        rest = self._rest
        begins = self._garbage is None and len(rest) >= HEADER and _is_header(rest, 0)
        length = int.from_bytes(rest[2:4], "big") if begins else 0
        if not len(rest) < length <= len(rest) + len(data):
            return (rest + data if rest else data), 0
        need = length - len(rest)
        self._sets.messages(rest + data[:need], [0, length], self.offset)
        self.offset += len(rest)
        return data, need

    def datagram(self, data: bytes, offset: int = 0) -> Decoded:
        """Decode one message that came by itself; `offset` is said with what is rejected."""
        self.offset, self._rest = offset, b""
        self._messages(data, 0, True)
        return self._decoded()

    def _decoded(self) -> Decoded:
        taken = self._sets.common.hand_over()
        flows = FlowColumns(LayoutPart(layout, gathered) for layout, gathered in taken.gathered.items())
        return Decoded(flows, taken.rejected, taken.read, taken.filtered, taken.lost)

    def _messages(self, data: bytes, at: int, at_end: bool) -> int:
        """Decode whole messages from `at` on; how many octets are done with."""
        size = len(data)
        found = self._garbage is None  # a message begins here, as far as is known
        while size - at >= HEADER:
            if found:
                bounds = chain(data, at)
                self._sets.messages(data, bounds, self.offset)
                at = bounds[-1]
                begun = at
                at, waits = self._netflow(data, at, at_end)
                if waits:
                    break
                if at > begun:
                    continue
                if size - at < HEADER:
                    break
            is_cut = found and _is_header(data, at)
            if is_cut and not at_end:
                break
            at, found = self._resume(data, at, at_end, is_cut)
            if not found:
                break
        if at_end:
            self._cut(data, at)
            at = size
        return at

    def _netflow(self, data: bytes, at: int, at_end: bool) -> tuple[int, bool]:
        """Take in the messages of NetFlow from here on; where they end, and whether one is not whole yet."""
        while netflow.begins(data, at):
            end = netflow.end_of(data, at, at_end)
            if end is None:
                return at, True
            self._sets.netflow(data, at, end, self.offset + at)
            at = end
        return at, False

    def _resume(self, data: bytes, at: int, at_end: bool, is_cut: bool) -> tuple[int, bool]:
        """Where to go on, and whether a message begins there.

        A message that the file ends before (`is_cut`) may have a length that lies, and others behind it.
        """
        place, found = next_message(data, at + is_cut, at_end)
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
        reason = f"{size} octets are {what} that can be read (IPFIX, NetFlow 5 and 9)"
        self._sets.taken.reject(reason, self._garbage_from, begin, "message")

    def _cut(self, data: bytes, at: int) -> None:
        """What is left at the end of the file."""
        if self._garbage is not None:
            self._pass_over(data, at, len(data))
            self._say_garbage(len(data))
        elif at < len(data):
            reason = "the IPFIX message is cut: the file ends before it does"
            self._sets.taken.reject(reason, self.offset + at, data[at : at + EXCERPT], "message")


def _is_header(data: bytes, at: int) -> bool:
    """Whether a message begins here by its first octets, though it may not end in this chunk."""
    version, length = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (0, 2))
    return version == VERSION and length >= HEADER
