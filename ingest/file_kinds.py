"""Which partition reads a file of which kind, and of what form its positions are."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ingest.blocks import Partition
from ingest.event_file import EventFile
from ingest.flow_file import FlowFile
from ingest.flow_log_file import FlowLogFile
from ingest.flow_log_reader import KINDS
from ingest.positions import CapturePosition, EventPosition, FlowPosition, GrowingPosition


def file_of(kind: str, path: Path, lateness_us: int) -> Partition:
    """A file whose content `sniff` calls so."""
    if kind == "flows":
        return FlowFile(path)
    if kind in KINDS:
        return FlowLogFile(path)
    if kind == "capture":
        from ingest.capture_file import CaptureFile  # its library is wanted for nothing else

        return CaptureFile(path)
    return EventFile(path, lateness_us)


def position_of(kind: str) -> type[msgspec.Struct]:
    """What a position in such a file is."""
    if kind in KINDS:
        return GrowingPosition
    if kind == "flows":
        return FlowPosition
    return CapturePosition if kind == "capture" else EventPosition
