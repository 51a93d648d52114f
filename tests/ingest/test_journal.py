"""The journal: what was synced and not released comes back exactly once, in order, whatever happened meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import journal as module
from ingest import journal_files
from ingest.errors import ConfigurationError
from ingest.journal import RECORD, START, At, Datagram, Journal, release

BEGIN = At()
SOURCE = (bytes(15) + b"\x01", 4739)


def add(journal: Journal, *bodies: bytes) -> None:
    """A batch."""
    for body in bodies:
        journal.append(SOURCE, 7, body)
    journal.commit()


def all_of(journal: Journal, at: At = BEGIN) -> tuple[list[bytes], list[At], list[str]]:
    """What stands behind a place, the place behind each piece that was read, and what is said."""
    found: list[bytes] = []
    places, problems = [], []
    while True:
        read = journal.read(at, 1)
        problems += read.problems
        if not read.datagrams and read.at == at:
            return found, places, problems
        found += [one.data for one in read.datagrams]
        at = read.at
        places.append(at)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


def test_a_datagram_comes_back_as_it_was(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as journal:
        journal.append(SOURCE, 1_767_607_200_000_001, b"abc")
        journal.append((bytes(range(16)), 65_535), 2, b"")
        assert journal.read(At()).datagrams == []  # nobody sees what is not synced
        journal.commit()
        assert journal.read(At()).datagrams == [
            Datagram(SOURCE, 1_767_607_200_000_001, 0x352441C2, b"abc"),
            Datagram((bytes(range(16)), 65_535), 2, 0, b""),
        ]


ACTIONS = st.one_of(
    st.tuples(st.just("add"), st.lists(st.binary(max_size=600), min_size=1, max_size=5)),
    st.tuples(st.just("crash"), st.integers(0, 2_000)),
    st.tuples(st.just("read"), st.integers(1, 3)),
    st.tuples(st.just("release"), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_what_was_synced_and_not_released_comes_back_once_and_in_order(
    actions: list[tuple[str, object]],
) -> None:
    """Batches carry numbers; a crash leaves a part of a batch that was never synced."""
    with tempfile.TemporaryDirectory() as name:
        folder, number = Path(name), 0
        synced: list[bytes] = []
        taken: list[bytes] = []
        at, checkpoint = At(), (At(), 0)
        journal = Journal(folder, segment=2_000)
        for action, about in actions:
            if action == "add":
                bodies = []
                for body in about:  # type: ignore[attr-defined]
                    bodies.append(number.to_bytes(4, "big") + body)
                    number += 1
                add(journal, *bodies)
                synced += bodies
            elif action == "crash":
                journal.append(SOURCE, 1, b"never synced" * 100)
                torn = b"".join(journal._batch)[: int(about)]  # type: ignore[call-overload]
                journal.close()
                is_whole = len(torn) == RECORD + 1_200
                with segments(folder)[-1].open("ab") as file:
                    file.write(torn)
                if is_whole:
                    synced.append(b"never synced" * 100)  # as good as synced: it is all there
                journal = Journal(folder, segment=2_000, after=checkpoint[0].segment)
                at, count = checkpoint
                del taken[count:]
            elif action == "read":
                for _ in range(int(about)):  # type: ignore[call-overload]
                    read = journal.read(at, 1)
                    assert not read.problems
                    taken += [one.data for one in read.datagrams]
                    at = read.at
            else:
                checkpoint = at, len(taken)
                journal.release(at)
        rest, _, problems = all_of(journal, at)
        journal.close()
        assert taken + rest == synced
        assert not problems


@pytest.mark.parametrize("cut", [0, 3, 7, 8, 9, 20, 60, 61, 100])
def test_a_segment_cut_at_any_octet_gives_its_whole_records(tmp_path: Path, cut: int) -> None:
    with closing(Journal(tmp_path)) as journal:
        add(journal, b"a" * 20)
        add(journal, b"b" * 20)
    (segment,) = segments(tmp_path)
    os.truncate(segment, cut)
    with closing(Journal(tmp_path)) as journal:
        add(journal, b"c")
        whole = max(cut - START, 0) // (RECORD + 20)
        found, _, problems = all_of(journal)
    assert (found, problems) == ([*[b"a" * 20, b"b" * 20][:whole], b"c"], [])


def test_what_is_damaged_is_said_and_the_next_segments_are_read(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, segment=100)) as journal:
        for body in (b"a" * 200, b"b" * 200, b"c" * 200):
            add(journal, body)
    with segments(tmp_path)[1].open("r+b") as file:
        file.seek(START + RECORD + 10)
        file.write(b"X")
    with closing(Journal(tmp_path, segment=100)) as journal:
        found, _, problems = all_of(journal)
    assert (found, len(problems)) == ([b"a" * 200, b"c" * 200], 1)
    assert "damaged at octet 8" in problems[0]


def test_a_segment_that_somebody_deleted_is_said(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, segment=100)) as journal:
        for body in (b"a" * 200, b"b" * 200, b"c" * 200):
            add(journal, body)
    _, gone, _ = segments(tmp_path)
    gone.unlink()
    with closing(Journal(tmp_path, segment=100)) as journal:
        found, _, problems = all_of(journal)
        assert (found, len(problems)) == ([b"a" * 200, b"c" * 200], 1)
        assert all_of(journal, At(2, 50))[0] == [b"c" * 200]
        assert "gone" in all_of(journal, At(2, 50))[2][0]


def test_numbers_go_on_behind_a_position_though_the_folder_was_emptied(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, after=9)) as journal:
        add(journal, b"a")
        found, _, problems = all_of(journal, At(9, 500))
    assert (found, len(problems)) == ([b"a"], 1)


def test_the_bound_holds_and_what_it_has_no_room_for_is_counted_and_said_once(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, bound=20_000)) as journal:
        assert not journal.is_nearly_full
        for _ in range(30):
            add(journal, bytes(1_000))
        assert journal.is_nearly_full
        kept = len(all_of(journal)[0])
        assert (journal.lost, kept + journal.lost, "20000 octets" in journal.problem) == (30 - kept, 30, True)
        assert sum(path.stat().st_size for path in segments(tmp_path)) <= 20_000
        journal.release(journal.end)
        add(journal, b"again")
        assert (all_of(journal)[0][-1], journal.problem) == (b"again", "")


def test_release_keeps_what_is_needed_also_where_the_journal_is_not_open(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, segment=100)) as journal:
        for n in range(5):
            add(journal, bytes([n]) * 200)
        _, places, _ = all_of(journal)
        journal.release(places[1])
        assert [data[0] for data in all_of(journal, places[1])[0]] == [2, 3, 4]
    release(tmp_path, places[3])
    with closing(Journal(tmp_path, segment=100)) as journal:
        assert [data[0] for data in all_of(journal, places[3])[0]] == [4]
        release(tmp_path, At(1 << 30, 0))
        assert len(segments(tmp_path)) >= 1


def test_a_full_disk_loses_what_it_must_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Journal(tmp_path)) as journal:
        add(journal, b"before")
        real, calls = os.pwrite, []

        def full(file: int, data: bytes, at: int) -> int:
            calls.append(1)
            if len(calls) % 2:
                return real(file, data[:10], at)
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(module.os, "pwrite", full)
        add(journal, b"lost", b"lost too")
        add(journal, b"lost as well")
        monkeypatch.setattr(module.os, "pwrite", real)
        assert "no space" in journal.problem
        add(journal, b"after")
        assert (all_of(journal)[0], journal.lost) == ([b"before", b"after"], 3)
    with closing(Journal(tmp_path)) as journal:
        assert all_of(journal)[0] == [b"before", b"after"]


def test_only_one_process_has_it_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_files, "PATIENCE_S", 0.1)
    with closing(Journal(tmp_path)), pytest.raises(ConfigurationError, match="another process"):
        Journal(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="can't be used"):
        Journal(tmp_path / "file")


WRITER = """
import sys
from pathlib import Path
from ingest.journal import Journal
journal = Journal(Path(sys.argv[1]), segment=20_000)
for n in range(1 << 30):
    journal.append((bytes(16), 1), 1, n.to_bytes(8, "big") * (n % 50 + 1))
    if n % 7 == 6:
        journal.commit()
        print(n, flush=True)
"""


@pytest.mark.parametrize("said", [1, 40])
def test_a_killed_writer_leaves_all_that_it_synced(tmp_path: Path, said: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout
        for _ in range(said):
            least = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout:
            if line.endswith(b"\n"):
                least = int(line)
    with closing(Journal(tmp_path, segment=20_000)) as journal:
        found, _, problems = all_of(journal)
    numbers = [int.from_bytes(data[:8], "big") for data in found]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > least
    assert not problems
