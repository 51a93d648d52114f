"""Files of ended hours cost nothing for as long as they lie there, and are read on from where they were."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest import live_follower, live_sources
from ingest.blocks import Block, LivePartition
from ingest.live_file import LiveFile
from ingest.live_files import LiveFolder
from ingest.live_sources import FORGET_S, LiveSources
from tests.ingest.conftest import TimePasses
from tests.ingest.test_sources import audits, lines

RECORDS = audits(12)


def to_rest(file: LivePartition, passes: TimePasses, position: Any = None) -> tuple[list[Block], Any]:
    """All that comes until it is left to itself, and where that was, as a checkpoint has it."""
    some = []
    for block in file.blocks(position):
        some.append(block)
        if block.idle:
            passes(301.0)
    assert some[-1].rests
    return some, msgspec.msgpack.decode(msgspec.msgpack.encode(some[-1].position))


def uids(blocks: list[Block]) -> list[int]:
    return [event.uid for block in blocks for event in block.events.events("")]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def sources(folder: Path) -> LiveSources:
    return LiveSources((str(folder),), (), folder / "journal", 1 << 20, lambda: 0, 600.0)


def test_a_file_that_nobody_writes_to_is_let_go_and_read_on_when_it_grows(
    tmp_path: Path, passes: TimePasses
) -> None:
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS[:5]) + lines(RECORDS[5:6])[:40])
    folder = LiveFolder(tmp_path)
    (file,) = folder.look()
    first, position = to_rest(file, passes)
    assert not live_follower._held, "no descriptor is kept"
    assert folder.look({file.name: position}) == []
    append(path, lines(RECORDS[5:12])[40:])
    (again,) = folder.look({file.name: position})
    second, position = to_rest(again, passes, position)
    assert uids(first + second) == uids(list(to_rest(LiveFile(path), passes)[0]))
    assert len(uids(second)) == 7
    assert folder.look({file.name: position}) == []


def test_what_is_written_before_it_is_known_to_rest_is_not_missed(tmp_path: Path, passes: TimePasses) -> None:
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS[:5]))
    folder = LiveFolder(tmp_path)
    (file,) = folder.look()
    _, position = to_rest(file, passes)
    append(path, lines(RECORDS[5:6]))
    assert folder.look() == [], "for all that is known it is still being read"
    (again,) = folder.look({file.name: position})
    assert len(uids(to_rest(again, passes, position)[0])) == 1


def test_a_restart_opens_no_file_that_is_as_it_was(
    tmp_path: Path, passes: TimePasses, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = {}
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(lines(RECORDS[:5]))
        one = LiveFile(tmp_path / name)
        _, positions[one.name] = to_rest(one, passes)
    append(tmp_path / "b", lines(RECORDS[5:7]))
    opened: list[str] = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda path, *how: opened.append(str(path)) or really(path, *how))
    (found,) = sources(tmp_path).found(positions).partitions
    assert found.name == str(tmp_path / "b")
    assert set(opened) == {str(tmp_path / "b")}
    assert len(uids(to_rest(found, passes, positions[found.name])[0])) == 2


def test_a_file_at_rest_that_is_rotated_away_is_read_to_its_end(tmp_path: Path, passes: TimePasses) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(lines(RECORDS[:3]))
    folder = LiveFolder(tmp_path)
    (file,) = folder.look()
    first, position = to_rest(file, passes)
    append(path, lines(RECORDS[3:5]))
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(lines(RECORDS[5:9]))
    (again,) = folder.look({file.name: position})
    second, _ = to_rest(again, passes, position)
    assert len(set(uids(first + second))) == len(uids(first + second)) == 9
    assert not any(block.rejected for block in second)


def test_a_file_at_rest_that_is_removed_is_forgotten_after_a_day_and_said(
    tmp_path: Path, passes: TimePasses
) -> None:
    """Not before: a disk that is away for a while has not lost its files."""
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS[:5]))
    looking = sources(tmp_path)
    (file,) = looking.found({}).partitions
    _, position = to_rest(file, passes)
    resting = {file.name: position}
    path.unlink()
    passes(5.0)
    assert looking.look(resting).gone == []
    passes(FORGET_S - 1)
    assert looking.look(resting).gone == []
    passes(2.0)
    found = looking.look(resting)
    assert found.gone == [file.name]
    assert "gone" in found.rejected[0].reason
    assert looking.look({}).gone == []
    assert not looking._missed


def test_a_disk_that_comes_back_is_not_read_anew(tmp_path: Path, passes: TimePasses) -> None:
    inside, away = tmp_path / "in", tmp_path / "away"
    inside.mkdir()
    (inside / "a").write_bytes(lines(RECORDS[:5]))
    looking = sources(inside)
    (file,) = looking.found({}).partitions
    _, position = to_rest(file, passes)
    resting = {file.name: position}
    inside.rename(away)
    assert looking.look(resting).partitions == []
    away.rename(inside)
    assert looking.look(resting).partitions == []
    assert live_sources.is_at_rest(position)


def test_a_process_holds_few_files_open_however_many_it_has_just_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_follower, "MOST_HELD", 4)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    reading = []
    for number in range(12):
        path = tmp_path / f"{number}"
        path.write_bytes(lines(RECORDS[:2]))
        reading.append(LiveFile(path).blocks())
        while not next(reading[-1]).idle:
            pass
    assert len(os.listdir("/proc/self/fd")) <= before + 4  # noqa: PTH208
    append(tmp_path / "0", lines(RECORDS[2:3]))
    assert next(reading[0]).read == 1
    for blocks in reading:
        blocks.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def hour(folder: Path, day: int, number: int) -> Path:
    path = folder / "VAULTS/KV1/y=2026/m=01" / f"d={day:02}" / f"h={number:02}" / "PT1H.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(lines(RECORDS[:2]))
    return path


def test_past_days_are_entered_seldom_and_a_new_hour_is_found_at_once(
    tmp_path: Path, passes: TimePasses, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 10):
        for number in range(4):
            hour(tmp_path, day, number)
    folder = LiveFolder(tmp_path)
    assert len(folder.look()) == 36
    passes(3_600.0)
    folder.look()
    entered: list[str] = []
    really = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: entered.append(path) or really(path))
    passes(5.0)
    assert folder.look() == []
    assert len(entered) < 10, "not all 45 days and hours"
    new = hour(tmp_path, 9, 23)
    passes(5.0)
    assert [one.name for one in folder.look()] == [str(new)]
    old = hour(tmp_path, 2, 23)
    names = []
    for _ in range(25):
        passes(5.0)
        names += [one.name for one in folder.look()]
    assert names == [str(old)], "two minutes later at the latest"


def test_a_file_that_is_moved_from_a_day_that_is_not_entered_is_no_new_one(
    tmp_path: Path, passes: TimePasses
) -> None:
    old = hour(tmp_path, 1, 0)
    hour(tmp_path, 2, 0)
    (tmp_path / "archive").mkdir()
    folder = LiveFolder(tmp_path)
    assert len(folder.look()) == 2
    passes(3_600.0)
    folder.look()
    passes(1.0)
    old.rename(tmp_path / "archive" / "old.json")
    assert folder.look() == []


WEEKS_S = 21 * 86_400


def written_us(path: Path) -> int:
    """When something of the file was last changed, as the file system has it."""
    status = path.stat()
    return max(status.st_mtime_ns, status.st_ctime_ns) // 1_000


def first_idle(file: LivePartition) -> Block:
    return next(block for block in file.blocks() if block.idle)


def test_a_backlog_counts_as_silent_since_it_was_written(tmp_path: Path, passes: TimePasses) -> None:
    """Else a server that starts over weeks of old files keeps all their hours in memory at once."""
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS[:5]))
    now_us = written_us(path) + WEEKS_S * 1_000_000
    folder = LiveSources((str(tmp_path),), (), tmp_path / "journal", 1 << 20, lambda: now_us, 600.0)
    (file,) = folder.found({}).partitions
    some = list(file.blocks())
    assert [len(uids([block])) for block in some] == [5, 0]
    assert some[-1].quiet_us == written_us(path)
    assert some[-1].rests, "no descriptor, no reader: nobody has written to it for weeks"


def test_a_mirrors_old_time_does_not_make_a_file_silent_that_has_just_come(
    tmp_path: Path, passes: TimePasses
) -> None:
    """`rsync -t` gives a file the time of the original: its hours would close before the next file is there."""
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS[:5]))
    came_us = written_us(path)
    os.utime(path, (came_us / 1e6 - WEEKS_S, came_us / 1e6 - WEEKS_S))
    assert path.stat().st_mtime < came_us / 1e6 - WEEKS_S + 1
    block = first_idle(LiveFile(path, 600.0, lambda: came_us + 120_000_000))
    assert not block.rests
    assert came_us <= block.quiet_us < came_us + 60_000_000


def test_what_is_seen_to_grow_is_silent_since_then_by_our_own_clock(
    tmp_path: Path, passes: TimePasses
) -> None:
    """A file server's clock may be minutes behind ours: what has just been written is not silent for minutes."""
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS[:5]))
    now_us = written_us(path) + 300_000_000
    blocks = LiveFile(path, 600.0, lambda: now_us).blocks()
    assert next(block for block in blocks if block.idle).quiet_us
    append(path, lines(RECORDS[5:7]))
    assert len(uids([next(blocks)])) == 2
    assert next(blocks).quiet_us == 0


def test_a_file_from_the_future_was_written_now(tmp_path: Path, passes: TimePasses) -> None:
    path = tmp_path / "a"
    path.write_bytes(lines(RECORDS[:5]))
    early_us = written_us(path) - WEEKS_S * 1_000_000
    block = first_idle(LiveFile(path, 600.0, lambda: early_us))
    assert (block.quiet_us, block.rests) == (0, False)
