"""A flow log as a partition: read like a file that grows, to its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingest.blocks import Block, shown, stuck
from ingest.compression import CHUNK, NOT_THE_SAME, ChangedError
from ingest.growing_file import GrowingFile, first_us_of, plain, stands_in
from ingest.ipfix_templates import BadTemplateError
from ingest.positions import GrowingPosition, known, unusable
from ingest.times import path_us


class FlowLogFile:
    """A file of flow logs. A position in it is a `GrowingPosition`: behind it more may have come by the next run."""

    def __init__(self, path: Path) -> None:
        self.name = shown(path)
        self._path = path
        self.first_us = path_us(self.name) or first_us_of(self._path, self.name, True)

    def prefetch(self, position: Any = None) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """Blocks of about 4 MB of the file."""
        at = known(position, GrowingPosition, self.name)
        try:
            reading = GrowingFile(self.name, at)
        except BadTemplateError as error:
            raise unusable(self.name, error) from None
        return self._blocks(reading)

    def _blocks(self, reading: GrowingFile) -> Iterator[Block]:
        begun = reading.at
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if begun.offset and not stands_in(file, begun):
                    raise ChangedError(f"{NOT_THE_SAME}; what is new in it was not read")
                yield from reading.read(file, CHUNK, False)
                yield from self._last(reading, file)
            finally:
                os.close(file)
        except (ChangedError, OSError) as error:
            yield stuck(self._path, error, plain(reading.at))

    def _last(self, reading: GrowingFile, file: int) -> Iterator[Block]:
        """What is left at the end. If nothing is, the next run looks at the end again: a list may have grown."""
        before = reading.at
        if before.ended == size_of(file):
            return
        for block in reading.read(file, CHUNK, True):
            ends = reading.at if block.read else before
            block.position = plain(msgspec.structs.replace(ends, ended=size_of(file)))
            yield block


def size_of(file: int) -> int:
    """Octets of an open file."""
    return os.fstat(file).st_size
