"""Reading a file of JSON goes on behind any block as if it had never stopped, and decodes nothing again."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import PositionError
from ingest.event_reader import EventReader
from ingest.sources import EventFile
from tests.ingest.reading import all_of, goes_on_from_everywhere, packed
from tests.ingest.test_logs import BLOB
from tests.ingest.test_sources import LATENESS_US, audits, lines

PACKS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}
OTHERS: list[Any] = [
    {"hello": "wörld"},
    {"category": "SignInLogs", "time": "2026-01-05T10:00:00Z"},
    BLOB,
    [],
    7,
]


def mixed(count: int) -> list[Any]:
    """Records of both logs and of none."""
    return [x for n, one in enumerate(audits(count)) for x in (one, *OTHERS[:4][n % 7 : n % 7 + 1])]


def in_lists(records: list[Any], most: int = 40) -> list[list[Any]]:
    return [records[at : at + most] for at in range(0, len(records), most)]


def text(value: Any, **how: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, **how).encode()


FORMS: dict[str, Callable[[list[Any]], bytes]] = {
    "lines": lines,
    "lines with a mark and CRLF": lambda records: b"\xef\xbb\xbf" + lines(records).replace(b"\n", b"\r\n"),
    "payloads in lines": lambda records: lines([{"records": some} for some in in_lists(records)]),
    "one payload in one line": lambda records: text({"records": records}),
    "one array": text,
    "an array behind a mark": lambda records: b"\xef\xbb\xbf  " + text(records) + b"\n\n",
    "an indented array": lambda records: text(records, indent=2),
    "an indented payload": lambda records: text({"records": records}, indent=1),
    "a page of REST": lambda records: text({"n": "ä", "value": records, "nextLink": "https://x"}, indent=1),
    "a payload with two lists": lambda records: text(
        {"records": records[:40], "tags": ["ü"], "Records": [], "RECORDS": records[40:]}, indent=1
    ),
    "several documents": lambda records: b"\n".join(text({"records": s}, indent=1) for s in in_lists(records)),
    "several arrays": lambda records: b" ".join(map(text, in_lists(records))),
    "indented records": lambda records: b"\n".join(text(one, indent=2) for one in records),
    "documents without a line between": lambda records: b"".join(text({"records": s}) for s in in_lists(records)),
}  # fmt: skip
HURT: dict[str, Callable[[bytes], bytes]] = {
    "whole": bytes,
    "cut": lambda body: body[: len(body) * 4 // 5],
    "broken inside": lambda body: body[: len(body) // 2] + b"\xff{[" + body[len(body) // 2 :],
}


def event_file(folder: Path, body: bytes) -> EventFile:
    path = folder / "x.json"
    path.write_bytes(body)
    return EventFile(path, LATENESS_US)


def make_small(patched: pytest.MonkeyPatch, chunk: int = 2_000, sort: int = 30, block: int = 7) -> None:
    """Many chunks, pieces, groups and blocks of little."""
    patched.setattr("ingest.event_file.CHUNK", chunk)
    patched.setattr("ingest.event_file.SORTED", sort)
    patched.setattr("ingest.event_file.BLOCK", block)
    patched.setattr("ingest.json_documents.PIECE", 9)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("hurt", HURT)
@pytest.mark.parametrize("form", FORMS)
def test_the_blocks_behind_any_position_are_the_same(tmp_path: Path, form: str, hurt: str, pack: str) -> None:
    body = HURT[hurt](FORMS[form](mixed(80)))
    blocks = goes_on_from_everywhere(event_file(tmp_path, PACKS[pack](body)))
    if hurt == "whole":
        assert sum(len(block.events) for block in blocks) >= 80
        assert len(blocks) >= 12


@pytest.mark.parametrize("form", ["lines", "one array", "an indented payload", "several documents"])
@pytest.mark.parametrize("order", ["falling", "shuffled"])
def test_the_same_for_records_that_are_out_of_order(tmp_path: Path, order: str, form: str) -> None:
    records = audits(150)
    random.Random(1).shuffle(records) if order == "shuffled" else records.reverse()
    blocks = goes_on_from_everywhere(event_file(tmp_path, FORMS[form](records)))
    assert sum(len(block.events) for block in blocks) == 150


def test_the_same_where_more_falls_than_is_sorted_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.event_file.MAX_SORTED", 60)
    blocks = goes_on_from_everywhere(event_file(tmp_path, lines(audits(200)[::-1])))
    assert len({block.position[4] for block in blocks}) > 4


@pytest.mark.parametrize("lost", [3, 9, 500])
@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_the_same_for_a_packed_file_that_was_cut(tmp_path: Path, pack: str, lost: int) -> None:
    chance = random.Random(1)
    records = [{**one, "correlationId": chance.randbytes(20).hex()} for one in audits(300)]
    # The last line has no end: of what breaks off it is not known to be whole.
    blocks = goes_on_from_everywhere(event_file(tmp_path, PACKS[pack](lines(records)[:-1])[:-lost]))
    assert "cut" in [bad for block in blocks for bad in block.rejected][-1].reason


def test_the_same_for_lines_that_are_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.json_records.MAX_LINE", 5_000)
    records = mixed(40)
    body = lines(records) + b'{"a": "' + b"x" * 20_000 + b'"}\n' + lines(records)
    blocks = goes_on_from_everywhere(event_file(tmp_path, body))
    assert sum("longer" in bad.reason for block in blocks for bad in block.rejected) == 1


VALUE = st.sampled_from([*audits(12), *OTHERS])


@settings(max_examples=120, deadline=None)
@given(
    st.lists(VALUE, min_size=1, max_size=40),
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(sorted(PACKS)),
    st.tuples(st.integers(100, 3_000), st.integers(1, 20), st.integers(1, 6)),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4)), max_size=2),
    st.integers(0, 400),
)
def test_the_same_for_any_records_in_any_form(
    records: list[Any],
    form: str,
    pack: str,
    sizes: tuple[int, int, int],
    wrong: list[tuple[int, bytes]],
    cut: int,
) -> None:
    body = FORMS[form](records)
    for at, octets in wrong:
        at %= len(body)
        body = body[:at] + octets + body[at + len(octets) // 2 :]
    whole = PACKS[pack](body)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        make_small(patched, *sizes)
        goes_on_from_everywhere(event_file(Path(folder), whole[: max(len(whole) - cut, 1)]))


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("form", ["lines", "payloads in lines", "one array", "an indented payload", "several arrays"])  # fmt: skip
def test_of_what_was_given_only_the_group_that_is_begun_is_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, pack: str
) -> None:
    partition = event_file(tmp_path, PACKS[pack](FORMS[form](audits(400))))
    blocks = list(partition.blocks())
    parsed, decoded = list[int](), list[int]()
    from ingest import json_values

    array, read = json_values._array, EventReader.read

    def counted(body: Any) -> Any:
        found = array(body)
        parsed.append(len(found))
        return found

    def seen(reader: EventReader, piece: Any) -> Any:
        made = read(reader, piece)
        decoded.append(made.read)
        return made

    monkeypatch.setattr(json_values, "_array", counted)
    monkeypatch.setattr(EventReader, "read", seen)
    for number in range(0, len(blocks), 5):
        parsed.clear()
        decoded.clear()
        left = sum(block.read for block in partition.blocks(blocks[number].position))
        begun = blocks[number].position[4] * 7  # records of blocks of seven
        assert sum(decoded) == left + begun
        # The lists are found again only in a document of several; each element once more at most.
        assert sum(parsed) <= 2 * (left + begun)


def test_of_a_plain_file_nothing_before_the_group_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = lines(audits(400))
    partition = event_file(tmp_path, body)
    blocks = list(partition.blocks())
    taken = list[int]()

    def seen(stream: Any, size: int) -> Any:
        piece = stream.read(size)
        taken.append(len(piece))
        return piece, ""

    monkeypatch.setattr("ingest.compression._read_plain", seen)
    for block in blocks[::7]:
        taken.clear()
        list(partition.blocks(block.position))
        assert sum(taken) == len(body) - block.position[2][1]


def test_a_position_is_small(tmp_path: Path) -> None:
    for form in FORMS.values():
        partition = event_file(tmp_path, form(audits(300)))
        assert max(len(repr(block.position)) for block in partition.blocks()) < 300


# Files that changed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", PACKS)
def test_a_file_that_is_shorter_or_gone_is_said_and_not_read(tmp_path: Path, form: str, pack: str) -> None:
    body = FORMS[form](audits(100))
    partition = event_file(tmp_path, PACKS[pack](body))
    blocks = list(partition.blocks())
    for change in ("shorter", "gone"):
        if change == "shorter":
            (tmp_path / "x.json").write_bytes(PACKS[pack](body[:3_000]))
        else:
            (tmp_path / "x.json").unlink()
        for block in blocks[-9:]:
            (said,) = partition.blocks(packed(block.position))
            (bad,) = said.rejected
            assert (bad.kind, said.read, said.position) == ("file", 0, block.position)
            assert ("No such file" if change == "gone" else "shorter than what was read") in bad.reason


@pytest.mark.parametrize("form", ["lines", "payloads in lines", "indented records", "several documents", "one array"])  # fmt: skip
@pytest.mark.parametrize("pack", ["plain", "gzip"])
def test_of_a_file_that_grew_what_was_given_stays_and_what_is_new_is_read(
    tmp_path: Path, form: str, pack: str
) -> None:
    records = audits(200)
    partition = event_file(tmp_path, PACKS[pack](FORMS[form](records[:100])))
    before = list(partition.blocks())
    with (tmp_path / "x.json").open("ab") as file:
        file.write(PACKS[pack](b"\n" + FORMS[form](records[100:])))
    for number, block in enumerate(before, 1):
        if form in ("several documents", "one array") and not block.position[6]:
            continue  # they have no end before the file has: more is another document
        after = list(partition.blocks(packed(block.position)))
        events = [event for one in (*before[:number], *after) for event in all_of(one)["events"]]
        assert sorted(event.offset for event in events) == list(range(200))
        assert len({event.uid for event in events}) == 200
        assert not list(partition.blocks(after[-1].position))


def test_a_file_that_holds_something_else_now_is_said(tmp_path: Path) -> None:
    partition = event_file(tmp_path, text(audits(100)))
    blocks = list(partition.blocks())
    size = (tmp_path / "x.json").stat().st_size
    (tmp_path / "x.json").write_bytes(b"{" * size)
    for block in blocks[:-1]:
        (said,) = partition.blocks(block.position)
        assert "is not what it was" in said.rejected[0].reason
        assert said.position == block.position


@pytest.mark.parametrize(
    ("position", "said"),
    [
        ([2, "events", ["new", 0, [], ""], 0, 0, 0, False, False], "of version 2"),
        (3, "of version None"),
        ([1, "flows", 0, False, [0, b"", None, 0, []]], "none of such a file"),
        ([1, "events", ["elsewhere", 0, [], ""], 0, 0, 0, False, False], "none of such a file"),
    ],
)
def test_a_position_of_another_kind_is_refused_at_once(tmp_path: Path, position: Any, said: str) -> None:
    with pytest.raises(PositionError, match=said):
        event_file(tmp_path, lines(audits(2))).blocks(position)
