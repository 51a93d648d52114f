"""Messages of a stream (Kafka, Event Hubs) to records, without I/O.

What a message holds is told by its content, message by message: a payload of `{"records": [...]}`, an array, one
record, records in lines, or IPFIX. The offset of whatever comes of a message is the message's.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from ingest.blocks import Block
from ingest.event_reader import EventReader
from ingest.flows import FlowColumns
from ingest.flows import Part as FlowPart
from ingest.ipfix import DecoderState, IpfixDecoder
from ingest.json_records import Lines, in_lines
from ingest.json_values import Value, Walk, bad, records_of
from ingest.logs_values import PROBLEMS
from ingest.positions import KeptDecoder
from ingest.records import Rejected
from ingest.sniff import HEAD, sniff

EMPTY = "a message with nothing in it"
MAX_EXPORTERS = (
    64  # whose templates are remembered; the one that was silent for longest is forgotten for a new one
)
MAX_KEY = 256  # octets of a message's key by which exporters are told apart
_BOM = b"\xef\xbb\xbf"


class Message(NamedTuple):
    """One message. IPFIX messages of one key are of one exporter."""

    offset: int
    body: bytes | None
    key: bytes = b""


class StreamReader:
    """Reads the messages of one partition of a stream."""

    def __init__(self, name: str, kept: Sequence[KeptDecoder] = ()) -> None:
        """Raises BadTemplateError."""
        self._name = name
        self._events = EventReader(name)
        self._exporters = {one.key: IpfixDecoder.restored(name, one.state) for one in kept}
        self._kept = list(kept)

    def kept(self) -> list[KeptDecoder]:
        """What must be known to go on reading."""
        return self._kept

    def read(self, messages: Iterable[Message]) -> Block:
        """The records of some messages: events in order of time, and flows."""
        block, values, offsets, flows = Block(), list[Value](), list[int](), list[FlowPart]()
        for message in messages:
            if not message.body or message.body.isspace():
                block.read += 1
                block.filtered[EMPTY] = block.filtered.get(EMPTY, 0) + 1
            elif not _is_json(message.body) and _is_flows(message.body):
                flows += self._flows(message, block)
            else:
                found = values_of(message.body)
                values += found
                offsets += [message.offset] * len(found)
        self._events_of(values, offsets, block)
        if flows:
            block.flows = FlowColumns(flows)
        return block

    def _events_of(self, values: list[Value], offsets: list[int], block: Block) -> None:
        if not values:
            return
        self._events.number = 0
        made = self._events.read(values)
        block.read += made.read
        for reason, number in made.filtered.items():
            block.filtered[reason] = block.filtered.get(reason, 0) + number
        at = np.array(offsets, np.int64)
        block.rejected += [_placed(one, offsets) for one in made.rejected]
        if len(made.events):
            events = made.events
            events.columns["offset"] = at[events.columns["offset"]]
            block.events = events.take(np.argsort(events.columns["at_us"], kind="stable"))

    def _flows(self, message: Message, block: Block) -> list[FlowPart]:
        key = message.key[:MAX_KEY]
        decoder = self._exporters.pop(key, None) or IpfixDecoder(self._name)
        self._exporters[key] = decoder  # it is the last one heard now
        if len(self._exporters) > MAX_EXPORTERS:
            del self._exporters[next(iter(self._exporters))]
        made = decoder.datagram(message.body or b"", message.offset)
        block.read += made.read
        block.lost += made.lost
        for reason, number in made.filtered.items():
            block.filtered[reason] = block.filtered.get(reason, 0) + number
        block.rejected += [msgspec.structs.replace(one, offset=message.offset) for one in made.rejected]
        told = msgspec.convert(decoder.state(), DecoderState)
        self._kept = [one for one in self._kept if one.key != key][-MAX_EXPORTERS + 1 :]
        self._kept.append(KeptDecoder(key, told))
        return made.flows.parts


def values_of(body: bytes) -> list[Value]:
    """The records of a message that looks like JSON; what is broken is given as far as it is whole."""
    body = body.removeprefix(_BOM)
    if not _is_json(body) and (reason := sniff(body[:HEAD]).reason):
        return [bad(reason.replace("the file", "the message"), body)]
    try:
        return records_of(body)
    except PROBLEMS as error:
        if b"\n" in body.strip() and in_lines(body):
            return list(Lines(body).values())
        what = "cut" if "truncated" in str(error) else f"no JSON ({error})"
        return [value for run in Walk(body, 0, f"the message is {what}").runs() for value in run.values]


def _is_json(body: bytes) -> bool:
    return body[:64].removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")


def _is_flows(body: bytes) -> bool:
    return sniff(body[:HEAD]).kind == "flows"


def _placed(one: Rejected, offsets: list[int]) -> Rejected:
    """With the offset of its message; if that has several records, it is said which it was."""
    offset = offsets[one.offset]
    first, behind = bisect_left(offsets, offset), bisect_right(offsets, offset)
    several = behind - first > 1
    reason = f"record {one.offset - first + 1} of the message: {one.reason}" if several else one.reason
    return msgspec.structs.replace(one, offset=offset, reason=reason)
