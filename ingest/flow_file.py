"""A file of IPFIX messages as a partition."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ingest.blocks import Block, bad_file, shown, stuck, unreadable
from ingest.compression import CHUNK, ChangedError, CutShortError, chunks
from ingest.event_columns import EventColumns
from ingest.ipfix import IpfixDecoder
from ingest.ipfix_templates import BadTemplateError
from ingest.positions import VERSION, FlowPosition, known, unusable

PEEKED = 1 << 18  # octets of a chunk that is read for the first time in a file


class FlowFile:
    """A file of IPFIX messages. A position in it (`FlowPosition`) is where a chunk ends, and the decoder's state."""

    def __init__(self, path: Path) -> None:
        self.name = shown(path)
        self._path = path
        self.first_us = self._first()

    def _first(self) -> int | None:
        """The least time in the first part of the file; flows are exported about in the order of their ends."""
        for block in islice(self._blocks(FlowPosition(), IpfixDecoder(self.name), PEEKED), 4):
            if block.flows is not None and len(block.flows):
                return int(block.flows.column("end_us").min())
        return None

    def prefetch(self, position: Any = None) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Blocks of about 4 MB of the file."""
        at = known(position, FlowPosition, self.name)
        try:
            decoder = IpfixDecoder.restored(self.name, at.decoder)
        except BadTemplateError as error:
            raise unusable(self.name, error) from None
        return self._blocks(at, decoder, CHUNK)

    def _blocks(self, at: FlowPosition, decoder: IpfixDecoder, size: int) -> Iterator[Block]:
        offset, broken = at.offset, ""
        try:
            for chunk in chunks(self._path, size, at.offset, at.offset):
                offset += len(chunk)
                block = _decoded(decoder, chunk, False)
                block.position = _position(offset, False, decoder.state())
                yield block
        except ChangedError as error:
            yield stuck(self._path, error, _position(at.offset, at.ended, decoder.state()))
            return
        except CutShortError as error:
            broken = str(error)
        except OSError as error:
            if offset and offset == at.offset:
                yield stuck(self._path, error, _position(at.offset, at.ended, decoder.state()))
                return
            broken = unreadable(error)
        if not at.ended or offset > at.offset:
            yield self._last(decoder, offset, broken)

    def _last(self, decoder: IpfixDecoder, offset: int, broken: str) -> Block:
        """What is left at the file's end."""
        before = decoder.state()
        last = _decoded(decoder, b"", True)
        if broken:
            last.rejected.append(bad_file(self._path, broken))
        # If the file grows, its last message may become whole, and templates come for what waits.
        last.position = _position(offset, True, decoder.state() if last.read else before)
        return last


def _position(offset: int, ended: bool, decoder: list[Any]) -> list[Any]:
    """A `FlowPosition` in plain values."""
    return [VERSION, "flows", offset, ended, decoder]


def _decoded(decoder: IpfixDecoder, data: bytes, at_end: bool) -> Block:
    decoded = decoder.feed(data, at_end)
    return Block(
        EventColumns(), decoded.flows, None, decoded.rejected, decoded.filtered, decoded.read, decoded.lost
    )
