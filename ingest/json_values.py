"""The records of JSON values: an object, the elements of an array, or those of a payload's list."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np

from ingest.depth import from_any_depth
from ingest.logs_values import PROBLEMS, excerpt
from ingest.positions import Place
from ingest.records import Rejected

# Whether it is JSON, and nothing else.
_check = from_any_depth(msgspec.json.Decoder(msgspec.Raw).decode)
_array = from_any_depth(msgspec.json.Decoder(list[msgspec.Raw]).decode)
_members = from_any_depth(msgspec.json.Decoder(dict[str, msgspec.Raw]).decode)
_LISTS = ("records", "value")  # Event Hub and blob payloads; REST's pages
_OPENING = re.compile(r'\s*(?:\[|\{[^{}]{0,2000}?"(?:records|value)"\s*:\s*\[)', re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_SHOWN = 400  # characters from where a value breaks; of what stands before, if nothing follows
_end = from_any_depth(json.JSONDecoder().raw_decode)

Value = Any  # a record's octets (Raw), a decoded value, or a Rejected
Octets = bytes | msgspec.Raw


class Run(NamedTuple):
    """Records that stand one after another, and the place before each of them and behind the last one."""

    values: list[Value]
    place: Callable[[int], Place]


def always(place: Place) -> Callable[[int], Place]:
    """For a run within which there is no place to go on."""
    return lambda _: place


def records_of(body: bytes) -> list[Value]:
    """The records of one value. Raises one of `PROBLEMS`."""
    lists = _lists(body)
    return [_alone(body)] if lists is None else [one for inner in lists for one in _array(inner)]


def _alone(body: bytes) -> Value:
    return msgspec.Raw(body) if body.lstrip()[:1] == b"{" else bad("the line is no JSON object", body)


def runs_of(body: bytes, offset: int, after: Place) -> list[Run]:
    """The same with their places, for a value that begins at the offset; `after` is the place behind it."""
    lists = _lists(body)
    if lists is None:
        return [Run([_alone(body)], always(after))]
    spans = []
    for inner in lists:
        begin = _where(body, inner)
        spans.append([offset + body.index(b"[", begin) + 1, offset + begin + memoryview(inner).nbytes])
    return _runs_of_lists(body, offset, lists, spans, after)


def runs_of_rest(body: bytes, offset: int, spans: list[list[int]], after: Place) -> list[Run]:
    """What is left of lists. Raises one of `PROBLEMS` if it is not what it was."""
    runs = []
    for number, (begin, end) in enumerate(spans):
        rest = b"[" + body[begin - offset : end - offset]
        runs += _runs_of_lists(rest, begin - 1, [rest], spans[number:], after)
    return runs


def _runs_of_lists(
    body: bytes, offset: int, lists: list[Octets], spans: list[list[int]], after: Place
) -> list[Run]:
    return [_run(body, offset, _array(inner), spans[number:], after) for number, inner in enumerate(lists)]


def _run(body: bytes, offset: int, values: list[Value], spans: list[list[int]], after: Place) -> Run:
    """The elements of the first of these lists."""
    (_, end), *later = spans

    def place(number: int) -> Place:
        if number == len(values):
            return _within(later, after)
        return _within([[offset + _where(body, values[number]), end], *later], after)

    return Run(values, place)


def _within(lists: list[list[int]], after: Place) -> Place:
    return Place("lists", after.offset, lists, after.reason) if lists else after


def _where(body: bytes, part: Octets) -> int:
    """Where a part begins: a Raw is a view of what it was decoded from."""
    return int(np.frombuffer(part, np.uint8).ctypes.data - np.frombuffer(body, np.uint8).ctypes.data)


def _lists(body: bytes) -> list[Octets] | None:
    """The lists whose elements are the records; None: the value is a record by itself."""
    _check(body)
    start = body.lstrip()[:1]
    if start == b"[":
        return [body]
    head = body[:4096].lower()
    if start != b"{" or not (b'"records"' in head or b'"value"' in head):
        return None
    members = _members(body)
    lists: list[Octets] = [
        inner
        for name, inner in members.items()
        if name.lower() in _LISTS
        and bytes(inner).lstrip()[:1] == b"["
        # A record of its own may have a `value`; only a payload has `records`.
        and (name.lower() == "records" or len(members) <= 4)
    ]
    return lists or None


def objects_in_lines(octets: bytes) -> int:
    """How many lines there are, where each is an object or more and nothing goes on over a line's end; 0 where any is not.

    No value goes on from a '}' to a '{'. (NumPy compares many octets at a time.)

    >>> objects_in_lines(b'{"a":1}\\r\\n{"a":2}\\n'), objects_in_lines(b'{"a":1,\\n"b":2}')
    (2, 0)
    """
    letters = np.frombuffer(octets, np.uint8)
    ends = np.flatnonzero(letters == ord("\n"))
    if len(ends) and ends[-1] == len(letters) - 1:
        ends = ends[:-1]
    if not octets.startswith(b"{"):
        return 0
    before = letters[ends - 1]
    before = np.where(before == ord("\r"), letters[ends - 2], before)
    alone = (before == ord("}")) & (letters[ends + 1] == ord("{"))
    return len(ends) + 1 if alone.all() else 0


class Walk:
    """Values that stand one after another, of which the last one may be cut or broken: what is whole of them."""

    def __init__(self, body: bytes, offset: int, reason: str, before: int = 0) -> None:
        """The body begins at the offset; so many octets of it are done with."""
        self._text = body.decode("utf-8", "surrogateescape")
        self._at = len(body[:before].decode("utf-8", "surrogateescape"))
        self._offset = offset + before  # of the octet at which the text stands that is looked at
        self._reason = reason

    def runs(self) -> Iterator[Run]:
        """The records of each value."""
        while self._pass(_BETWEEN) < len(self._text):
            end = _end_of(self._text, self._at)
            if end is None:
                yield from self._broken()
                return
            begin = self._offset
            octets = self._to(end)
            after = Place("values", self._offset, reason=self._reason)
            try:
                made = runs_of(octets, begin, after)
            except PROBLEMS as error:
                made = [Run([bad(f"the value is no JSON ({error})", octets)], always(after))]
            yield from made

    def _broken(self) -> Iterator[Run]:
        """The elements of an array, or of a payload's list, up to where it breaks."""
        begin = self._at
        if self._pass(_OPENING) > begin:
            yield from self.elements()
        else:
            yield self._breaks()

    def elements(self) -> Iterator[Run]:
        """The same from behind the bracket, or an element, on."""
        self._pass(_BETWEEN)
        while (end := _end_of(self._text, self._at)) is not None:
            octets = self._to(end)
            after = Place("broken", self._offset, reason=self._reason)
            yield Run([msgspec.Raw(octets)], always(after))
            self._pass(_BETWEEN)
        yield self._breaks()

    def _breaks(self) -> Run:
        text, at = self._text, self._at
        what = _octets(text[at : at + _SHOWN] or text[-_SHOWN:])
        self._to(len(text))
        return Run([bad(self._reason, what)], always(Place("new", self._offset)))

    def _pass(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        if match and match.end() > self._at:
            self._to(match.end())
        return self._at

    def _to(self, end: int) -> bytes:
        """Go on; the octets that were passed."""
        octets = _octets(self._text[self._at : end])
        self._at = end
        self._offset += len(octets)
        return octets


def _end_of(text: str, at: int) -> int | None:
    """Where the object or array that begins here ends; None if it is none, cut or broken."""
    if text[at : at + 1] not in ("{", "["):
        return None
    try:
        return _end(text, at)[1]
    except (ValueError, RecursionError):
        return None


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def bad(reason: str, what: bytes, kind: str = "record") -> Rejected:
    """A value of which no record can be made."""
    return Rejected(reason=reason, excerpt=excerpt(what), kind=kind)
