"""Files that others still write: each record comes once, whenever we look, and whenever we begin again."""

from __future__ import annotations

import copy
import gzip
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import live_follower
from ingest.blocks import Block
from ingest.errors import PositionError
from ingest.live_file import LiveFile
from ingest.live_files import LiveFolder
from ingest.sources import discover
from tests.ingest.ipfix_messages import PLAIN, a_set, as_rows, message, record, template
from tests.ingest.test_sources import LATENESS_US, audits, lines

ANY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said after a while is said at once."""
    monkeypatch.setattr(live_follower, "GONE_S", 0.0)
    monkeypatch.setattr(live_follower, "UNKNOWN_S", 0.0)


class Watched:
    """A file, and all that was read of it so far, by one partition after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.blocks: list[Block] = []
        self.position: Any = None
        self.is_over = False
        self._open: Iterator[Block] = iter(())
        self.again()

    def again(self, back: int = 0) -> None:
        """A new process reads on behind what was read, less so many blocks."""
        if back:
            del self.blocks[-back:]
            self.position = self.blocks[-1].position if self.blocks else None
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(self.position))
        self._open.close() if hasattr(self._open, "close") else None
        self._open = LiveFile(self.path).blocks(kept)

    def look(self) -> list[Block]:
        """Read what is there."""
        some = []
        for block in self._open:
            if block.idle:
                break
            self.position = block.position
            some.append(block)
        else:
            self.is_over = True
        self.blocks += some
        return some

    def say(self) -> list[str]:
        """Why what could not be read was not."""
        return [one.reason for block in self.blocks for one in block.rejected]


def held(blocks: list[Block]) -> tuple[Any, ...]:
    """The records of blocks, however they were cut."""
    events = sorted(
        (event.offset, event.uid, event.at_us) for block in blocks for event in block.events.events("")
    )
    flows = [row.tobytes() for block in blocks if block.flows for row in as_rows(block.flows)]
    filtered: dict[str, int] = {}
    for block in blocks:
        for reason, count in block.filtered.items():
            filtered[reason] = filtered.get(reason, 0) + count
    bad = sorted(one.offset for block in blocks for one in block.rejected if one.kind == "record")
    return (
        events,
        flows,
        bad,
        sum(block.read for block in blocks),
        sum(block.lost for block in blocks),
        filtered,
    )


def whole(path: Path) -> list[Block]:
    """The file, read when it no longer grows."""
    return [block for partition in discover([path], LATENESS_US).partitions for block in partition.blocks()]


def flows(count: int) -> bytes:
    """Messages with a template, and some lost."""
    told = message(template(256, PLAIN))
    return told + b"".join(
        message(a_set(256, record(ports=(n, 22)) * 2), sequence=2 * n + n // 5) for n in range(count)
    )


RECORDS = audits(12)
FORMS: dict[str, bytes] = {
    "lines": lines(RECORDS),
    "lines with a bad one": lines(RECORDS[:5]) + b'{"time": nonsense}\n' + lines(RECORDS[5:]),
    "lines, CRLF and BOM": b"\xef\xbb\xbf" + lines(RECORDS).replace(b"\n", b"\r\n"),
    "lines, the last without an end": lines(RECORDS)[:-1],
    "array": json.dumps(RECORDS).encode(),
    "indented array": json.dumps(RECORDS, indent=2).encode(),
    "payload": json.dumps({"records": RECORDS}).encode(),
    "indented payload": json.dumps({"records": RECORDS}, indent=1).encode(),
    "page": json.dumps({"count": 12, "value": RECORDS, "nextLink": "https://x/\\\"]}"}).encode(),
    "payload lines": b"\n".join(json.dumps({"records": RECORDS[n : n + 3]}).encode() for n in range(0, 12, 3)),
    "one record": json.dumps(RECORDS[0], indent=1).encode(),
    "gzip": gzip.compress(lines(RECORDS)),
    "gzip members": gzip.compress(lines(RECORDS[:4])) + gzip.compress(lines(RECORDS[4:])),
    "zstd": zstandard.compress(lines(RECORDS)),
    "flows": flows(12),
    "packed flows": gzip.compress(flows(12)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@ANY
@given(data=st.data())
def test_a_file_that_is_written_piece_by_piece_gives_what_the_whole_file_does(
    tmp_path: Path, form: str, data: st.DataObject
) -> None:
    body, path = FORMS[form], tmp_path / "a"
    path.write_bytes(b"")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(body) - 1), max_size=8)))
    watched = Watched(path)
    for begin, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        with path.open("ab") as file:
            file.write(body[begin:end])
        watched.look()
        again = data.draw(st.integers(-1, 2))
        if again >= 0:
            watched.again(min(again, len(watched.blocks)))
            watched.look()
    assert held(watched.blocks) == held(whole(path))


@pytest.mark.parametrize("form", ["lines", "array", "payload", "flows"])
def test_every_octet_may_be_the_last_one_for_now(tmp_path: Path, form: str) -> None:
    body, path = FORMS[form], tmp_path / "a"
    path.touch()
    watched = Watched(path)
    with path.open("ab", buffering=0) as file:
        for at in range(len(body)):
            file.write(body[at : at + 1])
            watched.look()
    assert held(watched.blocks) == held(whole(path))
    assert not watched.is_over


def test_an_idle_file_costs_no_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS))
    blocks = LiveFile(path).blocks()
    assert next(blocks).read == 12
    monkeypatch.setattr(os, "open", None)
    assert [next(blocks).idle for _ in range(3)] == [True] * 3


def test_a_payload_whose_end_moves_is_read_once(tmp_path: Path) -> None:
    """Flow logs: `]}` is replaced by further records and a new `]}`."""
    path = tmp_path / "PT1H.json"
    watched = Watched(path)
    for count in range(0, 13, 3):
        path.write_bytes(json.dumps({"records": RECORDS[:count]}).encode())
        watched.look()
        watched.again()
    assert held(watched.blocks) == held(whole(path))
    assert not watched.say()


@pytest.mark.parametrize("in_place", [True, False])
def test_a_mirror_that_writes_the_file_anew_has_written_the_same_file(tmp_path: Path, in_place: bool) -> None:
    path = tmp_path / "PT1H.json"
    watched = Watched(path)
    for count in (4, 9, 12):
        if in_place:
            path.write_bytes(lines(RECORDS[:count]))
        else:
            (tmp_path / "new").write_bytes(lines(RECORDS[:count]))
            (tmp_path / "new").rename(path)
        watched.look()
        watched.again()
    assert held(watched.blocks) == held(whole(path))
    assert not watched.say()


@pytest.mark.parametrize("restart", [False, True])
def test_a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_start(
    tmp_path: Path, restart: bool
) -> None:
    path, old = tmp_path / "a.log", tmp_path / "a.log.1"
    path.write_bytes(lines(RECORDS[:3]) + lines(RECORDS[3:4])[:50])
    watched = Watched(path)
    watched.look()
    path.rename(old)
    with old.open("ab") as file:
        file.write(lines(RECORDS[3:6])[50:])
    path.write_bytes(lines(RECORDS[6:9]))
    if restart:
        watched.again()
    watched.look()
    assert not watched.say()
    events = [event.uid for block in watched.blocks for event in block.events.events("")]
    assert events == [event.uid for block in whole(old) + whole(path) for event in block.events.events("")]


def test_what_can_no_longer_be_read_of_a_replaced_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(lines(RECORDS[:3]) + b'{"half')
    watched = Watched(path)
    watched.look()
    path.write_bytes(lines(RECORDS[6:7]))  # in place, and shorter
    watched.look()
    (said,) = watched.say()
    assert "cut or written anew" in said
    assert sum(block.read for block in watched.blocks) == 4
    position = watched.position
    path.unlink()
    path.write_bytes(lines(RECORDS[9:11]))
    blocks = LiveFile(path).blocks(position)
    first, second = next(blocks), next(blocks)
    assert "replaced" in first.rejected[0].reason or "anew" in first.rejected[0].reason
    assert second.read == 2


def test_the_last_line_of_a_file_that_is_gone_is_read_and_its_end_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(lines(RECORDS[:3]) + b'{"half')
    watched = Watched(path)
    watched.look()
    path.unlink()
    watched.look()
    assert watched.is_over
    reasons = watched.say()
    assert ["cut" in reasons[0], "gone" in reasons[1], len(reasons)] == [True, True, 2]


def test_a_broken_list_is_said_once_and_the_file_goes_on_to_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + json.dumps(RECORDS[0]).encode() + b", }")
    watched = Watched(path)
    watched.look()
    with path.open("ab") as file:
        file.write(b" more")
    watched.look()
    assert ["broken" in one for one in watched.say()] == [True]
    assert sum(block.read for block in watched.blocks) == 2


def test_a_file_of_something_else_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    watched = Watched(path)
    for _ in range(4):
        watched.look()
    assert watched.say() == [
        "the file is a ZIP archive; unpack it first (gzip and zstd are unpacked here)"
    ] or (len(watched.say()) == 1)


def test_a_position_of_another_kind_of_source_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(PositionError):
        LiveFile(tmp_path / "a").blocks([1, "flows", 0, False, [0, b"", None, 0, []]])


# Folders


def test_new_files_are_found_once_and_what_is_no_telemetry_is_left_out(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    assert folder.look() == []
    hour = tmp_path / "resourceId=" / "y=2026" / "m=01" / "d=05" / "h=10" / "m=00"
    hour.mkdir(parents=True)
    (hour / "PT1H.json").write_bytes(lines(RECORDS))
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden").touch()
    (found,) = folder.look()
    assert (found.name, found.live, found.first_us) == (str(hour / "PT1H.json"), True, 1_767_607_200_000_000)
    assert folder.look() == []
    shutil.copytree(hour.parent, tmp_path / "resourceId=" / "y=2026" / "m=01" / "d=05" / "h=11")
    assert [one.name for one in folder.look()] == [str(hour / "PT1H.json").replace("h=10", "h=11")]


def test_a_file_and_a_pattern_need_not_be_there_yet(tmp_path: Path) -> None:
    one, some = LiveFolder(tmp_path / "a.log"), LiveFolder(f"{tmp_path}/**/*.json")
    assert one.look() == some.look() == []
    (tmp_path / "a.log").touch()
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "d.json").touch()
    assert [found.name for found in one.look()] == [str(tmp_path / "a.log")]
    assert [found.name for found in some.look()] == [str(tmp_path / "b" / "c" / "d.json")]


@pytest.mark.parametrize("restart", [False, True])
def test_a_file_that_rotation_renamed_is_no_new_one(tmp_path: Path, restart: bool) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(lines(RECORDS[:3]))
    folder = LiveFolder(tmp_path)
    (found,) = folder.look()
    last = next(found.blocks())
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(lines(RECORDS[3:5]))
    if restart:
        folder = LiveFolder(tmp_path, {found.name: last.position})
    assert [one.name for one in folder.look()] == ([str(path)] if restart else [])


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert LiveFolder(tmp_path / "none").look() == []


def test_it_travels_to_another_process_and_stops(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS))
    one = copy.deepcopy(LiveFile(path))
    blocks = one.blocks()
    assert next(blocks).read == 12
    one.stop()
    assert list(blocks) == []


def test_a_large_packed_file_is_read_whole_while_others_look_at_it(tmp_path: Path) -> None:
    """Whoever reads and whoever looks at its head must not share a place in the file."""
    lines = [
        json.dumps({"nothing": "x" * 300, "n": n, "noise": str(hash((n, "a")))}).encode()
        for n in range(9_000)
    ]
    path = tmp_path / "large.json.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n", 1))
    (partition,) = LiveFolder(tmp_path).look()
    read = 0
    for block in partition.blocks():
        read += block.read
        assert not any("damaged" in one.reason or "no JSON" in one.reason for one in block.rejected)
        if block.idle:
            break
    assert read == len(lines)
