"""Logs that are rotated by renaming: each record comes once, though who writes is told late and we are started anew."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ingest import live_tail
from ingest.live_files import is_at_rest
from ingest.positions import GrowingPosition
from tests.ingest.conftest import TimePasses
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template
from tests.ingest.rotating import RECORDS, RESTS_S, Server, begun, rotate
from tests.ingest.test_files_at_rest import append, uids
from tests.ingest.test_sources import lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begun(tmp_path)


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
