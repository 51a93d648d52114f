"""Files that are damaged, out of order or out of reach: what is whole is read, and every loss is said."""

from __future__ import annotations

import gzip
import json
import os
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from ingest.folders import files_under
from ingest.records import INVENTORY, Event, Rejected
from ingest.sources import Block, EventFile, discover
from tests.data import shared
from tests.ingest.reading import events_of
from tests.ingest.test_logs import AUDIT, BLOB
from tests.ingest.test_sources import LATENESS_US, audits, lines, read

DIRECTORY = {"category": "AuditLogs", "time": "2026-01-05T10:00:00Z"}


def reasons(blocks: list[Block]) -> list[str]:
    return [one.reason for block in blocks for one in block.rejected]


def add_up(blocks: list[Block]) -> int:
    """The records that were read, each with one fate. What a write tells of who holds an address is beside its event."""
    for block in blocks:
        events = sum(one.layer != INVENTORY for one in events_of([block]))
        records = sum(one.kind == "record" for one in block.rejected)
        assert block.read == events + records + sum(block.filtered.values())
    return sum(block.read for block in blocks)


def put(folder: Path, body: bytes, name: str = "x.json") -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def random_lines(count: int) -> bytes:
    """Lines that don't pack well, so that a packed file holds many blocks."""
    chance = random.Random(1)
    return lines([{**one, "correlationId": chance.randbytes(20).hex()} for one in audits(count)])


# Damaged files


def test_a_file_that_begins_in_the_middle_of_a_line_loses_only_that_line(tmp_path: Path) -> None:
    found, blocks = read(put(tmp_path, lines(audits(5))[100:]))
    assert not found.rejected
    assert (len(events_of(blocks)), len(reasons(blocks)), add_up(blocks)) == (4, 1, 5)


def test_records_that_jq_wrote_are_read(tmp_path: Path) -> None:
    body = b"\n".join(json.dumps(one, indent=2).encode() for one in audits(3))
    _, blocks = read(put(tmp_path, body))
    assert (len(events_of(blocks)), add_up(blocks)) == (3, 3)


@pytest.mark.parametrize("lost", [1, 5, 100, 20_000])
@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_of_a_packed_file_that_was_cut_what_is_whole_is_read_and_the_cut_is_said(
    tmp_path: Path, pack: Any, lost: int
) -> None:
    _, blocks = read(put(tmp_path, pack(random_lines(2_000))[:-lost]))
    (said,) = [one for block in blocks for one in block.rejected if one.kind == "file"]
    assert "cut" in said.reason
    assert len(events_of(blocks)) > (1_000 if lost < 20_000 else 10)
    add_up(blocks)


def test_a_packed_file_with_damage_inside_is_read_up_to_it(tmp_path: Path) -> None:
    body = bytearray(gzip.compress(random_lines(4_000)))
    body[len(body) // 2 :] = random.Random(2).randbytes(len(body) - len(body) // 2)
    found, blocks = read(put(tmp_path, bytes(body)))
    said = [*found.rejected, *(one for block in blocks for one in block.rejected)]
    assert any(one.kind == "file" and "damaged" in one.reason for one in said)
    assert len(events_of(blocks)) > 100


@pytest.mark.parametrize("at", [-8, -4], ids=["checksum", "length"])
def test_a_packed_file_whose_checksum_is_wrong_is_read_and_said(tmp_path: Path, at: int) -> None:
    body = bytearray(gzip.compress(lines(audits(50))))
    body[at] ^= 1
    found, blocks = read(put(tmp_path, bytes(body)))
    said = [*found.rejected, *(one for block in blocks for one in block.rejected)]
    assert any("damaged" in one.reason for one in said)
    assert len(events_of(blocks)) == 50


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_small_packed_file_of_which_the_last_octets_are_missing_is_read(tmp_path: Path, pack: Any) -> None:
    whole = pack(random_lines(400))
    _, blocks = read(put(tmp_path, whole[:-9]))
    assert len(events_of(blocks)) > (390 if pack is gzip.compress else 0)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_packed_empty_file_is_empty(tmp_path: Path, pack: Any) -> None:
    found, blocks = read(put(tmp_path, pack(b"")))
    assert "empty" in found.rejected[0].reason
    assert not blocks


def test_a_record_without_time_or_of_year_one_or_9999_reaches_no_window(tmp_path: Path) -> None:
    times: list[Any] = [None, "", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", -5, {}]
    bad = [{**AUDIT, "time": time} for time in times]
    _, blocks = read(put(tmp_path, lines([*bad, *audits(1)])))
    assert (len(events_of(blocks)), add_up(blocks)) == (1, 7)
    assert all("no time" in reason for reason in reasons(blocks))
    assert [one.offset for block in blocks for one in block.rejected] == list(range(6))


def test_other_logs_in_the_same_file_are_counted_by_name(tmp_path: Path) -> None:
    _, blocks = read(put(tmp_path, lines([DIRECTORY, AUDIT, DIRECTORY, BLOB, {"hello": 1}])))
    assert blocks[0].filtered == {"Entra logs (audit)": 2}
    assert (len(events_of(blocks)), len(reasons(blocks)), add_up(blocks)) == (2, 1, 5)


def test_one_file_may_hold_both_logs_in_every_form_at_once(tmp_path: Path) -> None:
    body = lines([AUDIT]) + json.dumps({"records": [BLOB, AUDIT]}).encode() + b"\n" + lines([BLOB])
    _, blocks = read(put(tmp_path, body))
    assert sorted(event.layer for event in events_of(blocks)) == ["key_vault"] * 2 + ["management"] * 2


# Out of reach


def test_files_in_a_folder_that_may_be_listed_but_not_entered_are_said_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By way of the calls themselves: root, as whom some test machines run, may enter every folder."""
    put(tmp_path, lines(audits(2)), "good.json")
    closed = put(tmp_path, lines(audits(2)), "closed.json")
    inside, opened = Path.stat, Path.open

    def refuse(call: Any) -> Any:
        def refused(path: Path, *args: Any, **more: Any) -> Any:
            if path == closed:
                raise PermissionError(13, "Permission denied", str(path))
            return call(path, *args, **more)

        return refused

    monkeypatch.setattr(Path, "stat", refuse(inside))
    monkeypatch.setattr(Path, "open", refuse(opened))
    found, blocks = read(tmp_path)
    (said,) = found.rejected
    assert (said.source, said.kind) == (str(closed), "file")
    assert "Permission denied" in said.reason
    assert len(events_of(blocks)) == 2


def test_a_file_that_goes_away_before_it_is_read_is_said(tmp_path: Path) -> None:
    found = discover([put(tmp_path, lines(audits(2)))], LATENESS_US)
    (tmp_path / "x.json").unlink()
    (block,) = found.partitions[0].blocks()
    assert "can't be read" in block.rejected[0].reason
    assert block.read == 0


def test_a_name_that_is_not_there_is_said(tmp_path: Path) -> None:
    found, blocks = read(tmp_path / "nothing.json")
    assert "No such file" in found.rejected[0].reason
    assert not blocks


def test_a_file_whose_name_is_no_utf8_gives_events_that_can_travel(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.json"
    try:
        Path(os.fsdecode(name)).write_bytes(lines([AUDIT, {"hello": 1}]))
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    found, blocks = read(tmp_path)
    (event,), (bad,) = events_of(blocks, found.partitions[0].name), blocks[0].rejected
    assert event.source.endswith("caf\\udce9.json")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Event) == event
    assert msgspec.json.decode(msgspec.json.encode(bad), type=Rejected) == bad


# Order and positions


def shuffled(count: int, seed: int = 1) -> list[dict[str, Any]]:
    records = audits(count)
    random.Random(seed).shuffle(records)
    return records


def test_records_are_put_in_order_in_fixed_pieces_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.event_file.SORTED", 50)
    monkeypatch.setattr("ingest.event_file.BLOCK", 20)
    records = [one for part in range(4) for one in shuffled(200)[part * 50 : part * 50 + 50]]
    _, blocks = read(put(tmp_path, lines(records)))
    assert add_up(blocks) == 200
    assert len({event.uid for event in events_of(blocks)}) == 200
    assert max(len(block.events) for block in blocks) <= 20


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_file_in_either_order_gives_the_same_events_in_the_same_order(
    tmp_path: Path, newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.event_file.SORTED", 50)
    records = audits(330)
    path = put(tmp_path, lines(records[::-1] if newest_first else records))
    partition = EventFile(path, LATENESS_US)
    times = [event.at_us for event in events_of(list(partition.blocks()))]
    assert times == sorted(times)
    assert (len(times), partition.first_us) == (330, times[0])


def test_the_first_time_of_a_file_is_found_behind_bad_records(tmp_path: Path) -> None:
    path = put(
        tmp_path, lines([{"hello": 1}, DIRECTORY, {**AUDIT, "time": "0001-01-01T00:00:00Z"}, *audits(3)])
    )
    expected = datetime.fromisoformat(audits(1)[0]["time"]).timestamp() * 1e6
    assert EventFile(path, LATENESS_US).first_us == expected


def test_a_file_without_any_record_that_can_be_read_begins_nowhere(tmp_path: Path) -> None:
    partition = EventFile(put(tmp_path, lines([{"hello": 1}, DIRECTORY])), LATENESS_US)
    (block,) = partition.blocks()
    assert (partition.first_us, len(block.events), add_up([block])) == (None, 0, 2)


def whole_of(block: Block) -> Any:
    return (block.events.columns["uid"].tolist(), block.rejected, block.filtered, block.read, block.position)


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
def test_reading_goes_on_from_every_position_with_all_that_is_wrong(
    tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.event_file.SORTED", 30)
    monkeypatch.setattr("ingest.event_file.BLOCK", 7)
    records = {"rising": audits(90), "falling": audits(90)[::-1], "shuffled": shuffled(90)}[order]
    mixed = [x for one in records for x in (one, DIRECTORY, {"hello": 1})]
    path = put(tmp_path, gzip.compress(lines(mixed) + b'{"cut')[:-6])
    (partition,) = discover([path], LATENESS_US).partitions
    blocks = list(partition.blocks())
    assert len(blocks) > 8
    assert add_up(blocks) >= 270
    for number, block in enumerate(blocks):
        again = list(EventFile(path, LATENESS_US).blocks(block.position))
        assert list(map(whole_of, again)) == list(map(whole_of, blocks[number + 1 :]))


def test_every_real_sample_has_a_fate_as_a_file_too(tmp_path: Path) -> None:
    real = shared("azure", "panther_events.jsonl").read_text().splitlines()
    _, blocks = read(put(tmp_path, lines([json.loads(line)["event"] for line in real])))
    left_out = sum(count for block in blocks for count in block.filtered.values())
    told = [one for one in events_of(blocks) if one.layer == INVENTORY]
    assert (len(events_of(blocks)) - len(told), left_out, len(reasons(blocks)), add_up(blocks)) == (
        125,
        10,
        3,
        138,
    )
    assert len(told) == 2, "two machines were deleted"


def test_a_file_is_found_however_deep_its_folder_is(deep: Path) -> None:
    found = discover([deep], LATENESS_US)
    assert (len(found.partitions), found.rejected) == (1, [])
    assert [path.name for path in files_under(deep)] == ["x.json"]


def test_files_under_a_folder_are_those_that_a_walk_finds(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("x", "a/y", "a/b/z"):
        (tmp_path / name).touch()
    (tmp_path / "round").symlink_to(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in files_under(tmp_path)} == {
        "x",
        "a/y",
        "a/b/z",
        "round",
    }
    assert list(files_under(tmp_path / "x")) == [tmp_path / "x"]
    assert list(files_under(tmp_path / "absent")) == []
