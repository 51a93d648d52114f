"""The JSON values of a log file: lines, an array, or documents of {"records": [...]}.

One bad value does not spoil the rest: a line that can't be read is rejected by its number, and of a document
that was cut the whole elements are given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

import msgspec

from ingest.logs_values import excerpt
from ingest.records import Rejected

MAX_DOCUMENT = 1 << 30  # octets of a document that is not in lines
MAX_LINE = 64 << 20

_decode = msgspec.json.Decoder().decode
_check = msgspec.json.Decoder(msgspec.Raw).decode  # whether it is JSON, and nothing else
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_PROBLEMS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
_LISTS = ("records", "value")  # Event Hub and blob payloads; REST's pages
_OPENING = re.compile(r'\s*(?:\[|\{[^{}]{0,2000}?"(?:records|value)"\s*:\s*\[)', re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_end = json.JSONDecoder().raw_decode

Value = Any  # a record's octets (Raw), a decoded value, or a Rejected
PIECE = 5_000  # records of a document that are handed on together


class Lines(NamedTuple):
    """Whole lines, as they stand."""

    octets: bytes

    def values(self) -> Iterator[Value]:
        """Each record's octets (Raw), or why there is none."""
        for line in self.octets.split(b"\n"):
            yield from _line(line)


def pieces(chunks: Iterable[bytes]) -> Iterator[Lines | list[Value]]:
    """A file's records a piece at a time: lines as they stand, or records' octets (Raw) and what is Rejected."""
    stream = iter(chunks)
    head = next(stream, b"").removeprefix(b"\xef\xbb\xbf")
    parts = chain([head], stream)
    if _in_lines(head):
        yield from _lines(parts)
    else:
        found = _document(parts)
        while piece := list(islice(found, PIECE)):
            yield piece


def values(chunks: Iterable[bytes], source: str) -> Iterator[tuple[int, Value]]:
    """(number, value) of each record, from 0, decoded; what can't be read is a `Rejected`."""
    found = (
        value for piece in pieces(chunks) for value in (piece.values() if isinstance(piece, Lines) else piece)
    )
    for number, value in enumerate(found):
        yield number, decoded(value, source, number)


def decoded(value: Value, source: str, number: int) -> Value:
    """A record's octets (Raw) decoded; a `Rejected`, with its place, where that can't be done."""
    if isinstance(value, msgspec.Raw):
        value = _decoded(bytes(value))
    if isinstance(value, Rejected):
        return msgspec.structs.replace(value, source=source, offset=number)
    return value


def _decoded(octets: bytes) -> Value:
    try:
        return _decode(octets)
    except _PROBLEMS as error:
        return _bad(f"the line is no JSON ({error})", octets)


def _in_lines(head: bytes) -> bool:
    """Whether each line is a value: the first one is, or one of the next begins like another."""
    start = head.lstrip()
    if start[:1] == b"[":
        return False
    first, newline, rest = start.partition(b"\n")
    if not newline:
        # One line only: a single record or payload; a document if it is too long for the first chunk.
        return len(head) < MAX_LINE
    if first.rstrip()[-1:] in (b"[", b"{"):
        return False  # an indented value, or a payload with one record a line
    return _readable(first) or any(line[:1] == b"{" for line in rest.split(b"\n", 3)[:3])


def _readable(line: bytes) -> bool:
    try:
        _decode(line)
    except _PROBLEMS:
        return False
    return True


# Lines


def _lines(chunks: Iterable[bytes]) -> Iterator[Lines | list[Value]]:
    rest = b""
    too_long = False  # the line that goes on was rejected already
    for chunk in chunks:
        start = chunk.find(b"\n") + 1 if too_long else 0
        if too_long and not start:
            continue
        end = chunk.rfind(b"\n") + 1
        if end:
            whole, rest, too_long = rest + chunk[start:end], chunk[end:], False
            yield Lines(whole)
        else:
            rest += chunk
        if len(rest) > MAX_LINE:
            yield [_bad(f"the line is longer than {MAX_LINE >> 20} MB", rest)]
            rest, too_long = b"", True
    if rest:
        yield Lines(rest)


def _line(line: bytes) -> Iterator[Value]:
    if not line or line.isspace():
        return
    try:
        yield from _records_of(line)
    except _PROBLEMS as error:
        cut = "truncated" in str(error)
        reason = "the line is cut: it ends before its JSON does" if cut else f"the line is no JSON ({error})"
        yield from _whole(line, reason)


def _records_of(body: bytes) -> list[Value]:
    """The records of a JSON value: an object, the elements of an array, or of a payload's list."""
    _check(body)
    start = body.lstrip()[:1]
    if start == b"[":
        return list(_array(body))
    if start != b"{":
        return [_bad("the line is no JSON object", body)]
    if any(name in body[:4096].lower() for name in (b'"records"', b'"value"')):
        members = _members(body)
        lists = [
            inner
            for name, inner in members.items()
            if name.lower() in _LISTS
            and bytes(inner).lstrip()[:1] == b"["
            # A record of its own may have a `value`; only a payload has `records`.
            and (name.lower() == "records" or len(members) <= 4)
        ]
        if lists:
            return [one for inner in lists for one in _array(inner)]
    return [msgspec.Raw(body)]


# Documents


def _document(chunks: Iterable[bytes]) -> Iterator[Value]:
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_DOCUMENT:
            yield _bad("the JSON document is larger than 1 GB; write it as JSON lines", parts[0], "file")
            return
    body = b"".join(parts)
    try:
        yield from _records_of(body)
    except _PROBLEMS as error:
        yield from _whole(body, f"the JSON is cut or broken, and what follows is lost ({error})")


def _whole(body: bytes, reason: str) -> Iterator[Value]:
    """What is whole of values that stand one after another, of which the last one may be cut or broken."""
    text, at = body.decode("utf-8", "surrogateescape"), 0
    while (at := _after(_BETWEEN, text, at)) < len(text):
        end = _end_of(text, at)
        if end is None:
            yield from _broken(text, at, reason)
            return
        yield from _given(text[at:end])
        at = end


def _broken(text: str, at: int, reason: str) -> Iterator[Value]:
    """The elements of an array, or of a payload's list, up to where it breaks."""
    within = _after(_OPENING, text, at)
    while within > at:
        at = _after(_BETWEEN, text, within)
        end = _end_of(text, at)
        if end is None:
            break
        yield msgspec.Raw(_octets(text[at:end]))
        within = end
    yield _bad(reason, _octets(text[at : at + 400] or text[-400:]))


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _end_of(text: str, at: int) -> int | None:
    """Where the object or array that begins here ends; None if it is none, cut or broken."""
    if text[at : at + 1] not in ("{", "["):
        return None
    try:
        return _end(text, at)[1]
    except (ValueError, RecursionError):
        return None


def _given(text: str) -> list[Value]:
    octets = _octets(text)
    try:
        return _records_of(octets)
    except _PROBLEMS as error:
        return [_bad(f"the value is no JSON ({error})", octets)]


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _bad(reason: str, what: bytes, kind: str = "record") -> Rejected:
    return Rejected(reason=reason, excerpt=excerpt(what), kind=kind)
