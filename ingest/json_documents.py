"""JSON that is not in lines, as a whole: an array, a payload, an indented value, or several of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ingest.compression import NOT_THE_SAME, ChangedError
from ingest.json_values import Run, Value, Walk, always, bad, runs_of, runs_of_rest
from ingest.logs_values import PROBLEMS
from ingest.positions import Place

MAX_DOCUMENT = 1 << 30  # octets of a document that is not in lines
PIECE = 5_000  # records of a document that are handed on together
_BEFORE = 2_000  # octets before the place where a broken list goes on: shown if nothing follows


class Stream(Protocol):
    """A file's octets between two places, in chunks."""

    def __call__(self, start: int, stop: int | None = None, /) -> Iterable[bytes]: ...


Pieces = Iterator[tuple[list[Value], Place]]


def document(chunks: Iterable[bytes], offset: int) -> Pieces:
    """The records of what is left of a file, which begins at the offset."""
    return _in_pieces(_document(chunks, offset))


def document_from(stream: Stream, place: Place) -> Pieces:
    """The records behind a place within a document."""
    return _in_pieces(_rest(stream, place))


def _in_pieces(runs: Iterable[Run]) -> Pieces:
    piece: list[Value] = []
    place = Place()
    for run in runs:
        done = 0
        while len(run.values) - done >= PIECE - len(piece):
            begin, done = done, done + PIECE - len(piece)
            yield piece + run.values[begin:done], run.place(done)
            piece = []
        piece += run.values[done:]
        place = run.place(len(run.values))
    if piece:
        yield piece, place


def _document(chunks: Iterable[bytes], offset: int) -> Iterator[Run]:
    body = _joined(chunks)
    if isinstance(body, Run):
        yield body
        return
    try:
        yield from runs_of(body, offset, Place("new", offset + len(body)))
    except PROBLEMS as error:
        reason = f"the JSON is cut or broken, and what follows is lost ({error})"
        yield from Walk(body, offset, reason).runs()


def _joined(chunks: Iterable[bytes]) -> bytes | Run:
    """The chunks as one; or, if that is too much, what is said of it."""
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_DOCUMENT:
            reason = "the JSON document is larger than 1 GB; write it as JSON lines"
            return Run([bad(reason, parts[0], "file")], always(Place("over")))
    return b"".join(parts)


def _rest(stream: Stream, place: Place) -> Iterator[Run]:
    if place.form == "lists":
        yield from _lists(stream, place)
    if place.form == "broken" or place.reason:
        yield from _values(stream, place)


def _lists(stream: Stream, place: Place) -> Iterator[Run]:
    """The elements that are left: of what stands before and behind them nothing is looked at.

    Raises ChangedError if they are not what they were.
    """
    begin, end = place.lists[0][0], place.lists[-1][1]
    after = Place("values" if place.reason else "new", place.offset, reason=place.reason)
    body = b"".join(stream(begin, end))
    try:
        yield from runs_of_rest(body, begin, place.lists, after)
    except PROBLEMS as error:
        raise ChangedError(f"{NOT_THE_SAME} ({error})") from None


def _values(stream: Stream, place: Place) -> Iterator[Run]:
    begin = max(place.offset - _BEFORE, 0) if place.form == "broken" else place.offset
    body = _joined(stream(begin))
    if isinstance(body, Run):
        yield body
        return
    walk = Walk(body, begin, place.reason, place.offset - begin)
    yield from walk.elements() if place.form == "broken" else walk.runs()
