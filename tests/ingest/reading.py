"""What a file's pieces hold, record by record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ingest.json_records import Lines, pieces
from ingest.records import Event
from ingest.sources import Block


def octets(chunks: Iterable[bytes]) -> list[Any]:
    """Each record as it stands in the file (`msgspec.Raw`), or why there is none (`Rejected`)."""
    return [
        value
        for piece, _ in pieces(lambda _begin, _end=None: chunks)
        for value in (piece.values() if isinstance(piece, Lines) else piece)
    ]


def events_of(blocks: Iterable[Block], source: str = "") -> list[Event]:
    """All events of blocks of one source."""
    return [event for block in blocks for event in block.events.events(source)]
