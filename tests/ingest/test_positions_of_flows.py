"""Reading a file of flows goes on behind any block as if it had never stopped, and decodes nothing again."""

from __future__ import annotations

import gzip
import random
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import PositionError
from ingest.ipfix import IpfixDecoder
from ingest.sources import Block, FlowFile
from tests.ingest.ipfix_messages import (
    EXPORTED_S,
    FOUR,
    PLAIN,
    TALK,
    a_set,
    message,
    options_template,
    record,
    template,
)
from tests.ingest.reading import goes_on_from_everywhere, packed

SAMPLING = options_template(300, 1, ((149, 4), (34, 4)))
UPTIME = ((22, 4), (21, 4), *FOUR)


def exports(count: int, size: int = 2, domain: int = 1, gap: int = 0, number: int = 256) -> list[bytes]:
    """Messages with so many records each, numbered in a row but for a gap in their middle."""
    made, sequence = [], 0
    for at in range(count):
        sequence += gap if at == count // 2 else 0
        body = b"".join(record(ports=(at * size + n, 22)) for n in range(size))
        made.append(message(a_set(number, body), domain=domain, sequence=sequence))
        sequence += size
    return made


def started(at_ms: int) -> bytes:
    """Options that say when the system started, and a flow whose times count from there."""
    options = message(options_template(301, 1, ((149, 4), (160, 8))), domain=3)
    told = message(a_set(301, struct.pack("!IQ", 3, at_ms)), domain=3)
    flows = message(a_set(257, struct.pack("!II", 1_000, 2_000) + TALK), domain=3, sequence=1)
    return options + told + message(template(257, UPTIME), domain=3, sequence=1) + flows


LEARNT = message(template(256, PLAIN))
ROWS = exports(40, gap=5)
SAMPLED = [message(SAMPLING), message(a_set(300, struct.pack("!II", 1, 100))), *exports(20, domain=2)]
LATE = [*ROWS[:20], *ROWS[25:30], *ROWS[20:25], *ROWS[30:]]
VARIABLE = message(template(258, ((82, 65535), *FOUR)), domain=1)
NAMED = message(a_set(258, (b"\x03eth" + TALK) * 3), domain=1, sequence=80)
KINDS = {
    "templates at the start": [LEARNT, *ROWS],
    "many messages that are alike": [LEARNT, *exports(200, 1)],
    "sampling in options": [LEARNT, message(template(256, PLAIN), domain=2), *SAMPLED, *ROWS],
    "messages that come late": [LEARNT, *LATE],
    "a template that comes late": [*exports(12), LEARNT, *ROWS[12:]],
    "a template that never comes": [LEARNT, *ROWS[:10], *exports(9, number=999, domain=7), *ROWS[10:]],
    "a template that is withdrawn": [
        LEARNT,
        *ROWS[:10],
        message(a_set(2, struct.pack("!HH", 256, 0))),
        *ROWS[10:],
    ],
    "octets that are no message": [LEARNT, *ROWS[:9], bytes(300), *ROWS[9:20], b"\x00\x0a\x00", *ROWS[20:]],
    "the last message cut": [LEARNT, *ROWS[:20], ROWS[20][:70]],
    "a length that lies": [LEARNT, *ROWS[:9], b"\x00\x0a\xff\xff" + bytes(20), *ROWS[9:]],
    "records of any length": [LEARNT, VARIABLE, *ROWS[:5], *[NAMED] * 9],
    "times since the start": [LEARNT, started((EXPORTED_S - 5_000) * 1000), *ROWS[:9], *[started(0)] * 3],
}
PACKS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


def flow_file(folder: Path, body: bytes) -> FlowFile:
    path = folder / "x.ipfix"
    path.write_bytes(body)
    return FlowFile(path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda size: monkeypatch.setattr("ingest.flow_file.CHUNK", size)


@pytest.mark.parametrize("size", [90, 1_000])
@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_blocks_behind_any_position_are_the_same(
    tmp_path: Path, small: Callable[[int], None], kind: str, pack: str, size: int
) -> None:
    small(size)
    body = b"".join(KINDS[kind])
    blocks = goes_on_from_everywhere(flow_file(tmp_path, PACKS[pack](body)))
    assert len(blocks) == -(-len(body) // size) + 1
    whole = IpfixDecoder("x").feed(body, True)
    assert sum(block.read for block in blocks) == whole.read
    assert sum(block.lost for block in blocks) == whole.lost


def test_what_is_lost_is_counted_once_however_often_reading_stops(
    tmp_path: Path, small: Callable[[int], None]
) -> None:
    small(300)
    partition = flow_file(tmp_path, b"".join([LEARNT, *LATE]))
    position, blocks = None, list[Block]()
    while (block := next(partition.blocks(position), None)) is not None:
        blocks.append(block)
        position = packed(block.position)
    assert (sum(block.lost for block in blocks), sum(block.read for block in blocks)) == (5, 80)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.sampled_from(KINDS[kind])) | st.binary(max_size=30),
        max_size=40,
    ),
    st.integers(20, 900),
    st.sampled_from(sorted(PACKS)),
    st.integers(0, 60),
)  # fmt: skip
def test_the_same_for_messages_in_any_order(parts: list[bytes], size: int, pack: str, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr("ingest.flow_file.CHUNK", size)
        body = PACKS[pack](b"".join(parts))
        goes_on_from_everywhere(flow_file(Path(folder), body[: max(len(body) - cut, 0)]))


def test_a_packed_file_with_damage_inside_goes_on_to_the_same_end(
    tmp_path: Path, small: Callable[[int], None]
) -> None:
    small(1_000)
    chance = random.Random(1)
    rows = [
        record(ports=(chance.randrange(60_000), 22), end_ms=chance.randrange(1 << 40)) for _ in range(900)
    ]
    body = bytearray(gzip.compress(LEARNT + b"".join(message(a_set(256, row)) for row in rows)))
    body[-9_000:] = chance.randbytes(9_000)
    blocks = goes_on_from_everywhere(flow_file(tmp_path, bytes(body)))
    assert "damaged" in blocks[-1].rejected[-1].reason


@pytest.mark.parametrize("pack", PACKS)
def test_nothing_before_a_position_is_decoded_again(
    tmp_path: Path, small: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, pack: str
) -> None:
    small(200)
    body = b"".join([LEARNT, *exports(100)])
    partition = flow_file(tmp_path, PACKS[pack](body))
    blocks = list(partition.blocks())
    fed, taken = list[bytes](), list[int]()
    feed = IpfixDecoder.feed

    def counted(decoder: IpfixDecoder, data: bytes, at_end: bool = False) -> Any:
        fed.append(data)
        return feed(decoder, data, at_end)

    def seen(stream: Any, size: int) -> Any:
        piece = stream.read(size)
        taken.append(len(piece))
        return piece, ""

    monkeypatch.setattr(IpfixDecoder, "feed", counted)
    monkeypatch.setattr("ingest.compression._read_plain", seen)
    for number in (1, len(blocks) // 2, len(blocks) - 2):
        fed.clear()
        taken.clear()
        list(partition.blocks(blocks[number].position))
        assert b"".join(fed) == body[(number + 1) * 200 :]
        assert sum(taken) == (len(body[(number + 1) * 200 :]) if pack == "plain" else 0)


def test_a_position_stays_small_however_much_was_read(tmp_path: Path, small: Callable[[int], None]) -> None:
    small(1_000)
    sizes = [len(repr(b.position)) for b in flow_file(tmp_path, b"".join([LEARNT, *exports(500)])).blocks()]
    assert max(sizes) < 1_500


# Files that changed


@pytest.mark.parametrize("pack", PACKS)
def test_a_file_that_is_shorter_than_what_was_read_is_said_and_not_read(
    tmp_path: Path, small: Callable[[int], None], pack: str
) -> None:
    small(500)
    body = b"".join([LEARNT, *ROWS])
    partition = flow_file(tmp_path, PACKS[pack](body))
    blocks = list(partition.blocks())
    (tmp_path / "x.ipfix").write_bytes(PACKS[pack](body[:600]))
    for block in blocks[1:]:
        (said,) = partition.blocks(block.position)
        (bad,) = said.rejected
        assert (bad.kind, said.read, said.position) == ("file", 0, block.position)
        assert "is shorter than what was read of it before: 600 octets" in bad.reason


def test_a_file_that_is_gone_is_said(tmp_path: Path, small: Callable[[int], None]) -> None:
    small(500)
    partition = flow_file(tmp_path, b"".join([LEARNT, *ROWS]))
    blocks = list(partition.blocks())
    (tmp_path / "x.ipfix").unlink()
    for block in blocks:
        (said,) = partition.blocks(block.position)
        (bad,) = said.rejected
        assert "No such file" in bad.reason
        assert (bad.kind, said.position) == ("file", block.position)


@pytest.mark.parametrize("cut", [0, 30])
@pytest.mark.parametrize("pack", ["plain", "gzip"])
def test_of_a_file_that_grew_what_is_new_is_read(tmp_path: Path, pack: str, cut: int) -> None:
    body = b"".join([LEARNT, *ROWS[:10]])
    more = b"".join([body[len(body) - cut :], *ROWS[10:20]])
    partition = flow_file(tmp_path, PACKS[pack](body[: len(body) - cut]))
    before = list(partition.blocks())
    (tmp_path / "x.ipfix").write_bytes(PACKS[pack](body[: len(body) - cut]) + PACKS[pack](more))
    after = list(partition.blocks(packed(before[-1].position)))
    assert sum(block.read for block in [*before, *after]) == 40
    assert not [bad for block in after for bad in block.rejected]
    assert not list(partition.blocks(packed(after[-1].position)))


@pytest.mark.parametrize(
    ("position", "said"),
    [
        ([2, "flows", 0, False, []], "of version 2"),
        (7, "of version None"),
        ([], "of version None"),
        ([1, "events", ["new", 0, [], ""], 0, 0, 0, False, False], "none of such a file"),
        ([1, "flows", "x"], "none of such a file"),
        ([1, "flows", 0, False, [0, b"", None, 0, [[1, 0, 0, None, 0, [[3, 0, b""]], []]]]], "none of such"),
    ],
)
def test_a_position_of_another_kind_is_refused_at_once(tmp_path: Path, position: Any, said: str) -> None:
    with pytest.raises(PositionError, match=said):
        flow_file(tmp_path, LEARNT).blocks(position)
