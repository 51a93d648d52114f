"""Logs that are rotated by renaming: each record comes once, though who writes is told late and we are started anew."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from ingest import live_tail
from ingest.blocks import Block, LivePartition
from ingest.event_reader import EventReader
from ingest.json_records import Lines
from ingest.live_files import is_at_rest
from ingest.live_sources import LiveSources
from ingest.positions import GrowingPosition
from ingest.records import Rejected
from tests.ingest.conftest import TimePasses
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template
from tests.ingest.test_files_at_rest import append, uids
from tests.ingest.test_sources import audits, lines

RECORDS = audits(30)
RESTS_S = 600.0


class Server:
    """What a server does with a folder: looks for files, reads what is there, keeps the places of checkpoints."""

    def __init__(self, folder: Path, passes: TimePasses) -> None:
        self.folder, self.passes = folder, passes
        self.places: dict[str, Any] = {}
        self.blocks: list[Block] = []
        self.told: list[Rejected] = []  # of files, by who looks for them
        self.begin()

    def begin(self) -> None:
        """A new process, from the last checkpoint."""
        places = msgspec.msgpack.decode(msgspec.msgpack.encode(self.places))
        self.places = places
        self.found = LiveSources(
            (str(self.folder),), (), self.folder / "journal", 1 << 20, lambda: 0, RESTS_S
        )
        found = self.found.found(places)
        self.told += found.rejected
        self.open = {one.name: self._blocks(one) for one in found.partitions}
        self.look()

    def _blocks(self, file: LivePartition) -> Any:
        return iter(file.blocks(self.places.get(file.name)))

    def resting(self) -> dict[str, Any]:
        return {name: at for name, at in self.places.items() if name not in self.open}

    def look(self) -> list[Block]:
        """All that is there now."""
        some: list[Block] = []
        found = self.found.look(self.resting())
        self.told += found.rejected
        for file in found.partitions:
            self.open.setdefault(file.name, self._blocks(file))
        for name, blocks in list(self.open.items()):
            for block in blocks:
                self.places[name] = block.position
                if block.rests:
                    del self.open[name]
                if block.idle:
                    break
                some.append(block)
            else:
                self.open.pop(name, None)
                self.places.pop(name, None)
        self.blocks += some
        return some

    def after(self, seconds: float) -> list[Block]:
        """All that is there after some seconds."""
        self.passes(seconds)
        return self.look()

    def said(self) -> list[str]:
        return [one.reason for block in self.blocks for one in block.rejected]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "x.log"
    path.write_bytes(lines(RECORDS[:10]))
    return path


def rotate(log: Path, number: int = 1) -> Path:
    """As `logrotate` does."""
    older = log.with_name(f"{log.name}.{number}")
    if older.exists():
        rotate(log, number + 1)
    (log if number == 1 else log.with_name(f"{log.name}.{number - 1}")).rename(older)
    return older


@pytest.mark.parametrize("created", [True, False], ids=["create", "nocreate"])
def test_a_rotated_file_is_not_read_again_by_the_next_process(
    log: Path, passes: TimePasses, created: bool
) -> None:
    """Its alerts would count every record twice, and its hours would be late."""
    server = Server(log.parent, passes)
    for number in range(3):
        server.look()
        rotate(log)
        if created:
            log.write_bytes(lines(RECORDS[10 + number : 11 + number]))
        for _ in range(3):
            server.after(40.0)
        if not created:
            log.write_bytes(lines(RECORDS[10 + number : 11 + number]))
            server.after(5.0)
    assert len(uids(server.blocks)) == 13
    for _ in range(3):
        server.begin()
        assert all(name in server.open or is_at_rest(at) for name, at in server.places.items())
        server.after(40.0)
    assert len(uids(server.blocks)) == 13
    server.after(RESTS_S)
    server.after(1.0)
    assert not server.open, "they are at rest"
    server.begin()
    assert len(uids(server.blocks)) == 13
    assert server.said() == []


@pytest.mark.parametrize("created", [True, False], ids=["create", "nocreate"])
def test_what_is_written_to_a_file_after_it_was_renamed_is_read(
    log: Path, passes: TimePasses, created: bool
) -> None:
    """Who writes to it is told of the rotation a little later: what comes until then was lost without a word."""
    server = Server(log.parent, passes)
    older = rotate(log)
    if created:
        log.write_bytes(lines(RECORDS[10:12]))
    server.after(6.0)
    append(older, lines(RECORDS[12:14]) + lines(RECORDS[14:15])[:50])
    server.after(6.0)
    append(older, lines(RECORDS[14:15])[50:])
    server.after(6.0)
    if not created:
        server.begin()
        assert is_at_rest(server.places[str(log)]), "it is not missed"
        server.after(1.0)
        log.write_bytes(lines(RECORDS[10:12]))
        server.after(6.0)
    assert len(set(uids(server.blocks))) == len(uids(server.blocks)) == 15
    assert server.said() == []
    server.after(200.0)
    append(log, lines(RECORDS[15:16]))
    server.after(1.0)
    assert len(uids(server.blocks)) == 16


def test_a_death_while_a_renamed_file_is_still_written_to_loses_nothing_of_it(
    log: Path, passes: TimePasses
) -> None:
    server = Server(log.parent, passes)
    older = rotate(log)
    log.write_bytes(lines(RECORDS[10:12]))
    server.after(6.0)
    append(older, lines(RECORDS[12:14]) + lines(RECORDS[14:15])[:50])
    server.after(1.0)
    append(older, lines(RECORDS[14:15])[50:] + lines(RECORDS[15:17]))
    server.begin()
    server.after(6.0)
    server.begin()
    server.after(6.0)
    assert len(set(uids(server.blocks))) == len(uids(server.blocks)) == 17


def test_a_renamed_file_of_flows_is_read_on_with_its_templates(tmp_path: Path, passes: TimePasses) -> None:
    log = tmp_path / "x.ipfix"
    flows = [message(a_set(256, record(ports=(port, 22))), sequence=port) for port in range(6)]
    log.write_bytes(message(template(256, PLAIN)) + flows[0])
    server = Server(tmp_path, passes)
    older = rotate(log)
    log.write_bytes(message(template(256, PLAIN), sequence=1))
    server.after(6.0)
    append(older, flows[1])
    server.after(6.0)
    append(older, flows[2])
    server.begin()
    server.after(6.0)
    found = [block.flows for block in server.blocks if block.flows is not None]
    assert sum(map(len, found)) == 3
    assert server.said() == []


def test_a_file_that_is_removed_is_said_to_be_gone_and_a_renamed_one_is_not(
    log: Path, passes: TimePasses
) -> None:
    server = Server(log.parent, passes)
    log.rename(log.with_name("kept"))
    server.after(6.0)
    server.after(6.0)
    assert server.said() == []
    log.with_name("other").write_bytes(lines(RECORDS[20:22]))
    server.after(6.0)
    log.with_name("other").unlink()
    server.after(1.0)
    server.after(6.0)
    assert [one.split(";")[0] for one in server.said()] == ["the file is gone"]


def test_only_so_many_renamed_files_are_remembered(log: Path, passes: TimePasses) -> None:
    """Their places are in each checkpoint, and with each block."""
    server = Server(log.parent, passes)
    for number in range(live_tail.MOST_BEFORE + 5):
        log.rename(log.with_name(f"x.log.{number}"))
        log.write_bytes(lines(RECORDS[number % 20 : number % 20 + 1]))
        server.after(1.0)
        server.after(100.0)
    (place,) = server.places.values()
    assert len(msgspec.convert(place, GrowingPosition).before) == live_tail.MOST_BEFORE
    assert len(msgspec.msgpack.encode(place)) < 100 * live_tail.MOST_BEFORE


# Copies and packed files

COMMANDS = {"packed": "gz", "packed by zstd": "zst", "copied": "copy"}


def pack(path: Path, how: str, content: bytes | None = None) -> Path:
    """What rotation makes of a file beside it."""
    data = path.read_bytes() if content is None else content
    made = path.with_name(f"{path.name}.{COMMANDS[how]}")
    if how == "packed":
        made.write_bytes(gzip.compress(data))
    elif how == "copied":
        made.write_bytes(data)
    else:
        made.write_bytes(zstandard.compress(data))
    return made


def uids_of(records: list[dict[str, Any]]) -> list[int]:
    """Those of records, each once for each time that it is there."""
    found = EventReader("x").read(Lines(lines(records))).events
    return sorted(found.columns["uid"].tolist())


def checkpoint(server: Server) -> None:
    """One holds."""
    server.found.know(msgspec.msgpack.decode(msgspec.msgpack.encode(server.places)))


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("how", COMMANDS)
def test_a_rotated_file_that_is_packed_or_copied_is_counted_once(
    log: Path, passes: TimePasses, how: str, restart: bool
) -> None:
    """Flows and late records would count twice, every night."""
    server = Server(log.parent, passes)
    server.look()
    older = rotate(log)
    log.write_bytes(lines(RECORDS[10:20]))
    passes(5)
    server.look()
    checkpoint(server)
    pack(older, how)
    older.unlink()
    if restart:
        server.begin()
    for _ in range(4):
        passes(5)
        server.look()
        checkpoint(server)
    append(log, lines(RECORDS[20:22]))
    passes(5)
    server.look()
    assert sorted(uids(server.blocks)) == uids_of(RECORDS[:22])
    said = [one.reason for one in server.told if "are not read again" in one.reason]
    assert len(said) == 1
    checkpoint(server)
    server.begin()
    passes(5)
    server.look()
    assert sorted(uids(server.blocks)) == uids_of(RECORDS[:22])
    assert len([one for one in server.told if "are not read again" in one.reason]) == 1


def test_the_next_night_s_packed_file_under_the_same_name_is_known_too(log: Path, passes: TimePasses) -> None:
    """`x.log.1.gz` is another file each night."""
    server = Server(log.parent, passes)
    server.look()
    for night in range(3):
        packed = log.with_name("x.log.1.gz")
        if packed.exists():
            packed.rename(log.with_name(f"x.log.{night + 1}.gz"))
        older = rotate(log)
        log.write_bytes(lines(RECORDS[10 + 5 * night : 15 + 5 * night]))
        passes(5)
        server.look()
        checkpoint(server)
        packed.write_bytes(gzip.compress(older.read_bytes()))
        older.unlink()
        for _ in range(4):
            passes(5)
            server.look()
            checkpoint(server)
        passes(RESTS_S + 70)
        server.look()
        server.look()
        checkpoint(server)
    assert sorted(uids(server.blocks)) == uids_of(RECORDS[:25])


def test_a_packed_file_that_holds_more_than_was_read_is_read_on_behind_it(
    log: Path, passes: TimePasses
) -> None:
    """Nothing is lost for being taken for a copy."""
    server = Server(log.parent, passes)
    server.look()
    checkpoint(server)
    made = pack(log, "packed", lines(RECORDS[:14]))
    for _ in range(3):
        passes(5)
        server.look()
    assert sorted(uids(server.blocks)) == uids_of(RECORDS[:10]), "the other one may yet come to hold it"
    for _ in range(14):
        passes(5)
        server.look()
    assert made.exists()
    assert sorted(uids(server.blocks)) == uids_of(RECORDS[:14])


def test_a_file_that_only_begins_alike_is_read_whole(log: Path, passes: TimePasses) -> None:
    server = Server(log.parent, passes)
    server.look()
    checkpoint(server)
    pack(log, "packed", lines([*RECORDS[:3], *RECORDS[12:25]]))
    pack(log, "copied", lines(RECORDS[:2]))  # shorter: it may be being written, for a minute
    for _ in range(16):
        passes(5)
        server.look()
    expected = [*RECORDS[:10], *RECORDS[:3], *RECORDS[12:25], *RECORDS[:2]]
    assert sorted(uids(server.blocks)) == uids_of(expected)
