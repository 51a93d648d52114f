"""A log read in pieces and columns is the log read line by line: else speed would change what is detected."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import logs, swift
from ingest.event_columns import PARTS, EventColumns, joined
from ingest.event_reader import EventReader
from ingest.json_records import Lines, pieces, values
from ingest.records import Event, Rejected
from tests.ingest.test_logs import AUDIT, BLOB
from tests.ingest.test_sign_ins import BLOB_FORM as SIGNED
from tests.ingest.test_sign_ins import FORMS, INNER
from tests.ingest.test_swift import MANAGED, VAULT

SOURCE = "a.json"
STARTED = {**MANAGED, "resultType": "Start", "correlationId": "c2"}
CHALLENGE = {**VAULT, "identity": {}, "properties": {"httpStatusCode": 401}}
COMMON = [VAULT, MANAGED, STARTED, CHALLENGE, {**VAULT, "operationName": "SecretList"}, SIGNED]
ODD = [
    AUDIT,
    BLOB,
    {**VAULT, "TIME": "2026-01-05T11:00:00Z"},
    {**VAULT, "more": 1},
    {**VAULT, "identity": None},
    {**VAULT, "identity": {**VAULT["identity"], "more": 1}},
    {**VAULT, "identity": MANAGED["identity"]},
    {**MANAGED, "identity": VAULT["identity"]},
    {**MANAGED, "identity": "system"},
    {**MANAGED, "resultType": "Failure"},
    {**VAULT, "category": "SignInLogs"},
    {**VAULT, "operationName": "VaultGetEventGridNotification"},
    {**VAULT, "value": ["a"]},
    {"hello": 1},
    {"records": [VAULT, AUDIT, {"hello": 1}, 7]},
    {"records": []},
    [MANAGED, VAULT],
    7,
]
TIMES = [
    "2026-01-05T11:59:25Z",
    "2026-01-05T11:59:25.1234567Z",
    "2026-01-05T10:00:00+01:00",
    "1/5/2026 10:00:00 AM",
    "2026-02-30T00:00:00Z",
    "",
    "yesterday",
]
CORRELATIONS = ["", " ", " k1 ", "k1", "é", "k\0", "k" * 3_000, " " * 3_000, "k" + " " * 3_000]
common = st.builds(
    lambda record, time, correlation, address: {
        **record,
        "time": time,
        "correlationId": correlation,
        "callerIpAddress": address,
    },
    st.sampled_from(COMMON),
    st.sampled_from(TIMES),
    st.sampled_from(CORRELATIONS),
    st.sampled_from(["203.0.113.9", "203.0.113.9:80", "::1", "", None, "nowhere"]),
)
record = common | st.sampled_from(COMMON + ODD)
# Who nests deeper than a decoder goes must not end the reading of all the others.
DEEP = json.dumps({**VAULT, "resultDescription": "@"}).replace('"@"', "[" * 3_000 + "]" * 3_000).encode()
as_text = st.sampled_from([{}, {"ensure_ascii": False}, {"separators": (",", ":")}])
line = st.builds(lambda value, how: json.dumps(value, **how).encode(), record, as_text)
piece = st.one_of(
    line,
    line,
    line,
    line.map(lambda one: one + b"\r"),
    line.map(lambda one: b"  " + one + b"  "),
    line.map(lambda one: one[: len(one) // 2]),
    line.map(lambda one: one + b","),
    st.tuples(line, line).map(b" ".join),
    st.tuples(line, line).map(b"".join),
    record.map(lambda value: json.dumps(value, indent=1).encode()),
    st.sampled_from([b"", b" ", b"\r", b"nonsense", b"{", b"\xff\xfe", b"null", b"[" * 3_000]),
    st.sampled_from([DEEP, b"[" * 3_000 + b"]" * 3_000]),
    st.just(json.dumps({**VAULT, "resultDescription": "x" * 3_000}).encode()),
)


def by_line(body: bytes) -> Any:
    """What decoding one value after the other gives: events, what is rejected, what is left out."""
    events, rejected, filtered, read = [], [], dict[str, int](), 0
    for number, value in values([body], SOURCE):
        one = value if isinstance(value, Rejected) else logs.decode(value, SOURCE, number)
        read += 1
        if isinstance(one, Event):
            events.append(one)
        elif isinstance(one, Rejected):
            rejected.append(one)
            read -= one.kind != "record"
        else:
            filtered[one] = filtered.get(one, 0) + 1
    return events, rejected, filtered, read


def in_pieces(chunks: list[bytes]) -> Any:
    """What the reader gives."""
    reader = EventReader(SOURCE)
    parts: list[EventColumns] = []
    rejected, filtered, read = list[Rejected](), dict[str, int](), 0
    for some, _ in pieces(lambda _begin, _end=None: chunks):
        made = reader.read(some)
        assert made.read >= len(made.events) + sum(made.filtered.values())
        parts.append(made.events)
        rejected += made.rejected
        read += made.read
        for reason, number in made.filtered.items():
            filtered[reason] = filtered.get(reason, 0) + number
    return list(joined(parts).events(SOURCE)), rejected, filtered, read


def cut(body: bytes, sizes: list[int], least: int) -> list[bytes]:
    """The body in chunks, of which the first has so many octets or more."""
    chunks, at = [], 0
    for size in [least + (sizes or [0])[0], *sizes[1:]]:
        chunks.append(body[at : at + size])
        at += size
    return [chunk for chunk in [*chunks, body[at:]] if chunk]


FIRST = json.dumps(VAULT).encode()  # what kind of file it is, is told by its first line
SIZES = st.lists(st.integers(0, 4_000), max_size=6)


@settings(deadline=None, max_examples=60)
@given(st.lists(piece, max_size=8), SIZES, st.booleans())
@example([json.dumps(VAULT, indent=1).encode()], [], True)
@example([json.dumps({**MANAGED, "correlationId": " "}).encode()], [], True)
@example([b"", FIRST, b"", FIRST], [], False)
@example([FIRST, DEEP, FIRST], [], True)
@example([FIRST + b" " + FIRST, json.dumps(VAULT, indent=1).encode()], [], True)
def test_however_a_file_is_cut_it_gives_what_each_line_gives(
    parts: list[bytes], sizes: list[int], ended: bool
) -> None:
    body = b"\n".join([FIRST, *parts]) + (b"\n" if ended else b"")
    expected = by_line(body)
    assert in_pieces([body]) == expected
    assert in_pieces(cut(body, sizes, len(FIRST) + 1)) == expected


@settings(deadline=None, max_examples=30)
@given(
    st.lists(record, max_size=8),
    SIZES,
    st.sampled_from([None, 1]),
    st.booleans(),
    st.integers(0, 60),
)
def test_a_document_gives_what_its_records_give(
    records: list[Any], sizes: list[int], indent: int | None, payload: bool, lost: int
) -> None:
    body = json.dumps({"records": records} if payload else records, indent=indent).encode()
    body = body[: max(1, len(body) - lost)] if lost % 2 else body
    expected = by_line(body)
    assert in_pieces([body]) == expected
    assert in_pieces(cut(body, sizes, 3_000)) == expected


def signed(**within: Any) -> dict[str, Any]:
    return {**SIGNED, "properties": {**INNER, **within}}


SIGN_INS = [
    SIGNED,
    signed(id="r2", status={"errorCode": 50126}),
    signed(UserId="another"),
    {**SIGNED, "category": "ServicePrincipalSignInLogs"},
    {**SIGNED, "more": 1},
    FORMS["Graph"],
    VAULT,
]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(SIGN_INS[:3]) | st.sampled_from(SIGN_INS), min_size=1, max_size=8),
    SIZES,
    st.sampled_from([b"\n", b"\n", b"\n\n", b" "]),
)
def test_a_log_of_sign_ins_gives_what_each_line_gives(
    records: list[Any], sizes: list[int], between: bytes
) -> None:
    first = json.dumps(SIGNED).encode()
    body = first + b"\n" + between.join(json.dumps(one).encode() for one in records)
    expected = by_line(body)
    assert in_pieces([body]) == expected
    assert in_pieces(cut(body, sizes, len(first) + 1)) == expected


def test_a_record_that_nests_too_deep_costs_itself_alone() -> None:
    events, rejected, _, read = in_pieces([b"\n".join([FIRST, DEEP, FIRST])])
    assert ([event.offset for event in events], read) == ([0, 2], 3)
    assert [one.offset for one in rejected] == [1]


def test_a_line_that_is_too_long_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.json_records.MAX_LINE", 5_000)
    long = json.dumps({**VAULT, "resultDescription": "x" * 20_000}).encode()
    body = b"\n".join([FIRST, FIRST, long, json.dumps(MANAGED).encode(), long, FIRST])
    for size in (1_000, 2_500, 4_000):
        events, rejected, filtered, read = in_pieces(cut(body, [size] * 40, len(FIRST) + 1))
        assert [event.offset for event in events] == [0, 1, 3, 5]
        assert [(one.offset, "longer than" in one.reason) for one in rejected] == [(2, True), (4, True)]
        assert (filtered, read) == ({}, 6)


def test_what_is_forgotten_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by beginning anew, also within records that are put in order together."""
    monkeypatch.setattr("ingest.event_codes.MAX_PARTS", 5)
    hours = [{**one, "time": f"2026-01-05T{hour:02}:00:00Z"} for hour in range(20) for one in COMMON]
    body = b"\n".join(json.dumps(one).encode() for one in hours) + b"\n"
    expected = by_line(body)
    assert len(expected[0]) == 20 * (len(COMMON) - 1)
    assert in_pieces(cut(body, [1_500] * 60, len(FIRST) + 1)) == expected


def test_a_caller_in_another_form_costs_the_others_nothing() -> None:
    """A piece is still read at once if one of its records names nobody, as the service's own do."""
    odd = {**MANAGED, "identity": "system"}
    body = b"\n".join(json.dumps(one).encode() for one in (VAULT, odd, MANAGED)) + b"\n"
    records = swift.decoded_lines(body)
    assert records is not None
    assert [record is None for record in records] == [False, True, False]
    assert in_pieces([body]) == by_line(body)


def test_records_that_are_alike_share_their_parts() -> None:
    """Else a file of polls would take as much memory as its records say, each."""
    polls = [{**VAULT, "time": f"2026-01-05T11:00:{n:02}Z", "correlationId": f"k{n}"} for n in range(60)]
    body = b"\n".join(json.dumps(one).encode() for one in [*polls, *polls]) + b"\n"
    ((some, _),) = pieces(lambda _begin, _end=None: [body])
    assert isinstance(some, Lines)
    made = EventReader(SOURCE).read(some).events
    assert len(made) == 120
    assert [len(np.unique(made.columns[name])) for name in PARTS] == [1, 1, 1]
    assert len(set(made.columns["uid"].tolist())) == 60
