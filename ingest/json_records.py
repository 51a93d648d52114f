"""The JSON values of a log file: lines, an array, or documents of {"records": [...]}.

One bad value does not spoil the rest: a line that can't be read is rejected by its number, and of a document
that was cut the whole elements are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from ingest.depth import from_any_depth
from ingest.json_documents import Stream, document, document_from
from ingest.json_values import Value, Walk, bad, records_of
from ingest.logs_values import PROBLEMS
from ingest.positions import START, Place
from ingest.records import Rejected

MAX_LINE = 64 << 20
_BOM = b"\xef\xbb\xbf"
_decode = from_any_depth(msgspec.json.Decoder().decode)
_check = from_any_depth(msgspec.json.Decoder(msgspec.Raw).decode)


class Lines(NamedTuple):
    """Whole lines, as they stand."""

    octets: bytes

    def values(self) -> Iterator[Value]:
        """Each record's octets (Raw), or why there is none."""
        for line in self.octets.split(b"\n"):
            yield from _line(line)


def pieces(stream: Stream, place: Place = START) -> Iterator[tuple[Lines | list[Value], Place]]:
    """A file's records a piece at a time, with the place behind each: given it, the pieces behind that one follow.

    A piece is lines as they stand, or records' octets (Raw) and what is Rejected.
    """
    if place.form == "new":
        yield from _new(iter(stream(place.offset)), place.offset)
    elif place.form in ("lines", "long"):
        yield from _lines(stream(place.offset), place.offset, place.form == "long")
    else:
        yield from document_from(stream, place)


def _new(chunks: Iterator[bytes], offset: int) -> Iterator[tuple[Lines | list[Value], Place]]:
    head = next(chunks, b"")
    if not offset and head.startswith(_BOM):
        head, offset = head.removeprefix(_BOM), len(_BOM)
    parts = chain([head], chunks)
    yield from _lines(parts, offset, False) if in_lines(head) else document(parts, offset)


def values(chunks: Iterable[bytes], source: str) -> Iterator[tuple[int, Value]]:
    """(number, value) of each record, from 0, decoded; what can't be read is a `Rejected`."""
    number = 0
    for piece, _ in pieces(lambda _begin, _end=None: chunks):
        for value in piece.values() if isinstance(piece, Lines) else piece:
            yield number, decoded(value, source, number)
            number += 1


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
    except PROBLEMS as error:
        return bad(f"the line is no JSON ({error})", octets)


def in_lines(head: bytes) -> bool:
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
    return readable(first) or any(line[:1] == b"{" for line in rest.split(b"\n", 3)[:3])


def readable(line: bytes) -> bool:
    try:
        _decode(line)
    except PROBLEMS:
        return False
    return True


def readable_raw(octets: bytes) -> bool:
    """Whether these are one whole value; nothing is made of it."""
    try:
        _check(octets)
    except PROBLEMS:
        return False
    return True


# Lines


def _lines(chunks: Iterable[bytes], read: int, too_long: bool) -> Iterator[tuple[Lines | list[Value], Place]]:
    """Whole lines; `read` is where the chunks begin, `too_long` that the line there was rejected already."""
    rest = b""
    for chunk in chunks:
        read += len(chunk)
        start = chunk.find(b"\n") + 1 if too_long else 0
        if too_long and not start:
            continue
        end = chunk.rfind(b"\n") + 1
        if end:
            # One copy: `rest + chunk[start:end]` would be two, of megabytes.
            whole, rest, too_long = b"".join((rest, memoryview(chunk)[start:end])), chunk[end:], False
            yield Lines(whole), Place("lines", read - len(rest))
        else:
            rest += chunk
        if len(rest) > MAX_LINE:
            yield [bad(f"the line is longer than {MAX_LINE >> 20} MB", rest)], Place("long", read)
            rest, too_long = b"", True
    if rest:
        yield Lines(rest), Place("lines", read)


def _line(line: bytes) -> Iterator[Value]:
    if not line or line.isspace():
        return
    try:
        yield from records_of(line)
    except PROBLEMS as error:
        cut = "truncated" in str(error)
        reason = "the line is cut: it ends before its JSON does" if cut else f"the line is no JSON ({error})"
        for run in Walk(line, 0, reason).runs():
            yield from run.values
