"""Reading in another process goes on behind any block, and what was read ahead and not taken is read again."""

from __future__ import annotations

import gzip
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import far_reader
from actors.clock import Clock
from actors.far_reader import FarReader, Packed, Told
from actors.far_reading import DEPTH, FarEnd, FarPartition, SharedParts
from actors.settings import Settings
from ingest.enrich import Enrichment
from ingest.errors import PositionError
from ingest.live_file import LiveFile
from ingest.select import prepared
from ingest.sources import Block, EventFile, FlowFile, Partition
from tests.actors.running import MACHINES, Listed, enrichment, event
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template
from tests.ingest.reading import packed
from tests.ingest.test_sources import LATENESS_US, audits, lines

SETTINGS = Settings(shards=2)


class Far:
    """A reader whose calls are made in order, and late: as an actor's are."""

    def __init__(self, settings: Settings = SETTINGS, about: Enrichment | None = None) -> None:
        self.reader = FarReader(settings, about or enrichment())
        self._calls: deque[tuple[Call, tuple[Any, ...]]] = deque()
        self.open, self.next = Call(self, self.reader.open), Call(self, self.reader.next)

    def get(self, promise: list[Any]) -> Any:
        while not promise:
            made, call, given = self._calls.popleft()
            made.append(call(*given))
        return promise[0]

    def later(self, call: Callable[..., Any], given: tuple[Any, ...]) -> list[Any]:
        promise: list[Any] = []
        self._calls.append((promise, call, given))
        return promise


class Call:
    """`remote` of an actor's method."""

    def __init__(self, far: Far, call: Callable[..., Any]) -> None:
        self._far, self._call = far, call

    def remote(self, *given: Any) -> list[Any]:
        return self._far.later(self._call, given)


def far_partition(partition: Partition, far: Far | None = None) -> FarPartition:
    far = far or Far()
    return FarPartition(FarEnd(far, 1), 3, partition, SharedParts(), far.get)


def told(block: Block) -> dict[str, Any]:
    """All that is in a block, the flows as what a router takes of them."""
    chosen = block.chosen
    if block.flows is not None and len(block.flows):
        about = enrichment()
        chosen = prepared(block.flows, about.inventory, about.indicators, SETTINGS.sampling, None)
    rows, fate = list[Any](), Counter[str]()
    if chosen is not None:
        named = [chosen.ids[entity] for entity in chosen.rows["entity"].tolist()]
        rest = [name for name in chosen.rows.dtype.names if name != "entity"]
        rows = sorted(zip(chosen.rows[rest].tolist(), named, chosen.first.tolist(), strict=True))
        fate = Counter({"flows": chosen.read, **chosen.filtered})
    return {
        "events": list(block.events.events("x")),
        "rows": rows,
        "newest": 0 if chosen is None else chosen.newest_us,
        "rejected": block.rejected,
        "filtered": Counter(block.filtered) + fate,
        "counts": Counter(read=block.read, lost=block.lost),
        "position": packed(block.position),
    }


def as_told(here: list[Block], far: list[Block]) -> list[dict[str, Any]]:
    """What is told of blocks that are read here, taken together as they are from afar."""
    assert sum(block.blocks for block in far) == len(here)
    some, result = map(told, here), []
    for block in far:
        first, *more = islice(some, block.blocks)
        for one in more:
            first["rows"] = sorted(first["rows"] + one["rows"])
            first["newest"] = max(first["newest"], one["newest"])
            for name in ("events", "rejected", "filtered", "counts"):
                first[name] = first[name] + one[name]
            first["position"] = one["position"]
        result.append(first)
    return result


def same(far: Iterable[Block], here: list[Block]) -> bool:
    """Whether they come to the same."""
    far = list(far)
    return list(map(told, far)) == as_told(here, far)


def blocks_of(one: Packed) -> int:
    """How many an answer's piece stands for."""
    return msgspec.msgpack.decode(one[0], type=Told).blocks


@pytest.fixture(params=["events", "packed events", "flows"])
def partition(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Partition:
    for name, size in {"event_file.CHUNK": 3_000, "event_file.SORTED": 30, "event_file.BLOCK": 7}.items():
        monkeypatch.setattr(f"ingest.{name}", size)
    monkeypatch.setattr("ingest.flow_file.CHUNK", 700)
    monkeypatch.setattr(far_reader, "BLOCKS", 5)
    if request.param == "flows":
        rows = [record(destination=ip, ports=(n, 22)) for n in range(30) for ip in MACHINES]
        messages = [message(a_set(256, row), sequence=n + n // 50) for n, row in enumerate(rows)]
        (tmp_path / "x").write_bytes(message(template(256, PLAIN)) + b"".join(messages))
        return FlowFile(tmp_path / "x")
    body = lines(audits(60)) + b"nonsense\n" + lines(audits(90)[::-1])
    (tmp_path / "x").write_bytes(gzip.compress(body) if request.param == "packed events" else body)
    return EventFile(tmp_path / "x", LATENESS_US)


def test_the_blocks_behind_any_position_are_those_that_are_read_here(partition: Partition) -> None:
    here = list(partition.blocks())
    blocks = list(far_partition(partition).blocks())
    assert same(blocks, here)
    assert len(here) > 9
    behind = 0
    for block in blocks:
        behind += block.blocks
        assert same(far_partition(partition).blocks(packed(block.position)), here[behind:])


def test_a_reader_that_begins_anew_is_understood(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its numbers mean other things then: events must not be given the parts of others."""
    here = list(partition.blocks())
    monkeypatch.setattr("ingest.event_codes.MAX_PARTS", 2)
    assert same(far_partition(partition).blocks(), here)


def test_what_was_read_ahead_and_not_taken_is_read_again(partition: Partition) -> None:
    """By another partition at the same reader, and by the same one."""
    here = list(partition.blocks())
    far = Far()
    first = far_partition(partition, far)
    taken = first.blocks()
    last = next(taken)
    assert last.blocks < len(here)
    for other in (first, far_partition(partition, far)):
        assert same(other.blocks(packed(last.position)), here[last.blocks :])


def test_what_is_read_ahead_is_what_is_wanted(partition: Partition) -> None:
    here = list(partition.blocks())
    position = packed(here[4].position)
    asked: list[Any] = []

    class Noted:
        name, first_us = partition.name, partition.first_us

        def prefetch(self, position: Any = None) -> None: ...

        def blocks(self, position: Any = None) -> Iterator[Block]:
            asked.append(position)
            return partition.blocks(position)

    far = far_partition(Noted())
    far.prefetch(position)
    far.prefetch(position)
    assert len(far._ahead) == DEPTH
    blocks = far.blocks(position)
    first = next(blocks)
    far.prefetch(position)
    assert same([first, *blocks], here[5:])
    assert asked == [position] * 2  # once here, where nothing is read, and once over there
    far.prefetch()
    assert same(far.blocks(), here)


def test_one_that_was_read_ahead_from_elsewhere_is_read_from_where_it_is_wanted(partition: Partition) -> None:
    here = list(partition.blocks())
    far = far_partition(partition)
    far.prefetch()
    assert same(far.blocks(packed(here[2].position)), here[3:])


def test_a_position_that_cannot_be_used_is_refused_here(partition: Partition) -> None:
    with pytest.raises(PositionError, match="of version 9"):
        far_partition(partition).blocks([9])


def test_a_partition_that_is_read_again_tells_its_resources_again(partition: Partition) -> None:
    """What it told before may have been read ahead and thrown away."""
    here, far = list(partition.blocks()), Far()
    before = FarPartition(FarEnd(far, 1), 3, partition, SharedParts(), far.get)
    assert same(before.blocks(), here)
    anew = FarPartition(FarEnd(far, 1), 3, partition, SharedParts(), far.get)  # who heard nothing of it
    assert same(anew.blocks(), here)


def test_what_is_read_at_the_same_time_is_read_by_different_readers() -> None:
    """By name the first hours of both exporters would be one reader's: the other one waited, and so did half of the machine."""
    from actors.remote import Far as Readers

    exporters = [Listed(f"{name}-{hour}", [event(60 * hour, hour)]) for name in "ab" for hour in range(4)]
    ends = [object(), object()]
    readers = {one.name: ends.index(one._reader) for one in Readers(ends, Clock()).partitions(exporters)}
    assert [readers[f"a-{hour}"] for hour in range(4)] == [0] * 4
    assert [readers[f"b-{hour}"] for hour in range(4)] == [1] * 4


def test_a_silent_source_says_also_from_afar_since_when(tmp_path: Path) -> None:
    """On Ray a server over weeks of old files would else keep all their hours in memory at once."""
    path = tmp_path / "x"
    path.write_bytes(lines(audits(5)))
    now_us = max(path.stat().st_mtime_ns, path.stat().st_ctime_ns) // 1_000 + 300_000_000
    here, there = (
        next(block for block in one.blocks() if block.idle)
        for one in (
            LiveFile(path, 600.0, lambda: now_us),
            far_partition(LiveFile(path, 600.0, lambda: now_us)),
        )
    )
    assert here.quiet_us == there.quiet_us == now_us - 300_000_000
    assert not there.rests


def test_an_answer_holds_several_blocks_within_bounds(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call for each block of a log cost more than its records did; one for a whole file would be held in memory."""
    count = len(list(partition.blocks()))

    def answers() -> list[int]:
        reader = FarReader(SETTINGS, enrichment())
        reader.open(0, partition)
        return [sum(map(blocks_of, some)) for some in iter(lambda: reader.next(0, None), [])]

    monkeypatch.setattr(far_reader, "BLOCKS", 3)
    assert answers() == [3] * (count // 3) + [count % 3] * bool(count % 3)
    monkeypatch.setattr(far_reader, "OCTETS", 1)
    assert answers() == [1] * count


def test_a_live_source_is_answered_block_by_block(tmp_path: Path) -> None:
    """What has come is not to wait for what may come."""
    path = tmp_path / "x"
    path.write_bytes(lines(audits(5)))
    reader = FarReader(SETTINGS, enrichment())
    reader.open(0, LiveFile(path, 600.0))
    assert [len(reader.next(0, None)) for _ in range(3)] == [1, 1, 1]
