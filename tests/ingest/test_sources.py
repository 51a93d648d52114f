"""Files as they lie about: each record is read once, rejected once or left out once, and reading can go on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.json_records import values
from ingest.records import Rejected
from ingest.sources import Block, EventFile, Found, discover
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template
from tests.ingest.reading import events_of
from tests.ingest.test_logs import AUDIT, BLOB

LATENESS_US = 600_000_000
FLOWS = message(template(256, PLAIN), a_set(256, record() * 3))


def audits(count: int, step_s: int = 60) -> list[dict[str, Any]]:
    """So many different vault events, one a minute."""
    start = 1_767_600_000
    from datetime import UTC, datetime

    return [
        {
            **AUDIT,
            "correlationId": f"k{n}",
            "time": datetime.fromtimestamp(start + n * step_s, UTC).isoformat(),
        }
        for n in range(count)
    ]


def lines(records: list[dict[str, Any]]) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def read(*paths: Path) -> tuple[Found, list[Block]]:
    """All that is in files."""
    found = discover(paths, LATENESS_US)
    return found, [block for partition in found.partitions for block in partition.blocks()]


@pytest.mark.parametrize(
    "body",
    [
        lines(audits(5)),
        json.dumps(audits(5)).encode(),
        json.dumps(audits(5), indent=2).encode(),
        json.dumps({"records": audits(5)}).encode(),
        json.dumps({"value": audits(5), "nextLink": "https://x"}, indent=1).encode(),
        b"\n".join(json.dumps({"records": [one]}).encode() for one in audits(5)),
        b"\xef\xbb\xbf" + lines(audits(5)).replace(b"\n", b"\r\n"),
        gzip.compress(lines(audits(5))),
        gzip.compress(lines(audits(2))) + gzip.compress(lines(audits(5)[2:])),
        zstandard.compress(lines(audits(5))),
    ],
    ids=["lines", "array", "indented array", "payload", "REST page", "payload lines", "BOM and CRLF", "gzip", "gzip members", "zstd"],
)  # fmt: skip
def test_each_form_of_file_is_read_whatever_its_name(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "whatever.dat"
    path.write_bytes(body)
    found, blocks = read(path)
    assert not found.rejected
    assert [(event.uid, event.offset) for event in events_of(blocks)] == [
        (event.uid, n) for n, event in enumerate(sorted(events_of(blocks), key=lambda e: e.at_us))
    ]
    assert len(events_of(blocks)) == 5


def test_flows_and_events_are_told_apart_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(FLOWS)
    (tmp_path / "b.ipfix").write_bytes(lines(audits(2)))
    _, blocks = read(tmp_path)
    assert sum(len(block.flows) for block in blocks if block.flows is not None) == 3
    assert len(events_of(blocks)) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\x7fELF" + bytes(100), "program"),
        (bytes(range(256)) * 4, "binary"),
        (b"hello, this is no log\n", "no JSON"),
        ("{}".encode("utf-16"), "UTF-16"),
        (b"\x00\x05\x00\x03" + bytes(100), "says 3 records, and has 1"),
        (b"PK\x03\x04" + bytes(50), "ZIP"),
        (gzip.compress(lines(audits(300)), mtime=0)[:60], "cut"),
    ],
    ids=["empty", "white space", "program", "binary", "text", "UTF-16", "NetFlow", "ZIP", "cut"],
)
def test_a_file_that_is_of_no_use_is_rejected_with_what_it_is(
    tmp_path: Path, body: bytes, reason: str
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(body)
    found, blocks = read(path)
    said = [*found.rejected, *(one for block in blocks for one in block.rejected)]
    assert any(reason in one.reason for one in said), said


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_of_a_compressed_file_that_was_cut_what_is_whole_is_read(tmp_path: Path, pack: Any) -> None:
    import random

    chance = random.Random(1)
    records = [{**one, "correlationId": str(chance.random())} for one in audits(20_000, 1)]
    whole = pack(lines(records))
    (tmp_path / "x").write_bytes(whole[: len(whole) // 2])
    _, blocks = read(tmp_path / "x")
    assert len(events_of(blocks)) > 1_000
    assert any(one.kind == "file" for block in blocks for one in block.rejected)


def test_a_line_that_was_cut_spoils_only_itself(tmp_path: Path) -> None:
    body = lines(audits(3))
    (tmp_path / "x").write_bytes(body[:-100] + b"\n" + lines(audits(2)))
    _, blocks = read(tmp_path / "x")
    (bad,) = [one for block in blocks for one in block.rejected]
    assert (len(events_of(blocks)), bad.offset) == (4, 2)
    assert "cut" in bad.reason


def test_of_a_payload_that_was_cut_the_whole_records_are_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(json.dumps({"records": audits(4)}).encode()[:-200])
    _, blocks = read(tmp_path / "x")
    assert len(events_of(blocks)) == 3
    assert sum(len(block.rejected) for block in blocks) == 1


def test_records_with_bad_octets_are_rejected_one_by_one(tmp_path: Path) -> None:
    good = json.dumps(AUDIT).encode()
    bad = good.replace(b"SecretGet", b"Secret\xff\xfeGet")
    (tmp_path / "x").write_bytes(b"\n".join([good, bad, good]) + b"\n")
    _, blocks = read(tmp_path / "x")
    assert (len(events_of(blocks)), sum(len(block.rejected) for block in blocks)) == (2, 1)


def test_a_file_whose_newest_record_comes_first_is_put_in_order(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(lines(audits(500)[::-1]))
    partition = EventFile(tmp_path / "x", LATENESS_US)
    times = [event.at_us for event in events_of(list(partition.blocks()))]
    assert times == sorted(times)
    assert partition.first_us == times[0]


def test_a_deeply_nested_record_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b'{"a":' * 3_000 + b"1" + b"}" * 3_000 + b"\n" + lines(audits(1)))
    _, blocks = read(tmp_path / "x")
    assert (len(events_of(blocks)), sum(len(block.rejected) for block in blocks)) == (1, 1)


def test_a_folder_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By way of the call itself: root, as whom some test machines run, may read every folder."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "x.json").write_bytes(lines(audits(2)))
    inside = Path.iterdir

    def refused(path: Path) -> Any:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return inside(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    found, blocks = read(tmp_path)
    assert "can't be read: Permission denied" in found.rejected[0].reason
    assert len(events_of(blocks)) == 2


def test_links_in_a_circle_and_a_file_named_twice_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(lines(audits(2)))
    (tmp_path / "loop").symlink_to(tmp_path)
    _, blocks = read(tmp_path, tmp_path / "x.json")
    assert len(events_of(blocks)) == 2


@pytest.mark.parametrize("kind", ["events", "flows"])
def test_reading_goes_on_from_every_position(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.event_file.BLOCK", 7)
    monkeypatch.setattr("ingest.flow_file.CHUNK", 150)
    monkeypatch.setattr("ingest.event_file.CHUNK", 150)
    (tmp_path / "x").write_bytes(lines(audits(40)) if kind == "events" else FLOWS * 6)
    (partition,) = discover([tmp_path / "x"], LATENESS_US).partitions
    whole = list(partition.blocks())
    assert len(whole) > 4

    def told(blocks: list[Block]) -> Any:
        return [
            (b.events.columns["uid"].tolist(), 0 if b.flows is None else len(b.flows), b.read, b.position)
            for b in blocks
        ]

    for number, block in enumerate(whole):
        assert told(list(partition.blocks(block.position))) == told(whole[number + 1 :])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.just(json.dumps(AUDIT).encode()),
            st.just(json.dumps(BLOB).encode()),
            st.just(json.dumps({"records": [AUDIT, BLOB]}).encode()),
            st.binary(max_size=40),
            st.just(b"{"),
            st.just(b'{"a": 1}'),
        ),
        max_size=12,
    )
)
def test_each_record_has_one_fate(tmp_path: Path, parts: list[bytes]) -> None:
    (tmp_path / "x").write_bytes(b"\n".join(parts))
    _, blocks = read(tmp_path / "x")
    for block in blocks:
        records = sum(one.kind == "record" for one in block.rejected)
        assert block.read == len(block.events) + records + sum(block.filtered.values())


@given(st.lists(st.integers(1, 400), max_size=8))
def test_records_do_not_hang_on_how_a_file_is_cut_into_pieces(sizes: list[int]) -> None:
    body = lines(audits(4)) + b"nonsense\n" + lines(audits(2))
    pieces, at = [], 0
    for size in sizes:
        pieces.append(body[at : at + size])
        at += size
    pieces.append(body[at:])

    def told(chunks: list[bytes]) -> Any:
        return [
            (number, value.reason if isinstance(value, Rejected) else value)
            for number, value in values(chunks, "x")
        ]

    # What kind of file it is, is told by the first piece: it holds a whole line in practice (4 MB).
    first = body.index(b"\n") + 2
    assert told([body[:first], *[p for p in [body[first:]] if p]]) == told([body])
    assert told([body]) == told([body[: max(first, at)], body[max(first, at) :]])
