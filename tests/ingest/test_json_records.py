"""A log file as JSON values: whatever is whole in it is read, and whatever is not is said once."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.json_records import values
from ingest.records import Rejected
from tests.ingest.reading import octets

RECORDS: list[dict[str, Any]] = [
    {"n": n, "claims": {"groups": ["g1", "g2"]}, "category": {"value": "x"}} for n in range(4)
]
LINES = [json.dumps(one).encode() for one in RECORDS]


def read(*pieces: bytes) -> list[Any]:
    """What came of a file: a record's number in `RECORDS`, or the reason of a rejection."""
    found = list(values(pieces, "x.json"))
    assert [number for number, _ in found] == list(range(len(found)))
    return [one.reason if isinstance(one, Rejected) else one.get("n", one) for _, one in found]


def good(*pieces: bytes) -> list[Any]:
    return [one for one in read(*pieces) if not isinstance(one, str)]


def pretty(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()


WHOLE = {
    "lines": b"\n".join(LINES),
    "lines with CRLF, blank lines and a BOM": b"\xef\xbb\xbf" + b"\r\n\r\n".join(LINES) + b"\r\n",
    "lines with commas": b",\n".join(LINES) + b",\n",
    "one array": json.dumps(RECORDS).encode(),
    "an array with one record a line": b"[\n" + b",\n".join(LINES) + b"\n]\n",
    "an indented array": pretty(RECORDS),
    "a payload": json.dumps({"records": RECORDS}).encode(),
    "a payload with one record a line": b'{"records":[\n' + b",\n".join(LINES) + b"\n]}\n",
    "an indented payload": pretty({"records": RECORDS}),
    "a payload in another case": json.dumps({"Records": RECORDS}).encode(),
    "a page of REST": json.dumps({"value": RECORDS, "nextLink": "https://x"}).encode(),
    "a payload with a list before it": json.dumps({"tags": ["a", "b"], "records": RECORDS}).encode(),
    "payloads in lines": b"\n".join(json.dumps({"records": [one]}).encode() for one in RECORDS),
    "payloads one after another": b"".join(json.dumps({"records": [one]}).encode() for one in RECORDS),
    "records one after another": b" ".join(LINES),
    "indented records, as jq writes them": b"\n".join(map(pretty, RECORDS)),
    "indented payloads": b"\n".join(pretty({"records": [one]}) for one in RECORDS),
    "one array a line": b"\n".join(b"[" + one + b"]" for one in LINES),
}


@pytest.mark.parametrize("form", WHOLE)
def test_every_record_is_read_in_whatever_form_a_tool_left_it(form: str) -> None:
    assert read(WHOLE[form]) == [0, 1, 2, 3]


@pytest.mark.parametrize("form", WHOLE)
def test_of_a_file_that_was_cut_the_whole_records_are_read_and_the_cut_is_said(form: str) -> None:
    body = WHOLE[form][: WHOLE[form].rindex(b'"n": 3') + 6]
    assert [one if isinstance(one, int) else "said" for one in read(body)] == [0, 1, 2, "said"]


def test_a_single_record_is_read_indented_or_not() -> None:
    assert read(LINES[0]) == read(pretty(RECORDS[0])) == [0]


def test_a_record_that_was_cut_does_not_give_its_inner_lists_as_records() -> None:
    for body in (pretty(RECORDS[0])[:-20], LINES[0][:-20]):
        assert [type(one) for one in read(body)] == [str]


def test_a_record_with_a_field_named_value_is_not_taken_apart() -> None:
    record = {**RECORDS[0], "value": ["a", "b"], "records": "none", "level": 1}
    assert read(json.dumps(record).encode()) == [0]


@pytest.mark.parametrize(
    "bad",
    [
        b"{cut",
        b'{"n": 9, "a": "x',
        b'{"n": 9, "a": NaN}',
        b'{"n": 9, "a": "\\ud800"}',
        b'{"n": 9, "a": "\xff"}',
        b'{"n": 9}}',
        b"nonsense",
        b"7",
        b'"text"',
        b"null",
        b"\x00\x01\x02",
        b'{"a":' * 5_000,
        b"1 2 3 4 5 6",
    ],
)
def test_a_bad_line_costs_at_most_itself(bad: bytes) -> None:
    found = read(b"\n".join([LINES[0], bad, LINES[1]]))
    assert [one for one in found if isinstance(one, int) and one != 9] == [0, 1]
    assert sum(isinstance(one, str) for one in found) == 1


@pytest.mark.parametrize("start", ["lines", "one array", "a payload", "an indented payload"])
@pytest.mark.parametrize("bad", [b"NaN", b'"\\ud800"', b'"\xff\xfe"', b"Infinity"])
def test_a_bad_value_in_a_file_that_was_cut_too_is_rejected_and_not_passed_on(start: str, bad: bytes) -> None:
    body = WHOLE[start].replace(b'"g2"', bad, 1)[:-12]
    found = read(body)
    assert good(body) == [1, 2]
    assert sum(isinstance(one, str) for one in found) == 2


def test_the_first_lines_cut_half_costs_no_other_line() -> None:
    assert good(b"\n".join([LINES[0][25:], *LINES[1:]])) == [1, 2, 3]


def test_a_line_that_is_too_long_is_rejected_once_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.json_records.MAX_LINE", 200)
    huge = b'{"n": 7, "a": "' + b"{}" * 1_000 + b'"}'
    body = b"\n".join([LINES[0], huge, LINES[1], LINES[2]])
    pieces = [body[at : at + 150] for at in range(0, len(body), 150)]
    found = read(*pieces)
    assert [one for one in found if isinstance(one, int)] == [0, 1, 2]
    assert len(found) == 4
    assert "longer than" in found[1]


def test_a_long_last_line_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.json_records.MAX_LINE", 200)
    found = read(LINES[0] + b"\n", b"x" * 300, b"x" * 300, b"{}")
    assert len(found) == 2
    assert "longer than" in found[1]


def test_a_document_that_is_too_large_is_refused_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.json_documents.MAX_DOCUMENT", 1_000)
    taken = []

    def pieces() -> Any:
        yield b"[\n"
        for _ in range(1_000):
            taken.append(1)
            yield LINES[0] + b",\n"

    ((_, one),) = values(pieces(), "x")
    assert "JSON lines" in one.reason
    assert len(taken) < 50


@pytest.mark.parametrize("body", [b"", b" \n\t\r\n ", b"\xef\xbb\xbf"])
def test_nothing_gives_nothing(body: bytes) -> None:
    assert read(body) == []
    assert read() == []


@pytest.mark.parametrize("body", [b"[]", b"[\n]\n", b'{"records": []}', b'{"value": []}\n'])
def test_an_empty_payload_has_no_record_and_no_fault(body: bytes) -> None:
    assert read(body) == []


@pytest.mark.parametrize("form", WHOLE)
def test_the_fast_path_is_offered_every_record_once_and_as_it_stands(form: str) -> None:
    """A form whose records came decoded already would be read many times as slowly."""
    offered = octets([WHOLE[form]])
    assert all(isinstance(one, msgspec.Raw) for one in offered)
    assert [json.loads(bytes(one)) for one in offered] == RECORDS


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"", b"[", b"{", b'{"records":[', b'{"n":1}\n', b'{"n":1}']))
def test_any_octets_give_values_or_reasons(body: bytes, start: bytes) -> None:
    for number, one in values([start + body], "x"):
        assert number >= 0
        assert one is None or isinstance(one, Rejected | dict | list | str | int | float)
        if isinstance(one, Rejected):
            assert one.reason
            assert one.source == "x"
            assert len(one.excerpt) <= 200


@settings(derandomize=True, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.integers(1, 10**6))
def test_a_cut_anywhere_loses_only_what_was_cut(form: str, at: int) -> None:
    body = WHOLE[form]
    found = good(body[: at % len(body)])
    assert found == list(range(len(found)))
