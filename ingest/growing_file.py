"""What is whole in a file that grows: blocks of records, and the position behind each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from zlib import crc32

import msgspec
import numpy as np

from ingest.blocks import Block
from ingest.compression import CHUNK, GZIP, ZSTD, CutShortError, Octets, chunks, pread
from ingest.event_columns import joined
from ingest.event_reader import EventReader, Piece
from ingest.flow_log_reader import KINDS, FlowLogReader
from ingest.ipfix import DecoderState, IpfixDecoder
from ingest.json_growing import grown
from ingest.positions import GrowingPosition
from ingest.records import Rejected
from ingest.sniff import HEAD, is_binary, sniff

CAPTURE = "capture"
BEGINS, ENDS = 1_024, 256  # octets by which a file is known again
_PLAIN = 20  # octets from which on it is told what a file holds


PEEKED = 1 << 18  # octets of a file that are looked at for the first event time


class GrowingFile:
    """Reads a file, given as a descriptor or as octets, from a position on."""

    def __init__(self, name: str, at: GrowingPosition) -> None:
        """Raises BadTemplateError."""
        self.at = at
        self.name = name
        self._decoder = IpfixDecoder.restored(name, at.decoder)
        self._reader = EventReader(name, at.number)
        self._flow_logs: FlowLogReader | None = None
        self._said: tuple[GrowingPosition, Any] = (at, plain(at))

    def position(self) -> Any:
        """A `GrowingPosition` in plain values."""
        if self._said[0] is not self.at:
            self._said = self.at, plain(self.at)
        return self._said[1]

    def read(self, file: int | Octets, size: int, at_end: bool) -> Iterator[Block]:
        """All that is whole from the position on, in blocks of about `size` octets; `at_end`: the rest too.

        Raises OSError.
        """
        if not self.at.content and not self._tell(file, at_end):
            return
        tail = octets(file, self.at.offset - self.at.ends[0], self.at.offset)
        rest, broken = b"", ""
        parts = chunks(file, size, self.at.offset)
        while True:
            try:
                chunk = next(parts, None)
            except CutShortError as error:
                chunk, broken = None, str(error)
            ends = chunk is None and (at_end or "damaged" in broken)
            if chunk is None and not ends:
                return  # what is left waits for its rest
            data = rest + (chunk or b"")
            block, used = self._read(data, ends)
            if ends and broken:
                block.rejected.append(Rejected(reason=broken, source=self.name, kind="file"))
            tail, rest = (tail + data[:used])[-ENDS:], data[used:]
            self._advance(file, used, tail)
            if used or block.read or block.rejected:
                block.position = self.position()
                yield block
            if chunk is None:
                return

    def _read(self, data: bytes, at_end: bool) -> tuple[Block, int]:
        if self.at.content == "flows":
            return self._flows(data, at_end)
        if self.at.content in KINDS:
            return self._flow_log(data, at_end)
        return self._events(data, at_end)

    def _tell(self, file: int | Octets, at_end: bool) -> bool:
        """Whether it is known what the file holds."""
        head = head_of(file)
        if len(head) < HEAD and not at_end and not is_plain(head):
            return False
        content: Any = sniff(head).kind.replace(CAPTURE, "")
        self.at = msgspec.structs.replace(self.at, content=content)
        return bool(content)

    def _flows(self, data: bytes, at_end: bool) -> tuple[Block, int]:
        made = self._decoder.feed(data, at_end)
        kept = msgspec.convert(self._decoder.state(), DecoderState)
        self.at = msgspec.structs.replace(self.at, decoder=kept)
        block = Block(
            flows=made.flows,
            rejected=made.rejected,
            filtered=made.filtered,
            read=made.read,
            lost=made.lost,
        )
        return block, len(data)

    def _flow_log(self, data: bytes, at_end: bool) -> tuple[Block, int]:
        if self._flow_logs is None:
            self._flow_logs = FlowLogReader(self.name, self.at)
        block, used, told = self._flow_logs.feed(data, self.at.form, at_end)
        self.at = msgspec.structs.replace(self.at, **told)
        return block, used

    def _events(self, data: bytes, at_end: bool) -> tuple[Block, int]:
        pieces, used, form = grown(data, self.at.form, at_end)
        block = _in_order([self._reader.read(piece) for piece in pieces])
        self.at = msgspec.structs.replace(self.at, form=form, number=self._reader.number)
        return block, used

    def _advance(self, file: int | Octets, used: int, tail: bytes) -> None:
        offset, begins = self.at.offset + used, self.at.begins
        if begins[0] < min(offset, BEGINS):
            begins = mark(octets(file, 0, min(offset, BEGINS)))
        self.at = msgspec.structs.replace(self.at, offset=offset, begins=begins, ends=mark(tail))


def first_us(name: str, file: int | Octets, size: int, at_end: bool = False) -> int | None:
    """The least time in what begins something that grows, in blocks of about so many octets; None: nothing is there.

    Raises OSError.
    """
    for block in GrowingFile(name, GrowingPosition()).read(file, size, at_end):
        if len(block.events):
            return int(block.events.columns["at_us"].min())
        if block.flows is not None and len(block.flows):
            return int(block.flows.column("end_us").min())
    return None


def first_us_of(path: str | os.PathLike[str], name: str, at_end: bool = False) -> int | None:
    """The same of a file; None for one that can't be read: that is said when it is."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return first_us(name, file, PEEKED, at_end)
        finally:
            os.close(file)
    return None


def plain(at: GrowingPosition) -> Any:
    """A position in plain MessagePack values."""
    return msgspec.to_builtins(at, builtin_types=(bytes,))


def why_not(head: bytes) -> str:
    """Why a file that begins so can't be read while it grows."""
    found = sniff(head)
    if found.kind == CAPTURE:
        return "the file is a packet capture: it is read by `redshank detect`, and not while it grows"
    return found.reason


def is_plain(head: bytes) -> bool:
    """Whether it can be told what a file that begins so will hold: of text, with a line or a value that is whole."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in (b"{", b"["):
        return b"}" in start or b"\x00" in start
    if len(head) < _PLAIN:
        return False
    return b"\n" in start or is_binary(head)


def stands_in(file: int | Octets, at: GrowingPosition) -> bool:
    """Whether what was read up to a position stands in a file: then it is the same one."""
    if mark(octets(file, 0, at.begins[0])) != at.begins:
        return False
    return mark(octets(file, at.offset - at.ends[0], at.offset)) == at.ends


def head_of(file: int | Octets) -> bytes:
    """How the (unpacked) content begins."""
    with suppress(CutShortError):
        return next(chunks(file, HEAD), b"")
    return b""


def octets(file: int | Octets, begin: int, end: int) -> bytes:
    """What stands there, or as much of it as there is."""
    packed = pread(file, 4, 0)
    if packed[:2] != GZIP and packed != ZSTD:
        return pread(file, end - begin, begin)
    parts = []
    with suppress(CutShortError):
        for chunk in chunks(file, CHUNK, begin, 0, end):
            parts.append(chunk)  # noqa: PERF402  what came before it breaks off is kept
    return b"".join(parts)


def mark(data: bytes) -> tuple[int, int]:
    """By what some octets are known again."""
    return len(data), crc32(data)


def _in_order(pieces: list[Piece]) -> Block:
    """As one block, in order of time."""
    events = joined([piece.events for piece in pieces])
    if len(events):
        events = events.take(np.argsort(events.columns["at_us"], kind="stable"))
    block = Block(events, read=sum(piece.read for piece in pieces))
    for piece in pieces:
        block.rejected += piece.rejected
        for reason, number in piece.filtered.items():
            block.filtered[reason] = block.filtered.get(reason, 0) + number
    return block
