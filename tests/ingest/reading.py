"""What a file's pieces hold, record by record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ingest.json_records import Lines, pieces
from ingest.records import Event
from ingest.sources import Block, Partition
from tests.ingest.ipfix_messages import as_rows


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


def packed(value: Any) -> Any:
    """What comes back of a value that was kept."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


def all_of(block: Block) -> dict[str, Any]:
    """All that is in a block, to be compared."""
    return {
        "events": list(block.events.events("x")),
        "flows": None if block.flows is None else as_rows(block.flows).tolist(),
        "rejected": block.rejected,
        "filtered": block.filtered,
        "counts": (block.read, block.lost),
        "position": packed(block.position),
    }


def goes_on_from_everywhere(partition: Partition) -> list[Block]:
    """A partition's blocks; behind each one's position come all the others, just as they were."""
    blocks = list(partition.blocks())
    told = list(map(all_of, blocks))
    for number, block in enumerate(blocks, 1):
        again = [all_of(one) for one in partition.blocks(packed(block.position))]
        assert again == told[number:]
    return blocks
