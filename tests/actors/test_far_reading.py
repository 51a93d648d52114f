"""Reading in another process goes on behind any block, and what was read ahead and not taken is read again."""

from __future__ import annotations

import gzip
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors import far_reader
from actors.far_reader import FarReader, Packed, Told
from actors.far_reading import DEPTH, FarEnd, FarPartition, SharedParts
from actors.settings import Settings
from ingest.enrich import Enrichment
from ingest.errors import PositionError
from ingest.flow_log_file import FlowLogFile
from ingest.live_file import LiveFile
from ingest.select import prepared, relevant_rows
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
    return FarPartition([FarEnd(far, 1)], 3, partition, SharedParts(), far.get)


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
    before = FarPartition([FarEnd(far, 1)], 3, partition, SharedParts(), far.get)
    assert same(before.blocks(), here)
    anew = FarPartition([FarEnd(far, 1)], 3, partition, SharedParts(), far.get)  # who heard nothing of it
    assert same(anew.blocks(), here)


def at_once() -> Any:
    """A reader whose calls are made at once."""
    reader = FarReader(SETTINGS, enrichment())
    return SimpleNamespace(open=SimpleNamespace(remote=reader.open), next=SimpleNamespace(remote=reader.next))


def dealt(*names: str, over: Sequence[str] = ()) -> dict[str, int]:
    """Which of two readers reads each, begun in this order; some are read to their end before the next is begun."""
    ends, found = [FarEnd(at_once(), stream) for stream in (1, 2)], dict[str, int]()
    for number, name in enumerate(names):
        listed: Any = Listed(name, [event(1, 1)])
        far = FarPartition(ends, number, listed, SharedParts(), lambda answer: answer)
        blocks = far.blocks()
        next(blocks)
        if name in over:
            assert not list(blocks)
        found[name] = ends.index(far._end)
    return found


def test_what_is_read_at_the_same_time_is_read_by_different_readers() -> None:
    """By name the first hours of two exporters were one reader's: the other one waited, and with it half of the machine."""
    assert dealt("a-0", "b-0", "c-0", "d-0") == {"a-0": 0, "b-0": 1, "c-0": 0, "d-0": 1}


def test_who_reads_a_large_file_is_not_given_the_next_one() -> None:
    """Where large and small ones took turns one reader had all the large ones."""
    assert dealt("large", "b", "c", "large too", over=["b", "c"]) == {
        "large": 0,
        "b": 1,
        "c": 1,
        "large too": 1,
    }


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


def test_flows_whose_holders_telemetry_tells_come_as_they_are(tmp_path: Path) -> None:
    """On Ray nothing was read at all: they have no resource yet that their reader could name."""
    settings, path = Settings(shards=2, from_telemetry=True), tmp_path / "x"
    rows = [record(destination=ip, ports=(n, (22, 443)[n % 2])) for n in range(9) for ip in MACHINES]
    path.write_bytes(message(template(256, PLAIN)) + message(a_set(256, b"".join(rows))))
    far = Far(settings)
    first, *_ = FarPartition([FarEnd(far, 1)], 3, FlowFile(path), SharedParts(), far.get).blocks()
    here = next(FlowFile(path).blocks())
    assert here.flows is not None
    assert first.flows is not None
    expected = relevant_rows(here.flows, enrichment().indicators)
    assert first.flows.column("dst_lo").tolist() == expected["dst_lo"].tolist()
    assert (len(first.flows), first.newest_us) == (5 * len(MACHINES), here.flows.newest_us())
    assert (first.chosen, first.read, sum(first.filtered.values())) == (None, len(rows), 4 * len(MACHINES))


def test_an_answer_is_bounded_also_where_nothing_of_it_is_a_flow(tmp_path: Path, monkeypatch: Any) -> None:
    """A log in which each row is wrong was answered with a hundred megabytes."""
    monkeypatch.setattr("ingest.flow_log_file.CHUNK", 2_000)
    path = tmp_path / "vpc.log"
    header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
    row = "2 1 eni-1 10.0.0.1 10.0.0.2 22x 443 6 5 500 1767600000 1767600060 ACCEPT OK"
    path.write_text("\n".join([header, row.replace("22x", "22"), *[row] * 900]) + "\n")
    reader = FarReader(SETTINGS, enrichment())
    monkeypatch.setattr(far_reader, "OCTETS", 20_000)
    reader.open(0, FlowLogFile(path))
    sizes = [sum(map(far_reader._octets, some)) for some in iter(lambda: reader.next(0, None), [])]
    assert len(sizes) > 5
    assert max(sizes) < 40_000
