"""What a file's pieces hold, record by record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ingest import swift
from ingest.event_codes import LEFT_OUT, NOT_COMMON, EventCodes
from ingest.identity import operation_of, uid_of
from ingest.json_records import Lines, pieces
from ingest.key_vault import CHALLENGE
from ingest.logs_values import text
from ingest.records import Event
from ingest.sources import Block, Partition
from ingest.times import epoch_us
from tests.ingest.ipfix_messages import as_rows

_warm = EventCodes()


def octets(chunks: Iterable[bytes]) -> list[Any]:
    """Each record as it stands in the file (`msgspec.Raw`), or why there is none (`Rejected`)."""
    return [
        value
        for piece, _ in pieces(lambda _begin, _end=None: chunks)
        for value in (piece.values() if isinstance(piece, Lines) else piece)
    ]


def fast(line: bytes, offset: int = 0, source: str = "a.json") -> Event | str | None:
    """What the fast path makes of a line: an event, why it is left out, or None; whatever it has read before."""
    found = _fast(line, offset, source, EventCodes())
    assert found == _fast(line, offset, source, _warm) == _fast(line, offset, source, _warm)
    return found


def _fast(line: bytes, offset: int, source: str, known: EventCodes) -> Event | str | None:
    record = swift.decoded(line)
    at_us = None if record is None else epoch_us(record.time)
    if record is None or at_us is None:
        return None
    what, who, where, content, operation = (int(column[0]) for column in known.of([record]))
    if what in (NOT_COMMON, LEFT_OUT):
        return None if what == NOT_COMMON else CHALLENGE
    correlation = text(record.correlation_id)
    operation_id = operation_of(operation, correlation) if operation else 0
    own = at_us, uid_of(content, at_us, correlation), operation_id, offset, source
    return known.parts.event((what, who, where), *own)


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
