"""Logs of which rotation makes packed files and copies: a record that is in both comes once."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from ingest.event_reader import EventReader
from ingest.json_records import Lines
from tests.ingest.conftest import TimePasses
from tests.ingest.rotating import RECORDS, RESTS_S, Server, begun, rotate
from tests.ingest.test_files_at_rest import append, uids
from tests.ingest.test_sources import lines

COMMANDS = {"packed": "gz", "packed by zstd": "zst", "copied": "copy"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begun(tmp_path)


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
        checkpoint(server)
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
        checkpoint(server)
    expected = [*RECORDS[:10], *RECORDS[:3], *RECORDS[12:25], *RECORDS[:2]]
    assert sorted(uids(server.blocks)) == uids_of(expected)


# A file that is copied and cut


def copy_and_cut(log: Path) -> Path:
    """As `logrotate` does with `copytruncate`."""
    copy = log.with_name("x.log.1")
    copy.write_bytes(log.read_bytes())
    log.write_bytes(b"")
    return copy


def for_a_while(server: Server) -> None:
    for _ in range(20):
        server.after(5)
        checkpoint(server)


@pytest.mark.parametrize("unread", [0, 3], ids=["all was read", "some was not"])
@pytest.mark.parametrize("dies", ["never", "before the cut is seen", "when it is seen", "after a checkpoint"])
def test_a_file_that_is_copied_and_cut_is_counted_once(
    log: Path, passes: TimePasses, unread: int, dies: str
) -> None:
    """What was read since the last checkpoint would count twice, every night."""
    server = Server(log.parent, passes)
    server.look()
    checkpoint(server)
    places, saved = dict(server.places), len(server.blocks)
    append(log, lines(RECORDS[10:15]))
    server.after(2)
    append(log, lines(RECORDS[15 : 15 + unread]))
    copy_and_cut(log)
    if dies != "before the cut is seen":
        server.after(2)
        server.after(6)
    if dies == "after a checkpoint":
        checkpoint(server)
        places, saved = dict(server.places), len(server.blocks)
    if dies != "never":  # what no checkpoint has is as if it had not been read
        server.places, server.blocks = places, server.blocks[:saved]
        server.begin()
    append(log, lines(RECORDS[20:22]))
    for_a_while(server)
    wanted = [*RECORDS[: 15 + unread], *RECORDS[20:22]]
    assert sorted(uids(server.blocks)) == uids_of(wanted)


def test_a_file_that_is_cut_night_after_night_is_counted_once(log: Path, passes: TimePasses) -> None:
    server = Server(log.parent, passes)
    server.look()
    for night in range(3):
        append(log, lines(RECORDS[10 + 5 * night : 12 + 5 * night]))
        server.after(2)
        checkpoint(server)
        append(log, lines(RECORDS[12 + 5 * night : 15 + 5 * night]))
        server.after(2)
        older = log.with_name("x.log.1")
        if older.exists():
            older.rename(log.with_name(f"x.log.{2 + night}"))
        copy_and_cut(log)
        for_a_while(server)
        server.after(RESTS_S + 70)
        server.look()
        checkpoint(server)
    assert sorted(uids(server.blocks)) == uids_of(RECORDS[:25])
