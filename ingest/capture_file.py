"""A packet capture of export datagrams as a partition."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import zstandard

from ingest.blocks import Block, bad_file, shown, stuck, unreadable
from ingest.capture import BrokenError, packets
from ingest.compression import NOT_THE_SAME, ChangedError, open_stream
from ingest.exporters import Exporters
from ingest.ipfix_templates import BadTemplateError
from ingest.journal_files import Datagram
from ingest.positions import VERSION, CapturePosition, known, unusable

PER_BLOCK = 2_000  # packets
_PROBLEMS = (BrokenError, EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)


class CaptureFile:
    """A capture. A position in it (`CapturePosition`) is behind so many packets, with what the exporters have said."""

    def __init__(self, path: Path) -> None:
        self.name = shown(path)
        self._path = path
        self.first_us = self._first()

    def _first(self) -> int | None:
        for block in islice(self.blocks(), 2):
            if block.flows is not None and len(block.flows):
                return int(block.flows.column("end_us").min())
        return None

    def prefetch(self, position: Any = None) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Blocks of the datagrams of 2,000 packets."""
        at = known(position, CapturePosition, self.name)
        exporters = Exporters(self.name, at.second)
        try:
            exporters.restore(at.exporters)
        except (BadTemplateError, ValueError) as error:
            raise unusable(self.name, error) from None
        return self._blocks(at, exporters)

    def _blocks(self, at: CapturePosition, exporters: Exporters) -> Iterator[Block]:
        number, exports, broken = 0, at.exports, ""
        try:
            with open_stream(self._path) as stream:
                reading = packets(stream)
                number = sum(
                    1 for _ in islice(reading, at.packets)
                )  # a packet has no place by which it is found
                while number >= at.packets and not broken:
                    some = _Some(islice(reading, PER_BLOCK))
                    broken = some.broken
                    if not some.count:
                        break
                    block = some.decoded(exporters)
                    number, exports = number + some.count, exports + len(some.datagrams)
                    block.position = _position(number, exports, False, exporters)
                    yield block
        except _PROBLEMS as error:
            broken = _why(error)
        except OSError as error:
            broken = unreadable(error)
        if number < at.packets:
            problem = ChangedError(f"{NOT_THE_SAME}: it has {number} packets, had {at.packets}")
            yield stuck(self._path, problem, _position(at.packets, exports, at.ended, exporters))
        elif not at.ended or number > at.packets:
            yield self._last(number, exports, broken, exporters)

    def _last(self, number: int, exports: int, broken: str, exporters: Exporters) -> Block:
        """What is left at the end: templates may yet come for what waits, should the capture grow."""
        position = _position(number, exports, True, exporters)
        block = exporters.end()
        if block.read:
            position = _position(number, exports, True, exporters)
        block.position = position
        if broken:
            block.rejected.append(bad_file(self._path, broken))
        elif not exports:
            reason = f"none of the {number} packets of the capture is of an exporter (IPFIX, NetFlow 5 or 9 by UDP)"
            block.rejected.append(bad_file(self._path, reason))
        return block


class _Some:
    """Packets, up to where the capture breaks."""

    def __init__(self, packets: Iterator[Datagram | str]) -> None:
        self.datagrams: list[Datagram] = []
        self.others: dict[str, int] = {}
        self.broken = ""
        try:
            for one in packets:
                if isinstance(one, str):
                    self.others[one] = self.others.get(one, 0) + 1
                else:
                    self.datagrams.append(one)
        except _PROBLEMS as error:
            self.broken = _why(error)
        self.count = len(self.datagrams) + sum(self.others.values())

    def decoded(self, exporters: Exporters) -> Block:
        """The flows of them."""
        block = exporters.take(self.datagrams)
        for reason, count in self.others.items():
            block.filtered[reason] = block.filtered.get(reason, 0) + count
            block.read += count
        return block


def _why(error: Exception) -> str:
    return str(error) or "the compressed file is cut: it ends before its stream does"


def _position(number: int, exports: int, ended: bool, exporters: Exporters) -> list[Any]:
    """A `CapturePosition` in plain values."""
    return [VERSION, "capture", number, exports, ended, exporters.second, exporters.state()]
